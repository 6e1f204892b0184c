# SPDX-License-Identifier: Apache-2.0
"""How near a device is to a guest's cells.

Nova takes the devices of the strictest policy first and the wider ones only
if those are too few (``nova.pci.stats.PciDeviceStats.
_filter_pools_for_numa_cells``). Here a policy says which devices will do at
all, and nearness is a matter of cost.
"""

from collections.abc import Collection, Iterable
import dataclasses
import itertools

from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_Policy = pci_request.NumaPolicy

#: The cost of a device on the guest's cells, of one whose node is not known
#: or on the same socket, and of one elsewhere.
LOCAL, NEAR, FAR = 0, 1, 2


@dataclasses.dataclass(frozen=True, slots=True)
class Placement:
    """Host cells that a guest's cells sit on; at least one.

    :ivar near: The NUMA nodes on the sockets of the cells; empty if a host
        cell has no socket, as nothing is known of sockets then.
    """

    cells: frozenset[int]
    near: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, cells: Iterable[int], numa: Collection[pci_host.NumaNode]
    ) -> "Placement":
        """Work out what is near.

        :param cells: The host cells of the guest.
        :param numa: All NUMA nodes of the host.
        :returns: The placement.
        """
        own = frozenset(cells)
        if any(node.socket is None for node in numa):
            return cls(own)
        sockets = {node.socket for node in numa if node.node in own}
        return cls(
            own,
            frozenset(node.node for node in numa if node.socket in sockets),
        )

    def allows(self, policy: pci_request.NumaPolicy, node: int | None) -> bool:
        """Tell whether a device on a node will do for a policy."""
        if policy is _Policy.PREFERRED or node in self.cells:
            return True
        if policy is _Policy.LEGACY:
            return node is None
        return policy is _Policy.SOCKET and node in self.near

    def distance(self, node: int | None) -> int:
        """Say how far a device on a node is from the cells."""
        if node in self.cells:
            return LOCAL
        return NEAR if node is None or node in self.near else FAR


def placements(
    request: pci_request.InstanceRequest,
    numa: tuple[pci_host.NumaNode, ...],
    nodes: Iterable[int | None],
) -> tuple[Placement | None, ...]:
    """List the placements that make a difference to some devices.

    More cells never make anything worse, so a guest with more cells than the
    host has is taken to sit on all of them; whether that is possible is not
    asked here. Which cells without devices on or near them are chosen makes
    no difference, and of placements that serve the same devices one is kept.

    :param request: Of the instance.
    :param numa: The host's NUMA nodes; if not known, every node that a
        device is on may be a cell.
    :param nodes: The NUMA nodes of the devices in question.
    :returns: At least one; ``None`` is a guest without a NUMA topology.
    """
    if request.numa_cells is not None:
        if not request.numa_cells:
            return (None,)
        return (Placement.of(request.numa_cells, numa),)
    if request.guest_cells < 1:
        return (None,)
    known = {node for node in nodes if node is not None}
    cells = [node.node for node in numa] or sorted(known)
    useful = [
        cell for cell in cells if known & _reach(Placement.of((cell,), numa))
    ] or cells
    if not useful:
        return (Placement(frozenset()),)
    size = min(request.guest_cells, len(useful))
    others = [cell for cell in cells if cell not in useful]
    others = others[: request.guest_cells - size]
    found: dict[tuple[frozenset[int], frozenset[int]], Placement] = {}
    for chosen in itertools.combinations(useful, size):
        placement = Placement.of((*chosen, *others), numa)
        serves = (placement.cells & known, placement.near & known)
        found.setdefault(serves, placement)
    return tuple(found.values())


def _reach(placement: Placement) -> frozenset[int]:
    return placement.cells | placement.near
