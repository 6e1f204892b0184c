# SPDX-License-Identifier: Apache-2.0
"""The questions that need no search: most of those that a scheduler asks."""

from collections.abc import Iterable

from pci_sched.matching import demand as pci_demand
from pci_sched.matching import eligibility
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
