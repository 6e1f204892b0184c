# SPDX-License-Identifier: Apache-2.0
"""The questions that need no search: most of those that are ever asked."""

from collections.abc import Iterable

from pci_sched.matching import demand as pci_demand
from pci_sched.matching import eligibility, settle
from pci_sched.matching import plan as pci_plan
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

#: What one device costs, as :class:`~.plan.Cost` sorts it, and its pool.
_Price = tuple[tuple[int, ...], int]

#: How much of it counts before a spread.
_BEFORE_SPREAD = pci_plan.Cost._fields.index("spread")


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


def pick(station: eligibility.Station) -> settle.Shares | None:
    """Serve one demand after the other.

    Those come first that fewest pools may serve, and each takes from the
    first pools that will do: from as many domains as it wants devices, if
    they must be apart, and from no PF that is used the other way already.

    :param station: The request on the host.
    :returns: ``None`` if that is not enough; a search may still find a way.
    """
    demands, eligible = station.demands, station.eligible
    stock = _Stock(station.supply)
    found: dict[tuple[int, int], int] = {}
    for number in sorted(
        range(len(demands)), key=lambda number: len(eligible[number])
    ):
        taken = stock.serve(demands[number], eligible[number])
        if taken is None:
            return None
        found.update({(number, pool): each for pool, each in taken.items()})
    return found


class _Stock:
    """What a host has left while it serves one demand after the other."""

    def __init__(self, supply: pool_supply.Supply) -> None:
        self._supply = supply
        self._taken: dict[int, int] = {}
        #: Of PFs that could be used whole or in parts: which way they are.
        self._is_whole: dict[str, bool] = {}
        #: For each group, the domains that it has a device in.
        self._domains: set[tuple[str, str]] = set()

    def serve(
        self, demand: pci_demand.Demand, numbers: eligibility.Eligible
    ) -> dict[int, int] | None:
        """Say how many devices of each pool it gets, if it gets enough."""
        found: dict[int, int] = {}
        left = demand.count
        for number in numbers:
            taken = min(left, self._left(number, demand.spread))
            if taken:
                found[number] = taken
                self._taken[number] = self._taken.get(number, 0) + taken
                left -= taken
                if not left:
                    return found
        return None

    def _left(self, number: int, spread: pci_request.Spread | None) -> int:
        """Count what a pool has for somebody, and leave it to him."""
        pool = self._supply.pools[number]
        left = pool.free - self._taken.get(number, 0)
        if left < 1 or not self._is_usable(pool):
            return 0
        if spread is None or not spread.hard:
            return left
        domain = getattr(pool.domains, spread.level)
        key = (spread.group, domain)
        if domain is None or key in self._domains:
            return 0
        self._domains.add(key)
        return 1

    def _is_usable(self, pool: pool_supply.SupplyPool) -> bool:
        root, is_whole = pool.root, pool.profile.is_pf
        if root is None or root not in self._supply.shared:
            return True
        return self._is_whole.setdefault(root, is_whole) is is_whole


def pack(station: eligibility.Station) -> settle.Shares | None:
    """Find the cheapest plan there is, to pack, where it is easily found.

    So it is where no demand has anything to do with a PF, or with a group of
    devices to spread, that another demand has to do with: then the cheapest
    plan is that of each demand alone.

    :param station: The request on the host, with enough for each demand.
    :returns: ``None`` if it takes more than that.
    """
    pools = station.supply.pools
    homes: set[str | int] = set()
    groups: set[str] = set()
    found: dict[tuple[int, int], int] = {}
    for number, demand in enumerate(station.demands):
        near = {pools[pool].root or pool for pool in station.eligible[number]}
        spread = demand.spread
        group = {spread.group} if spread else set()
        if not (homes.isdisjoint(near) and groups.isdisjoint(group)):
            return None
        homes |= near
        groups |= group
        if spread is None:
            here = _one(station, number)
        else:
            here = _apart(station, number, spread.level)
        if not here:
            return None
        found.update(here)
    return found


def _one(station: eligibility.Station, number: int) -> settle.Shares:
    """Serve a demand from the one pool whose devices cost least.

    All else would cost as much for each device, or more. Breaking a PF costs
    the same for one device as for many, so it may be counted as if each
    device broke it, which no other plan undercuts.
    """
    _, best = min(_prices(station, number))
    count = station.demands[number].count
    enough = station.supply.pools[best].free >= count
    return {(number, best): count} if enough else {}


def _apart(
    station: eligibility.Station, number: int, level: str
) -> settle.Shares:
    """Serve a demand with one device from each domain where it costs least.

    What devices in as many domains cost only adds up, so the cheapest of them
    are cheapest together. Where they need not be apart, that is only so if
    they cost no more in what counts before a spread.
    """
    pools = station.supply.pools
    count = station.demands[number].count
    prices = sorted(_prices(station, number))
    found: dict[str, _Price] = {}
    for price in prices:
        _, pool = price
        domain = getattr(pools[pool].domains, level)
        if domain is not None and pools[pool].free > 0:
            found.setdefault(domain, price)
    chosen = list(found.values())[:count]
    first = prices[0][0]
    if len(chosen) < count or any(
        cost[:_BEFORE_SPREAD] > first[:_BEFORE_SPREAD] for cost, _ in chosen
    ):
        return {}
    return {(number, pool): 1 for _, pool in chosen}


def _prices(station: eligibility.Station, number: int) -> list[_Price]:
    return [_price(station, number, pool) for pool in station.eligible[number]]


def _price(station: eligibility.Station, demand: int, pool: int) -> _Price:
    """Give what one device costs, as :class:`~.plan.Cost` sorts it."""
    profile, root, node, _, free, *_ = station.supply.pools[pool]
    place = station.placement
    distance = 0 if place is None else place.distance(node)
    is_avoided = profile.link is not None
    is_pf = profile.is_pf
    opened = is_pf or (profile.is_part and root in station.supply.shared)
    rarity = station.eligible[demand][pool]
    return (is_avoided, distance, opened, is_pf, rarity, free), pool
