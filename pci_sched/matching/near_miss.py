# SPDX-License-Identifier: Apache-2.0
"""What keeps the pools of a host from serving a request, counted."""

import collections
from collections.abc import Iterable
from typing import NamedTuple

from pci_sched.matching import refusal, refusal_code, rules
from pci_sched.pools import supply as pool_supply

#: What pools are judged for; a request for which Placement chose several
#: resource providers has a case for each, and one of them is enough.
Cases = tuple[rules.Case, ...]


class Judged(NamedTuple):
    """A pool, and what it lacks for the case that it is nearest to."""

    pool: pool_supply.SupplyPool
    misses: rules.Misses


def misses(case: rules.Case, pool: pool_supply.SupplyPool) -> rules.Misses:
    """List all that a pool lacks, each tag once.

    :param case: What the pool is judged for.
    :param pool: The pool.
    :returns: In the order of the rules; nothing if it may serve.
    """
    found: dict[str, rules.Miss] = {}
    for rule in rules.RULES:
        for miss in rule(case, pool):
            found.setdefault(miss.key, miss)
    return tuple(found.values())


def worst(found: rules.Misses) -> refusal_code.RefusalCode:
    """Give the code of what is farthest from being served."""
    return max((miss.code for miss in found), key=rules.severity)


def _least(cases: Cases, pool: pool_supply.SupplyPool) -> rules.Misses:
    """List what a pool lacks for the case that it is nearest to."""
    return min((misses(case, pool) for case in cases), key=_rank, default=())


def _rank(found: rules.Misses) -> tuple[int, list[int], rules.Misses]:
    codes = sorted((rules.severity(miss.code) for miss in found), reverse=True)
    return len(found), codes, found


def judge(cases: Cases, supply: pool_supply.Supply) -> tuple[Judged, ...]:
    """Judge the pools of a host.

    :param cases: What they are judged for.
    :param supply: Of the host.
    :returns: In the order of the pools; without a case none lacks anything.
    """
    return tuple([Judged(pool, _least(cases, pool)) for pool in supply.pools])


def dropped(judged: Iterable[Judged]) -> tuple[refusal.Dropped, ...]:
    """Count what each rule drops that the rules before it have left.

    :param judged: The pools that lack something.
    :returns: Without the rules that drop nothing.
    """
    pools: collections.Counter[refusal_code.RefusalCode]
    pools = collections.Counter()
    devices: collections.Counter[refusal_code.RefusalCode]
    devices = collections.Counter()
    for pool, found in judged:
        code = min([miss.code for miss in found], key=_CODES.index)
        pools[code] += 1
        devices[code] += pool.free
    return tuple(
        refusal.Dropped(code, pools[code], devices[code])
        for code in _CODES
        if code in pools
    )


def nearest(judged: Iterable[Judged]) -> refusal.NearMiss | None:
    """Find the pools that lack least.

    :param judged: The pools that lack something.
    :returns: Those of one type and physical network that lack the same;
        ``None`` if no pool lacks anything.
    """
    groups: dict[
        tuple[rules.Misses, str, str], list[pool_supply.SupplyPool]
    ] = {}
    for pool, found in judged:
        values = pool.profile.values
        key = (
            found,
            str(values.get("dev_type")),
            str(values.get("physical_network")),
        )
        groups.setdefault(key, []).append(pool)
    near = [
        refusal.NearMiss(
            found, tuple(pools), sum([pool.free for pool in pools])
        )
        for (found, _, _), pools in groups.items()
    ]
    return min(
        near,
        key=lambda each: (_rank(each.misses)[:2], -each.free),
        default=None,
    )


_CODES = tuple(refusal_code.RefusalCode)
