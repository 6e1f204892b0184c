# SPDX-License-Identifier: Apache-2.0
"""Where a guest's cells may sit, and what is near them."""

import pytest

from pci_sched.matching import numa
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_NUMA = tuple(pci_host.NumaNode(node, node // 2) for node in range(4))
_Policy = pci_request.NumaPolicy


def _cells(
    guest_cells: int,
    nodes: set[int | None],
    host: tuple[pci_host.NumaNode, ...] = _NUMA,
) -> list[set[int]]:
    request = pci_request.InstanceRequest(
        numa_cells=None, guest_cells=guest_cells
    )
    found = numa.placements(request, host, nodes)
    return [set(each.cells) if each else set() for each in found]


def test_a_guest_without_cells_is_nowhere() -> None:
    """And so nothing is far from it."""
    request = pci_request.InstanceRequest()
    assert numa.placements(request, _NUMA, {0}) == (None,)
    assert _cells(0, {0}) == [set()]


def test_given_cells_are_one_placement() -> None:
    """Nothing is left to choose."""
    request = pci_request.InstanceRequest(numa_cells=frozenset({1}))
    (placement,) = numa.placements(request, _NUMA, {0, 3})
    assert placement is not None
    assert placement.cells == frozenset({1})
    assert placement.near == frozenset({0, 1})


@pytest.mark.parametrize(
    ("guest_cells", "nodes", "placements"),
    [
        (1, {0}, [{0}, {1}]),
        (1, {0, 3}, [{0}, {1}, {2}, {3}]),
        (2, {0}, [{0, 1}]),
        (3, {0}, [{0, 1, 2}]),
        (9, {0}, [{0, 1, 2, 3}]),
        (1, {None}, [{0}]),
    ],
)
def test_cells_that_make_no_difference_are_not_chosen_among(
    guest_cells: int, nodes: set[int | None], placements: list[set[int]]
) -> None:
    """The first of those that serve the same; more cells fill up."""
    assert _cells(guest_cells, nodes) == placements


def test_a_host_whose_nodes_nobody_knows() -> None:
    """Any node that a device is on may be a cell."""
    assert _cells(1, {2, 5, None}, ()) == [{2}, {5}]
    assert _cells(1, {None}, ()) == [set()]


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (_Policy.REQUIRED, [0]),
        (_Policy.LEGACY, [0, None]),
        (_Policy.SOCKET, [0, 1]),
        (_Policy.PREFERRED, [0, 1, 2, None]),
    ],
)
def test_what_a_policy_allows(
    policy: pci_request.NumaPolicy, allowed: list[int | None]
) -> None:
    """On cell 0, beside it on its socket, on the other socket, unknown."""
    placement = numa.Placement.of({0}, _NUMA)
    nodes = [0, 1, 2, None]
    assert [n for n in nodes if placement.allows(policy, n)] == allowed


def test_no_socket_is_known_if_one_is_not() -> None:
    """Then the policy allows what ``required`` does."""
    host = (*_NUMA, pci_host.NumaNode(9, None))
    placement = numa.Placement.of({0}, host)
    assert not placement.allows(_Policy.SOCKET, 1)
    assert placement.allows(_Policy.SOCKET, 0)
    assert [placement.distance(node) for node in (0, None, 1)] == [0, 1, 2]
