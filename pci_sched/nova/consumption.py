# SPDX-License-Identifier: Apache-2.0
"""What is left of the pools of a host when some of their devices are taken.

The pools are the dicts of ``nova.pci.stats.PciDeviceStats.pools``, and what is
taken is a number for each of them, in their order.
"""

import collections
from collections.abc import Sequence
from typing import Any

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
    whole = _roots(pools, taken, _PF)
    split = _roots(pools, taken, _PARTS)
    left = []
    for pool, count in zip(pools, taken, strict=True):
        related = {_PF: split, _PARTS: whole}
        if any(
            pool.get("dev_type") in kinds and pool.get("address") in roots
            for kinds, roots in related.items()
        ):
            continue
        if not count:
            left.append(pool)
        elif pool[_COUNT] > count:
            left.append({**pool, _COUNT: pool[_COUNT] - count})
    return left


def by_plan(pools: Sequence[Pool], plan: pci_plan.Plan) -> list[int]:
    """Tell what a plan takes.

    :param pools: What it was made from.
    :param plan: The plan.
    :returns: How many of each pool.
    :raises LookupError: If the plan is of other pools.
    """
    wanted: collections.Counter[tuple[Any, ...]] = collections.Counter()
    for serving in plan.servings:
        wanted[_label(serving.pool)] += serving.count
    taken = []
    for pool in pools:
        count = 0
        for each in supplies.of_pools((pool,)).pools:
            count = min(wanted[_label(each)], each.free)
            wanted[_label(each)] -= count
        taken.append(count)
    if any(wanted.values()):
        raise LookupError("a plan takes devices of other pools")
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
