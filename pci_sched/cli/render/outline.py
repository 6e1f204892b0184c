# SPDX-License-Identifier: Apache-2.0
"""What of a host is worth showing, as a tree in order."""

from collections.abc import Iterator
import dataclasses

from pci_sched.cli.render import words
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import key as pool_key
from pci_sched.topology import node as pci_node
from pci_sched.topology import query

_PLACES = {
    pci_node.NodeKind.ROOT_COMPLEX: "root complex",
    pci_node.NodeKind.ROOT_PORT: "root port",
    pci_node.NodeKind.SWITCH_UPSTREAM: "switch upstream port",
    pci_node.NodeKind.SWITCH_DOWNSTREAM: "switch downstream port",
    pci_node.NodeKind.PCIE_TO_PCI: "PCIe-to-PCI bridge",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Branch:
    """One node that is shown, and what is shown below it."""

    node: pci_node.Node
    #: The value of the model; ``None`` where the host only names the node.
    model: object
    below: tuple["Branch", ...] = ()

    @property
    def place(self) -> str:
        """Name a root complex, port or bridge."""
        kind = _PLACES.get(self.node.kind, str(self.node.kind))
        return f"{kind} {words.plain(self.node.name)}"

    @property
    def device(self) -> pci_device.Device | None:
        """The function, if the node is one."""
        model = self.model
        return model if isinstance(model, pci_device.Device) else None

    @property
    def vfs(self) -> tuple[pci_device.Device, ...]:
        """The VFs and vdpa devices directly below, by number."""
        found = (branch.device for branch in self.below)
        return tuple(
            sorted(
                (each for each in found if each and each.dev_type.is_child),
                key=query.vf_order,
            )
        )

    @property
    def others(self) -> tuple["Branch", ...]:
        """What is directly below and no VF."""
        return tuple(
            branch
            for branch in self.below
            if branch.device is None or not branch.device.dev_type.is_child
        )

    def walk(self) -> Iterator["Branch"]:
        """Yield the branch itself and all below it."""
        yield self
        for branch in self.below:
            yield from branch.walk()


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """The part of a host that is on one NUMA node, or on none known."""

    title: str
    root: Branch
    #: Where each function has to say its NUMA node itself.
    mixed: bool = False
    numa_node: int | None = None

    def numa_word(self, device: pci_device.Device) -> str:
        """Name a function's NUMA node where the section does not."""
        number = device.numa_node
        if number == self.numa_node and not self.mixed:
            return ""
        return f"NUMA {'?' if number is None else number}"


def sections(
    graph: pci_node.Graph, *, show_all: bool = False
) -> tuple[Section, ...]:
    """Choose what is shown of a host.

    Left out are plain functions that nobody would pass through, and ports
    and NUMA nodes with nothing below.

    :param graph: Of the host.
    :param show_all: If true, nothing is left out.
    :returns: By NUMA node, then what has none, then what has several.
    """
    tops = [
        branch
        for top in query.tops_of(graph)
        if (branch := _grow(graph, top, show_all=show_all)) is not None
    ]
    result = [
        _numa_section(top)
        for top in tops
        if top.node.kind is pci_node.NodeKind.NUMA_NODE
    ]
    rest = [
        top for top in tops if top.node.kind is not pci_node.NodeKind.NUMA_NODE
    ]
    unknown = tuple(top for top in rest if not _says_numa(top))
    mixed = tuple(top for top in rest if _says_numa(top))
    if unknown:
        result.append(_loose("NUMA node not known", unknown))
    if mixed:
        section = _loose("NUMA nodes differ", mixed)
        result.append(dataclasses.replace(section, mixed=True))
    return tuple(result)


def _grow(
    graph: pci_node.Graph, node: pci_node.Node, *, show_all: bool
) -> Branch | None:
    if node.kind is pci_node.NodeKind.NETDEV:
        return None
    below = tuple(
        branch
        for each in query.children_of(graph, node)
        if (branch := _grow(graph, each, show_all=show_all)) is not None
    )
    branch = Branch(node, graph.nodes[node][pci_node.MODEL], below)
    device = branch.device
    shown = show_all or below or (device is not None and _is_shown(device))
    return branch if shown else None


def _is_shown(device: pci_device.Device) -> bool:
    is_plain = device.dev_type is pci_device.DevType.PCI
    return not is_plain or pool_key.is_poolable(device)


def _says_numa(top: Branch) -> bool:
    return any(
        branch.device is not None and branch.device.numa_node is not None
        for branch in top.walk()
    )


def _numa_section(top: Branch) -> Section:
    title = f"NUMA node {top.node.name}"
    numa = top.model
    if isinstance(numa, pci_host.NumaNode) and numa.socket is not None:
        title = f"{title} (socket {numa.socket})"
    return Section(title, top, numa_node=int(top.node.name))


def _loose(title: str, below: tuple[Branch, ...]) -> Section:
    nowhere = pci_node.Node(pci_node.NodeKind.NUMA_NODE, "-1")
    return Section(title, Branch(nowhere, None, below))
