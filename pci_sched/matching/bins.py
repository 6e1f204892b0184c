# SPDX-License-Identifier: Apache-2.0
"""Pools merged into bins, so that a problem is no larger than it must be."""

from collections.abc import Mapping

from pci_sched.matching import component as pci_component
from pci_sched.matching import layout as pci_layout
from pci_sched.matching import weights as pci_weights
from pci_sched.model import request as pci_request


class Builder:
    """Builds one component out of demands and pools."""

    def __init__(
        self,
        layout: pci_layout.Layout,
        weights: pci_weights.Weights,
        spreads: list[pci_request.Spread | None],
    ) -> None:
        self._layout = layout
        self._weights = weights
        self._spreads = spreads
        self._levels: set[pci_request.SpreadLevel] = set()

    def build(
        self, numbers: list[int], pools: list[int]
    ) -> pci_component.Component:
        """Merge the pools into bins and collect the roots.

        :param numbers: The demands.
        :param pools: The pools that any of them may use.
        :returns: The component.
        """
        demands = self._layout.station.demands
        wants = tuple(
            pci_component.Want(
                number, demands[number].count, self._spreads[number]
            )
            for number in numbers
        )
        self._levels = {want.spread.level for want in wants if want.spread}
        addresses = self._roots_of(pools)
        bins = self._merge(
            pools, {each: n for n, each in enumerate(addresses)}
        )
        members: dict[int, list[pci_component.Bin]] = {}
        for each in bins:
            members.setdefault(each.root, []).append(each)
        roots = tuple(
            pci_component.Root(
                self._weights.opened,
                self._layout.most[address],
                tuple([self._kind(each) for each in members[number]]),
                address,
            )
            for number, address in enumerate(addresses)
        )
        return pci_component.Component(
            wants, bins, roots, self._weights.spread
        )

    def _roots_of(self, pools: list[int]) -> list[str]:
        supply = self._layout.station.supply
        found = {supply.pools[pool].root or "" for pool in pools}
        return sorted(found.intersection(self._layout.most))

    def _merge(
        self, pools: list[int], roots: Mapping[str | None, int]
    ) -> tuple[pci_component.Bin, ...]:
        """Put pools together that nothing tells apart but their fill."""
        merged: dict[tuple[object, ...], list[int]] = {}
        costs = {}
        for number in pools:
            pool = self._layout.station.supply.pools[number]
            costs[number] = self._costs(number)
            key = (
                roots.get(pool.root, -1),
                pool.profile.is_pf,
                pool.domains if self._levels else None,
                tuple(costs[number].items()),
            )
            merged.setdefault(key, []).append(number)
        return tuple(
            self._bin(members, costs[members[0]], roots)
            for members in merged.values()
        )

    def _bin(
        self,
        members: list[int],
        costs: Mapping[int, int],
        roots: Mapping[str | None, int],
    ) -> pci_component.Bin:
        first = self._layout.station.supply.pools[members[0]]
        runs = self._runs(members)
        return pci_component.Bin(
            runs,
            sum([run.devices for run in runs]),
            costs,
            roots.get(first.root, -1),
            first.profile.is_pf,
            first.domains if self._levels else None,
        )

    def _costs(self, pool: int) -> dict[int, int]:
        users = self._layout.users[pool]
        if not self._weights.fill:
            return dict.fromkeys(users, 0)
        station = self._layout.station
        return {
            number: pci_weights.unit_cost(station, self._weights, number, pool)
            for number in users
        }

    def _runs(self, pools: list[int]) -> tuple[pci_component.Run, ...]:
        """List the devices of some pools, the cheapest first."""
        station = self._layout.station
        wanted = pci_layout.count(station, self._layout.users[pools[0]])
        if len(pools) == 1 and wanted and self._weights.level is None:
            free = station.supply.pools[pools[0]].free
            cost = free if self._weights.fill else 0
            return (pci_component.Run(cost, min(free, wanted), pools[0]),)
        runs = []
        for number in pools:
            free = station.supply.pools[number].free
            count = min(free, wanted)
            if not self._weights.fill:
                runs.append(pci_component.Run(0, count, number))
            elif self._weights.level is None:
                runs.append(pci_component.Run(free, count, number))
            else:
                base = self._weights.level - free
                runs += [
                    pci_component.Run(base + served, 1, number)
                    for served in range(count)
                ]
        return _cheapest(sorted(runs), wanted)

    def _kind(self, each: pci_component.Bin) -> tuple[object, ...]:
        """Tell what two roots must have in common to be swapped.

        The PF itself is the fault domain of the level ``pf``; swapping two
        PFs swaps these as well. Other domains must be the same.
        """
        others: tuple[object, ...] = ()
        if self._levels:
            levels = sorted(self._levels - {pci_request.SpreadLevel.PF})
            others = tuple(
                None if each.domains is None else getattr(each.domains, level)
                for level in levels
            )
        runs = tuple([(run.cost, run.devices) for run in each.runs])
        return each.whole, tuple(each.costs.items()), runs, others


def _cheapest(
    runs: list[pci_component.Run], wanted: int
) -> tuple[pci_component.Run, ...]:
    """Keep as many devices as could be wanted."""
    kept = []
    for run in runs:
        if wanted <= 0:
            break
        kept.append(run._replace(devices=min(run.devices, wanted)))
        wanted -= run.devices
    return tuple(kept)
