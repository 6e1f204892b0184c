# SPDX-License-Identifier: Apache-2.0
"""The free devices in the pools of a nova-compute.

The pools are the dicts of ``nova.pci.stats.PciDeviceStats.pools``. On a
compute each has its devices, ``nova.objects.PciDevice`` objects, which are
told apart by being the same object: comparing two field by field takes Nova
microseconds.
"""

from collections.abc import Iterable, Iterator, Sequence
import itertools
import operator
import sys
from typing import Any, Final

from pci_sched.model import device as pci_device
from pci_sched.nova import consumption, spec_rows
from pci_sched.pools import supply as pool_supply

DEVICES = "devices"

_COUNT = "count"
_PROVIDER = pool_supply.PROVIDER

# Read from where versioned objects keep it, as spec_rows does.
_STATUS_FIELD = f"{spec_rows.STORAGE}status"
_STATUS = operator.attrgetter(_STATUS_FIELD)
_PARENT = operator.attrgetter("parent_device")
_CHILDREN = operator.attrgetter("child_devices")

_PF = pci_device.DevType.PF.value
_PARTS: Final = frozenset(
    {pci_device.DevType.VF.value, pci_device.DevType.VDPA.value}
)

#: Statuses of a device that can be claimed; one that has none is new.
_FREE: Final = frozenset({None, pci_device.DeviceStatus.AVAILABLE.value})

#: Those of its relatives while it can (``nova.objects.PciDevice.claim``).
_AT_REST: Final = _FREE | {
    pci_device.DeviceStatus.UNCLAIMABLE.value,
    pci_device.DeviceStatus.UNAVAILABLE.value,
}


class FreeDevices(list[Any]):
    """Devices, among which one is found without comparing it to each."""

    def __contains__(self, device: object) -> bool:
        address = spec_rows.get(device, "address")
        return any(
            each is device
            or (spec_rows.get(each, "address") == address and each == device)
            for each in self
        )


def holds(pool: consumption.Pool, device: Any) -> bool:
    """Tell whether a device itself, and not its like, is in a pool."""
    return any(each is device for each in pool.get(DEVICES, ()))


def at(pools: Iterable[consumption.Pool], device: Any) -> Iterator[Any]:
    """Give the pools of the PF that a device hangs on, or is."""
    root = _root(device)
    return (pool for pool in pools if pool.get("address") == root)


def _root(device: Any) -> Any:
    return spec_rows.get(device, "parent_addr") or device.address


def home(
    pools: Sequence[consumption.Pool], device: Any
) -> consumption.Pool | None:
    """Find the pool that a device is in.

    :param pools: The pools.
    :param device: ``nova.objects.PciDevice``.
    :returns: ``None`` if it is in none.
    """
    for likely in (at(pools, device), pools):
        for pool in likely:
            if holds(pool, device):
                return pool
    return None


def homes(
    pools: Sequence[consumption.Pool], devices: Sequence[Any]
) -> list[consumption.Pool]:
    """Find all pools that some devices are in.

    :param pools: The pools.
    :param devices: ``nova.objects.PciDevice``.
    :returns: In the order of *pools*.
    """
    roots = set(map(_root, devices))
    near = [pool for pool in pools if pool.get("address") in roots]
    wanted = set(map(id, devices))
    found: list[consumption.Pool] = []
    for likely in (near, pools):
        missing = set(wanted)
        found = []
        for pool in likely:
            inside = wanted.intersection(map(id, pool.get(DEVICES, ())))
            if inside:
                missing -= inside
                found.append(pool)
        if not missing:
            break
    return found


def held(devices: Iterable[Any], status: str, uuid: str) -> Iterator[Any]:
    """Find what an instance has.

    :param devices: Of the host; to free one may change another, so that each
        is looked at when its turn comes.
    :param status: Of the devices.
    :param uuid: Of the instance.
    :yields: The devices.
    """
    for device in _of(devices, uuid):
        if spec_rows.get(device, "status") == status:
            yield device


def _of(devices: Iterable[Any], uuid: str) -> list[Any]:
    try:
        # Each device of the host is looked at: the quickest way there is.
        return [
            each
            for each in devices
            if each._obj_instance_uuid == uuid  # noqa: SLF001
        ]
    except AttributeError:
        # A new one was never anybody's.
        return [
            each
            for each in devices
            if spec_rows.get(each, "instance_uuid") == uuid
        ]


def claimable(devices: Sequence[Any]) -> list[Any]:
    """Keep the devices that can be claimed.

    A PF that was listed in device_spec while one of its VFs was in use is in
    Nova's pools, and so is a VF that was listed while its PF was; to claim
    one fails.

    :param devices: Of one pool.
    :returns: In the same order.
    """
    if _are_all_claimable(devices):
        return list(devices)
    return [each for each in devices if _are_all_claimable((each,))]


def _are_all_claimable(devices: Sequence[Any]) -> bool:
    # The devices of a pool are looked at each time that Nova asks, so that
    # the loops over them are those of the built-in functions.
    parents = list(map(_PARENT, devices))
    if parents and parents.count(parents[0]) == len(parents):
        # So it is in the pools that Nova makes.
        del parents[1:]
    children = itertools.chain.from_iterable(map(_CHILDREN, devices))
    related = [each for each in parents if each is not None]
    related += children
    return _statuses(devices) <= _FREE and _statuses(related) <= _AT_REST


def _statuses(devices: Iterable[Any]) -> set[Any]:
    try:
        return set(map(_STATUS, devices))
    except AttributeError:
        return {spec_rows.get(each, "status") for each in devices}


def records(
    pools: Iterable[consumption.Pool], enough: int = sys.maxsize
) -> list[consumption.Pool]:
    """Describe pools as a scheduler knows them, by counts.

    Nova has one pool of a kind. Where Placement knows two that are alike as
    one provider, the same devices may be in both, and none of them is given
    away; Nova refuses them, too.

    :param pools: Are not changed.
    :param enough: At how many devices of a pool to stop counting.
    :returns: In the same order; only what can be claimed is counted.
    """
    found = []
    by_provider: dict[Any, list[consumption.Pool]] = {}
    for pool in pools:
        record = dict(pool)
        devices = record.pop(DEVICES, None)
        if devices is not None:
            free = _count_claimable(devices, enough)
            record[_COUNT] = min(record[_COUNT], free)
        found.append(record)
        if _PROVIDER in record:
            by_provider.setdefault(record[_PROVIDER], []).append(record)
    for group in by_provider.values():
        _withhold_doubles(group)
    return found


def _count_claimable(devices: Sequence[Any], enough: int) -> int:
    """Count up to what is enough; of most pools its last devices are."""
    if enough < len(devices) and _are_all_claimable(devices[-enough:]):
        return enough
    return min(enough, len(claimable(devices)))


def _withhold_doubles(records: Sequence[consumption.Pool]) -> None:
    kinds = [{**record, _COUNT: None} for record in records]
    if len(kinds) > 1:
        for record, kind in zip(records, kinds, strict=True):
            if kinds.count(kind) > 1:
                record[_COUNT] = 0


def copy(pools: Iterable[consumption.Pool]) -> list[consumption.Pool]:
    """Give somebody pools of the same devices to change."""
    return [{**pool, DEVICES: list(pool[DEVICES])} for pool in pools]


def relatives(
    pools: Iterable[consumption.Pool], taken: consumption.Pool
) -> list[consumption.Pool]:
    """Find the pools of which nobody can have a device any more.

    :param pools: The pools.
    :param taken: One of which a device is given away.
    :returns: Those of a PF's children, or of the children's PF.
    """
    kinds: frozenset[Any] = frozenset()
    if taken.get("dev_type") == _PF:
        kinds = _PARTS
    elif taken.get("dev_type") in _PARTS:
        kinds = frozenset({_PF})
    root = taken.get("address")
    return [
        pool
        for pool in pools
        if pool.get("dev_type") in kinds and pool.get("address") == root
    ]
