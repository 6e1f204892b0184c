# SPDX-License-Identifier: Apache-2.0
"""What a ledger should say after each act: a small model of plain values.

It shares nothing with the code it is compared with. It does not choose
devices: it says whether a request can be served at all, and whether what was
chosen may be.
"""

from collections.abc import Mapping
import dataclasses
import itertools
from typing import Any, NamedTuple

from pci_sched import exception
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: How many PFs and VFs each request asks for, by its id.
Wanted = Mapping[str, tuple[int, int]]

_Error = type[exception.PciSchedException]


class Device(NamedTuple):
    """One device of the ledger."""

    root: str
    identity: tuple[object, ...]
    vfs: int | None
    present: bool = True
    quarantined: bool = False


@dataclasses.dataclass
class Claim:
    """One live claim.

    :ivar held: The id of the request that each device serves.
    """

    instance: str
    migration: str
    wanted: Wanted
    held: dict[str, str]
    ends_at: float | None
    is_moving: bool
    state: str = "claimed"


@dataclasses.dataclass
class Model:
    """The ledger of one host.

    :ivar patience: After how many seconds a claim ends.
    :ivar now: In seconds.
    :ivar moves: How each move of an instance ended.
    :ivar past: The ids of claims that ended.
    """

    patience: float
    now: float = 0
    generation: int = 0
    devices: dict[str, Device] = dataclasses.field(default_factory=dict)
    claims: dict[str, Claim] = dataclasses.field(default_factory=dict)
    moves: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    past: set[str] = dataclasses.field(default_factory=set)

    def owners(self, *, without_late: bool = False) -> dict[str, str]:
        """Tell which claim holds each held device."""
        late = self.late() if without_late else ()
        return {
            address: claim_id
            for claim_id, claim in self.claims.items()
            if claim_id not in late
            for address in claim.held
        }

    def standing(self) -> tuple[dict[str, Any], ...]:
        """Say how everything stands: devices, who holds them, claims."""
        devices = {
            address: (each.present, each.quarantined)
            for address, each in self.devices.items()
        }
        holdings = {
            address: (claim_id, request_id)
            for claim_id, claim in self.claims.items()
            for address, request_id in claim.held.items()
        }
        claims = {
            claim_id: (
                claim.instance,
                claim.migration,
                claim.is_moving,
                claim.state,
            )
            for claim_id, claim in self.claims.items()
        }
        return devices, holdings, claims

    def late(self) -> list[str]:
        """List the claims that nobody confirmed in time."""
        return [
            claim_id
            for claim_id, claim in self.claims.items()
            if claim.state == "claimed"
            and claim.ends_at is not None
            and claim.ends_at <= self.now
        ]

    def sync(self, host: pci_host.Host) -> bool:
        """Take over the hardware; tell whether any device differs."""
        seen = {str(each.address): _seen(each) for each in host.devices}
        before = dict(self.devices)
        held = self.owners()
        for address in {*before, *seen}:
            after = _look(address, before, seen, is_held=address in held)
            self.devices.pop(address, None)
            if after is not None:
                self.devices[address] = after
        return self.devices != before

    def claim_of(
        self, instance: str, migration: str, wanted: Wanted
    ) -> str | None:
        """Find the claim that is asked for again."""
        late = self.late()
        for claim_id, claim in self.claims.items():
            asked = (claim.instance, claim.migration, set(claim.wanted))
            is_it = asked == (instance, migration, set(wanted))
            if is_it and claim_id not in late:
                return claim_id
        return None

    def refusal(
        self, instance: str, migration: str, wanted: Wanted
    ) -> _Error | None:
        """Tell why a claim cannot be had; ``None`` if it can."""
        known = self.claim_of(instance, migration, wanted)
        if known is None:
            if (instance, migration) in self.moves:
                return exception.ClaimConflict
            is_possible = self._can_serve(wanted)
            return None if is_possible else exception.ClaimRefused
        held = list(self.claims[known].held.values())
        fits = all(
            held.count(name) == sum(counts) for name, counts in wanted.items()
        )
        return None if fits else exception.ClaimConflict

    def take(self, claim_id: str, claim: Claim) -> None:
        """Open a claim with what was chosen for it.

        :param claim_id: Its id.
        :param claim: With its devices.
        """
        for late in self.late():
            self._end(late)
        free = self.free()
        for name, (pfs, vfs) in claim.wanted.items():
            chosen = [each for each, by in claim.held.items() if by == name]
            whole = [each for each in chosen if self._is_root(each)]
            assert set(chosen) <= free, f"{chosen} of {free}"
            assert (len(whole), len(chosen)) == (pfs, pfs + vfs)
        roots = [self.devices[each].root for each in claim.held]
        for each in claim.held:
            assert not self._is_root(each) or roots.count(each) == 1
        self.claims[claim_id] = claim
        self.generation += 1

    def free(self) -> set[str]:
        """List the devices that may be handed out, each for itself."""
        held = self.owners(without_late=True)
        whole = {each for each in held if self._is_root(each)}
        split = {self.devices[each].root for each in held} - whole
        return {
            address
            for address, device in self.devices.items()
            if device.present
            and not device.quarantined
            and address not in held
            and device.root not in whole
            and not (self._is_root(address) and address in split)
        }

    def confirm(self, claim_id: str) -> _Error | None:
        """Make a claim allocated."""
        claim = self.claims.get(claim_id)
        if claim is None:
            is_past = claim_id in self.past
            return (
                exception.ClaimConflict if is_past else exception.ClaimUnknown
            )
        if claim.state == "claimed":
            claim.state, claim.ends_at = "allocated", None
            self.generation += 1
        return None

    def abort(self, claim_id: str) -> _Error | None:
        """Give up a claim."""
        claim = self.claims.get(claim_id)
        if claim is None:
            return None if claim_id in self.past else exception.ClaimUnknown
        if claim.state == "allocated":
            return exception.ClaimConflict
        self._end(claim_id)
        self.generation += 1
        return None

    def detach(self, instance: str, name: str) -> None:
        """Give back what one request, or its port, has."""
        changed = False
        for claim_id in self._of(instance):
            claim = self.claims[claim_id]
            gone = [
                address
                for address, by in claim.held.items()
                if name in (by, f"port-{by}")
            ]
            for address in gone:
                del claim.held[address]
            changed = changed or bool(gone)
            if gone and not claim.held:
                self._end(claim_id)
        self.generation += changed

    def release(self, instance: str) -> None:
        """Give back everything that an instance has."""
        ended = self._of(instance)
        for claim_id in ended:
            self._end(claim_id)
        self.generation += bool(ended)

    def expire(self) -> None:
        """End what nobody confirmed in time."""
        late = self.late()
        for claim_id in late:
            self._end(claim_id)
        self.generation += bool(late)

    def finish_move(self, instance: str, migration: str) -> _Error | None:
        """Keep what a move brought, and nothing else."""
        if (instance, migration) in self.moves:
            return self._again(instance, migration, "finished")
        for claim_id in self._of(instance):
            claim = self.claims[claim_id]
            if claim.migration == migration:
                claim.state, claim.ends_at = "allocated", None
                claim.is_moving = False
            else:
                self._end(claim_id)
            self.moves[instance, migration] = "finished"
        self.generation += (instance, migration) in self.moves
        return None

    def revert_move(self, instance: str, migration: str) -> _Error | None:
        """Keep all but what a move brought."""
        if (instance, migration) in self.moves:
            return self._again(instance, migration, "reverted")
        for claim_id in self._of(instance):
            if self.claims[claim_id].migration == migration:
                self._end(claim_id)
            self.moves[instance, migration] = "reverted"
        self.generation += (instance, migration) in self.moves
        return None

    def _again(self, instance: str, migration: str, how: str) -> _Error | None:
        was = self.moves[instance, migration]
        return None if was == how else exception.ClaimConflict

    def _of(self, instance: str) -> list[str]:
        return [
            claim_id
            for claim_id, claim in self.claims.items()
            if claim.instance == instance
        ]

    def _end(self, claim_id: str) -> None:
        del self.claims[claim_id]
        self.past.add(claim_id)

    def _is_root(self, address: str) -> bool:
        return self.devices[address].root == address

    def _can_serve(self, wanted: Wanted) -> bool:
        """Try every set of PFs that could be given away whole."""
        free = self.free()
        pfs, vfs = (sum(each) for each in zip(*wanted.values(), strict=True))
        held_roots = {
            self.devices[each].root for each in self.owners(without_late=True)
        }
        whole = [
            each
            for each in free
            if self._is_root(each) and each not in held_roots
        ]
        parts = [each for each in free if not self._is_root(each)]
        return any(
            sum(self.devices[each].root not in chosen for each in parts) >= vfs
            for chosen in itertools.combinations(whole, pfs)
        )


def _seen(device: pci_device.Device) -> Device:
    identity = (
        device.vendor_id,
        device.product_id,
        device.dev_type,
        device.root,
        device.path,
        device.card_serial_number,
    )
    return Device(str(device.root), identity, device.sriov_numvfs)


def _look(
    address: str,
    before: Mapping[str, Device],
    seen: Mapping[str, Device],
    *,
    is_held: bool,
) -> Device | None:
    """Say what becomes of one device."""
    old, new = before.get(address), seen.get(address)
    if old is None or not is_held:
        return new
    if new is None:
        return old._replace(present=False, quarantined=True)
    old_pf, new_pf = before.get(old.root), seen.get(old.root)
    if old.identity != new.identity or (
        old_pf and new_pf and old_pf.identity != new_pf.identity
    ):
        return old._replace(present=True, quarantined=True)
    is_recounted = bool(old_pf and new_pf and old_pf.vfs != new_pf.vfs)
    return new._replace(quarantined=old.quarantined or is_recounted)
