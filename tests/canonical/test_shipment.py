"""Both shapes of a shipment, packages that hold items and items that lie in packages, give one view."""

from __future__ import annotations

from gateway.canonical import Package, ShippedItem, ShippedOrder


def test_items_are_found_in_whichever_way_they_are_packed() -> None:
    deep = ShippedItem(line_number="1")
    carton = Package(sscc="2", items=[deep])
    pallet = Package(sscc="1", packages=[carton])
    own = Package(sscc="3")
    standard = ShippedItem(line_number="2", packages=[own])
    order = ShippedOrder(pallets=[pallet], items=[standard])
    assert list(order.all_items()) == [(deep, (pallet, carton)), (standard, (own,))]
