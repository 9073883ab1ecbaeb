"""What must happen next to an order: pure process managers over stored events."""

from __future__ import annotations
