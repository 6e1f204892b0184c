# SPDX-License-Identifier: Apache-2.0
"""Which devices belong into a pool, and what tells two pools apart."""

import dataclasses
from typing import Any

import pytest

import made_hosts
from pci_sched.model import device as pci_device
from pci_sched.pools import key as pool_key

VF = made_hosts.vf("0000:41:10.0", "0000:41:00.0", 0, numa_node=0)


@pytest.mark.parametrize(
    "change",
    [
        {"dev_type": pci_device.DevType.VDPA},
        {"vendor_id": "15b3"},
        {"product_id": "154c"},
        {"numa_node": 1},
        {"numa_node": None},
        {"parent_addr": made_hosts.at("0000:42:00.0")},
        {"tags": (("physical_network", "physnet1"),)},
        {"tags": (("physical_network", None),)},
    ],
)
def test_a_scheduler_tells_these_apart(change: dict[str, Any]) -> None:
    other = dataclasses.replace(VF, **change)
    assert pool_key.PoolKey.of(other) != pool_key.PoolKey.of(VF)


@pytest.mark.parametrize(
    "change",
    [
        {"address": made_hosts.at("0000:41:10.2"), "vf_index": 1},
        {"driver": "vfio-pci"},
        {"netdevs": ()},
        {"iommu_group": "9"},
        {"status": pci_device.DeviceStatus.ALLOCATED},
        {"instance_uuid": "3a3d6c40"},
        {"card_serial_number": "SN1"},
    ],
)
def test_a_scheduler_cannot_tell_these_apart(change: dict[str, Any]) -> None:
    other = dataclasses.replace(VF, **change)
    assert pool_key.PoolKey.of(other) == pool_key.PoolKey.of(VF)


def test_a_pf_and_its_vfs_share_the_root_but_no_pool() -> None:
    pf = made_hosts.pf("0000:41:00.0", numa_node=0)
    of_pf, of_vf = pool_key.PoolKey.of(pf), pool_key.PoolKey.of(VF)
    assert of_pf.root == of_vf.root == pf.address
    assert of_pf != of_vf


def test_two_plain_devices_are_never_in_one_pool() -> None:
    first, second = (
        pool_key.PoolKey.of(made_hosts.plain(address))
        for address in ("0000:01:00.0", "0000:02:00.0")
    )
    assert first != second


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (VF, True),
        (made_hosts.pf("0000:41:00.0", class_id=None), True),
        (made_hosts.plain("0000:01:00.0", class_id="010802"), True),
        (made_hosts.plain("0000:01:00.0", class_id="020000"), True),
        (made_hosts.plain("0000:01:00.0", class_id="030000"), True),
        (made_hosts.plain("0000:01:00.0", class_id="0c0400"), True),
        (made_hosts.plain("0000:01:00.0", class_id="0b4000"), True),
        (made_hosts.plain("0000:01:00.0", class_id="120000"), True),
        (made_hosts.plain("0000:01:00.0", class_id="010601"), False),
        (made_hosts.plain("0000:01:00.0", class_id="0c0500"), False),
        (made_hosts.plain("0000:01:00.0", class_id=None), False),
    ],
)
def test_without_a_device_spec_type_and_class_decide(
    device: pci_device.Device, *, expected: bool
) -> None:
    assert pool_key.is_poolable(device) is expected


@pytest.mark.parametrize("assignable", [True, False])
def test_a_device_spec_decides_alone(*, assignable: bool) -> None:
    for device in (VF, made_hosts.plain("0000:01:00.0", class_id="060000")):
        marked = dataclasses.replace(device, assignable=assignable)
        assert pool_key.is_poolable(marked) is assignable
