# SPDX-License-Identifier: Apache-2.0
"""One host: its functions, bridges, NUMA nodes and L2 agents."""

from collections.abc import Mapping
import dataclasses
import enum

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request


class BridgeKind(enum.StrEnum):
    """What a bridge on the path to a function is, in the PCIe words.

    ``bridge`` is one whose kind is not known, or conventional PCI.
    """

    ROOT_PORT = "root-port"
    UPSTREAM = "switch-upstream"
    DOWNSTREAM = "switch-downstream"
    PCIE_TO_PCI = "pcie-to-pci"
    BRIDGE = "bridge"


@dataclasses.dataclass(frozen=True, slots=True)
class Bridge:
    """One bridge; functions name it in their path."""

    address: pci_address.PciAddress
    kind: BridgeKind
    vendor_id: str | None = None
    product_id: str | None = None
    #: From the root complex to the bridge above, as in a device.
    path: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class NumaNode:
    """One NUMA node and the socket its processors sit on, if known."""

    node: int
    socket: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class L2Agent:
    """One Neutron agent of a host, as Neutron's agent list has it."""

    agent_type: str
    alive: bool
    admin_state_up: bool = True
    configurations: Mapping[str, object] = dataclasses.field(
        default_factory=dict
    )


@dataclasses.dataclass(frozen=True, slots=True, weakref_slot=True)
class L2Facts:
    """What a host can bind.

    :ivar agents: Its agents; ``None`` if nobody knows, which refuses nothing.
    :ivar vnic_types: The only kinds of port that the operator wants there;
        ``None`` for no such limit.
    """

    agents: tuple[L2Agent, ...] | None = None
    vnic_types: frozenset[pci_request.VnicType] | None = None


#: Of a host that nobody says anything about.
NOTHING_KNOWN = L2Facts()


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """Everything known of one host.

    :ivar name: The host's name.
    :ivar devices: Every PCI function except bridges, sorted by address.
    :ivar bridges: The bridges, sorted by address.
    :ivar numa: The NUMA nodes, sorted by number; empty if not known.
    :ivar agents: The L2 agents; ``None`` if nobody was asked.
    """

    name: str
    devices: tuple[pci_device.Device, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    numa: tuple[NumaNode, ...] = ()
    agents: tuple[L2Agent, ...] | None = None
