# SPDX-License-Identifier: Apache-2.0
"""Trackers with devices that no database has."""

from collections.abc import Sequence
import json
from typing import Any, NamedTuple

from nova import objects
from nova.objects import fields
from nova.pci import whitelist
import pytest

objects.register_all()

NETWORKS = ("physnet1", "physnet2", "physnet3", "physnet4")


class Shape(NamedTuple):
    """How many PFs a host has, and how many VFs each."""

    pfs: int
    vfs: int

    def __str__(self) -> str:
        return f"{self.pfs}x{self.vfs}"


#: 8, 128 and 512 VFs.
SHAPES = (Shape(1, 8), Shape(4, 32), Shape(8, 64))


def make_tracker(kind: Any, shape: Shape, *, with_pfs: bool) -> Any:
    """Make a tracker as it is when it has read the devices of its host.

    :param kind: ``nova.pci.manager.PciDevTracker`` or one of its kind.
    :param shape: Of the host.
    :param with_pfs: Whether the PFs can be had, too.
    :returns: The tracker; what it would read, it is given.
    """
    devices = objects.PciDeviceList(
        objects=make_devices(shape, with_pfs=with_pfs)
    )
    numa = json.dumps(host_topology().obj_to_primitive())
    node = objects.ComputeNode(id=1, numa_topology=numa)
    allowed = device_filter(shape)
    with pytest.MonkeyPatch.context() as there:
        there.setattr(whitelist, "Whitelist", lambda _specs: allowed)
        there.setattr(
            objects.PciDeviceList, "get_by_compute_node", lambda *_: devices
        )
        return kind(None, node)


def cycle(tracker: Any, requests: Any, instance: Any, topology: Any) -> int:
    """Claim, allocate and free.

    :param tracker: The tracker.
    :param requests: ``nova.objects.InstancePCIRequests``.
    :param instance: Whose they are; has no devices, before and after.
    :param topology: The guest's cells, if it has any.
    :returns: How many devices there were.
    """
    devices = tracker.claim_instance(None, requests, topology)
    tracker.allocate_instance(instance)
    tracker.free_instance(None, instance)
    return len(devices)


def reported(tracker: Any) -> str:
    """Write what a hypervisor says of the devices that a tracker has."""
    return json.dumps(
        [
            {
                "address": each.address,
                "dev_id": each.dev_id,
                "dev_type": each.dev_type,
                "label": each.label,
                "numa_node": each.numa_node,
                "parent_addr": each.parent_addr,
                "product_id": each.product_id,
                "vendor_id": each.vendor_id,
                "capabilities": json.loads(each.extra_info["capabilities"]),
            }
            for each in tracker.pci_devs
        ]
    )


def make_instance(requests: Sequence[Any]) -> tuple[Any, Any]:
    """Make an instance without devices, and its requests for some."""
    wanted = objects.InstancePCIRequests(
        instance_uuid=_INSTANCE, requests=list(requests)
    )
    instance = objects.Instance(
        uuid=_INSTANCE,
        pci_devices=objects.PciDeviceList(objects=[]),
        migration_context=None,
    )
    return wanted, instance


_INSTANCE = "00000000-0000-0000-0000-000000000001"


def device_filter(shape: Shape) -> Any:
    """Make the device_spec: an entry for each PF."""
    specs = [
        {
            "address": f"0000:{number:02x}:*.*",
            "physical_network": network_of(number, shape),
        }
        for number in range(shape.pfs)
    ]
    return whitelist.Whitelist([json.dumps(each) for each in specs])


def network_of(number: int, shape: Shape) -> str:
    """Name the network of a PF; those on one NUMA node are on one."""
    return NETWORKS[number * len(NETWORKS) // shape.pfs]


def make_devices(shape: Shape, *, with_pfs: bool) -> list[Any]:
    """Make the devices of a host, all of them available."""
    found = []
    for number in range(shape.pfs):
        root = f"0000:{number:02x}:00.0"
        node = number * len(NETWORKS) // shape.pfs
        if with_pfs:
            found.append(_device(root, "type-PF", None, node))
        for vf in range(1, shape.vfs + 1):
            address = f"0000:{number:02x}:{vf // 8:02x}.{vf % 8}"
            found.append(_device(address, "type-VF", root, node))
    for number, device in enumerate(found):
        device.id = number
        device.obj_reset_changes()
    return found


def _device(address: str, dev_type: str, parent: str | None, node: int) -> Any:
    return objects.PciDevice(
        uuid=_INSTANCE,
        compute_node_id=1,
        address=address,
        dev_type=dev_type,
        parent_addr=parent,
        vendor_id="8086",
        product_id="1572" if parent is None else "154c",
        dev_id=f"pci_{address}",
        label="label_8086_154c",
        status=fields.PciDeviceStatus.AVAILABLE,
        numa_node=node,
        instance_uuid=None,
        request_id=None,
        extra_info={"capabilities": '{"network": ["rx", "tx", "sg"]}'},
    )


def make_requests(networks: Sequence[str], policy: str) -> list[Any]:
    """Ask for a direct port on each network."""
    return [
        objects.InstancePCIRequest(
            count=1,
            spec=[{"physical_network": network, "remote_managed": "False"}],
            request_id=f"00000000-0000-0000-0001-{number:012}",
            requester_id=f"port-{number}",
            alias_name=None,
            numa_policy=policy,
        )
        for number, network in enumerate(networks)
    ]


def host_topology() -> Any:
    """Make a host of two sockets with two NUMA nodes each."""
    return objects.NUMATopology(
        cells=[
            objects.NUMACell(
                id=node,
                cpuset=set(range(8 * node, 8 * node + 8)),
                pcpuset=set(),
                memory=32768,
                cpu_usage=0,
                memory_usage=0,
                socket=node // 2,
                pinned_cpus=set(),
                mempages=[
                    objects.NUMAPagesTopology(
                        size_kb=4, total=8388608, used=0, reserved=0
                    )
                ],
                siblings=[{cpu} for cpu in range(8 * node, 8 * node + 8)],
            )
            for node in range(4)
        ]
    )


def guest_topology(cells: Sequence[int]) -> Any:
    """Make a guest whose cells sit on some of the host's."""
    return objects.InstanceNUMATopology(
        cells=[
            objects.InstanceNUMACell(
                id=cell, cpuset={number}, pcpuset=set(), memory=512
            )
            for number, cell in enumerate(cells)
        ]
    )
