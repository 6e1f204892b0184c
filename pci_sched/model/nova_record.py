# SPDX-License-Identifier: Apache-2.0
"""What Nova's database says of one compute node, at one moment."""

from collections.abc import Mapping
import dataclasses
import datetime

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_HELD = (pci_device.DeviceStatus.CLAIMED, pci_device.DeviceStatus.ALLOCATED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """One row of ``pci_devices`` that is not deleted.

    :ivar device: With its status, and the instance that the row names.
    :ivar request_id: Of the request that the device serves; "" if none.
    :ivar changed_at: When the row was written last, with a time zone;
        ``None`` if it does not say.
    """

    device: pci_device.Device
    request_id: str = ""
    changed_at: datetime.datetime | None = None

    @property
    def address(self) -> pci_address.PciAddress:
        """The device's address."""
        return self.device.address

    @property
    def is_free(self) -> bool:
        """Whether Nova would give the device away."""
        return self.device.status is pci_device.DeviceStatus.AVAILABLE

    @property
    def holder(self) -> str:
        """The instance that Nova gave the device to; "" for none."""
        is_held = self.device.status in _HELD
        return (self.device.instance_uuid or "") if is_held else ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FreePool:
    """One pool of ``compute_nodes.pci_stats``; ``None`` if not known.

    :ivar count: How many devices Nova's scheduler takes for free.
    :ivar numa_node: ``None`` is also that of a device without one.
    :ivar root: The PF of VFs and vdpa devices, else the device itself.
    """

    count: int
    dev_type: pci_device.DevType | None = None
    vendor_id: str | None = None
    product_id: str | None = None
    numa_node: int | None = None
    root: pci_address.PciAddress | None = None
    tags: pci_device.Tags = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where an instance is.

    :ivar host: The service's host; "" where no host has it.
    :ivar node: The hypervisor's name.
    """

    host: str
    node: str
    is_deleted: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """One compute node.

    :ivar host: The service's host.
    :ivar node: The hypervisor's name.
    :ivar uuid: "" if Nova has none.
    :ivar read_at: When it was read, with a time zone.
    :ivar devices: Sorted by address.
    :ivar instances: All that are here, and all that the devices name as far
        as there is any record of them.
    :ivar moving: Those with a move from or to here that is not over.
    :ivar notes: What could not be read.
    """

    host: str
    node: str
    uuid: str
    read_at: datetime.datetime
    devices: tuple[DeviceRow, ...] = ()
    pools: tuple[FreePool, ...] = ()
    numa: tuple[pci_host.NumaNode, ...] = ()
    instances: Mapping[str, Whereabouts] = dataclasses.field(
        default_factory=dict
    )
    moving: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def has(self, instance_uuid: str) -> bool:
        """Tell whether an instance is on this compute node.

        :param instance_uuid: Of the instance.
        :returns: Whether Nova has it here, and has not deleted it.
        """
        at = self.instances.get(instance_uuid)
        return (
            at is not None
            and not at.is_deleted
            and (at.host, at.node) == (self.host, self.node)
        )

    @property
    def known(self) -> frozenset[str]:
        """The instances that may have devices here."""
        here = {each for each in self.instances if self.has(each)}
        return self.moving | here
