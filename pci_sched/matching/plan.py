# SPDX-License-Identifier: Apache-2.0
"""What serves a request."""

import dataclasses
from typing import NamedTuple

from pci_sched.model import address as pci_address
from pci_sched.pools import supply as pool_supply


class Cost(NamedTuple):
    """How good a plan is; less is better, and the first number counts most.

    :ivar avoided: The devices whose link is bad; they are chosen last.
    :ivar numa_distance: 0 for each device on a NUMA node of the guest's
        cells, 1 on an unknown node or on the same socket, 2 elsewhere.
    :ivar spread: For each soft spread group, the devices that share their
        fault domain with an earlier one, or whose domain is not known.
    :ivar opened: The whole PFs that are whole no more: given away, or
        broken by giving away a child.
    :ivar taken: Those of them that are given away.
    :ivar rarity: For each device, its tags that do not say no and that the
        request did not name.
    :ivar fill: To pack: for each device, the free devices of its pool. To
        spread: the devices that its pool has less than the largest one,
        those served before it included.
    """

    avoided: int = 0
    numa_distance: int = 0
    spread: int = 0
    opened: int = 0
    taken: int = 0
    rarity: int = 0
    fill: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Serving:
    """What one pool gives to one request.

    :ivar addresses: Which devices; ``None`` where only counts are known.
    """

    request_id: str
    pool: pool_supply.SupplyPool
    count: int
    addresses: tuple[pci_address.PciAddress, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A way to serve every request of an instance.

    :ivar servings: Sorted by request, then in the order of the pools.
    :ivar cells: The host cells that the guest's cells are taken to sit on;
        ``None`` if that makes no difference.
    :ivar best: Whether no plan costs less; else the node budget ended before
        that was sure.
    :ivar nodes: How many nodes of the search were looked at.
    """

    servings: tuple[Serving, ...]
    cost: Cost
    cells: frozenset[int] | None = None
    best: bool = True
    nodes: int = 0
