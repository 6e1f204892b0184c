# SPDX-License-Identifier: Apache-2.0
"""What others than the ledger say of a host's devices."""

from collections.abc import Iterable, Mapping
import dataclasses
import datetime
import functools
from typing import Final

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: How long an instance may be missing elsewhere before its claim is doubted:
#: devices are claimed before an instance is built.
GRACE: Final = datetime.timedelta(hours=1)

_HELD = (pci_device.DeviceStatus.CLAIMED, pci_device.DeviceStatus.ALLOCATED)

#: Who uses each device.
Users = Mapping[pci_address.PciAddress, frozenset[str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NovaDevice:
    """One row of Nova's ``pci_devices``.

    :ivar instance_uuid: "" for none.
    :ivar parent_addr: The PF of a VF, if Nova has it.
    :ivar request_id: Of the request that the device serves; "" if not known.
    """

    address: pci_address.PciAddress
    status: pci_device.DeviceStatus
    instance_uuid: str = ""
    parent_addr: pci_address.PciAddress | None = None
    request_id: str = ""

    @property
    def holder(self) -> str:
        """The instance that Nova gave the device to; "" for none."""
        return self.instance_uuid if self.status in _HELD else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Truths:
    """What was asked of others; ``None`` for whom nobody asked.

    :ivar read_at: When the first of them was asked, with a time zone: what
        was claimed later is not judged by what they said.
    :ivar hardware: The host with all its devices. Where no device_spec was
        applied, what the ledger knows of that holds.
    :ivar nova: Nova's records of the devices of this host.
    :ivar nova_instances: Instances that Nova knows on this host, beside those
        of *nova*; the two sides of each move among them.
    :ivar hypervisor: The instances that the hypervisor knows, running or not,
        and the devices that each is given whole; ``None`` for those of which
        only the name is known.
    :ivar grace: How long an instance may be missing from Nova and the
        hypervisor while it is built.
    """

    read_at: datetime.datetime
    hardware: pci_host.Host | None = None
    nova: tuple[NovaDevice, ...] | None = None
    nova_instances: frozenset[str] | None = None
    hypervisor: (
        Mapping[str, frozenset[pci_address.PciAddress] | None] | None
    ) = None
    grace: datetime.timedelta = GRACE

    @property
    def knows_instances(self) -> bool:
        """Whether anybody was asked who knows instances."""
        return not (
            self.nova is None
            and self.nova_instances is None
            and self.hypervisor is None
        )

    @functools.cached_property
    def instances(self) -> frozenset[str]:
        """All instances that Nova or the hypervisor knows."""
        rows = {each.instance_uuid for each in self.nova or ()} - {""}
        return frozenset(
            rows | (self.nova_instances or frozenset()) | {*self._domains}
        )

    @functools.cached_property
    def nova_users(self) -> Users:
        """Who uses each device by Nova's records."""
        return _gather(
            (each.address, each.holder)
            for each in self.nova or ()
            if each.holder
        )

    @functools.cached_property
    def hypervisor_users(self) -> Users:
        """Who uses each device by the hypervisor."""
        return _gather(
            (address, instance)
            for instance, addresses in self._domains.items()
            for address in addresses or ()
        )

    @functools.cached_property
    def nova_rows(self) -> Mapping[pci_address.PciAddress, NovaDevice]:
        """Nova's record of each device; one that is held, if several."""
        return {
            row.address: row
            for row in sorted(
                self.nova or (), key=lambda row: bool(row.holder)
            )
        }

    @functools.cached_property
    def nova_parents(
        self,
    ) -> Mapping[pci_address.PciAddress, pci_address.PciAddress]:
        """The PFs of VFs, as far as Nova's records name them."""
        return {
            each.address: each.parent_addr
            for each in self.nova or ()
            if each.parent_addr is not None
        }

    def users(self, address: pci_address.PciAddress) -> frozenset[str]:
        """Tell who uses a device, by Nova or by the hypervisor.

        :param address: Of the device.
        :returns: The instances; more than one is a fault.
        """
        nobody: frozenset[str] = frozenset()
        return self.nova_users.get(
            address, nobody
        ) | self.hypervisor_users.get(address, nobody)

    def may_use_any(self, instance_uuid: str) -> bool:
        """Tell whether an instance is known, and nobody says its devices.

        Then it has to be taken to use all that the ledger says it holds.

        :param instance_uuid: Of the instance.
        :returns: Whether that is so.
        """
        if self._domains.get(instance_uuid, ()) is None:
            return True
        return self.nova is None and instance_uuid in (
            self.nova_instances or ()
        )

    @property
    def _domains(
        self,
    ) -> Mapping[str, frozenset[pci_address.PciAddress] | None]:
        return self.hypervisor or {}


def _gather(
    pairs: Iterable[tuple[pci_address.PciAddress, str]],
) -> Users:
    found: dict[pci_address.PciAddress, set[str]] = {}
    for address, instance in pairs:
        found.setdefault(address, set()).add(instance)
    return {address: frozenset(each) for address, each in found.items()}
