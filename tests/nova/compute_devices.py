# SPDX-License-Identifier: Apache-2.0
"""The devices of a compute as Nova's tracker has them, without a database."""

from collections.abc import Iterable, Mapping, Sequence
import itertools
from typing import Any, NamedTuple

from nova import objects
from nova.objects import fields
from nova.pci import manager

from pci_sched.model import host as pci_host

objects.register_all()

_AVAILABLE = fields.PciDeviceStatus.AVAILABLE
_HELD = (fields.PciDeviceStatus.CLAIMED, fields.PciDeviceStatus.ALLOCATED)

#: All that can be told of a pool: what it is, its count, and its devices.
PoolState = tuple[tuple[tuple[str, Any], ...], int, tuple[str, ...]]


class _Spec(NamedTuple):
    """An entry of device_spec."""

    tags: Mapping[str, Any]

    def get_tags(self) -> dict[str, Any]:
        return dict(self.tags)


class TagFilter:
    """Stands for ``nova.pci.whitelist.Whitelist``; all devices are listed."""

    def __init__(self, tags: Mapping[str, Mapping[str, Any]]) -> None:
        self._tags = tags

    def get_devspec(self, device: Any) -> _Spec:
        return _Spec(self._tags.get(device.address, {}))


def device(
    address: str,
    dev_type: str = "type-VF",
    parent: str | None = None,
    **facts: Any,
) -> Any:
    """A device as the tracker reads it from the database."""
    values = {
        "compute_node_id": 1,
        "vendor_id": "8086",
        "product_id": "1572" if dev_type == "type-PF" else "154c",
        "status": _AVAILABLE,
        "numa_node": 0,
        "instance_uuid": None,
        "request_id": None,
        "extra_info": {},
    }
    made = objects.PciDevice(
        address=address,
        dev_type=dev_type,
        parent_addr=parent,
        **values | facts,
    )
    made.obj_reset_changes()
    return made


def card(number: int, vfs: int, *, pf: bool = True, **facts: Any) -> list[Any]:
    """A PF, if it is listed, and its VFs."""
    root = f"0000:{number:02x}:00.0"
    found = [device(root, "type-PF", **facts)] if pf else []
    for each in range(1, vfs + 1):
        address = f"0000:{number:02x}:{each // 8:02x}.{each % 8}"
        found.append(device(address, parent=root, **facts))
    return found


def request(
    *specs: Mapping[str, Any],
    count: int = 1,
    number: int = 0,
    policy: str | None = None,
) -> Any:
    """What Nova makes of an alias."""
    return objects.InstancePCIRequest(
        count=count,
        spec=[dict(each) for each in specs],
        request_id=f"00000000-0000-0000-0000-{number:012}",
        requester_id=None,
        alias_name="alias",
        numa_policy=policy,
    )


class Compute:
    """A tracker's share in claiming and freeing, with any kind of count."""

    def __init__(
        self,
        kind: Any,
        devices: Iterable[Any],
        *,
        tags: Mapping[str, Mapping[str, Any]] | None = None,
        numa: Iterable[pci_host.NumaNode] = (),
    ) -> None:
        self.devices = list(devices)
        for number, each in enumerate(self.devices):
            each.id = number
            each.obj_reset_changes()
        cells = [objects.NUMACell(id=n.node, socket=n.socket) for n in numa]
        self.stats = kind(
            objects.NUMATopology(cells=cells), dev_filter=TagFilter(tags or {})
        )
        manager.PciDevTracker._build_device_tree(self.devices)  # noqa: SLF001
        for each in self.devices:
            if each.status == _AVAILABLE:
                self.stats.add_device(each)
        self.stats.populate_pools_metadata_from_assigned_devices()

    def supports(self, *requests: Any, cells: Sequence[Any] = ()) -> bool:
        """Ask as ``Claim`` does."""
        found: bool = self.stats.support_requests(requests, None, cells)
        return found

    def claim(self, *requests: Any, cells: Sequence[Any] = ()) -> list[str]:
        """Claim; gives the addresses, in Nova's order."""
        found = self.stats.consume_requests(list(requests), cells)
        for each in found:
            each.claim("instance")
        return [each.address for each in found]

    def free(self, *addresses: str) -> None:
        """Free what was claimed."""
        for each in self.devices:
            if each.address in addresses:
                for freed in each.free():
                    self.stats.add_device(freed)
        self.stats.populate_pools_metadata_from_assigned_devices()

    def free_addresses(self) -> list[str]:
        """What is in the pools, pool by pool."""
        return [each.address for each in self.stats.get_free_devs()]

    def pools(self) -> list[PoolState]:
        """The pools, in their order."""
        return [
            (
                tuple(
                    (key, pool[key])
                    for key in sorted(pool)
                    if key not in ("count", "devices")
                ),
                pool["count"],
                tuple(each.address for each in pool["devices"]),
            )
            for pool in self.stats.pools
        ]

    def state(self) -> Any:
        """Everything that a failed claim must leave as it was."""
        return self.pools(), [
            (each.address, each.status, each.instance_uuid, each.request_id)
            for each in self.devices
        ]

    def check(self) -> None:
        """Whatever was done: nothing is lost, nothing is there twice."""
        free = self.free_addresses()
        held = {each.address for each in self.devices if each.status in _HELD}
        out_of_reach = {
            one.address
            for one, other in itertools.permutations(self.devices, 2)
            if other.address in held
            and (
                one.parent_addr == other.address
                or other.parent_addr == one.address
            )
        }
        assert held.isdisjoint(out_of_reach), "a PF together with its child"
        assert len(set(free)) == len(free)
        everything = {each.address for each in self.devices}
        assert set(free) == everything - held - out_of_reach
        for pool in self.stats.pools:
            assert pool["count"] == len(pool["devices"])
