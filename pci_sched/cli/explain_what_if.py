# SPDX-License-Identifier: Apache-2.0
"""How many servers of one kind a host has room for."""

from collections.abc import Iterable, Iterator
import dataclasses

from pci_sched.cli import explain_source
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import verdict as pci_verdict
from pci_sched.pools import supply as pool_supply


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """What one host takes.

    :ivar plans: One for each server that finds a place there.
    :ivar last: Why not one more; a verdict that fits says that no more were
        asked for, or that nobody knows.
    """

    candidate: explain_source.Candidate
    plans: tuple[pci_plan.Plan, ...]
    last: pci_verdict.Verdict


def take(
    supply: pool_supply.Supply, plan: pci_plan.Plan
) -> pool_supply.Supply:
    """Take what a plan gives away off a supply.

    With a PF go its children, and with a child its PF.

    :param supply: That the plan was made for.
    :param plan: The plan.
    :returns: What is left.
    """
    wholes = _roots(plan, whole=True)
    parts = _roots(plan, whole=False)
    given: dict[pool_supply.SupplyPool, int] = {}
    for serving in plan.servings:
        given[serving.pool] = given.get(serving.pool, 0) + serving.count
    gone = {
        address
        for serving in plan.servings
        for address in serving.addresses or ()
    }
    left = []
    for pool in supply.pools:
        # Two pools may be equal in all: each gives what it has.
        count = min(pool.free, given.get(pool, 0))
        given[pool] = given.get(pool, 0) - count
        broken = parts if pool.profile.is_pf else wholes
        if pool.free > count and pool.root not in broken:
            addresses = pool.addresses and tuple(
                each for each in pool.addresses if each not in gone
            )
            rest = pool._replace(free=pool.free - count, addresses=addresses)
            left.append(rest)
    return pool_supply.Supply.of_pools(left, supply.numa)


def _roots(plan: pci_plan.Plan, *, whole: bool) -> set[str | None]:
    """Name the PFs that a plan gives away whole, or breaks."""
    pools = [serving.pool for serving in plan.servings]
    return {
        pool.root
        for pool in pools
        if pool.root is not None
        and (pool.profile.is_pf if whole else pool.profile.is_part)
    }


def fill(
    judge: pci_verdict.Judge,
    candidates: Iterable[explain_source.Candidate],
    wanted: int,
) -> Iterator[Room]:
    """Place servers one after another, each on the first host that takes it.

    A host whose verdict is undecided takes none.

    :param judge: Of the request of each server.
    :param candidates: The hosts, in the order in which they are tried.
    :param wanted: How many servers at most.
    :yields: What each host takes, as long as there are servers left.
    """
    for candidate in candidates:
        if wanted <= 0:
            return
        room = _fill_one(judge, candidate, wanted)
        wanted -= len(room.plans)
        yield room


def _fill_one(
    judge: pci_verdict.Judge,
    candidate: explain_source.Candidate,
    wanted: int,
) -> Room:
    plans: list[pci_plan.Plan] = []
    supply = candidate.supply
    verdict = judge.judge(supply, candidate.facts)
    while verdict.fits and verdict.plan is not None:
        plans.append(verdict.plan)
        if len(plans) == wanted:
            break
        supply = take(supply, verdict.plan)
        verdict = judge.judge(supply, candidate.facts)
    return Room(candidate, tuple(plans), verdict)
