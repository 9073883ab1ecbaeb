"""Counterparties in processes of their own: a retailer, an ERP, a CRM. They know nothing of the gateway but its wires.

They are witnesses: every request that arrives is written to a log as it came, repetitions and all, before it is looked
at. They misbehave on demand, by POST /control. They listen on loopback only.
"""

from __future__ import annotations
