# SPDX-License-Identifier: Apache-2.0
"""Who binds which port, as data: one entry for each mechanism driver.

The drivers are those of Neutron 29, whose code decides (the tests ask it);
``linuxbridge`` is as it was until Neutron 26 removed it.
"""

from collections.abc import Mapping
import dataclasses
import enum
import types

from pci_sched.model import request as pci_request

_Vnic = pci_request.VnicType

#: The networks on a wire with a name, which an agent's mappings must have.
FLAT_OR_VLAN = frozenset({"flat", "vlan"})
_LOCAL = frozenset({"local"})

#: The capability in a port's binding profile that asks for an offloaded
#: switch instead of the card's own.
SWITCHDEV = "switchdev"


#: The agent of the card's own switch.
NIC_SWITCH = "NIC Switch agent"


class Profile(enum.StrEnum):
    """What the binding profile must say before a driver takes a port."""

    ANY = "any"
    SWITCHDEV = "with switchdev"
    LEGACY = "without switchdev"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """What one mechanism driver takes, and what it asks of its agent.

    :ivar name: As in ``[ml2]mechanism_drivers``.
    :ivar agent_types: The types of agent it binds through.
    :ivar vnic_types: What it takes, and with which profile.
    :ivar mappings: The keys of an agent's configurations that hold physical
        networks.
    :ivar network_types: What it binds besides flat and vlan, whatever the
        agent says; ``None`` for everything.
    :ivar agent_has_tunnels: Whether the agent's ``tunnel_types`` add to it.
    :ivar mappings_are_text: Whether mappings come as one text, and every
        port is refused while it is malformed.
    :ivar follows_subnets: Whether only the segments of the subnets of the
        port's fixed IPs count.
    :ivar without_agent: Bound on any host, with no agent and no mapping.
    :ivar elsewhere: Bound through the agent of another host.
    :ivar needs_flag: Bound only if the agent's configurations say so.
    :ivar device_is_wire: The PCI device itself is the port's way into the
        network, so both must be on one physical network.
    """

    name: str
    agent_types: tuple[str, ...]
    vnic_types: Mapping[pci_request.VnicType, Profile]
    mappings: tuple[str, ...]
    network_types: frozenset[str] | None = frozenset()
    agent_has_tunnels: bool = False
    mappings_are_text: bool = False
    follows_subnets: bool = True
    without_agent: frozenset[pci_request.VnicType] = frozenset()
    elsewhere: frozenset[pci_request.VnicType] = frozenset()
    needs_flag: Mapping[pci_request.VnicType, str] = dataclasses.field(
        default_factory=dict
    )
    device_is_wire: frozenset[pci_request.VnicType] = frozenset()


OPENVSWITCH = Driver(
    name="openvswitch",
    agent_types=("Open vSwitch agent",),
    vnic_types={
        _Vnic.NORMAL: Profile.ANY,
        _Vnic.DIRECT: Profile.SWITCHDEV,
        _Vnic.VDPA: Profile.ANY,
        _Vnic.SMART_NIC: Profile.ANY,
    },
    mappings=("bridge_mappings",),
    network_types=_LOCAL,
    agent_has_tunnels=True,
    needs_flag={_Vnic.SMART_NIC: "baremetal_smartnic"},
)

OVN = Driver(
    name="ovn",
    agent_types=("OVN Controller agent", "OVN Controller Gateway agent"),
    vnic_types={
        _Vnic.NORMAL: Profile.ANY,
        _Vnic.DIRECT: Profile.SWITCHDEV,
        _Vnic.DIRECT_PHYSICAL: Profile.SWITCHDEV,
        _Vnic.MACVTAP: Profile.SWITCHDEV,
        _Vnic.VDPA: Profile.ANY,
        _Vnic.VIRTIO_FORWARDER: Profile.ANY,
        _Vnic.REMOTE_MANAGED: Profile.ANY,
    },
    mappings=("bridge-mappings",),
    network_types=None,
    mappings_are_text=True,
    follows_subnets=False,
    # The chassis is that of the DPU, found by the card's serial number.
    elsewhere=frozenset({_Vnic.REMOTE_MANAGED}),
    device_is_wire=frozenset({_Vnic.DIRECT_PHYSICAL}),
)

SRIOVNICSWITCH = Driver(
    name="sriovnicswitch",
    agent_types=(NIC_SWITCH,),
    vnic_types={
        _Vnic.DIRECT: Profile.LEGACY,
        _Vnic.MACVTAP: Profile.ANY,
        _Vnic.DIRECT_PHYSICAL: Profile.ANY,
        _Vnic.ACCELERATOR_DIRECT: Profile.ANY,
    },
    mappings=("device_mappings",),
    without_agent=frozenset({_Vnic.DIRECT_PHYSICAL}),
    device_is_wire=frozenset(
        {_Vnic.DIRECT, _Vnic.MACVTAP, _Vnic.DIRECT_PHYSICAL}
    ),
)

MACVTAP = Driver(
    name="macvtap",
    agent_types=("Macvtap agent",),
    vnic_types={_Vnic.NORMAL: Profile.ANY},
    mappings=("interface_mappings",),
)

LINUXBRIDGE = Driver(
    name="linuxbridge",
    agent_types=("Linux bridge agent",),
    vnic_types={_Vnic.NORMAL: Profile.ANY},
    mappings=("interface_mappings", "bridge_mappings"),
    network_types=_LOCAL,
    agent_has_tunnels=True,
)

#: By name, in the order they are asked where nobody says another.
DRIVERS: Mapping[str, Driver] = types.MappingProxyType(
    {
        driver.name: driver
        for driver in (OPENVSWITCH, OVN, SRIOVNICSWITCH, MACVTAP, LINUXBRIDGE)
    }
)

#: What Nova asks a PCI device for, on the port's physical network.
WITH_DEVICE = frozenset(
    {
        _Vnic.DIRECT,
        _Vnic.MACVTAP,
        _Vnic.DIRECT_PHYSICAL,
        _Vnic.VDPA,
        _Vnic.VIRTIO_FORWARDER,
    }
)

#: What no driver of Neutron's own tree takes for sure: whoever uses these has
#: another driver, of which nothing is known here.
NOT_JUDGED = frozenset({_Vnic.BAREMETAL, _Vnic.ACCELERATOR_DIRECT_PHYSICAL})

#: The types of agent that some driver of the table binds through.
L2_AGENT_TYPES = frozenset(
    agent_type
    for driver in DRIVERS.values()
    for agent_type in driver.agent_types
)

#: Agents that wire no port: a host with these alone has no L2 agent. Any
#: type that is in neither set belongs to a driver not known here.
NO_L2_AGENT_TYPES = frozenset(
    {
        "BGP dynamic routing agent",
        "DHCP agent",
        "L3 agent",
        "Loadbalancer agent",
        "Loadbalancerv2 agent",
        "Metadata agent",
        "Metering agent",
        "OVN Metadata agent",
        "OVN Neutron agent",
        "VPN agent",
    }
)
