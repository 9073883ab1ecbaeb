"""A self-hosted B2B / EDI gateway: partners on one side, ERP and CRM on the other, one canonical language inside."""

from __future__ import annotations

__version__ = "0.1.0"
