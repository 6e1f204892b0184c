# SPDX-License-Identifier: Apache-2.0
"""Demands that compete with one another, and the pools they compete for."""

from collections.abc import Mapping
import dataclasses
from typing import NamedTuple

from pci_sched.model import request as pci_request
from pci_sched.pools import domains as pool_domains


class Run(NamedTuple):
    """Some devices of a pool that cost the same; *cost* of each."""

    cost: int
    devices: int
    pool: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Bin:
    """Pools that differ in nothing but what a device costs.

    :ivar runs: The cheapest first; no more devices than are wanted.
    :ivar capacity: How many devices the runs have.
    :ivar costs: What a device costs for each demand that it may serve.
    :ivar root: The number of the shared PF they belong to; -1 for none.
    :ivar whole: Whether they are that PF, and not its children.
    :ivar domains: ``None`` where nothing is spread.
    """

    runs: tuple[Run, ...]
    capacity: int
    costs: Mapping[int, int]
    root: int = -1
    whole: bool = False
    domains: pool_domains.FaultDomains | None = None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Root:
    """A PF that can be given away whole or in parts.

    :ivar charge: What it costs to give away a part.
    :ivar most: The most parts that could be wanted.
    :ivar kind: Roots of one kind may be swapped for one another, as far as
        nothing is decided about them.
    :ivar address: Of the PF.
    """

    charge: int
    most: int
    kind: tuple[object, ...]
    address: str


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Want:
    """A demand within a component; *number* is its number in the station."""

    number: int
    count: int
    spread: pci_request.Spread | None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One problem that has nothing in common with the others.

    :ivar sharing: The weight of a device that shares its domain.
    """

    wants: tuple[Want, ...]
    bins: tuple[Bin, ...]
    roots: tuple[Root, ...]
    sharing: int = 0

    @property
    def is_simple(self) -> bool:
        """Whether one demand takes the cheapest devices and that is all."""
        return (
            len(self.wants) == 1
            and self.wants[0].spread is None
            and not self.roots
        )
