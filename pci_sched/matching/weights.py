# SPDX-License-Identifier: Apache-2.0
"""How the parts of a cost become one integer, the first counting most."""

import math
from typing import NamedTuple

from pci_sched.matching import eligibility
from pci_sched.matching import numa as pci_numa
from pci_sched.matching import options as pci_options


class Weights(NamedTuple):
    """What one of each part of :class:`~.plan.Cost` weighs.

    The weights are so far apart that no sum of a lesser part outweighs one of
    the greater. All are 0 where only yes or no is asked.

    :ivar level: The free devices of the largest pool, from which spreading
        counts; ``None`` to pack.
    """

    avoided: int = 0
    numa_distance: int = 0
    spread: int = 0
    opened: int = 0
    taken: int = 0
    rarity: int = 0
    fill: int = 0
    level: int | None = None


#: No difference between plans.
NONE = Weights()


def weigh(
    station: eligibility.Station,
    fill: pci_options.Fill,
    shares: frozenset[int],
) -> Weights:
    """Choose weights for a request on a host.

    :param station: The request on the host.
    :param fill: Whether to pack or to spread.
    :param shares: By which numbers the weight of an opened PF must be
        divisible.
    :returns: Powers of the number of devices wanted, about.
    """
    wanted = sum(demand.count for demand in station.demands)
    largest = max((pool.free for pool in station.supply.pools), default=0)
    rarest = max(
        (max(each.values(), default=0) for each in station.eligible),
        default=0,
    )
    rarity = 1 + wanted * (largest + wanted)
    taken = rarity * (1 + wanted * rarest)
    opened = taken * (1 + wanted) * math.lcm(*shares)
    spread = opened * (1 + wanted)
    numa_distance = spread * (1 + wanted)
    return Weights(
        numa_distance * (1 + pci_numa.FAR * wanted),
        numa_distance,
        spread,
        opened,
        taken,
        rarity,
        1,
        largest if fill is pci_options.Fill.SPREAD else None,
    )


def unit_cost(
    station: eligibility.Station, weights: Weights, demand: int, pool: int
) -> int:
    """Weigh a device of a pool for a demand, whatever else is served.

    :param station: The request on the host.
    :param weights: The weights.
    :param demand: The number of the demand.
    :param pool: The number of the pool.
    :returns: At least 0.
    """
    what = station.supply.pools[pool]
    cost = weights.rarity * station.eligible[demand][pool]
    if what.profile.link is not None:
        cost += weights.avoided
    if what.profile.is_pf:
        cost += weights.opened + weights.taken
    spread = station.demands[demand].spread
    if spread and getattr(what.domains, spread.level) is None:
        cost += weights.spread
    if station.placement is not None:
        distance = station.placement.distance(what.numa_node)
        cost += weights.numa_distance * (distance - pci_numa.LOCAL)
    return cost
