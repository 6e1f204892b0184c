# SPDX-License-Identifier: Apache-2.0
"""What the hardware shows, beside what the ledger knows of it."""

from collections.abc import Iterable
import dataclasses
import enum

from pci_sched.claims import acts, identity, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host
from pci_sched.pools import host_supply
from pci_sched.pools import key as pool_key

#: How many addresses a line of the history lists before it only counts.
_LISTED = 8


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
    snapshot: claim_snapshot.Snapshot, host: pci_host.Host, cause: acts.Cause
) -> tuple[tuple[Drift, ...], claim_change.Change | None]:
    """Bring the inventory of a ledger up to what the hardware shows.

    A device that somebody holds is never dropped and never becomes another
    one: it is quarantined, and stays what it was until it is free.

    :param snapshot: The ledger now.
    :param host: With all its devices, as just read.
    :param cause: Who and why.
    :returns: What is different, sorted, and the change that has to be
        written; ``None`` if nothing is different.
    """
    comparison = _Comparison(snapshot, host)
    return comparison.drifts, comparison.change(cause)


class _Comparison:
    """One look at the hardware beside one ledger."""

    def __init__(
        self, snapshot: claim_snapshot.Snapshot, host: pci_host.Host
    ) -> None:
        self._snapshot = snapshot
        self._host = host
        self._known = snapshot.inventory.records
        self._seen = _wanted(host)
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
        domains = {
            name: fresh.get(name) or self._snapshot.inventory.domains[name]
            for name in map(str, after.roots)
            if name in fresh or name in self._snapshot.inventory.domains
        }
        return dataclasses.replace(
            after, domains=domains, numa=self._host.numa
        )

    def _look_at(self, address: pci_address.PciAddress) -> Iterable[Drift]:
        old = self._known.get(address)
        new = self._seen.get(address)
        if old is None and new is not None:
            self._put[address] = new
            return [Drift(address, DriftKind.NEW)]
        if old is not None and new is None:
            return self._miss(old)
        if old is not None and new is not None:
            return self._compare(old, new)
        return ()

    def _miss(self, old: claim_inventory.Record) -> Iterable[Drift]:
        address = old.device.address
        if address not in self._snapshot.held:
            self._gone.append(address)
            return [Drift(address, DriftKind.VANISHED)]
        if not old.present:
            return ()
        return self._quarantine(old, "it vanished", present=False)

    def _compare(
        self, old: claim_inventory.Record, new: claim_inventory.Record
    ) -> Iterable[Drift]:
        address = old.device.address
        other = identity.difference(old, new) or identity.difference(
            self._known.get(old.device.root), self._seen.get(old.device.root)
        )
        if address not in self._snapshot.held:
            return self._renew(old, new, other)
        why = other or self._recount(old.device.root)
        if not why:
            return self._follow(old, new)
        if other:
            return self._quarantine(old, why, present=True)
        return self._quarantine(new, why, present=True, old=old)

    def _renew(
        self,
        old: claim_inventory.Record,
        new: claim_inventory.Record,
        other: str,
    ) -> Iterable[Drift]:
        """Take a free device as it is now; seen whole, it is cleared."""
        if old == new:
            return ()
        address = old.device.address
        self._put[address] = new
        if other:
            return [Drift(address, DriftKind.REPLACED, other)]
        if old.quarantine:
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

    def _recount(self, root: pci_address.PciAddress) -> str:
        """Tell whether a PF got another number of VFs."""
        old, new = self._known.get(root), self._seen.get(root)
        before = old.device.sriov_numvfs if old else None
        now = new.device.sriov_numvfs if new else None
        if None in (before, now) or before == now:
            return ""
        return f"its PF {root} had {before} VFs and has {now}"


def _wanted(host: pci_host.Host) -> claim_inventory.ByAddress:
    """List the devices of a host that belong into a ledger."""
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
