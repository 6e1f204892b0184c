# SPDX-License-Identifier: Apache-2.0
"""What the hardware shows, beside what the ledger knows of it."""

from collections.abc import Container, Iterable
import dataclasses
import enum

from pci_sched.claims import acts, identity, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import host_supply
from pci_sched.pools import key as pool_key

#: How many addresses a line of the history lists before it only counts.
_LISTED = 8

_VANISHED = "it vanished"


class DriftKind(enum.StrEnum):
    """In what way a device is not as it was."""

    NEW = "new"
    CHANGED = "changed"
    REPLACED = "replaced"
    VANISHED = "vanished"
    QUARANTINED = "quarantined"
    CLEARED = "cleared"


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Drift:
    """One device that is not as the ledger knew it.

    :ivar detail: What is different, where that can be said in short.
    """

    address: pci_address.PciAddress
    kind: DriftKind
    detail: str = ""


def compare(
    snapshot: claim_snapshot.Snapshot,
    host: pci_host.Host,
    cause: acts.Cause,
    in_use: Container[pci_address.PciAddress] = (),
) -> tuple[tuple[Drift, ...], claim_change.Change | None]:
    """Bring the inventory of a ledger up to what the hardware shows.

    A device that somebody holds is never dropped and never becomes another
    one: it is quarantined, and stays what it was until it is free.

    :param snapshot: The ledger now.
    :param host: With all its devices, as just read.
    :param cause: Who and why.
    :param in_use: Devices that somebody uses though nobody holds them: none
        of these becomes available by it.
    :returns: What is different, sorted, and the change that has to be
        written; ``None`` if nothing is different.
    """
    comparison = _Comparison(snapshot, host, in_use)
    return comparison.drifts, comparison.change(cause)


class _Comparison:
    """One look at the hardware beside one ledger."""

    def __init__(
        self,
        snapshot: claim_snapshot.Snapshot,
        host: pci_host.Host,
        in_use: Container[pci_address.PciAddress],
    ) -> None:
        self._snapshot = snapshot
        self._in_use = in_use
        self._host = host
        self._known = snapshot.inventory.records
        self._seen = wanted(host)
        self._put: dict[pci_address.PciAddress, claim_inventory.Record] = {}
        self._gone: list[pci_address.PciAddress] = []
        found: list[Drift] = []
        for address in sorted({*self._known, *self._seen}):
            found += self._look_at(address)
        self.drifts = tuple(found)

    def change(self, cause: acts.Cause) -> claim_change.Change | None:
        """Make the change; ``None`` if nothing has to be written."""
        after = self._inventory_after()
        before = self._snapshot.inventory
        roots = tuple(
            sorted(
                root
                for root in after.roots
                if root not in self._snapshot.whole_roots
                or after.domains.get(str(root))
                != before.domains.get(str(root))
            )
        )
        if not (self.drifts or roots or after.numa != before.numa):
            return None
        return claim_change.Change(
            inventory=after,
            put=tuple(self._put.values()),
            gone=tuple(self._gone),
            roots=roots,
            modes=tuple(
                (root, True)
                for root in roots
                if root not in self._snapshot.whole_roots
            ),
            steps=tuple(_steps(self.drifts, self._snapshot, cause)),
        )

    def _inventory_after(self) -> claim_inventory.Inventory:
        after = self._snapshot.inventory.with_records(
            self._put.values(), self._gone
        )
        fresh = host_supply.fault_domains(self._host)
        known = self._snapshot.inventory.domains
        domains = {
            name: fresh.get(name)
            or known.get(name)
            or pool_domains.of_address(name)
            for name in map(str, after.roots)
        }
        return dataclasses.replace(
            after, domains=domains, numa=self._host.numa
        )

    def _look_at(self, address: pci_address.PciAddress) -> Iterable[Drift]:
        if address not in self._seen:
            return self._miss(self._known[address])
        if address in self._known:
            return self._compare(self._known[address], self._seen[address])
        if address in self._in_use:
            return ()
        self._put[address] = self._seen[address]
        return [Drift(address, DriftKind.NEW)]

    def _miss(self, old: claim_inventory.Record) -> Iterable[Drift]:
        address = old.device.address
        if address not in self._snapshot.held:
            self._gone.append(address)
            return [Drift(address, DriftKind.VANISHED)]
        if not old.present:
            return ()
        return self._quarantine(old, _VANISHED, present=False)

    def _compare(
        self, old: claim_inventory.Record, new: claim_inventory.Record
    ) -> Iterable[Drift]:
        address = old.device.address
        other = _replaced(self._known, self._seen, address)
        if not other:
            new = _remembering(old, new)
        if address not in self._snapshot.held:
            return self._renew(old, new, other)
        if other:
            return self._quarantine(old, other, present=True)
        why = _recounted(self._known, self._seen, old.device.root)
        if why:
            return self._quarantine(new, why, present=True, old=old)
        return self._follow(old, new)

    def _renew(
        self,
        old: claim_inventory.Record,
        new: claim_inventory.Record,
        other: str,
    ) -> Iterable[Drift]:
        """Take a free device as it is now; seen whole, it is cleared."""
        address = old.device.address
        if address in self._in_use:
            new = _no_more_usable(old, new)
        if old == new:
            return ()
        self._put[address] = new
        if other:
            return [Drift(address, DriftKind.REPLACED, other)]
        if old.quarantine and not new.quarantine:
            return [Drift(address, DriftKind.CLEARED, old.quarantine)]
        return [Drift(address, DriftKind.CHANGED, _changed(old, new))]

    def _follow(
        self, old: claim_inventory.Record, new: claim_inventory.Record
    ) -> Iterable[Drift]:
        """Take over what may change of a held device."""
        after = dataclasses.replace(new, quarantine=old.quarantine)
        if after == old:
            return ()
        self._put[old.device.address] = after
        detail = _changed(old, after)
        return [Drift(old.device.address, DriftKind.CHANGED, detail)]

    def _quarantine(
        self,
        record: claim_inventory.Record,
        why: str,
        *,
        present: bool,
        old: claim_inventory.Record | None = None,
    ) -> Iterable[Drift]:
        before = old or record
        address = record.device.address
        after = dataclasses.replace(
            record, present=present, quarantine=before.quarantine or why
        )
        if after == before:
            return ()
        self._put[address] = after
        if before.quarantine:
            return [Drift(address, DriftKind.CHANGED, why)]
        return [Drift(address, DriftKind.QUARANTINED, why)]


def trouble(
    known: claim_inventory.ByAddress,
    seen: claim_inventory.ByAddress,
    address: pci_address.PciAddress,
) -> str:
    """Say why a device has to be in quarantine while it is held.

    :param known: The records of the ledger.
    :param seen: Those of the hardware.
    :param address: Of a device that the ledger knows.
    :returns: A sentence for a person; "" if it may be held.
    """
    if address not in seen:
        return _VANISHED
    root = known[address].device.root
    return _replaced(known, seen, address) or _recounted(known, seen, root)


def _replaced(
    known: claim_inventory.ByAddress,
    seen: claim_inventory.ByAddress,
    address: pci_address.PciAddress,
) -> str:
    """Say why a device is another one, or its PF is."""
    root = known[address].device.root
    return identity.difference(
        known[address], seen[address]
    ) or identity.difference(known.get(root), seen.get(root))


def _recounted(
    known: claim_inventory.ByAddress,
    seen: claim_inventory.ByAddress,
    root: pci_address.PciAddress,
) -> str:
    """Say that a PF got another number of VFs."""
    counts = identity.recounted(known.get(root), seen.get(root))
    if counts is None:
        return ""
    return f"its PF {root} had {counts[0]} VFs and has {counts[1]}"


def wanted(host: pci_host.Host) -> claim_inventory.ByAddress:
    """List the devices of a host that belong into a ledger.

    :param host: With all its devices.
    :returns: Those that belong into a pool, and their PFs.
    """
    poolable = {
        device.address: device
        for device in host.devices
        if pool_key.is_poolable(device)
    }
    roots = {device.root for device in poolable.values()}
    return {
        device.address: claim_inventory.Record.of(device)
        for device in host.devices
        if device.address in poolable or device.address in roots
    }


def _remembering(
    old: claim_inventory.Record, new: claim_inventory.Record
) -> claim_inventory.Record:
    """Keep the serial number of a card if only this look could not read it."""
    serial = old.device.card_serial_number
    if serial is None or new.device.card_serial_number is not None:
        return new
    device = dataclasses.replace(new.device, card_serial_number=serial)
    return dataclasses.replace(new, device=device)


def _no_more_usable(
    old: claim_inventory.Record, new: claim_inventory.Record
) -> claim_inventory.Record:
    """Take what is new of a device, but not what lets it be handed out."""
    after = dataclasses.replace(new, quarantine=old.quarantine)
    if old.is_usable or not after.is_usable:
        return after
    device = dataclasses.replace(
        after.device, assignable=False, tags=old.device.tags
    )
    return dataclasses.replace(after, device=device)


def _changed(old: claim_inventory.Record, new: claim_inventory.Record) -> str:
    """Name what is different between two records of one device."""
    names = [
        field.name
        for field in dataclasses.fields(old.device)
        if getattr(old.device, field.name) != getattr(new.device, field.name)
    ]
    if old.mac != new.mac:
        names.append("mac")
    if old.present != new.present:
        names.append("present")
    return ", ".join(names)


def _steps(
    drifts: tuple[Drift, ...],
    snapshot: claim_snapshot.Snapshot,
    cause: acts.Cause,
) -> Iterable[claim_change.Step]:
    """Write a line for the whole look, and one for each quarantine."""
    kinds: dict[DriftKind, list[str]] = {}
    for drift in drifts:
        kinds.setdefault(drift.kind, []).append(str(drift.address))
    words = [
        f"{len(each)} {kind}"
        + (f" ({', '.join(each)})" * (len(each) <= _LISTED))
        for kind, each in kinds.items()
    ]
    yield claim_change.Step(
        at=cause.at,
        act=states.Act.SYNC,
        actor=cause.actor,
        reason="; ".join([*words, *filter(None, [cause.reason])]),
    )
    for drift in drifts:
        if drift.kind is DriftKind.QUARANTINED:
            yield _device_step(states.Act.QUARANTINE, drift, snapshot, cause)
        elif drift.kind is DriftKind.CLEARED:
            yield _device_step(states.Act.CLEAR, drift, snapshot, cause)


def _device_step(
    act: states.Act,
    drift: Drift,
    snapshot: claim_snapshot.Snapshot,
    cause: acts.Cause,
) -> claim_change.Step:
    holder = snapshot.held.get(drift.address)
    root = snapshot.inventory.records[drift.address].device.root
    return claim_change.Step(
        at=cause.at,
        act=act,
        claim_id=holder.claim_id if holder else "",
        instance_uuid=holder.instance_uuid if holder else "",
        holdings=(pci_claim.Holding(drift.address, root, ""),),
        actor=cause.actor,
        reason=drift.detail,
    )
