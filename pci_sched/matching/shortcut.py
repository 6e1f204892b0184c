# SPDX-License-Identifier: Apache-2.0
"""The questions that need no search: most of those that are ever asked."""

from collections.abc import Iterable

from pci_sched.matching import demand as pci_demand
from pci_sched.matching import eligibility, settle
from pci_sched.pools import supply as pool_supply


def is_enough(
    supply: pool_supply.Supply,
    demands: Iterable[pci_demand.Demand],
    eligible: Iterable[eligibility.Eligible],
) -> bool:
    """Tell whether each demand alone finds enough devices.

    :param supply: Of the host.
    :param demands: Of the request.
    :param eligible: For each demand.
    :returns: False only if the request cannot be served.
    """
    pools = supply.pools
    for demand, numbers in zip(demands, eligible, strict=True):
        left = demand.count
        for number in numbers:
            left -= pools[number].free
        if left > 0:
            return False
    return True


def is_plenty(station: eligibility.Station) -> bool:
    """Tell whether any greedy pick serves a request.

    So it is if each demand has enough devices, no two demands may use the
    same pool, no PF can be used both whole and in parts, and nothing must be
    spread.

    :param station: The request on the host, with enough for each demand.
    :returns: True only if the request can be served.
    """
    used: set[int] = set()
    for demand, numbers in zip(station.demands, station.eligible, strict=True):
        if demand.spread is not None and demand.spread.hard:
            return False
        if not used.isdisjoint(numbers):
            return False
        used.update(numbers)
    return not any(
        not used.isdisjoint(wholes) and not used.isdisjoint(parts)
        for wholes, parts in station.supply.shared.values()
    )


def pack(station: eligibility.Station) -> settle.Shares | None:
    """Serve each demand from the one pool whose devices cost least.

    That is the cheapest plan there is, to pack, if the pool has devices
    enough: all else would cost as much for each device, or more. Breaking a
    PF costs the same for one device as for many, so it may be counted as if
    each device broke it, which no other plan undercuts. And no demand has
    anything to do with a PF that another demand has to do with.

    :param station: The request on the host, with enough for each demand.
    :returns: ``None`` if it takes more than that.
    """
    pools = station.supply.pools
    homes: set[str | int] = set()
    found = {}
    for number, demand in enumerate(station.demands):
        eligible = station.eligible[number]
        near = {pools[pool].root or pool for pool in eligible}
        if demand.spread is not None or not homes.isdisjoint(near):
            return None
        homes |= near
        _, best = min([_price(station, number, pool) for pool in eligible])
        if pools[best].free < demand.count:
            return None
        found[number, best] = demand.count
    return found


def _price(
    station: eligibility.Station, demand: int, pool: int
) -> tuple[tuple[int, ...], int]:
    """Give what one device costs, as :class:`~.plan.Cost` sorts it."""
    profile, root, node, _, free, *_ = station.supply.pools[pool]
    place = station.placement
    distance = 0 if place is None else place.distance(node)
    is_avoided = profile.link is not None
    is_pf = profile.is_pf
    opened = is_pf or (profile.is_part and root in station.supply.shared)
    rarity = station.eligible[demand][pool]
    return (is_avoided, distance, opened, is_pf, rarity, free), pool
