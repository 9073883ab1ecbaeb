"""ERP and CRM connectors: what our own systems are told, what they say happened there, and never twice."""

from __future__ import annotations
