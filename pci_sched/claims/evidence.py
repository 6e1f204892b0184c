# SPDX-License-Identifier: Apache-2.0
"""A ledger and what others say of its host, side by side."""

from collections.abc import Iterable, Mapping
import dataclasses
import datetime
import functools

from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import sync as claim_sync
from pci_sched.claims import truths as claim_truths
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: The whole history of a host, if it was read.
History = tuple[claim_change.Step, ...] | None


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What an audit judges.

    :ivar now: With a time zone.
    :ivar history: All of it, up to the snapshot; ``None`` if nobody read it.
    :ivar dropped: The roots of devices that left the ledger meanwhile.
    """

    snapshot: claim_snapshot.Snapshot
    truths: claim_truths.Truths
    now: datetime.datetime
    history: History = None
    dropped: Mapping[pci_address.PciAddress, pci_address.PciAddress] = (
        dataclasses.field(default_factory=dict)
    )

    def after(self, change: claim_change.Change) -> "Evidence":
        """Look at the evidence as it is once a change is written.

        :param change: Of the ledger.
        :returns: The same truths beside the ledger after it.
        """
        history = self.history
        gone = {each: self.root_of(each) for each in change.gone}
        return dataclasses.replace(
            self,
            snapshot=self.snapshot.after(change),
            history=None if history is None else (*history, *change.steps),
            dropped={**self.dropped, **gone},
        )

    @functools.cached_property
    def hardware(self) -> pci_host.Host | None:
        """The hardware, and what is assignable of it."""
        host = self.truths.hardware
        if host is None:
            return None
        return _completed(host, self.snapshot.inventory)

    @functools.cached_property
    def functions(self) -> Mapping[pci_address.PciAddress, pci_device.Device]:
        """All that the hardware has, whether it belongs into a ledger."""
        devices = self.hardware.devices if self.hardware else ()
        return {device.address: device for device in devices}

    @functools.cached_property
    def seen(self) -> claim_inventory.ByAddress:
        """What the hardware has that belongs into a ledger."""
        return claim_sync.wanted(self.hardware) if self.hardware else {}

    def root_of(
        self, address: pci_address.PciAddress
    ) -> pci_address.PciAddress:
        """Tell the PF of a device, or the device if it is none's."""
        record = self.snapshot.inventory.records.get(address)
        if record is not None:
            return record.device.root
        device = self.functions.get(address)
        if device is not None:
            return device.root
        parent = self.truths.nova_parents.get(address, address)
        return self.dropped.get(address, parent)

    @functools.cached_property
    def users(self) -> claim_truths.Users:
        """Who uses each device that anybody uses."""
        truths = self.truths
        addresses = {*truths.nova_users, *truths.hypervisor_users}
        return {each: truths.users(each) for each in sorted(addresses)}

    @functools.cached_property
    def used_by_root(
        self,
    ) -> Mapping[pci_address.PciAddress, tuple[pci_address.PciAddress, ...]]:
        """The devices in use, by their roots."""
        return self.by_root(self.users)

    def by_root(
        self, addresses: Iterable[pci_address.PciAddress]
    ) -> Mapping[pci_address.PciAddress, tuple[pci_address.PciAddress, ...]]:
        """Sort devices by their roots.

        :param addresses: Of devices.
        :returns: Those of each root that has any.
        """
        found: dict[pci_address.PciAddress, list[pci_address.PciAddress]] = {}
        for address in addresses:
            found.setdefault(self.root_of(address), []).append(address)
        return {root: tuple(each) for root, each in found.items()}

    def busy(self, address: pci_address.PciAddress) -> frozenset[str]:
        """Tell who would be disturbed if a device were handed out.

        :param address: Of the device.
        :returns: The instances that use it, its PF, or a VF of it.
        """
        root = self.root_of(address)
        used = self.used_by_root.get(root, ())
        return frozenset(
            user
            for each in used
            if each in (address, root) or address == root
            for user in self.users[each]
        )

    def users_unheld(self, root: pci_address.PciAddress) -> frozenset[str]:
        """Tell who uses a root, or children of it, that nobody holds.

        :param root: The root's address.
        :returns: The instances.
        """
        return frozenset(
            user
            for each in self.used_by_root.get(root, ())
            if each not in self.snapshot.held
            for user in self.users[each]
        )

    @functools.cached_property
    def freed_since(self) -> frozenset[tuple[pci_address.PciAddress, str]]:
        """What was given back after others were asked, and by whom."""
        return frozenset(
            (holding.address, step.instance_uuid)
            for step in self.history or ()
            if step.at >= self.truths.read_at
            for holding in claim_change.freed(step)
        )

    @functools.cached_property
    def busy_unheld(self) -> frozenset[pci_address.PciAddress]:
        """What may not become available: it is in use and nobody holds it."""
        held = self.snapshot.held
        everything = {
            *self.snapshot.inventory.records,
            *self.seen,
            *self.users,
        }
        by_root = self.by_root(everything)
        return frozenset(
            each
            for root, used in self.used_by_root.items()
            if not {*used} <= held.keys()
            for each in by_root[root]
            if any(
                each in (one, root) or one == root
                for one in used
                if one not in held
            )
        )

    def is_later(self, claim: pci_claim.Claim) -> bool:
        """Tell whether a claim is younger than what others said."""
        return claim.created_at >= self.truths.read_at

    def is_young(self, claim: pci_claim.Claim) -> bool:
        """Tell whether others need not know of a claim yet."""
        return claim.created_at >= self.truths.read_at - self.truths.grace


def _completed(
    host: pci_host.Host, inventory: claim_inventory.Inventory
) -> pci_host.Host:
    """Say which devices are assignable, if no device_spec was applied."""
    records = inventory.records
    is_selective = any(
        record.device.assignable is not None for record in records.values()
    )
    return dataclasses.replace(
        host,
        devices=tuple(
            _complete(device, records.get(device.address), is_selective)
            for device in host.devices
        ),
    )


def _complete(
    device: pci_device.Device,
    record: claim_inventory.Record | None,
    is_selective: bool,
) -> pci_device.Device:
    if record is None:
        if device.assignable is None and is_selective:
            return dataclasses.replace(device, assignable=False)
        return device
    known = record.device
    if device.assignable is None and known.assignable is not None:
        return dataclasses.replace(
            device, assignable=known.assignable, tags=known.tags
        )
    return device
