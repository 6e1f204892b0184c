# SPDX-License-Identifier: Apache-2.0
"""The audit of Nova's own records: they are held against each other.

Neither a ledger nor the hardware is needed. Nova removes the row of a device
that no device_spec selects when nova-compute starts, and reads its device_spec
only then: so a row that says available is of a device that belongs into a
pool, and one that is in none is lost to the scheduler.
"""

from collections.abc import Iterator, Mapping
import datetime
from typing import Final, NamedTuple

from pci_sched.claims import finding
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import nova_record

_Code = finding.Code
_Compute = nova_record.Compute

_RESTART: Final = (
    "restart nova-compute: it counts its pools anew only when it starts"
)

_FREE: Final = (
    "restart nova-compute: only then it reads again who has its devices, and"
    " frees those of instances that are not there"
)


class _Kind(NamedTuple):
    """What the devices of a pool have in common, but for tags."""

    root: pci_address.PciAddress
    dev_type: pci_device.DevType
    vendor_id: str | None
    product_id: str | None
    numa_node: int | None

    def __str__(self) -> str:
        """Name them to a person."""
        return f"{self.dev_type} {self.vendor_id}:{self.product_id}"


class _Free(NamedTuple):
    """How much of a kind is free, by the rows and by the pools."""

    rows: tuple[pci_address.PciAddress, ...]
    counts: tuple[int, ...]


def audit(
    compute: _Compute, grace: datetime.timedelta
) -> tuple[finding.Finding, ...]:
    """Hold Nova's records of one compute node against each other.

    nova-compute writes its pools, its rows and its instances one after the
    other. So a finding may be of the moment between: what is found again a
    little later stays (:func:`steady`).

    :param compute: The records.
    :param grace: How old a claim has to be before it is judged.
    :returns: What was found, by code and address.
    """
    found = [
        *_families(compute),
        *_pools(compute),
        *_leaks(compute, compute.read_at - grace),
    ]
    return tuple(sorted(found, key=lambda each: each.rank))


def steady(
    before: tuple[finding.Finding, ...], now: tuple[finding.Finding, ...]
) -> tuple[finding.Finding, ...]:
    """Leave out what was found only once.

    :param before: The findings of a moment.
    :param now: Those of the same compute node, a little later.
    :returns: What was found both times, as it is now.
    """
    known = {_name(each) for each in before}
    return tuple(each for each in now if _name(each) in known)


def _name(each: finding.Finding) -> object:
    """Name the fault, whatever the numbers in its message are."""
    if each.code in (_Code.POOL_LEAK, _Code.POOL_COUNT):
        return each.code, each.addresses[:1]
    return each.key, each.instance_uuid


def _families(compute: _Compute) -> Iterator[finding.Finding]:
    """Find PFs that somebody holds while somebody holds a VF of it."""
    held = [row for row in compute.devices if row.holder]
    families: dict[pci_address.PciAddress, list[nova_record.DeviceRow]] = {}
    for row in held:
        families.setdefault(row.device.root, []).append(row)
    for root, rows in families.items():
        children = [row for row in rows if row.address != root]
        if not children or len(children) == len(rows):
            continue
        instances = sorted({row.holder for row in rows})
        others = ", ".join(str(row.address) for row in children)
        yield finding.Finding(
            code=_Code.PF_AND_VF_BOTH,
            message=f"PF {root} and VFs of it ({others}) are in use, by"
            f" instances {', '.join(instances)}",
            advice="whoever has the PF can take the VFs away: move the"
            " instances of one of the two elsewhere",
            addresses=tuple(row.address for row in rows),
        )


def _pools(compute: _Compute) -> Iterator[finding.Finding]:
    """Find what is free by the rows and not by the pools, or otherwise."""
    for kind, free in _free(compute).items():
        if len(free.rows) == sum(free.counts):
            continue
        if free.rows and not any(free.counts):
            yield _leak(kind, free)
        else:
            yield _miscount(kind, free)


def _free(compute: _Compute) -> Mapping[_Kind, _Free]:
    """Compare kinds of devices, as far as the pools say what they are of.

    Tags are left out: rows have none. So what is lost of one of two pools
    that differ in tags alone is a difference of their sum.
    """
    counts: dict[_Kind, list[int]] = {}
    vague = []
    for pool in compute.pools:
        kind = _kind_of_pool(pool)
        if kind is None:
            vague.append(pool)
        else:
            counts.setdefault(kind, []).append(pool.count)
    rows: dict[_Kind, list[pci_address.PciAddress]] = {}
    for row in compute.devices:
        if row.is_free:
            rows.setdefault(_kind_of(row.device), []).append(row.address)
    return {
        kind: _Free(tuple(rows.get(kind, ())), tuple(counts.get(kind, ())))
        for kind in (*rows, *(each for each in counts if each not in rows))
        if not any(_may_be(pool, kind) for pool in vague)
    }


def _kind_of_pool(pool: nova_record.FreePool) -> _Kind | None:
    """Tell of which devices a pool is; ``None`` if it does not say."""
    if pool.root is None or pool.dev_type is None:
        return None
    if pool.vendor_id is None or pool.product_id is None:
        return None
    ids = pool.vendor_id, pool.product_id
    return _Kind(pool.root, pool.dev_type, *ids, pool.numa_node)


def _may_be(pool: nova_record.FreePool, kind: _Kind) -> bool:
    """Tell whether devices may be those of a pool that does not say all."""
    said = pool.root, pool.dev_type, pool.vendor_id, pool.product_id
    return pool.numa_node == kind.numa_node and all(
        one in (None, other) for one, other in zip(said, kind, strict=False)
    )


def _kind_of(device: pci_device.Device) -> _Kind:
    return _Kind(
        device.root,
        device.dev_type,
        device.vendor_id,
        device.product_id,
        device.numa_node,
    )


def _leak(kind: _Kind, free: _Free) -> finding.Finding:
    count = len(free.rows)
    number = "1 device is" if count == 1 else f"{count} devices are"
    return finding.Finding(
        code=_Code.POOL_LEAK,
        message=f"{number} available in Nova's records and in no pool"
        f" ({kind}), so that no server gets any of them",
        advice=_RESTART,
        addresses=free.rows,
    )


def _miscount(kind: _Kind, free: _Free) -> finding.Finding:
    return finding.Finding(
        code=_Code.POOL_COUNT,
        message=f"Nova's pools of {kind} at {kind.root} count"
        f" {sum(free.counts)} free, and {len(free.rows)} of its devices are"
        " available",
        advice=_RESTART,
        addresses=free.rows or (kind.root,),
    )


def _leaks(
    compute: _Compute, before: datetime.datetime
) -> Iterator[finding.Finding]:
    """Find devices whose holder is not there, or got them only halfway."""
    for row in compute.devices:
        is_young = row.changed_at is not None and row.changed_at >= before
        if is_young or not row.holder or row.holder in compute.moving:
            continue
        if compute.has(row.holder):
            if row.device.status is not pci_device.DeviceStatus.CLAIMED:
                continue
            why = "which is here, and it was never allocated"
        else:
            why = _whereabouts(compute, row.holder)
        yield finding.Finding(
            code=_Code.NOVA_LEAK,
            message=f"device {row.address} is {row.device.status} by Nova's"
            f" records for instance {row.holder}, {why}",
            advice=_FREE,
            addresses=(row.address,),
            instance_uuid=row.holder,
        )


def _whereabouts(compute: _Compute, instance_uuid: str) -> str:
    at = compute.instances.get(instance_uuid)
    if at is None:
        return "of which Nova has no record"
    if at.is_deleted:
        return "which is deleted"
    if not at.host:
        return "which is on no host"
    place = at.host if at.host != compute.host else f"node {at.node}"
    return f"which is on {place}, and no move of it is under way here"
