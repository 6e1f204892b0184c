# SPDX-License-Identifier: Apache-2.0
"""One PCI function of a host and its network devices.

Two kinds of "nothing" are kept apart everywhere: ``None`` says that a fact
is not known, the empty string (or tuple) says that it is known and there is
none. A driver of ``None`` could not be read; a driver of ``""`` means that no
driver is bound.
"""

import dataclasses
import enum

from pci_sched.model import address as pci_address

#: The value of one tag of a ``[pci]device_spec``: what JSON holds, not nested.
TagValue = str | bool | int | float | None

#: Tags as sorted pairs, so that they can be compared and hashed.
Tags = tuple[tuple[str, TagValue], ...]

#: The tag that names the network a device hangs on.
PHYSICAL_NETWORK = "physical_network"


class DevType(enum.StrEnum):
    """What a function is, spelled as Nova's ``PciDeviceType``."""

    PCI = "type-PCI"
    PF = "type-PF"
    VF = "type-VF"
    VDPA = "vdpa"

    @property
    def is_child(self) -> bool:
        """Whether such a function belongs to a physical function."""
        return self in (DevType.VF, DevType.VDPA)


class DeviceStatus(enum.StrEnum):
    """Who has a device, as Nova's ``PciDeviceStatus``, and one of ours.

    ``quarantined`` is ours: held, but the hardware vanished or changed its
    identity; never handed out again until it is freed and seen whole.
    """

    AVAILABLE = "available"
    CLAIMED = "claimed"
    ALLOCATED = "allocated"
    REMOVED = "removed"
    DELETED = "deleted"
    UNCLAIMABLE = "unclaimable"
    UNAVAILABLE = "unavailable"
    QUARANTINED = "quarantined"


class Link(enum.StrEnum):
    """The state of a network device's link.

    ``no-carrier`` is up by the administrator but without a signal; ``down``
    is switched off.
    """

    UP = "up"
    NO_CARRIER = "no-carrier"
    DOWN = "down"


@dataclasses.dataclass(frozen=True, slots=True)
class NetDev:
    r"""One network device of a function; nothing is keyed on its name.

    Bytes of the name that a person cannot read are written ``\xNN``.
    """

    name: str
    mac: str | None = None
    link: Link | None = None
    #: Port number within the function, 0 for the first.
    dev_port: int | None = None
    #: ``p0``, or ``pf0vf3`` for a representor; "" where the driver has none.
    phys_port_name: str | None = None
    #: The embedded switch's identity; "" where the driver has none.
    phys_switch_id: str | None = None
    #: The bond it is a member of; "" for none.
    bond: str | None = None
    #: How often the carrier came or went since the network device is there.
    #: No mark of it: one with another count is the same.
    carrier_changes: int | None = dataclasses.field(
        default=None, compare=False
    )

    #: Whether somebody gave it another MAC address than its own. What a look
    #: at the kernel tells, and no document.
    mac_is_given: bool = dataclasses.field(default=False, compare=False)

    @property
    def lag(self) -> str:
        """What its port fails with, if not with its cable: a VF-LAG.

        Uplinks of one embedded switch that are bonded carry the VFs of each
        other, so that they fail together or not at all; "" for any other
        network device.
        """
        if not (self.bond and self.phys_switch_id):
            return ""
        return f"{self.bond} of switch {self.phys_switch_id}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One PCI function that is not a bridge, as a host shows it."""

    address: pci_address.PciAddress
    dev_type: DevType
    #: Four lower-case hex digits.
    vendor_id: str | None = None
    #: Four lower-case hex digits; the PCI specification's Device ID.
    product_id: str | None = None
    #: Six lower-case hex digits: base class, subclass, interface.
    class_id: str | None = None
    #: The physical function of a VF or vdpa device.
    parent_addr: pci_address.PciAddress | None = None
    #: The number of a VF within its PF, from 0.
    vf_index: int | None = None
    #: How many VFs a PF can have, and how many it has.
    sriov_totalvfs: int | None = None
    sriov_numvfs: int | None = None
    #: The product id every VF of a PF bears (``sriov_vf_device``).
    vf_product_id: str | None = None
    #: The NUMA node; the kernel's -1 is not known.
    numa_node: int | None = None
    driver: str | None = None
    iommu_group: str | None = None
    #: The first is the function's own port; representors come after it.
    netdevs: tuple[NetDev, ...] | None = None
    #: Of the port of a Fibre Channel adapter, which has no network device.
    fc_link: Link | None = None
    #: From the vital product data, which only root may read.
    card_serial_number: str | None = None
    #: From the root complex to the bridge above: ``pci0000:40``, then
    #: bridge addresses.
    path: tuple[str, ...] | None = None
    #: Whether a device_spec selects it; ``None`` where none was given.
    assignable: bool | None = None
    #: The tags of the device_spec that selects it.
    tags: Tags = ()
    status: DeviceStatus | None = None
    instance_uuid: str | None = None

    @property
    def netdev(self) -> NetDev | None:
        """The function's own network device, if one is known."""
        return self.netdevs[0] if self.netdevs else None

    @property
    def link(self) -> Link | None:
        """The link of the function's own port, if it is known."""
        return self.netdev.link if self.netdev else self.fc_link

    @property
    def root(self) -> pci_address.PciAddress:
        """The function that is given away whole or split: PF, else itself."""
        return self.parent_addr or self.address

    @property
    def physical_network(self) -> str | None:
        """The network's name, as a word; ``None`` for untagged *and* null.

        Where the two differ, look into :attr:`tags`: a null tag means a
        tunnelled network, no tag means that nobody said.
        """
        for key, value in self.tags:
            if key == PHYSICAL_NETWORK:
                return value if value is None else str(value)
        return None
