"""Claims due work, runs its stage, decides retries; supervises the processes that do so."""

from __future__ import annotations
