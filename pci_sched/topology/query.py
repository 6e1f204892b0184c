# SPDX-License-Identifier: Apache-2.0
"""Questions to a host's graph; an address it does not have has no answer."""

import itertools

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.topology import node as pci_node


def device_at(
    graph: pci_node.Graph, address: pci_address.PciAddress
) -> pci_device.Device | None:
    """Give the function at an address, ``None`` if there is none."""
    node = pci_node.Node.function(address)
    if node not in graph:
        return None
    device = graph.nodes[node][pci_node.MODEL]
    return device if isinstance(device, pci_device.Device) else None


def parent_of(
    graph: pci_node.Graph, node: pci_node.Node
) -> pci_node.Node | None:
    """Give the one thing a node is drawn below.

    This is its parent on the PCI side; a NUMA node only if there is none.

    :param graph: Of the host.
    :param node: A node of it.
    :returns: ``None`` for the top of a tree, and for physical networks.
    """
    if node.kind is pci_node.NodeKind.PHYSICAL_NETWORK:
        return None
    numa = None
    for above in graph.predecessors(node):
        if above.kind is not pci_node.NodeKind.NUMA_NODE:
            return above
        numa = above
    return numa


def children_of(
    graph: pci_node.Graph, node: pci_node.Node
) -> tuple[pci_node.Node, ...]:
    """Give the nodes drawn below one, in the order of their addresses."""
    return tuple(
        sorted(
            (
                below
                for below in graph.successors(node)
                if parent_of(graph, below) == node
            ),
            key=lambda below: below.order,
        )
    )


def tops_of(graph: pci_node.Graph) -> tuple[pci_node.Node, ...]:
    """Give the tops of the trees, NUMA nodes first; no physical networks."""
    return tuple(
        sorted(
            (
                node
                for node in graph
                if not graph.in_degree(node)
                and node.kind is not pci_node.NodeKind.PHYSICAL_NETWORK
            ),
            key=lambda node: node.order,
        )
    )


def pf_of(
    graph: pci_node.Graph, address: pci_address.PciAddress
) -> pci_device.Device | None:
    """Give the physical function of a VF or vdpa device.

    :param graph: Of the host.
    :param address: Of the VF.
    :returns: ``None`` for any other function, and where the host does not
        show the physical function.
    """
    device = device_at(graph, address)
    if device is None or not device.dev_type.is_child:
        return None
    above = parent_of(graph, pci_node.Node.function(address))
    if above != pci_node.Node.function(device.root):
        return None
    return device_at(graph, device.root)


def vfs_of(
    graph: pci_node.Graph, address: pci_address.PciAddress
) -> tuple[pci_device.Device, ...]:
    """Give the VFs and vdpa devices of a physical function.

    :param graph: Of the host.
    :param address: Of the physical function.
    :returns: By their number within it, then by address.
    """
    node = pci_node.Node.function(address)
    if node not in graph:
        return ()
    found = (graph.nodes[below][pci_node.MODEL] for below in graph[node])
    return tuple(
        sorted(
            (
                device
                for device in found
                if isinstance(device, pci_device.Device)
                and device.dev_type.is_child
                and device.root == address
            ),
            key=vf_order,
        )
    )


def vf_order(device: pci_device.Device) -> tuple[bool, int, tuple[int, ...]]:
    """Order VFs by number, those without one last, by address."""
    index = device.vf_index
    return (index is None, index or 0, device.address)


def path_to_root(
    graph: pci_node.Graph, address: pci_address.PciAddress
) -> tuple[pci_node.Node, ...]:
    """Give the way up from a function to its root complex.

    :param graph: Of the host.
    :param address: Of any function.
    :returns: The function itself, a VF's physical function, the ports from
        the nearest on, the root complex; it ends earlier where the host does
        not say more. NUMA nodes are no part of it. Behind a controller with
        buses of its own (VMD) it goes through the controller to the outer
        root complex. Empty if the host has no such function.
    """
    start = pci_node.Node.function(address)
    if start not in graph:
        return ()

    way = [start]
    while above := parent_of(graph, way[-1]):
        way.append(above)
    return tuple(
        itertools.takewhile(
            lambda node: node.kind is not pci_node.NodeKind.NUMA_NODE, way
        )
    )
