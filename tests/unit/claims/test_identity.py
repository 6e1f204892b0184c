# SPDX-License-Identifier: Apache-2.0
"""By what two devices at one address are told apart."""

import dataclasses
from typing import Any

import pytest

import ledger_cases
from pci_sched.claims import identity, inventory
from pci_sched.model import device as pci_device

_PF, _VF = ledger_cases.host(pfs=1, vfs=1).devices
_OTHER = _PF.address._replace(bus=0x77)


def _record(
    device: pci_device.Device, mac: str | None = None, **changes: Any
) -> inventory.Record:
    return inventory.Record(dataclasses.replace(device, **changes), mac)


@pytest.mark.parametrize(
    ("device", "was", "now", "said"),
    [
        (_PF, {}, {}, ""),
        (_PF, {}, {"vendor_id": "10de"}, "vendor was 8086 and is 10de"),
        (_PF, {}, {"product_id": "1889"}, "product was 1572 and is 1889"),
        (
            _VF,
            {},
            {"dev_type": pci_device.DevType.VDPA},
            "type was type-VF and is vdpa",
        ),
        (
            _VF,
            {},
            {"parent_addr": _OTHER},
            "PF was 0000:10:00.0 and is 0000:77:00.0",
        ),
        (
            _PF,
            {},
            {"path": ("pci0000:40", "0000:40:01.0")},
            "path was pci0000:00 and is pci0000:40/0000:40:01.0",
        ),
        (
            _PF,
            {},
            {"card_serial_number": "s"},
            "serial number was serial-0 and is s",
        ),
        # What one look could not read says nothing.
        (_PF, {"vendor_id": None}, {}, ""),
        (_PF, {}, {"product_id": None}, ""),
        (_PF, {"path": None}, {}, ""),
        (_PF, {}, {"card_serial_number": None}, ""),
        (_PF, {"card_serial_number": ""}, {}, ""),
        # What does not make it another device.
        (_PF, {}, {"sriov_numvfs": 9, "numa_node": 1, "tags": ()}, ""),
        (_PF, {}, {"class_id": "020000", "assignable": None}, ""),
        # The MAC address tells only where no serial number does.
        (_PF, {"mac": "a"}, {"mac": "b"}, ""),
        (
            _PF,
            {"mac": "a", "card_serial_number": None},
            {"mac": "b", "card_serial_number": None},
            "MAC address was a and is b",
        ),
        (
            _PF,
            {"mac": "a"},
            {"mac": "b", "card_serial_number": ""},
            "MAC address was a and is b",
        ),
        (
            _PF,
            {"mac": "a", "card_serial_number": None},
            {"mac": None, "card_serial_number": None},
            "",
        ),
        # A guest may give a VF what address it likes.
        (_VF, {"mac": "a"}, {"mac": "b"}, ""),
    ],
)
def test_a_device_is_told_by_what_it_keeps(
    device: pci_device.Device,
    was: dict[str, Any],
    now: dict[str, Any],
    said: str,
) -> None:
    found = identity.difference(_record(device, **was), _record(device, **now))
    assert found == (f"its {said}" if said else "")


@pytest.mark.parametrize(
    ("old", "new"), [(None, _record(_PF)), (_record(_PF), None), (None, None)]
)
def test_what_is_not_there_is_no_other_device(
    old: inventory.Record | None, new: inventory.Record | None
) -> None:
    assert identity.difference(old, new) == ""
