# SPDX-License-Identifier: Apache-2.0
"""Making a ledger say what somebody else, who is right, says.

Nova has given its devices away when a ledger hears of it. So nothing is
chosen here and nothing is asked twice: what the ledger can follow it follows,
and of all else it is told why it cannot.
"""

from collections.abc import Container, Iterator, Mapping
import dataclasses
from typing import Final, NamedTuple
import uuid

from pci_sched.claims import acts, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.model import address as pci_address

#: The longest texts that a database keeps whole.
_LONGEST: Final = {"instance_uuid": 36, "request_id": 255, "migration": 36}

#: How a claim ends that nobody finished.
_ENDS: Final = {
    states.ClaimState.CLAIMED: states.Act.ABORT,
    states.ClaimState.ALLOCATED: states.Act.RELEASE,
}

_ALLOCATED: Final = states.ClaimState.ALLOCATED
_Address = pci_address.PciAddress


class Use(NamedTuple):
    """Who has a device.

    :ivar state: Claimed or allocated.
    :ivar request_id: Of the request that it serves; "" if nobody knows.
    :ivar migration: The move that brought the instance here; "" for none, or
        if nobody knows.
    """

    instance_uuid: str
    state: states.ClaimState
    request_id: str = ""
    migration: str = ""


#: Who has which device; ``None`` for nobody. Of others nothing is said.
Uses = Mapping[pci_address.PciAddress, Use | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Mirrored:
    """How a ledger follows.

    :ivar change: What has to be written; ``None`` for nothing.
    :ivar refused: Which devices it cannot give to who has them, and why, for
        a person. Who does not have such a device any more loses it.
    """

    change: claim_change.Change | None
    refused: Mapping[pci_address.PciAddress, str]


def mirror(
    snapshot: claim_snapshot.Snapshot, uses: Uses, cause: acts.Cause
) -> Mirrored:
    """Make a ledger say who has some devices.

    What it says already is not written again.

    :param snapshot: The ledger now.
    :param uses: Who has each.
    :param cause: Who and why.
    :returns: What to write, and what cannot be written.
    """
    plan = _Plan(snapshot, uses)
    return Mirrored(plan.change(cause), plan.refused)


def new_claim(
    snapshot: claim_snapshot.Snapshot,
    uses: Mapping[pci_address.PciAddress, Use],
    keys: Container[str],
    cause: acts.Cause,
    state: states.ClaimState = states.ClaimState.CLAIMED,
) -> pci_claim.Claim:
    """Make the claim of who has some devices.

    Nobody tells a ledger here when a move is over, so it is no side of one.

    :param snapshot: The ledger now; it knows the devices.
    :param uses: At least one; all of one instance and one move.
    :param keys: Of live claims; that of the new one is another one.
    :param cause: Who and why.
    :param state: Of the claim.
    :returns: The claim.
    """
    records = snapshot.inventory.records
    holdings = tuple(
        pci_claim.Holding(
            each, records[each].device.root, uses[each].request_id
        )
        for each in sorted(uses)
    )
    first = uses[holdings[0].address]
    requests = {each.request_id for each in holdings}
    claim_id = str(uuid.uuid4())
    key = pci_claim.key_of(first.instance_uuid, first.migration, requests)
    if key in keys:
        key = pci_claim.key_of(first.instance_uuid, claim_id, requests)
    return pci_claim.Claim(
        claim_id=claim_id,
        key=key,
        instance_uuid=first.instance_uuid,
        migration=first.migration,
        state=state,
        holdings=holdings,
        created_at=cause.at,
    )


class _Plan:
    """What is given back, confirmed and taken.

    :ivar refused: What is not taken, and why.
    """

    def __init__(self, snapshot: claim_snapshot.Snapshot, uses: Uses) -> None:
        self.refused: dict[_Address, str] = {}
        self._snapshot = snapshot
        self._uses = uses
        self._lost: dict[str, list[pci_claim.Holding]] = {}
        self._confirmed: list[str] = []
        self._taken: dict[_Address, Use] = {}
        held = snapshot.held
        holders: dict[str, pci_claim.Claim] = {}
        for address in sorted(uses):
            use = uses[address]
            if address in held:
                claim = held[address]
                holders[claim.claim_id] = claim
            elif use is not None:
                self._take(address, use)
        for claim in holders.values():
            self._look_at(claim)
        self._refuse_families()

    def _look_at(self, claim: pci_claim.Claim) -> None:
        """Decide what becomes of a claim and of each of its devices."""
        stay = [each for each in claim.holdings if not self._lose(claim, each)]
        ready = [each for each in stay if self._is_ready(claim, each)]
        if not ready:
            return
        if len(ready) == len(stay):
            self._confirmed.append(claim.claim_id)
            return
        # Of a part of a claim a claim of its own is made.
        for holding in ready:
            use = self._uses[holding.address]
            if use is not None and self._take(holding.address, use):
                self._free(claim, holding)

    def _lose(
        self, claim: pci_claim.Claim, holding: pci_claim.Holding
    ) -> bool:
        """Take a device from who does not have it, or not like that."""
        address = holding.address
        if address not in self._uses:
            return False
        use = self._uses[address]
        if is_of(claim, holding, use):
            return False
        is_refused = use is not None and not self._take(address, use)
        if is_refused and use and use.instance_uuid == claim.instance_uuid:
            # Better as it was than as if nobody had it.
            return False
        self._free(claim, holding)
        return True

    def _is_ready(
        self, claim: pci_claim.Claim, holding: pci_claim.Holding
    ) -> bool:
        """Tell whether what a claim is for has happened."""
        use = self._uses.get(holding.address)
        return (
            use is not None
            and use.state is _ALLOCATED
            and claim.state is not _ALLOCATED
            and is_of(claim, holding, use)
        )

    def _free(
        self, claim: pci_claim.Claim, holding: pci_claim.Holding
    ) -> None:
        self._lost.setdefault(claim.claim_id, []).append(holding)

    def _take(self, address: _Address, use: Use) -> bool:
        """Take a device, unless nobody may have it."""
        why = _unfit(address, use) or self._not_to_be_held(address)
        if why:
            self.refused[address] = why
            return False
        self._taken[address] = use
        return True

    def _not_to_be_held(self, address: _Address) -> str:
        record = self._snapshot.inventory.records.get(address)
        if record is None:
            return f"the ledger does not know device {address}"
        if record.quarantine or not record.present:
            why = record.quarantine or "it vanished"
            return f"device {address} is in quarantine ({why})"
        return ""

    def _refuse_families(self) -> None:
        """Refuse a PF beside VFs of it, and VFs beside their PF."""
        families: dict[_Address, list[_Address]] = {}
        for address in self._taken:
            root = self._root_of(address)
            families.setdefault(root, []).append(address)
        stays: dict[_Address, list[_Address]] = {}
        for holding in self._kept():
            if holding.root in families:
                stays.setdefault(holding.root, []).append(holding.address)
        for root, taken in families.items():
            self._refuse_both(root, taken, stays.get(root, []))

    def _refuse_both(
        self, root: _Address, taken: list[_Address], stays: list[_Address]
    ) -> None:
        if root in taken:
            others = sorted({*taken, *stays} - {root})
            if others:
                self._refuse(root, others[0], "its VF")
        elif root in stays:
            for address in taken:
                self._refuse(address, root, "its PF")

    def _refuse(self, address: _Address, other: _Address, what: str) -> None:
        instance = self._taken.pop(address).instance_uuid
        self.refused[address] = (
            f"device {address} cannot be held by instance {instance} beside"
            f" {what} {other}, which is held too"
        )

    def _kept(self) -> Iterator[pci_claim.Holding]:
        for claim_id, claim in self._snapshot.claims.items():
            lost = self._lost.get(claim_id, ())
            yield from (each for each in claim.holdings if each not in lost)

    def _root_of(self, address: _Address) -> _Address:
        return self._snapshot.inventory.records[address].device.root

    def change(self, cause: acts.Cause) -> claim_change.Change | None:
        """Make the change: first what is given back, then what is taken."""
        snapshot = self._snapshot
        total: claim_change.Change | None = None
        for act in (self._giving_back, self._taking, self._confirming):
            change = acts.together(list(act(snapshot, cause)))
            if change is not None:
                snapshot = snapshot.after(change)
                total = claim_change.then(total, change) if total else change
        return total

    def _giving_back(
        self, snapshot: claim_snapshot.Snapshot, cause: acts.Cause
    ) -> Iterator[claim_change.Change]:
        for claim_id, lost in self._lost.items():
            claim = snapshot.claims[claim_id]
            if len(lost) == len(claim.holdings):
                yield acts.end([claim], _ENDS[claim.state], cause)
            else:
                yield acts.shrink(claim, tuple(sorted(lost)), cause)

    def _taking(
        self, snapshot: claim_snapshot.Snapshot, cause: acts.Cause
    ) -> Iterator[claim_change.Change]:
        claims: dict[tuple[str, str, states.ClaimState], dict[_Address, Use]]
        claims = {}
        for address, use in self._taken.items():
            key = (use.instance_uuid, use.migration, use.state)
            claims.setdefault(key, {})[address] = use
        keys = {each.key for each in snapshot.claims.values()}
        for (*_, state), uses in claims.items():
            claim = new_claim(snapshot, uses, keys, cause)
            keys.add(claim.key)
            if state is _ALLOCATED:
                self._confirmed.append(claim.claim_id)
            yield acts.open_claim(snapshot, claim, states.Act.CLAIM, cause)

    def _confirming(
        self, snapshot: claim_snapshot.Snapshot, cause: acts.Cause
    ) -> Iterator[claim_change.Change]:
        for claim_id in self._confirmed:
            change = acts.confirm(snapshot, claim_id, cause)
            if change is not None:
                yield change


def is_of(
    claim: pci_claim.Claim, holding: pci_claim.Holding, use: Use | None
) -> bool:
    """Tell whether a device is held by who has it, as far as anybody knows.

    A claim may still have to be confirmed; it is never unconfirmed.

    :param claim: Who holds it.
    :param holding: How.
    :param use: Who has it; ``None`` for nobody.
    :returns: Whether it is the same.
    """
    return (
        use is not None
        and use.instance_uuid == claim.instance_uuid
        and use.state in (claim.state, _ALLOCATED)
        and use.request_id in ("", holding.request_id)
        and (
            "" in (use.migration, claim.migration)
            or use.migration == claim.migration
        )
    )


def _unfit(address: _Address, use: Use) -> str:
    """Say why a use is none that could be found again."""
    if not use.instance_uuid:
        return f"device {address}: nobody says which instance has it"
    for name, most in _LONGEST.items():
        if len(getattr(use, name)) > most:
            return f"device {address}: its {name} is longer than {most}"
    return ""
