# SPDX-License-Identifier: Apache-2.0
"""The ledger says what Nova says, or tells why it cannot."""

from collections.abc import Mapping
import dataclasses

import hypothesis
from hypothesis import strategies as st
import pytest

import audit_cases
from audit_cases import (
    CAUSE,
    PF,
    PF_B,
    VF1,
    VF2,
    VF3,
    VF_B1,
    A,
    Address,
    B,
    C,
)
import ledger_cases
import mirror_cases
from mirror_cases import ALLOCATED, CLAIMED, UNKNOWN
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import mirror, states
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims.mirror import Use


def moved(
    ledger: claim_snapshot.Snapshot, uses: mirror.Uses
) -> tuple[claim_snapshot.Snapshot, mirror.Mirrored]:
    """Have a ledger follow."""
    mirrored = mirror.mirror(ledger, uses, CAUSE)
    return mirror_cases.write(ledger, mirrored.change), mirrored


def acts_of(change: claim_change.Change | None) -> list[tuple[str, str]]:
    """List what is told, and of which instance."""
    assert change is not None
    return [(str(each.act), each.instance_uuid) for each in change.steps]


@st.composite
def _cases(
    draw: st.DrawFn,
) -> tuple[claim_snapshot.Snapshot, dict[Address, Use | None]]:
    """Draw a ledger, some of whose claims came from here, and wants."""
    ledger = draw(audit_cases.ledgers())
    for _ in range(draw(st.integers(0, 1))):
        change = mirror.mirror(
            ledger, draw(mirror_cases.drawn_uses()), CAUSE
        ).change
        ledger = ledger.after(change) if change else ledger
    wants: dict[Address, Use | None] = dict(draw(mirror_cases.drawn_uses()))
    for address in draw(st.sets(st.sampled_from(mirror_cases.ADDRESSES))):
        wants[address] = None
    for address in draw(st.sets(st.sampled_from(mirror_cases.ADDRESSES))):
        claim = ledger.held.get(address)
        if claim is not None:
            state = draw(st.sampled_from((claim.state, ALLOCATED)))
            wants[address] = Use(claim.instance_uuid, state)
    return ledger, wants


@hypothesis.given(_cases())
def test_the_ledger_says_what_is_wanted(
    case: tuple[claim_snapshot.Snapshot, dict[Address, Use | None]],
) -> None:
    ledger, uses = case
    after, mirrored = moved(ledger, uses)
    for address, use in uses.items():
        if address not in mirrored.refused:
            assert mirror_cases.says(after, address, use), address


@hypothesis.given(_cases())
def test_of_what_nothing_was_said_nothing_changes(
    case: tuple[claim_snapshot.Snapshot, dict[Address, Use | None]],
) -> None:
    ledger, uses = case
    after, mirrored = moved(ledger, uses)
    assert mirrored.refused.keys() <= uses.keys()
    assert after.inventory is ledger.inventory
    for address in {*ledger.held, *after.held} - uses.keys():
        was, now = ledger.held[address], after.held[address]
        changed = dataclasses.replace(was, holdings=now.holdings)
        assert now == changed


@hypothesis.given(_cases())
def test_a_refusal_has_a_reason_and_gives_to_nobody_else(
    case: tuple[claim_snapshot.Snapshot, dict[Address, Use | None]],
) -> None:
    ledger, uses = case
    after, mirrored = moved(ledger, uses)
    for address in mirrored.refused:
        use = uses[address]
        assert use is not None
        now = after.held.get(address)
        if now is not None:
            # It may have lost other devices.
            was = ledger.held[address]
            assert now.instance_uuid == use.instance_uuid
            assert now == dataclasses.replace(was, holdings=now.holdings)
        record = ledger.inventory.records.get(address)
        root = audit_cases.root_of(address)
        relatives = {
            each
            for each in after.held
            if each != address
            and audit_cases.root_of(each) == root
            and root in (each, address)
        }
        assert record is None or record.quarantine or relatives
        assert str(address) in mirrored.refused[address]


@hypothesis.given(_cases())
def test_what_is_done_twice_is_done_once(
    case: tuple[claim_snapshot.Snapshot, dict[Address, Use | None]],
) -> None:
    ledger, uses = case
    after, mirrored = moved(ledger, uses)
    again = mirror.mirror(after, uses, CAUSE)
    assert again == mirror.Mirrored(None, mirrored.refused)


@hypothesis.given(_cases(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_said_does_not_matter(
    case: tuple[claim_snapshot.Snapshot, dict[Address, Use | None]],
    random: st.DataObject,
) -> None:
    ledger, uses = case
    items = list(uses.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    one, other = moved(ledger, uses), moved(ledger, dict(items))
    assert one[1].refused == other[1].refused
    assert _stand(one[0]) == _stand(other[0])


def _stand(
    ledger: claim_snapshot.Snapshot,
) -> dict[Address, tuple[str, str, str]]:
    return {
        address: (claim.instance_uuid, claim.migration, claim.state)
        for address, claim in ledger.held.items()
    }


def test_who_gets_devices_gets_one_claim() -> None:
    uses: mirror.Uses = {
        VF2: Use(A, CLAIMED, "r2"),
        VF1: Use(A, CLAIMED, "r1"),
    }
    after, mirrored = moved(audit_cases.ledger(), uses)
    (claim,) = after.claims.values()
    assert claim.state is CLAIMED
    assert claim.holdings == (
        pci_claim.Holding(VF1, PF, "r1"),
        pci_claim.Holding(VF2, PF, "r2"),
    )
    assert claim.key == pci_claim.key_of(A, "", ["r1", "r2"])
    assert (claim.created_at, claim.expires_at) == (CAUSE.at, None)
    assert acts_of(mirrored.change) == [("claim", A)]
    assert not mirrored.refused


def test_what_is_allocated_at_once_was_claimed_and_confirmed() -> None:
    uses = {VF1: Use(A, ALLOCATED), PF_B: Use(B, ALLOCATED)}
    after, mirrored = moved(audit_cases.ledger(), uses)
    assert acts_of(mirrored.change) == [
        ("claim", A),
        ("claim", B),
        ("confirm", A),
        ("confirm", B),
    ]
    assert {each.state for each in after.claims.values()} == {ALLOCATED}


def test_each_move_has_a_claim_and_no_claim_is_a_side() -> None:
    uses = {VF1: Use(A, ALLOCATED, "r"), VF2: Use(A, ALLOCATED, "r", "m")}
    after, _ = moved(audit_cases.ledger(), uses)
    found = {each.migration: each for each in after.claims.values()}
    assert found[""].addresses == (VF1,)
    assert found["m"].addresses == (VF2,)
    assert not found["m"].is_moving


def test_two_claims_of_the_same_requests_have_two_keys() -> None:
    uses = {VF1: Use(A, CLAIMED, "r"), VF2: Use(A, ALLOCATED, "r")}
    after, _ = moved(audit_cases.ledger(), uses)
    again, _ = moved(after, {VF3: Use(A, ALLOCATED, "r")})
    assert len({each.key for each in again.claims.values()}) == 3


@pytest.mark.parametrize(
    ("state", "act"), [(CLAIMED, "abort"), (ALLOCATED, "release")]
)
def test_what_nobody_has_is_given_back(
    state: states.ClaimState, act: str
) -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1, VF2, state=state))
    after, mirrored = moved(ledger, {VF1: None, VF2: None, VF3: None})
    assert not after.held
    assert acts_of(mirrored.change) == [(act, A)]


def test_a_claim_shrinks_by_what_is_given_back() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1, VF2))
    after, mirrored = moved(ledger, {VF1: None})
    assert acts_of(mirrored.change) == [("detach", A)]
    assert after.claims["claim-a0"].addresses == (VF2,)


def test_a_claim_is_confirmed() -> None:
    ledger = audit_cases.ledger(
        audit_cases.claim(A, VF1, VF2, VF3, state=CLAIMED)
    )
    uses = {VF1: Use(A, ALLOCATED), VF2: Use(A, ALLOCATED), VF3: None}
    after, mirrored = moved(ledger, uses)
    assert acts_of(mirrored.change) == [("detach", A), ("confirm", A)]
    (claim,) = after.claims.values()
    assert (claim.claim_id, claim.state) == ("claim-a0", ALLOCATED)


def test_what_is_confirmed_of_a_claim_gets_one_of_its_own() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1, VF2, state=CLAIMED))
    after, mirrored = moved(ledger, {VF1: Use(A, ALLOCATED)})
    assert acts_of(mirrored.change) == [
        ("detach", A),
        ("claim", A),
        ("confirm", A),
    ]
    assert after.held[VF1].state is ALLOCATED
    assert after.held[VF2].state is CLAIMED
    assert after.held[VF2].claim_id == "claim-a0"


def test_a_device_goes_from_one_to_another() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1))
    after, mirrored = moved(ledger, {VF1: Use(B, CLAIMED, "r")})
    assert acts_of(mirrored.change) == [("release", A), ("claim", B)]
    assert after.held[VF1].instance_uuid == B


@pytest.mark.parametrize(
    "use",
    [
        Use(A, CLAIMED),
        Use(A, ALLOCATED, "another"),
        Use(A, ALLOCATED, "", "another move"),
    ],
)
def test_what_the_same_instance_got_anew_is_a_claim_of_its_own(
    use: Use,
) -> None:
    claim = dataclasses.replace(audit_cases.claim(A, VF1), migration="m")
    after, mirrored = moved(audit_cases.ledger(claim), {VF1: use})
    assert acts_of(mirrored.change)[:2] == [("release", A), ("claim", A)]
    assert after.held[VF1].claim_id != "claim-a0"


@pytest.mark.parametrize("migration", ["", "m"])
def test_a_move_that_only_one_knows_of_is_no_difference(
    migration: str,
) -> None:
    claim = dataclasses.replace(audit_cases.claim(A, VF1), migration=migration)
    use = Use(A, ALLOCATED, "request", "" if migration else "m")
    _, mirrored = moved(audit_cases.ledger(claim), {VF1: use})
    assert mirrored.change is None


def test_from_a_pf_to_its_vfs_and_back() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, PF))
    split, mirrored = moved(
        ledger, {PF: None, VF1: Use(B, ALLOCATED), VF2: Use(B, ALLOCATED)}
    )
    assert not mirrored.refused
    assert split.whole_roots[PF] is False
    whole, mirrored = moved(
        split, {VF1: None, VF2: None, PF: Use(A, ALLOCATED)}
    )
    assert not mirrored.refused
    assert whole.whole_roots[PF] is True


def _refusals(
    ledger: claim_snapshot.Snapshot, uses: Mapping[Address, Use | None]
) -> list[str]:
    _, mirrored = moved(ledger, uses)
    return [mirrored.refused[each] for each in sorted(mirrored.refused)]


def test_a_pf_is_refused_beside_its_vfs_and_all_else_is_written() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF2))
    uses = {PF: Use(B, ALLOCATED), VF1: Use(C, ALLOCATED), VF2: None}
    after, mirrored = moved(ledger, uses)
    assert mirrored.refused == {
        PF: f"device {PF} cannot be held by instance {B} beside its VF"
        f" {VF1}, which is held too"
    }
    assert after.held.keys() == {VF1}


def test_vfs_are_refused_beside_their_pf() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, PF))
    uses = {VF1: Use(B, ALLOCATED), VF_B1: Use(C, ALLOCATED)}
    after, mirrored = moved(ledger, uses)
    assert mirrored.refused == {
        VF1: f"device {VF1} cannot be held by instance {B} beside its PF"
        f" {PF}, which is held too"
    }
    assert after.held.keys() == {PF, VF_B1}


def test_what_the_ledger_does_not_know_is_refused() -> None:
    assert _refusals(audit_cases.ledger(), {UNKNOWN: Use(A, ALLOCATED)}) == [
        f"the ledger does not know device {UNKNOWN}"
    ]


def test_what_is_in_quarantine_goes_to_nobody_but_from_somebody() -> None:
    ledger = audit_cases.with_quarantine(
        audit_cases.ledger(audit_cases.claim(A, VF1, VF2)), VF1, VF2
    )
    uses = {VF1: Use(B, ALLOCATED), VF2: Use(A, ALLOCATED, "other")}
    after, mirrored = moved(ledger, uses)
    assert mirrored.refused == {
        each: f"device {each} is in quarantine (broken)" for each in (VF1, VF2)
    }
    assert VF1 not in after.held
    assert after.held[VF2].claim_id == "claim-a0"


def test_what_vanished_goes_to_nobody() -> None:
    ledger = audit_cases.ledger()
    records = ledger.inventory.records
    gone = dataclasses.replace(records[VF1], present=False)
    ledger = dataclasses.replace(
        ledger, inventory=ledger.inventory.with_records([gone])
    )
    assert _refusals(ledger, {VF1: Use(A, ALLOCATED)}) == [
        f"device {VF1} is in quarantine (it vanished)"
    ]


def test_what_is_in_quarantine_is_confirmed_where_it_is() -> None:
    claim = audit_cases.claim(A, VF1, VF2, state=CLAIMED)
    ledger = audit_cases.with_quarantine(audit_cases.ledger(claim), VF1)
    uses = {VF1: Use(A, ALLOCATED)}
    assert _refusals(ledger, uses) == [
        f"device {VF1} is in quarantine (broken)"
    ]
    both = {**uses, VF2: Use(A, ALLOCATED)}
    after, mirrored = moved(ledger, both)
    assert not mirrored.refused
    assert after.claims["claim-a0"].state is ALLOCATED


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (Use("", CLAIMED), "nobody says which instance has it"),
        (Use("i" * 37, CLAIMED), "its instance_uuid is longer than 36"),
        (Use(A, CLAIMED, "r" * 256), "its request_id is longer than 255"),
        (Use(A, CLAIMED, "", "m" * 37), "its migration is longer than 36"),
    ],
)
def test_what_no_database_would_keep_is_refused(use: Use, words: str) -> None:
    (said,) = _refusals(audit_cases.ledger(), {VF1: use})
    assert f"device {VF1}: {words}" in said
    longest = Use("i" * 36, CLAIMED, "r" * 255, "m" * 36)
    assert not _refusals(audit_cases.ledger(), {VF1: longest})


def test_nothing_said_is_nothing_written() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1))
    assert mirror.mirror(ledger, {}, CAUSE) == mirror.Mirrored(None, {})


def test_many_claims_come_in_one_change() -> None:
    host = ledger_cases.host(pfs=2, vfs=64)
    ledger = audit_cases.ledger(host=host)
    uses = {
        each.address: Use(f"instance-{number}", ALLOCATED)
        for number, each in enumerate(host.devices)
        if each.parent_addr
    }
    change = mirror.mirror(ledger, uses, CAUSE).change
    assert change is not None
    assert len(ledger.after(change).claims) == 128
    assert len(change.modes) == 2
