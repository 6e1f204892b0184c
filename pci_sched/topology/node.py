# SPDX-License-Identifier: Apache-2.0
"""The nodes of a host's graph."""

import enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pci_sched import exception
from pci_sched.model import address as pci_address

if TYPE_CHECKING:
    import networkx

#: A host as a graph; each node carries its value of the model.
Graph: TypeAlias = "networkx.DiGraph[Node]"

#: The attribute of a graph's node that holds the value of the model: a
#: Device, Bridge, NumaNode or NetDev; ``None`` where the host only names it.
MODEL = "model"


class NodeKind(enum.StrEnum):
    """What a node stands for; bridges are spelled as ``BridgeKind``."""

    NUMA_NODE = "numa-node"
    ROOT_COMPLEX = "root-complex"
    ROOT_PORT = "root-port"
    SWITCH_UPSTREAM = "switch-upstream"
    SWITCH_DOWNSTREAM = "switch-downstream"
    PCIE_TO_PCI = "pcie-to-pci"
    BRIDGE = "bridge"
    FUNCTION = "function"
    NETDEV = "netdev"
    PHYSICAL_NETWORK = "physical-network"


class Node(NamedTuple):
    """One node; equal nodes are the same thing of the host.

    The name is an address as the kernel writes it for bridges and
    functions, the number of a NUMA node, ``pci0000:40`` of a root complex,
    the function's address and a position for a network device (names of
    those change), and the name of a physical network.
    """

    kind: NodeKind
    name: str

    @classmethod
    def function(cls, address: pci_address.PciAddress) -> "Node":
        """Name the node of the function at an address."""
        return cls(NodeKind.FUNCTION, str(address))

    @classmethod
    def numa(cls, number: int) -> "Node":
        """Name the node of a NUMA node by its number."""
        return cls(NodeKind.NUMA_NODE, str(number))

    @property
    def order(self) -> tuple[int, tuple[int, ...], str]:
        """Where the node stands among its siblings: numbers first."""
        if self.kind is NodeKind.NUMA_NODE:
            return (0, (int(self.name),), "")
        try:
            return (1, pci_address.PciAddress.parse(self.name), "")
        except exception.AddressInvalid:
            return (2, (), self.name)
