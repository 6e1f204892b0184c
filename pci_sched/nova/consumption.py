# SPDX-License-Identifier: Apache-2.0
"""What is left of the pools of a host when some of their devices are taken.

The pools are the dicts of ``nova.pci.stats.PciDeviceStats.pools``, and what is
taken is a number for each of them, in their order.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pci_sched.matching import plan as pci_plan
from pci_sched.model import device as pci_device
from pci_sched.nova import supplies
from pci_sched.pools import supply as pool_supply

Pool = dict[str, Any]

_COUNT = "count"

_PF = frozenset({pci_device.DevType.PF.value})
_PARTS = frozenset(
    {pci_device.DevType.VF.value, pci_device.DevType.VDPA.value}
)


def take(pools: Sequence[Pool], taken: Sequence[int]) -> list[Pool]:
    """Take devices away, and those that nobody can have without them.

    A PF that is given away takes its children with it, and a child its PF.

    :param pools: Are not changed.
    :param taken: How many of each; no more than there are.
    :returns: The rest, in the same order; as in Nova, a pool that becomes
        empty is not among them.
    """
    left = []
    lost = lose(pools, taken)
    for pool, count, is_lost in zip(pools, taken, lost, strict=True):
        if is_lost:
            continue
        if not count:
            left.append(pool)
        elif pool[_COUNT] > count:
            left.append({**pool, _COUNT: pool[_COUNT] - count})
    return left


def lose(pools: Sequence[Pool], taken: Sequence[int]) -> list[bool]:
    """Tell of which pools nobody can have a device any more.

    :param pools: The pools.
    :param taken: How many of each are given away.
    :returns: For each, whether a relative of its devices is.
    """
    whole = _roots(pools, taken, _PF)
    split = _roots(pools, taken, _PARTS)
    return [
        (pool.get("dev_type") in _PF and pool.get("address") in split)
        or (pool.get("dev_type") in _PARTS and pool.get("address") in whole)
        for pool in pools
    ]


class Share(NamedTuple):
    """What a pool gives to a request of a plan.

    :ivar pool: The number of the pool.
    :ivar devices: How many it gives.
    """

    request_id: str
    pool: int
    devices: int


def shares(pools: Sequence[Pool], plan: pci_plan.Plan) -> list[Share]:
    """Tell which pools a plan takes devices of, and for whom.

    :param pools: What it was made from.
    :param plan: The plan.
    :returns: In the order of its servings.
    :raises LookupError: If the plan is of other pools.
    """
    homes: dict[tuple[Any, ...], list[list[int]]] = {}
    for number, pool in enumerate(pools):
        for each in supplies.of_pools((pool,)).pools:
            homes.setdefault(_label(each), []).append([number, each.free])
    found = []
    for serving in plan.servings:
        left = serving.count
        for home in homes.get(_label(serving.pool), ()):
            number, free = home
            count = min(left, free)
            if count:
                found.append(Share(serving.request_id, number, count))
            home[1] -= count
            left -= count
        if left:
            raise LookupError("a plan takes devices of other pools")
    return found


def by_plan(pools: Sequence[Pool], plan: pci_plan.Plan) -> list[int]:
    """Tell what a plan takes.

    :param pools: What it was made from.
    :param plan: The plan.
    :returns: How many of each pool.
    """
    taken = [0] * len(pools)
    for share in shares(pools, plan):
        taken[share.pool] += share.devices
    return taken


def by_difference(
    pools: Sequence[Pool], copies: Sequence[Pool], left: Sequence[Pool]
) -> list[int]:
    """Tell what somebody took who changes pools in place.

    :param pools: The pools as they were.
    :param copies: The dicts that were changed, in the same order.
    :param left: Those of them that are still there.
    :returns: How many of each pool; less than none if it was added to.
    """
    there = {id(pool) for pool in left}
    return [
        pool[_COUNT] - (copy[_COUNT] if id(copy) in there else 0)
        for pool, copy in zip(pools, copies, strict=True)
    ]


def is_honest(
    pools: Sequence[Pool], taken: Sequence[int], wanted: int
) -> bool:
    """Tell whether a host really can give away what is taken.

    :param pools: The pools.
    :param taken: How many of each.
    :param wanted: How many devices there are to be in all.
    :returns: Not if a PF goes together with its child, or devices that are
        not there.
    """
    return (
        sum(taken) == wanted
        and all(
            0 <= count <= pool[_COUNT]
            for pool, count in zip(pools, taken, strict=True)
        )
        and _roots(pools, taken, _PF).isdisjoint(_roots(pools, taken, _PARTS))
    )


def _roots(
    pools: Sequence[Pool], taken: Sequence[int], kinds: frozenset[str]
) -> set[str]:
    """Name the PFs that are taken, or those of the children that are."""
    return {
        pool["address"]
        for pool, count in zip(pools, taken, strict=True)
        if count
        and pool.get("dev_type") in kinds
        and pool.get("address") is not None
    }


def _label(pool: pool_supply.SupplyPool) -> tuple[Any, ...]:
    """Name the content of a pool but its count."""
    return (pool.profile.name, pool.root, pool.numa_node, pool.provider)
