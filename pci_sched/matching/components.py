# SPDX-License-Identifier: Apache-2.0
"""From a request on a host to the small problems that it falls into."""

from pci_sched.matching import bins, eligibility
from pci_sched.matching import component as pci_component
from pci_sched.matching import layout as pci_layout
from pci_sched.matching import weights as pci_weights
from pci_sched.model import request as pci_request


def split(
    layout: pci_layout.Layout, weights: pci_weights.Weights
) -> list[pci_component.Component]:
    """Split a request on a host into problems of their own.

    :param layout: Who wants what.
    :param weights: What things cost.
    :returns: In the order of their first demands.
    """
    spreads = [
        _spread(layout.station, number, weights)
        for number in range(len(layout.station.demands))
    ]
    groups = _connect(layout, spreads)
    pools: dict[int, list[int]] = {first: [] for first in groups}
    home = {each: first for first, both in groups.items() for each in both}
    for pool in sorted(layout.users):
        pools[home[layout.users[pool][0]]].append(pool)
    return [
        bins.Builder(layout, weights, spreads).build(numbers, pools[first])
        for first, numbers in groups.items()
    ]


def _spread(
    station: eligibility.Station, number: int, weights: pci_weights.Weights
) -> pci_request.Spread | None:
    """Give the spread of a demand, if it makes a difference."""
    spread = station.demands[number].spread
    return spread if spread and (spread.hard or weights.spread) else None


class _Ties:
    """Which demands belong together, as a forest of leaders."""

    def __init__(self, size: int) -> None:
        self._leaders = list(range(size))
        self._first: dict[object, int] = {}

    def tie(self, what: object, number: int) -> None:
        """Tie a demand to all others that have the same to do with."""
        other = self._lead(self._first.setdefault(what, number))
        own = self._lead(number)
        self._leaders[max(own, other)] = min(own, other)

    def _lead(self, number: int) -> int:
        while self._leaders[number] != number:
            number = self._leaders[number]
        return number

    def groups(self) -> dict[int, list[int]]:
        """Give the demands that are tied, by the first of them."""
        groups: dict[int, list[int]] = {}
        for number in range(len(self._leaders)):
            groups.setdefault(self._lead(number), []).append(number)
        return groups


def _connect(
    layout: pci_layout.Layout, spreads: list[pci_request.Spread | None]
) -> dict[int, list[int]]:
    """Put demands together that share a pool, a PF or a spread group."""
    ties = _Ties(len(spreads))
    for pool, numbers in layout.users.items():
        root = layout.station.supply.pools[pool].root
        for number in numbers:
            ties.tie(root if root in layout.most else pool, number)
    for number, spread in enumerate(spreads):
        if spread is not None:
            ties.tie(("group", spread.group), number)
    return ties.groups()
