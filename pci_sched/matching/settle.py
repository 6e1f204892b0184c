# SPDX-License-Identifier: Apache-2.0
"""From the flows of a station to who gets what, and what it costs."""

from collections.abc import Iterable, Mapping

from pci_sched.matching import component as pci_component
from pci_sched.matching import eligibility
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan

#: How many devices of a pool, by number, serve a demand, by number.
Shares = Mapping[tuple[int, int], int]


def shares(
    component: pci_component.Component, used: Mapping[tuple[int, int], int]
) -> dict[tuple[int, int], int]:
    """Say which pools the devices of the bins are of.

    :param component: The problem.
    :param used: Its plan.
    :returns: By demand and pool.
    """
    by_bin: dict[int, list[tuple[int, int]]] = {}
    for (demand, number), count in sorted(used.items()):
        by_bin.setdefault(number, []).append((demand, count))
    found: dict[tuple[int, int], int] = {}
    for number, demands in by_bin.items():
        runs = [[run.pool, run.devices] for run in component.bins[number].runs]
        runs.reverse()
        for demand, count in demands:
            left = count
            while left:
                pool, free = runs[-1]
                taken = min(left, free)
                key = (demand, pool)
                found[key] = found.get(key, 0) + taken
                left -= taken
                runs[-1][1] -= taken
                if not runs[-1][1]:
                    runs.pop()
    return found


def servings(
    station: eligibility.Station, found: Shares
) -> tuple[pci_plan.Serving, ...]:
    """Give the devices to the requests.

    Requests that are alike get devices in the order of their ids.

    :param station: The request on the host.
    :param found: The plan.
    :returns: Sorted by request, then in the order of the pools.
    """
    pools = station.supply.pools
    given: dict[tuple[str, int], int] = {}
    by_demand: dict[int, list[list[int]]] = {}
    for (demand, pool), count in sorted(found.items(), reverse=True):
        by_demand.setdefault(demand, []).append([pool, count])
    for demand, stock in by_demand.items():
        for member in station.demands[demand].members:
            left = member.wanted
            while left:
                pool, free = stock[-1]
                taken = min(left, free)
                key = (member.request_id, pool)
                given[key] = given.get(key, 0) + taken
                left -= taken
                stock[-1][1] -= taken
                if not stock[-1][1]:
                    stock.pop()
    served = [0] * len(pools)
    result = []
    for (request_id, number), count in sorted(given.items()):
        source = pools[number]
        start = served[number]
        served[number] += count
        chosen = source.addresses and source.addresses[start : served[number]]
        result.append(pci_plan.Serving(request_id, source, count, chosen))
    return tuple(result)


def cost(
    station: eligibility.Station, found: Shares, fill: pci_options.Fill
) -> pci_plan.Cost:
    """Say how good a plan is; does not look at how it was found.

    :param station: The request on the host.
    :param found: The plan.
    :param fill: Whether to pack or to spread.
    :returns: The cost.
    """
    pools = station.supply.pools
    avoided = distance = taken = rarity = 0
    used: dict[int, int] = {}
    for (demand, number), count in found.items():
        used[number] = used.get(number, 0) + count
        rarity += station.eligible[demand][number] * count
        if station.placement is not None:
            node = pools[number].numa_node
            distance += station.placement.distance(node) * count
        if pools[number].profile.link is not None:
            avoided += count
        if pools[number].profile.is_pf:
            taken += count
    return pci_plan.Cost(
        avoided,
        distance,
        _sharing(station, found),
        taken + _broken(station, used),
        taken,
        rarity,
        _fill(station, used, fill),
    )


def _broken(station: eligibility.Station, used: Iterable[int]) -> int:
    numbers = set(used)
    return sum(
        not numbers.isdisjoint(parts)
        for _, parts in station.supply.shared.values()
    )


def _sharing(station: eligibility.Station, found: Shares) -> int:
    """Count the devices that are not alone in their domain."""
    counts: dict[tuple[str, str], int] = {}
    unknown = 0
    for (demand, number), count in found.items():
        spread = station.demands[demand].spread
        if spread is not None and not spread.hard:
            domains = station.supply.pools[number].domains
            name = getattr(domains, spread.level)
            if name is None:
                unknown += count
            else:
                key = (spread.group, name)
                counts[key] = counts.get(key, 0) + count
    return unknown + sum(counts.values()) - len(counts)


def _fill(
    station: eligibility.Station,
    used: Mapping[int, int],
    fill: pci_options.Fill,
) -> int:
    pools = station.supply.pools
    if fill is pci_options.Fill.PACK:
        return sum(
            pools[number].free * count for number, count in used.items()
        )
    largest = max((pool.free for pool in pools), default=0)
    return sum(
        (largest - pools[number].free) * count + count * (count - 1) // 2
        for number, count in used.items()
    )
