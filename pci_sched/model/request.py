# SPDX-License-Identifier: Apache-2.0
"""What an instance asks of a host: ports, devices, places."""

from collections.abc import Sequence
import dataclasses
import enum

from pci_sched import exception
from pci_sched.model import device as pci_device


class VnicType(enum.StrEnum):
    """How a port is wired, as Neutron's ``binding:vnic_type``."""

    NORMAL = "normal"
    DIRECT = "direct"
    MACVTAP = "macvtap"
    DIRECT_PHYSICAL = "direct-physical"
    VDPA = "vdpa"
    REMOTE_MANAGED = "remote-managed"
    VIRTIO_FORWARDER = "virtio-forwarder"
    ACCELERATOR_DIRECT = "accelerator-direct"
    ACCELERATOR_DIRECT_PHYSICAL = "accelerator-direct-physical"
    BAREMETAL = "baremetal"
    SMART_NIC = "smart-nic"


class NumaPolicy(enum.StrEnum):
    """How near a device must be, as Nova's ``PCINUMAAffinityPolicy``."""

    REQUIRED = "required"
    LEGACY = "legacy"
    PREFERRED = "preferred"
    SOCKET = "socket"


class SpreadLevel(enum.StrEnum):
    """What devices may have in common, and then fail with it.

    The devices of a spread group must not.

    ``pf``: a physical function with its VFs, or one plain function. Those of
    a VF-LAG, which share a bond and an embedded switch, count as one.

    ``card``: one board, told by vendor and card serial number; without a
    serial number, the functions of one domain, bus and slot. A serial number
    read from one function of a slot holds for all of them. A board on two
    root ports (one for each socket) is one card only by its serial number.

    ``switch``: everything below the nearest switch, told by its upstream
    port. A function without a switch stands below its root port, as in the
    next level.

    ``root_port``: everything below one port of a root complex, or below a
    bridge that stands in the place of one. A function that sits on the root
    complex itself shares no port: its card is its domain.
    """

    PF = "pf"
    CARD = "card"
    ROOT_PORT = "root_port"
    SWITCH = "switch"


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a port's network, as Neutron's providernet has it."""

    #: ``flat``, ``vlan``, ``local``, or a kind of tunnel (``vxlan`` …).
    network_type: str
    physical_network: str | None = None
    #: Neutron's id of the segment, by which subnets refer to it.
    segment_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PortRequest:
    """One port as Neutron sees it: who could bind it on a host.

    :ivar port_id: The port's id; ``None`` for a port that nova-compute will
        create, which is always ``normal``.
    :ivar segments: The segments of its network; ``None`` if nobody knows.
    :ivar subnet_segment_ids: The segments that the subnets of its fixed IPs
        belong to; where there are any, agents bind only those.
    :ivar capabilities: ``capabilities`` of its binding profile, such as
        ``switchdev``; ``None`` if nobody knows.
    :ivar device_decides: Whether those of the device take their place when
        the port is bound: nova-compute writes what libvirt says of a VF over
        them (``nova.network.neutron.API._get_vf_pci_device_profile``).
    """

    port_id: str | None = None
    vnic_type: VnicType = VnicType.NORMAL
    segments: tuple[Segment, ...] | None = None
    subnet_segment_ids: frozenset[str] = frozenset()
    capabilities: frozenset[str] | None = None
    device_decides: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """A number of devices, any of which may fit any of the alternatives.

    This is Nova's ``InstancePCIRequest``, for a port or for an alias.

    :ivar request_id: What the plan names it by.
    :ivar count: How many devices; a request for none is always served.
    :ivar specs: The alternatives, each a set of tags and ids that a device
        must have. They may be mixed within one count.
    :ivar numa_policy: How near to the guest's cells they must be.
    :ivar port_id: The port that the devices are for, if they are for one.
    :ivar spread_group: Devices of one group are spread; ``None`` for none.
    """

    request_id: str
    count: int = 1
    specs: tuple[pci_device.Tags, ...] = ((),)
    numa_policy: NumaPolicy = NumaPolicy.LEGACY
    port_id: str | None = None
    spread_group: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """How the devices of one group are kept apart."""

    group: str
    level: SpreadLevel = SpreadLevel.PF
    #: Whether a plan that cannot do it is no plan, or only a worse one.
    hard: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRequest:
    """All that one instance asks for; matched together or not at all.

    :ivar numa_cells: The host cells that the guest's cells sit on; empty for
        a guest without NUMA topology, ``None`` where only their number is
        known.
    :ivar guest_cells: With *numa_cells* ``None``: how many different host
        cells the guest's cells take; any will do.
    :ivar spreads: At most one for each group; a group without one is not
        spread.
    :ivar providers: Where Placement chose: for a request's id, the resource
        providers its devices must be of, one for each device. Requests for a
        port do not follow it
        (``nova.pci.stats.PciDeviceStats._get_rp_uuids_for_request``).
    """

    ports: tuple[PortRequest, ...] = ()
    devices: tuple[DeviceRequest, ...] = ()
    numa_cells: frozenset[int] | None = frozenset()
    guest_cells: int = 0
    spreads: tuple[Spread, ...] = ()
    providers: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would be read in one way or the other.

        :raises exception.RequestInvalid: If a group is spread in two ways, or
            a request has two lists of providers.
        """
        _refuse_twice("spread group", [each.group for each in self.spreads])
        _refuse_twice("providers of", [name for name, _ in self.providers])


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise exception.RequestInvalid(
            f"{what} {max(names, key=names.count)} is given twice"
        )
