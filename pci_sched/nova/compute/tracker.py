# SPDX-License-Identifier: Apache-2.0
"""Nova's tracker of the PCI devices of a compute, made exact and honest.

All that it does, it does under Nova's ``COMPUTE_RESOURCE_SEMAPHORE``, as the
tracker that it stands for.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states, vm_states
from nova.objects import fields
from nova.pci import manager as nova_manager
from oslo_log import log as logging

from pci_sched.claims import mirror
from pci_sched.model import address as pci_address
from pci_sched.nova import faults
from pci_sched.nova.compute import (
    claimed,
    counts,
    device_specs,
    free_devices,
    inventory,
    links,
    relatives,
)

LOG = logging.getLogger(__name__)

_faults = faults.Faults(LOG.error)

Uses = Mapping[pci_address.PciAddress, mirror.Use]


class Journal(Protocol):
    """Whom a tracker tells what became of the devices."""

    def changed(
        self, changes: Mapping[pci_address.PciAddress, mirror.Use | None]
    ) -> None:
        """Hear what is different after an operation of Nova's.

        :param changes: The devices concerned and who has each now.
        """

    def audited(self, tracker: "Tracker", uses: Uses) -> None:
        """Hear how everything is at the end of an audit.

        :param tracker: Where it is so.
        :param uses: Who has which device.
        """


class Tracker(nova_manager.PciDevTracker):  # type: ignore[misc]
    """The devices of a compute, as Nova's own code expects to find them.

    What is different: devices are chosen exactly and a claim that fails
    leaves no trace (:class:`.counts.DeviceCounts`); a second claim of an
    instance adds to the first one (NOVA.md E4b); what the hardware lost is
    not handed out; and a journal hears what is saved.

    :ivar journal: Who hears of it; ``None`` for nobody.
    :ivar is_auditing: Whether the next save ends an audit.
    :ivar stats: The count of the free devices.
    """

    stats: Any
    dev_filter: Any

    def __init__(self, context: Any, compute_node: Any) -> None:
        """Track the devices of a compute node.

        :param context: The request context.
        :param compute_node: A ``nova.objects.ComputeNode``.
        """
        self.journal: Journal | None = None
        self.is_auditing = False
        self._withheld: Mapping[pci_address.PciAddress, str] = {}
        self._told: dict[pci_address.PciAddress, mirror.Use] = {}
        #: The move that brought an instance a device, as far as we heard.
        self._moves: dict[str, str] = {}
        super().__init__(context, compute_node)

    def _initial_instance_usage(self) -> None:
        # Called when the count is made and nothing is counted yet.
        mended = relatives.mend(self.pci_devs)
        if mended:
            LOG.warning(
                "PCI devices were not what their relatives say, and are now:"
                " %s. nova-compute was stopped in the middle of a change.",
                ", ".join(mended),
            )
        self.dev_filter = device_specs.DeviceSpecs(self.dev_filter)
        self.stats = counts.DeviceCounts(
            self.stats.numa_topology, dev_filter=self.dev_filter
        )
        super()._initial_instance_usage()

    def claim_instance(
        self, context: Any, pci_requests: Any, instance_numa_topology: Any
    ) -> Any:
        """Claim devices, beside those that the instance claimed before.

        :param context: The request context.
        :param pci_requests: ``nova.objects.InstancePCIRequests``.
        :param instance_numa_topology: Where the guest's cells are, if any.
        :returns: The devices of this claim.
        """
        earlier = {uuid: list(devs) for uuid, devs in self.claims.items()}
        devices = super().claim_instance(
            context, pci_requests, instance_numa_topology
        )
        if devices:
            uuid = pci_requests.instance_uuid
            before = [
                each for each in earlier.get(uuid, ()) if each not in devices
            ]
            stale = _served_anew(before, devices)
            for each in stale:
                self._free_device(each)
            before = [each for each in before if each not in stale]
            self.claims[uuid] = [*before, *devices]
            claimed.note(devices)
        return devices

    def _claim_instance(
        self, context: Any, pci_requests: Any, instance_numa_topology: Any
    ) -> Any:
        free = free_devices.copy(self.stats.pools)
        try:
            return super()._claim_instance(
                context, pci_requests, instance_numa_topology
            )
        except Exception:
            # What is free is free as a whole: each of these was available.
            self.stats.pools = free
            for device in _devices_of(free):
                if device.status != fields.PciDeviceStatus.AVAILABLE:
                    device.status = fields.PciDeviceStatus.AVAILABLE
                    device.instance_uuid = None
                    device.request_id = None
            raise

    def allocate_instance(self, instance: Any) -> None:
        """Give an instance what it claimed.

        :param instance: The instance.
        """
        move = _move_of(instance)
        if move:
            for device in self.claims.get(instance["uuid"], ()):
                self._moves[device.address] = move
        super().allocate_instance(instance)

    def _free_device(self, dev: Any, instance: Any = None) -> None:
        super()._free_device(dev, instance)
        self._moves.pop(dev.address, None)
        self._hold_back()

    def free_instance_allocations(self, context: Any, instance: Any) -> None:
        """Free what an instance was given.

        :param context: The request context.
        :param instance: The instance.
        """
        if self.allocations.pop(instance["uuid"], None):
            self._free_all(fields.PciDeviceStatus.ALLOCATED, instance)

    def free_instance_claims(self, context: Any, instance: Any) -> None:
        """Free what an instance claimed and was not given.

        :param context: The request context.
        :param instance: The instance.
        """
        if self.claims.pop(instance["uuid"], None):
            self._free_all(fields.PciDeviceStatus.CLAIMED, instance)

    def _free_all(self, status: str, instance: Any) -> None:
        devices = self.pci_devs.objects
        for device in free_devices.held(devices, status, instance["uuid"]):
            self._free_device(device, instance)

    def clean_usage(self, instances: Any, migrations: Any) -> None:
        """Free what is nobody's any more.

        Between two steps of a revert Nova's own tracker takes the devices
        that an instance is about to come back to for nobody's; and it keeps
        those of an instance that has left for as long as there is a record
        of an earlier move that failed, which is for ever.

        :param instances: ``nova.objects.Instance`` objects of this host.
        :param migrations: ``nova.objects.Migration`` objects under way, or
            in error.
        """
        here = {each.uuid for each in instances}
        absent = (self.claims.keys() | self.allocations.keys()) - here
        moves = [
            each
            for each in migrations
            if each.instance_uuid not in absent or not _is_over(each)
        ]
        known = here | {each.instance_uuid for each in moves}
        gone = self.allocations.keys() - known
        back = [
            objects.Instance(uuid=each)
            for each in gone
            if self._may_come_back(each)
        ]
        super().clean_usage([*instances, *back], moves)

    def _may_come_back(self, uuid: str) -> bool:
        """Tell whether an instance is being reverted; to here, it must be."""
        try:
            found = objects.Instance.get_by_uuid(
                self._context, uuid, expected_attrs=[]
            )
        except nova_exception.InstanceNotFound:
            return False
        except Exception as error:  # noqa: BLE001
            LOG.warning(
                "Instance %s keeps its PCI devices until the next audit:"
                " nobody can say whether it comes back (%s).",
                uuid,
                error,
            )
            return True
        return bool(found.task_state == task_states.RESIZE_REVERTING)

    def mark_links(self, marks: links.Marks) -> None:
        """Tell the count which links are bad; quick if they are as before.

        :param marks: Of all links.
        """
        self.stats.mark(marks)

    def behind(self, pf: pci_address.PciAddress) -> links.Behind:
        """Tell what hangs on a link.

        :param pf: The PF that the link is of.
        :returns: What is tracked here.
        """
        return links.behind(self.pci_devs, self.dev_filter, pf)

    def withhold(
        self, missing: Mapping[pci_address.PciAddress, str]
    ) -> Mapping[pci_address.PciAddress, str]:
        """Hand out no device that the hardware does not have any more.

        :param missing: Which, and why; all others may be handed out again.
        :returns: Those that were not withheld before and are free.
        """
        back = {str(each) for each in self._withheld if each not in missing}
        new = {each for each in missing if each not in self._withheld}
        self._withheld = dict(missing)
        there = {id(device) for device in self.stats.get_free_devs()}
        for device in self.pci_devs:
            if (
                device.address in back
                and device.status == fields.PciDeviceStatus.AVAILABLE
                and id(device) not in there
            ):
                self.stats.add_device(device)
        gone = self._hold_back()
        return {each: missing[each] for each in sorted(gone & new)}

    def _hold_back(self) -> set[pci_address.PciAddress]:
        """Take what is withheld out of the pools."""
        gone: set[pci_address.PciAddress] = set()
        if not self._withheld:
            return gone
        names = {str(each): each for each in self._withheld}
        for device in self.stats.get_free_devs():
            if device.address in names:
                self.stats.remove_device(device)
                gone.add(names[device.address])
        return gone

    def save(self, context: Any) -> None:
        """Save what is different, and tell the journal.

        :param context: The request context.
        """
        super().save(context)
        if self.journal is None:
            return
        with _faults.catching("The ledger was told nothing"):
            self._tell(self.journal)

    def _tell(self, journal: Journal) -> None:
        """Say what is different since the last time, or how all is."""
        uses = self.uses()
        if self.is_auditing:
            self.is_auditing = False
            journal.audited(self, uses)
        else:
            changes: dict[pci_address.PciAddress, mirror.Use | None] = {
                each: uses.get(each)
                for each in (*self._told, *uses)
                if self._told.get(each) != uses.get(each)
            }
            if changes:
                journal.changed(changes)
        self._told = uses

    def uses(self) -> dict[pci_address.PciAddress, mirror.Use]:
        """Tell who has which device."""
        return {
            address: use._replace(migration=self._moves.get(str(address), ""))
            for address, use in inventory.uses_of(self.pci_devs).items()
        }


def _served_anew(before: list[Any], devices: list[Any]) -> list[Any]:
    """List what was claimed for requests that are served by others now.

    A live migration that fails early leaves its claims at the destination
    until the next audit; one that is tried again must not add to them.
    """
    served = {each.request_id for each in devices} - {None}
    return [
        each
        for each in before
        if each.request_id in served
        and each.status == fields.PciDeviceStatus.CLAIMED
    ]


def _devices_of(pools: list[dict[str, Any]]) -> Iterator[Any]:
    for pool in pools:
        yield from pool["devices"]


def _is_over(migration: Any) -> bool:
    """Tell whether a move that failed has left its instance well.

    While the instance is in error itself, or is in a move, nobody can say
    that it does not need what it had.
    """
    if migration.status != "error":
        return False
    try:
        instance = migration.instance
    except nova_exception.InstanceNotFound:
        return True
    except Exception as error:  # noqa: BLE001 - nobody can say, so it stays
        LOG.debug("What became of %s is not known: %s", migration.uuid, error)
        return False
    return (
        instance.vm_state not in (vm_states.ERROR, vm_states.RESIZED)
        and instance.task_state is None
    )


def _move_of(instance: Any) -> str:
    """Name the move that an instance is in, if it is known without asking."""
    try:
        if not instance.obj_attr_is_set("migration_context"):
            return ""
        context = instance.migration_context
        return str(context.migration_id) if context else ""
    except AttributeError:
        # An instance may be a mere dict in Nova.
        return ""
