# SPDX-License-Identifier: Apache-2.0
"""Why a host cannot serve a request, as values."""

import dataclasses
from typing import NamedTuple

from pci_sched.matching import refusal_code, rules
from pci_sched.pools import supply as pool_supply


class Dropped(NamedTuple):
    """What one rule dropped that the rules before it had left."""

    code: refusal_code.RefusalCode
    pools: int
    devices: int


class NearMiss(NamedTuple):
    """Pools that fail a request on the same few points.

    :ivar free: Their free devices, in all.
    """

    misses: rules.Misses
    pools: tuple[pool_supply.SupplyPool, ...]
    free: int


@dataclasses.dataclass(frozen=True, slots=True)
class Starving:
    """One request that does not get what it wants.

    :ivar is_port: Whether the devices are for a port.
    :ivar code: Why not even alone; ``None`` if alone it could be served.
    :ivar wanted: How many devices it wants.
    :ivar free: How many devices would do for it.
    :ivar dropped: What each rule dropped, in the order of the rules.
    :ivar nearest: The pools that fail it on the fewest points; ``None`` if
        no pool fails it.
    """

    request_id: str
    is_port: bool
    code: refusal_code.RefusalCode | None
    wanted: int
    free: int
    dropped: tuple[Dropped, ...] = ()
    nearest: NearMiss | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A host that cannot serve a request, or of which nobody knows.

    :ivar code: The reason, in short.
    :ivar starving: The requests that cannot be served even alone; if there
        are none, those of the witness. Sorted by id.
    :ivar witness: The ids of requests that cannot be served together,
        sorted; the first of those that starve alone, if any does. Empty for a
        search that ended at its budget.
    :ivar pools: The pools that they compete for, in their order.
    :ivar is_minimal: Whether every request of the witness is needed: without
        it, the others can be served.
    :ivar nodes: How many nodes of the search were looked at to find out that
        there is no plan.
    """

    code: refusal_code.RefusalCode
    starving: tuple[Starving, ...] = ()
    witness: tuple[str, ...] = ()
    pools: tuple[pool_supply.SupplyPool, ...] = ()
    is_minimal: bool = True
    nodes: int = 0
