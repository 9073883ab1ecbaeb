"""`python -m gateway` is the same as `gateway`."""

from __future__ import annotations

from gateway.cli.main import main

main()
