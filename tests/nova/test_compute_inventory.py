# SPDX-License-Identifier: Apache-2.0
"""What a ledger is told of the devices that Nova tracks."""

from collections.abc import Iterable
import dataclasses
import json
import pathlib
from typing import Any
import uuid

from nova import context as nova_context
from nova import objects
from nova.objects import fields
from nova.pci import whitelist
import pytest

import fake_sysfs
import made_hosts
from pci_sched.claims import mirror, states
from pci_sched.claims import sync as claim_sync
from pci_sched.inputs import device_spec
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.nova.compute import inventory, watch

objects.register_all()

_PF = "0000:41:00.0"
_VF0 = "0000:41:10.0"
_VF1 = "0000:41:10.2"
_INSTANCE = str(uuid.UUID(int=7))

_SPEC = json.dumps(
    {
        "vendor_id": "8086",
        "product_id": "10ca",
        "physical_network": "physnet1",
        "trusted": "true",
        "managed": "no",
    }
)


def _row(
    address: str, status: str = fields.PciDeviceStatus.AVAILABLE, **facts: Any
) -> Any:
    """Make a device as Nova does of what libvirt says."""
    described = {
        "address": address,
        "vendor_id": "8086",
        "product_id": "10ca",
        "dev_type": fields.PciDeviceType.SRIOV_VF,
        "parent_addr": _PF,
        "numa_node": 1,
        "label": "label_8086_10ca",
        "dev_id": f"pci_{address}",
        "compute_node_id": 1,
        **facts,
    }
    row = objects.PciDevice.create(nova_context.get_admin_context(), described)
    row.status = status
    return row


def _held(address: str, status: str, request_id: str | None) -> Any:
    row = _row(address, status)
    row.instance_uuid = _INSTANCE
    row.request_id = request_id
    return row


def _host_of(
    rows: Iterable[Any],
    look: watch.Look | None = None,
    *specs: str,
) -> dict[str, pci_device.Device]:
    found = inventory.host_of(
        rows, look or watch.Look(), whitelist.Whitelist(specs or [_SPEC])
    )
    addresses = [each.address for each in found.devices]
    assert addresses == sorted(set(addresses))
    return {str(each.address): each for each in found.devices}


@pytest.fixture
def look(tmp_path: pathlib.Path) -> watch.Look:
    """A card with two VFs, as /sys shows it, and another function."""
    tree = fake_sysfs.FakeSysfs(tmp_path)
    tree.card(_PF, [_VF0, _VF1])
    tree.netdev(_PF, "ens1", address="02:00:00:00:00:01")
    tree.function("0000:00:1f.2", **{"class": "0x010601"})
    return watch.HardwareWatch(tmp_path).look(30)


def test_what_is_in_sys_is_as_it_is_there(look: watch.Look) -> None:
    assert look.host is not None
    seen = {str(each.address): each for each in look.host.devices}
    found = _host_of([_row(_VF0), _row(_VF1)], look)
    assert set(found) == {_PF, _VF0, _VF1}
    assert found[_VF0] == dataclasses.replace(
        seen[_VF0],
        assignable=True,
        tags=(
            ("managed", "false"),
            ("physical_network", "physnet1"),
            ("trusted", "true"),
        ),
        status=pci_device.DeviceStatus.AVAILABLE,
        instance_uuid="",
    )
    assert found[_VF1].vf_index == 1


def test_the_pf_of_tracked_vfs_is_there_and_not_assignable(
    look: watch.Look,
) -> None:
    pf = _host_of([_row(_VF0)], look)[_PF]
    assert pf.assignable is False
    assert pf.sriov_numvfs == 2
    assert pf.netdev is not None
    assert pf.tags == ()


def test_a_pf_that_nova_tracks_is_assignable(look: watch.Look) -> None:
    row = _row(
        _PF,
        product_id="10c9",
        parent_addr=None,
        dev_type=fields.PciDeviceType.SRIOV_PF,
    )
    found = _host_of([row, _row(_VF0)], look, json.dumps({"address": _PF}))
    assert {address: each.assignable for address, each in found.items()} == {
        _PF: True,
        _VF0: False,
    }


def test_what_is_missing_is_left_out(look: watch.Look) -> None:
    rows = [_row(_VF0), _row(_VF1)]
    gone = dataclasses.replace(
        look, missing={made_hosts.at(_VF1): "it vanished"}
    )
    assert set(_host_of(rows, gone)) == {_PF, _VF0}
    gone = dataclasses.replace(look, missing={made_hosts.at(_PF): "it"})
    assert set(_host_of(rows, gone)) == {_VF0, _VF1}


def test_of_what_is_not_in_sys_nova_says_what_is_known(
    look: watch.Look,
) -> None:
    """As Nova's own tests have it, and before the first look."""
    capabilities = {
        "sriov": {"pf_mac_address": "02:00:00:00:00:09", "vf_num": 3},
        "vpd": {"card_serial_number": "MT0"},
    }
    fake = _row(
        "0000:99:10.0", parent_addr="0000:99:00.0", capabilities=capabilities
    )
    for given in (look, watch.Look()):
        found = _host_of([fake], given)
        assert list(found) == ["0000:99:10.0"]
        assert found["0000:99:10.0"] == pci_device.Device(
            address=made_hosts.at("0000:99:10.0"),
            dev_type=pci_device.DevType.VF,
            vendor_id="8086",
            product_id="10ca",
            parent_addr=made_hosts.at("0000:99:00.0"),
            vf_index=3,
            numa_node=1,
            card_serial_number="MT0",
            assignable=True,
            tags=found["0000:99:10.0"].tags,
            status=pci_device.DeviceStatus.AVAILABLE,
            instance_uuid="",
        )


def test_a_device_in_use_may_be_selected_no_more() -> None:
    found = _host_of(
        [_held(_VF0, "allocated", None)], None, '{"vendor_id": "1b36"}'
    )[_VF0]
    assert (found.assignable, found.tags) == (False, ())
    assert found.status is pci_device.DeviceStatus.ALLOCATED
    assert found.instance_uuid == _INSTANCE


@pytest.mark.parametrize("status", ["removed", "deleted"])
def test_what_nova_has_given_up_is_not_there(status: str) -> None:
    assert _host_of([_row(_VF0, status)]) == {}
    assert inventory.uses_of([_held(_VF0, status, "r")]) == {}


@pytest.mark.parametrize("status", fields.PciDeviceStatus.ALL)
def test_every_status_of_nova_is_known(status: str) -> None:
    found = _host_of([_row(_VF0, status)])
    assert all(each.status == status for each in found.values())


def test_an_address_that_is_none_is_left_out() -> None:
    assert _host_of([_row("fake-address")]) == {}


@pytest.mark.parametrize(
    "spec",
    [
        _SPEC,
        '{"address": "*:41:*.*", "live_migratable": "yes", "foo": 1}',
        '{"product_id": "10ca", "physical_network": null, "trusted": true}',
        '{"vendor_id": "1b36"}',
    ],
)
def test_what_is_selected_is_what_our_own_reading_selects(
    spec: str, look: watch.Look
) -> None:
    assert look.host is not None
    ours = device_spec.select(look.host, device_spec.parse([spec], look.host))
    found = _host_of([_row(_VF0), _row(_VF1)], look, spec)
    for device in ours.devices:
        if str(device.address) in (_VF0, _VF1):
            same = found[str(device.address)]
            assert same.assignable is device.assignable
            assert same.tags == device.tags


def test_a_tag_that_is_no_plain_value_is_written_as_a_text() -> None:
    spec = '{"vendor_id": "8086", "mine": ["a", 1]}'
    assert _host_of([_row(_VF0)], None, spec)[_VF0].tags == (
        ("mine", '["a", 1]'),
    )


def test_a_ledger_takes_what_is_told(look: watch.Look) -> None:
    found = inventory.host_of(
        [_row(_VF0), _row(_VF1)], look, whitelist.Whitelist([_SPEC])
    )
    assert isinstance(found, pci_host.Host)
    assert {str(each) for each in claim_sync.wanted(found)} == {
        _PF,
        _VF0,
        _VF1,
    }


def test_who_has_a_device_is_told() -> None:
    claimed = _held(_VF0, "claimed", "request-1")
    allocated = _held(_VF1, "allocated", None)
    assert inventory.uses_of(
        [claimed, allocated, _row(_PF), _row("x", "allocated")]
    ) == {
        made_hosts.at(_VF0): mirror.Use(
            _INSTANCE, states.ClaimState.CLAIMED, "request-1"
        ),
        made_hosts.at(_VF1): mirror.Use(
            _INSTANCE, states.ClaimState.ALLOCATED, ""
        ),
    }


@pytest.mark.parametrize("status", ["available", "unclaimable", "unavailable"])
def test_what_nobody_has_is_no_use(status: str) -> None:
    row = _held(_VF0, status, "r")
    assert inventory.uses_of([row]) == {}


def test_a_field_that_is_not_set_is_not_loaded() -> None:
    row = objects.PciDevice(
        address=_VF0,
        vendor_id="8086",
        product_id="10ca",
        dev_type="type-VF",
        parent_addr=None,
        status="allocated",
    )
    assert inventory.uses_of([row]) == {}
    assert _host_of([row])[_VF0].instance_uuid == ""
