# SPDX-License-Identifier: Apache-2.0
"""From a host to its graph: who sits below whom.

Edges lead from parent to child: NUMA node, root complex, ports, physical
function, virtual function; and from a function to its network devices and
to the physical network of its tag. The graph never has a cycle, and it says
less rather than something wrong:

* A function's ports are those its path names. A port that the host does not
  describe is a ``bridge``; a path that is not known leaves the function
  without a root complex.
* Where two paths disagree about what is above a port, or go in a circle,
  nothing is above it.
* A virtual function hangs on its physical function; where the host does not
  show that one, on the port of its own path. Nothing hangs on it.
* A root complex belongs to a NUMA node if all its functions say so. If they
  name several, or some say nothing, each function hangs on its own NUMA
  node instead, beside its port.
"""

import collections
from collections.abc import Iterator
import itertools

import networkx

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.topology import node as pci_node

#: Host bridges and other parts of the chipset: some report a NUMA node that
#: is not the one of the slots beside them (AMD northbridges, for one).
_CHIPSET_CLASS = "06"


def build(host: pci_host.Host) -> pci_node.Graph:
    """Draw the graph of one host; linear in its functions.

    :param host: In any order; only the addresses must be unique.
    :returns: A directed acyclic graph of :class:`~.node.Node`.
    """
    graph: pci_node.Graph = networkx.DiGraph()
    known = _add_known(graph, host)
    _add_tree(graph, host, known)
    _add_numa(graph, host)
    for device in host.devices:
        _add_network(graph, device)
    return graph


def _add_known(
    graph: pci_node.Graph, host: pci_host.Host
) -> dict[str, pci_node.Node]:
    """Add what the host describes; return it by the name a path uses."""
    models: dict[pci_node.Node, object] = {
        pci_node.Node.function(device.address): device
        for device in host.devices
    }
    for bridge in host.bridges:
        kind = pci_node.NodeKind(bridge.kind)
        models[pci_node.Node(kind, str(bridge.address))] = bridge
    for node, model in models.items():
        _put(graph, node, model)
    return {node.name: node for node in models}


def _add_tree(
    graph: pci_node.Graph,
    host: pci_host.Host,
    known: dict[str, pci_node.Node],
) -> None:
    """Give each port and function the one parent all paths agree on."""
    leaves = {
        pci_node.Node.function(device.address)
        for device in host.devices
        if device.dev_type.is_child
    }
    parents = collections.defaultdict(set)
    for chain in _chains(host, known):
        for above, below in itertools.pairwise(chain):
            if above not in leaves:
                parents[below].add(above)
    for below, claims in parents.items():
        for node in (below, *claims):
            _put(graph, node)
        if len(claims) == 1:
            graph.add_edge(claims.pop(), below)
    _cut_circles(graph)


def _cut_circles(graph: pci_node.Graph) -> None:
    """Drop what is said of nodes that would be above themselves."""
    graph.remove_edges_from(list(networkx.selfloop_edges(graph)))
    for circle in list(networkx.strongly_connected_components(graph)):
        graph.remove_edges_from(list(graph.subgraph(circle).edges))


def _chains(
    host: pci_host.Host, known: dict[str, pci_node.Node]
) -> Iterator[list[pci_node.Node]]:
    """Yield every path, top down, as the nodes it names."""
    devices = {device.address: device for device in host.devices}
    for bridge in host.bridges:
        yield [*_path(bridge.path, known), known[str(bridge.address)]]
    for device in host.devices:
        own = pci_node.Node.function(device.address)
        path = _path(device.path or (), known)
        if _has_pf(device, devices):
            yield path
            yield [pci_node.Node.function(device.root), own]
        else:
            yield [*path, own]


def _path(
    names: tuple[str, ...], known: dict[str, pci_node.Node]
) -> list[pci_node.Node]:
    """Turn the names of a path into nodes."""
    return [known.get(name) or _unknown(name) for name in names]


def _unknown(name: str) -> pci_node.Node:
    """Make the node of something that only a path names."""
    is_root = name.startswith("pci")
    kind = (
        pci_node.NodeKind.ROOT_COMPLEX if is_root else pci_node.NodeKind.BRIDGE
    )
    return pci_node.Node(kind, name)


def _has_pf(
    device: pci_device.Device,
    devices: dict[pci_address.PciAddress, pci_device.Device],
) -> bool:
    """Tell whether the host shows the function a VF belongs to."""
    pf = devices.get(device.root)
    return device.dev_type.is_child and not (
        pf is None or pf.dev_type.is_child
    )


def _add_numa(graph: pci_node.Graph, host: pci_host.Host) -> None:
    """Put root complexes, or single functions, below NUMA nodes."""
    tops = [node for node in graph if not graph.in_degree(node)]
    for numa in host.numa:
        _put(graph, pci_node.Node.numa(numa.node), numa)
    for top in tops:
        below = [top, *networkx.descendants(graph, top)]
        functions = [
            node for node in below if node.kind is pci_node.NodeKind.FUNCTION
        ]
        for number, node in _places(graph, top, functions):
            numa_node = pci_node.Node.numa(number)
            _put(graph, numa_node, pci_host.NumaNode(number))
            graph.add_edge(numa_node, node)


def _places(
    graph: pci_node.Graph,
    top: pci_node.Node,
    functions: list[pci_node.Node],
) -> list[tuple[int, pci_node.Node]]:
    """Say which nodes of one tree belong on which NUMA node.

    Virtual functions have no say: they sit on their physical function.
    """
    devices = {node: graph.nodes[node][pci_node.MODEL] for node in functions}
    heads = [
        (device.numa_node, node, (device.class_id or ""))
        for node, device in devices.items()
        if not any(above in devices for above in graph.predecessors(node))
    ]
    votes = {
        number
        for number, _, class_id in heads
        if not class_id.startswith(_CHIPSET_CLASS)
    }
    agreed = votes.pop() if len(votes) == 1 else None
    if top.kind is pci_node.NodeKind.ROOT_COMPLEX and agreed is not None:
        return [(agreed, top)]
    return [(number, node) for number, node, _ in heads if number is not None]


def _add_network(graph: pci_node.Graph, device: pci_device.Device) -> None:
    """Add a function's network devices and the network of its own tag."""
    own = pci_node.Node.function(device.address)
    for position, netdev in enumerate(device.netdevs or ()):
        port = pci_node.Node(
            pci_node.NodeKind.NETDEV, f"{device.address}/{position}"
        )
        _put(graph, port, netdev)
        graph.add_edge(own, port)
    name = device.physical_network
    if name is not None and device.assignable is not False:
        network = pci_node.Node(pci_node.NodeKind.PHYSICAL_NETWORK, name)
        _put(graph, network)
        graph.add_edge(own, network)


def _put(
    graph: pci_node.Graph, node: pci_node.Node, model: object = None
) -> None:
    """Add a node, unless it is there already."""
    if node not in graph:
        graph.add_node(node, **{pci_node.MODEL: model})
