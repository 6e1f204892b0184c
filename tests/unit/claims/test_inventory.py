# SPDX-License-Identifier: Apache-2.0
"""The devices of a host as a ledger keeps them."""

import dataclasses
from typing import Any

import pytest

import ledger_cases
from pci_sched.claims import inventory
from pci_sched.model import device as pci_device

_PF, _VF, _VF2 = ledger_cases.host(pfs=1, vfs=2).devices


def test_what_comes_and_goes_with_a_driver_is_not_kept() -> None:
    busy = dataclasses.replace(
        _VF,
        driver="vfio-pci",
        iommu_group="7",
        netdevs=(pci_device.NetDev("eth0", mac="m"),),
        instance_uuid="someone",
        status=pci_device.DeviceStatus.ALLOCATED,
    )
    record = inventory.Record.of(busy)
    assert record.device == inventory.Record.of(_VF).device
    assert (record.mac, inventory.Record.of(_VF).mac) == ("m", None)
    assert record.device.tags == _VF.tags


@pytest.mark.parametrize(
    ("changes", "is_usable"),
    [
        ({}, True),
        ({"present": False}, False),
        ({"quarantine": "it vanished"}, False),
        ({"device": dataclasses.replace(_VF, assignable=False)}, False),
    ],
)
def test_only_what_is_there_whole_and_wanted_is_handed_out(
    changes: dict[str, Any], is_usable: bool
) -> None:
    record = dataclasses.replace(inventory.Record.of(_VF), **changes)
    assert record.is_usable is is_usable
    held = inventory.Inventory({_VF.address: record})
    assert bool(held.shelves) is is_usable


def test_an_inventory_does_not_change_but_makes_the_next_one() -> None:
    records = [inventory.Record.of(each) for each in (_PF, _VF)]
    first = inventory.Inventory().with_records(records)
    moved = dataclasses.replace(records[1], present=False)
    second = first.with_records(
        [moved, inventory.Record.of(_VF2)], [_PF.address, _PF.address]
    )
    assert set(first.records) == {_PF.address, _VF.address}
    assert second.records[_VF.address] == moved
    assert set(second.records) == {_VF.address, _VF2.address}
    assert second.roots == {_PF.address}


def test_devices_of_one_kind_and_pf_stand_on_one_shelf() -> None:
    made = inventory.Inventory(
        {each.address: inventory.Record.of(each) for each in (_VF2, _PF, _VF)}
    )
    shelves = {pool.addresses: pool.free for pool in made.shelves}
    assert shelves == {
        (_PF.address,): 1,
        (_VF.address, _VF2.address): 2,
    }
