"""UN/EDIFACT: bytes to messages, their envelope and structure, and the CONTRL that answers them."""

from __future__ import annotations
