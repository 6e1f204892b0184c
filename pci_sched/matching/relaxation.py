# SPDX-License-Identifier: Apache-2.0
"""One node of the search: a flow problem that forgets the hard parts.

The flow knows pools, counts, what is decided so far, and for each demand
alone that its devices are spread. It forgets that an undecided PF cannot be
given away both whole and in parts, that breaking a PF costs as much for one
part as for many, and that demands of one group are spread together, too. So
it never costs more than the cheapest plan, and where it forgot nothing that
matters it is that plan.
"""

import collections
from collections.abc import Mapping
import dataclasses
import enum
from typing import NamedTuple

from pci_sched.matching import component as pci_component
from pci_sched.matching import flow


class Mode(enum.IntEnum):
    """What is decided about a shared PF."""

    UNDECIDED = 0
    #: No part of it is given away.
    WHOLE = 1
    #: It is not given away whole; its charge is paid.
    SPLIT = 2


class Spot(NamedTuple):
    """A fault domain, as one spread group sees it."""

    group: str
    domain: str


class State(NamedTuple):
    """What is decided at a node.

    :ivar modes: For each root.
    :ivar owners: Which demand may have the one place at a spot; a dict that
        nobody changes.
    """

    modes: tuple[Mode, ...]
    owners: Mapping[Spot, int]


@dataclasses.dataclass(slots=True)
class Relaxation:
    """The cheapest flow of a node.

    :ivar bound: What it costs as the flow counts.
    :ivar used: How many devices of which bin serve which demand.
    :ivar spots: How many devices of each demand are at each spot.
    """

    bound: int
    used: dict[tuple[int, int], int]
    spots: dict[Spot, dict[int, int]]


def is_open(each: pci_component.Bin, state: State) -> bool:
    """Tell whether what is decided lets a bin serve."""
    if each.root < 0:
        return True
    mode = state.modes[each.root]
    return mode is Mode.UNDECIDED or each.whole is (mode is Mode.WHOLE)


def domain_of(want: pci_component.Want, each: pci_component.Bin) -> str | None:
    """Name the fault domain that a bin is in, as a demand sees it."""
    if want.spread is None or each.domains is None:
        return None
    name: str | None = getattr(each.domains, want.spread.level)
    return name


class _Gate(NamedTuple):
    """The arcs by which a demand reaches a spot."""

    spot: Spot
    demand: int
    arcs: tuple[int, ...]


class _Builder:
    """Builds the network of one node."""

    def __init__(
        self, component: pci_component.Component, state: State
    ) -> None:
        self._component = component
        self._state = state
        self._network = flow.Network()
        self._uses: list[tuple[int, int, int]] = []
        self._gates: list[_Gate] = []

    def solve(self) -> Relaxation | None:
        """Send the flow; ``None`` if it cannot serve every demand."""
        bins = {
            number: self._add_bin(each)
            for number, each in enumerate(self._component.bins)
            if is_open(each, self._state)
        }
        for want in self._component.wants:
            self._add_want(want, bins)
        wanted = sum([want.count for want in self._component.wants])
        sent, cost = self._network.send(wanted)
        if sent < wanted:
            return None
        paid = sum(
            root.charge
            for root, mode in zip(
                self._component.roots, self._state.modes, strict=True
            )
            if mode is Mode.SPLIT
        )
        return Relaxation(cost + paid, self._read_uses(), self._read_gates())

    def _add_bin(self, each: pci_component.Bin) -> int:
        node = self._network.add_node()
        share = 0
        if each.root >= 0 and not each.whole:
            root = self._component.roots[each.root]
            if self._state.modes[each.root] is Mode.UNDECIDED:
                share = root.charge // root.most
        for run in each.runs:
            self._network.add_arc(
                node, flow.SINK, run.devices, run.cost + share
            )
        return node

    def _add_want(
        self, want: pci_component.Want, bins: Mapping[int, int]
    ) -> None:
        network, number = self._network, want.number
        node = network.add_node()
        network.add_arc(flow.SOURCE, node, want.count, 0)
        gates: dict[str, int | None] = {}
        for index, target in bins.items():
            each = self._component.bins[index]
            cost = each.costs.get(number)
            if cost is None:
                continue
            tail: int | None = node
            domain = domain_of(want, each)
            if want.spread is not None and domain is not None:
                if domain not in gates:
                    spot = Spot(want.spread.group, domain)
                    hard = want.spread.hard
                    gates[domain] = self._add_gate(want, node, spot, hard=hard)
                tail = gates[domain]
            if tail is not None:
                arc = network.add_arc(tail, target, want.count, cost)
                self._uses.append((number, index, arc))

    def _add_gate(
        self, want: pci_component.Want, node: int, spot: Spot, *, hard: bool
    ) -> int | None:
        """Add the way into a domain; ``None`` if it is closed."""
        owner = self._state.owners.get(spot, want.number)
        is_owner = owner == want.number
        if hard and not is_owner:
            return None
        gate = self._network.add_node()
        arcs = []
        if is_owner:
            arcs.append(self._network.add_arc(node, gate, 1, 0))
        if not hard:
            cost = self._component.sharing
            arcs.append(self._network.add_arc(node, gate, want.count, cost))
        self._gates.append(_Gate(spot, want.number, tuple(arcs)))
        return gate

    def _read_uses(self) -> dict[tuple[int, int], int]:
        flows = {
            (number, index): self._network.flow_on(arc)
            for number, index, arc in self._uses
        }
        return {key: count for key, count in flows.items() if count}

    def _read_gates(self) -> dict[Spot, dict[int, int]]:
        found: dict[Spot, dict[int, int]] = collections.defaultdict(dict)
        for gate in self._gates:
            count = sum([self._network.flow_on(arc) for arc in gate.arcs])
            if count:
                found[gate.spot][gate.demand] = count
        return found


def relax(
    component: pci_component.Component, state: State
) -> Relaxation | None:
    """Solve the flow problem of a node.

    :param component: The problem.
    :param state: What is decided.
    :returns: The cheapest flow; ``None`` if there is none, and so no plan.
    """
    return _Builder(component, state).solve()
