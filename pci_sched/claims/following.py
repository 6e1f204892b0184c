# SPDX-License-Identifier: Apache-2.0
"""Where the ledger can follow Nova's records, and where it cannot."""

from collections.abc import Iterator, Mapping
import dataclasses
import functools

from pci_sched.claims import acts
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import evidence as claim_evidence
from pci_sched.claims import sync as claim_sync
from pci_sched.claims import truths as claim_truths
from pci_sched.model import address as pci_address

_Addresses = tuple[pci_address.PciAddress, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Conflict:
    """Devices of one root that the ledger and Nova give to others.

    They are put right together or not at all: VFs one by one, a PF with all
    its VFs.

    :ivar addresses: The devices, sorted.
    :ivar free: What holders lose.
    :ivar adopt: Nova's records of what others get instead.
    :ivar blocker: Why the ledger cannot follow; "" if it can.
    """

    addresses: _Addresses
    free: tuple[tuple[pci_claim.Claim, pci_claim.Holding], ...]
    adopt: tuple[claim_truths.NovaDevice, ...]
    blocker: str


def conflicts(evidence: claim_evidence.Evidence) -> tuple[Conflict, ...]:
    """Find where the ledger and Nova name different holders.

    Of a device that Nova has no record of, Nova says nothing.

    :param evidence: What is judged.
    :returns: Sorted by address; none if nobody asked Nova.
    """
    if evidence.truths.nova is None:
        return ()
    addresses = {
        *evidence.snapshot.inventory.records,
        *evidence.snapshot.held,
        *evidence.users,
        *(row.address for row in evidence.truths.nova),
    }
    found: list[Conflict] = []
    for root, family in sorted(evidence.by_root(addresses).items()):
        found += _Family(evidence, root, family).conflicts()
    return tuple(found)


class _Family:
    """A root, its children, and who has them by the ledger and by Nova."""

    def __init__(
        self,
        evidence: claim_evidence.Evidence,
        root: pci_address.PciAddress,
        addresses: _Addresses,
    ) -> None:
        self._evidence = evidence
        self._root = root
        self._addresses = addresses
        self._held = evidence.snapshot.held

    def conflicts(self) -> Iterator[Conflict]:
        """List what is different, in units that are put right together."""
        differs = tuple(
            sorted(
                each
                for each in self._addresses
                if self._now[each] != self._wanted[each]
            )
        )
        if self._root in differs:
            yield self._conflict(differs)
            return
        for each in differs:
            yield self._conflict((each,))

    @functools.cached_property
    def _now(self) -> Mapping[pci_address.PciAddress, str]:
        """Who has each device by the ledger; "" for nobody."""
        return {
            each: self._held[each].instance_uuid if each in self._held else ""
            for each in self._addresses
        }

    @functools.cached_property
    def _wanted(self) -> Mapping[pci_address.PciAddress, str]:
        """Who has each device by Nova, as far as Nova can know."""
        return {each: self._want(each) for each in self._addresses}

    def _want(self, address: pci_address.PciAddress) -> str:
        now = self._now[address]
        users = self._evidence.truths.nova_users.get(address, frozenset())
        if address not in self._evidence.truths.nova_rows or len(users) > 1:
            return now
        claim = self._held.get(address)
        if claim is not None and self._evidence.is_later(claim):
            return now
        if claim is not None and not users and self._evidence.is_young(claim):
            return now
        user = min(users, default="")
        if claim is None and (address, user) in self._evidence.freed_since:
            return now
        return user

    def _conflict(self, addresses: _Addresses) -> Conflict:
        rows = self._evidence.truths.nova_rows
        lost = [each for each in addresses if self._now[each]]
        got = [each for each in addresses if self._wanted[each]]
        after = {
            each: (self._wanted if each in addresses else self._now)[each]
            for each in self._addresses
        }
        return Conflict(
            addresses=addresses,
            free=tuple(
                (self._held[each], _holding(self._held[each], each))
                for each in lost
            ),
            adopt=tuple(rows[each] for each in got),
            blocker=next(
                filter(
                    None,
                    (
                        *map(self._unsure, lost),
                        *map(self._not_to_be_held, got),
                        *(self._used_otherwise(e, after) for e in addresses),
                        self._both(after, addresses),
                        self._left_open(addresses, after),
                    ),
                ),
                "",
            ),
        )

    def _unsure(self, address: pci_address.PciAddress) -> str:
        instance = self._now[address]
        if self._evidence.truths.may_use_any(instance):
            return (
                f"instance {instance} is there and nobody says which devices"
                " the hypervisor gives it"
            )
        return ""

    def _not_to_be_held(self, address: pci_address.PciAddress) -> str:
        record = self._evidence.snapshot.inventory.records.get(address)
        if record is None:
            return f"the ledger does not know device {address}"
        if record.quarantine or not record.present:
            why = record.quarantine or "it vanished"
            return f"device {address} is in quarantine ({why})"
        if self._evidence.hardware is None:
            return ""
        why = claim_sync.trouble(
            self._evidence.snapshot.inventory.records,
            self._evidence.seen,
            address,
        )
        return why and f"device {address} is not what it was ({why})"

    def _used_otherwise(
        self,
        address: pci_address.PciAddress,
        after: Mapping[pci_address.PciAddress, str],
    ) -> str:
        """Name somebody else who uses a device, or a relative of it."""
        root = self._root
        for each in self._addresses:
            if not (each in (address, root) or address == root):
                continue
            others = self._evidence.users.get(each, frozenset()) - {
                after[each]
            }
            if others and (each == address or not after[each]):
                return f"instance {min(others)} uses device {each}"
        return ""

    def _left_open(
        self,
        addresses: _Addresses,
        after: Mapping[pci_address.PciAddress, str],
    ) -> str:
        """Name somebody whose VF could be had with the PF.

        That can be had as soon as none of its VFs is held. What is put right
        apart from these may come to nothing.
        """
        loses = any(self._now[each] for each in addresses)
        stays = any(
            after[each] and (each in addresses or self._wanted[each])
            for each in self._addresses
        )
        if stays or not loses:
            return ""
        for each in self._addresses:
            users = self._evidence.users.get(each, frozenset())
            if users and not self._now[each]:
                return f"instance {min(users)} uses device {each}"
        return ""

    def _both(
        self,
        after: Mapping[pci_address.PciAddress, str],
        addresses: _Addresses,
    ) -> str:
        held = [each for each in self._addresses if after[each]]
        is_concerned = any(after[each] for each in addresses)
        if is_concerned and self._root in held and len(held) > 1:
            return f"PF {self._root} and VFs of it would both be held"
        return ""


def _holding(
    claim: pci_claim.Claim, address: pci_address.PciAddress
) -> pci_claim.Holding:
    return next(each for each in claim.holdings if each.address == address)


def prepare(
    evidence: claim_evidence.Evidence, cause: acts.Cause
) -> tuple[claim_evidence.Evidence, claim_change.Change | None]:
    """Make known to a ledger what Nova gave away and the hardware shows.

    What is in use, and cannot be held by its user yet, stays unknown.

    :param evidence: What is judged.
    :param cause: Who and why.
    :returns: The evidence with the ledger after it, and the change.
    """
    known = evidence.snapshot.inventory.records
    missing = frozenset(
        address
        for conflict in conflicts(evidence)
        for address in conflict.addresses
        if address not in known and address in evidence.seen
    )
    if not missing:
        return evidence, None
    tried, _ = _with_devices(evidence, missing, cause)
    good = frozenset(
        address
        for conflict in conflicts(tried)
        for address in conflict.addresses
        if not conflict.blocker
    )
    if not missing & good:
        return evidence, None
    return _with_devices(evidence, missing & good, cause)


def _with_devices(
    evidence: claim_evidence.Evidence,
    addresses: frozenset[pci_address.PciAddress],
    cause: acts.Cause,
) -> tuple[claim_evidence.Evidence, claim_change.Change | None]:
    if evidence.hardware is None:
        return evidence, None
    _drifts, change = claim_sync.compare(
        evidence.snapshot,
        evidence.hardware,
        cause,
        evidence.busy_unheld - addresses,
    )
    if change is None:
        return evidence, None
    return evidence.after(change), change
