# SPDX-License-Identifier: Apache-2.0
"""What a repair does, and what it never does, whatever is found."""

from collections.abc import Iterable
import dataclasses

import hypothesis
from hypothesis import strategies as st
import pytest

import audit_cases
from audit_cases import PF, VF1, VF2, VF3, A, Address, B, C, D
import ledger_cases
from pci_sched.claims import audit, finding, repair, replay, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import truths as claim_truths

ALL = tuple(finding.Code)


def _family(
    ledger: claim_snapshot.Snapshot,
    truths: claim_truths.Truths,
    address: Address,
) -> set[Address]:
    """The device, its PF, or its VFs, as far as anybody knows them."""
    root = audit_cases.root_of(address)
    hardware = truths.hardware.devices if truths.hardware else ()
    known = {
        *ledger.inventory.records,
        *(device.address for device in hardware),
        *(row.address for row in truths.nova or ()),
    }
    relatives = {each for each in known if audit_cases.root_of(each) == root}
    if address != root:
        relatives &= {root}
    return {address, *relatives}


def _users(
    ledger: claim_snapshot.Snapshot,
    truths: claim_truths.Truths,
    address: Address,
) -> set[str]:
    """Who uses a device or a relative of it, read off plainly."""
    family = _family(ledger, truths, address)
    nova = {
        row.instance_uuid
        for row in truths.nova or ()
        if row.address in family and row.status == "allocated"
    }
    guests = {
        instance
        for instance, addresses in (truths.hypervisor or {}).items()
        if addresses and family & addresses
    }
    return nova | guests


def _may_use(truths: claim_truths.Truths, instance: str) -> bool:
    """Whether an instance is known of which nobody tells the devices."""
    is_opaque = (
        instance in (truths.hypervisor or {})
        and (truths.hypervisor or {})[instance] is None
    )
    return is_opaque or (
        truths.nova is None and instance in (truths.nova_instances or ())
    )


_CASES = audit_cases.ledgers().flatmap(audit_cases.cases_of)
_codes = st.sets(st.sampled_from(ALL)) | st.just(set(ALL))


@hypothesis.given(_CASES, _codes)
def test_nothing_in_use_becomes_available(
    case: tuple[claim_snapshot.Snapshot, claim_truths.Truths],
    codes: set[finding.Code],
) -> None:
    ledger, truths = case
    change = repair.plan(ledger, codes, truths, audit_cases.CAUSE)
    if change is None:
        return
    after = audit_cases.apply(ledger, change)
    fresh = audit_cases.available(after) - audit_cases.available(ledger)
    for address in fresh:
        assert not _users(ledger, truths, address)
    for address, claim in ledger.held.items():
        if address not in after.held:
            assert not _users(ledger, truths, address)
            assert not _may_use(truths, claim.instance_uuid)


@hypothesis.given(_CASES)
def test_a_device_gets_another_holder_only_as_nova_says(
    case: tuple[claim_snapshot.Snapshot, claim_truths.Truths],
) -> None:
    ledger, truths = case
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    if change is None:
        return
    after = audit_cases.apply(ledger, change)
    nova = {row.address: row.instance_uuid for row in truths.nova or ()}
    for address, claim in after.held.items():
        before = ledger.held.get(address)
        if before is None or before.instance_uuid != claim.instance_uuid:
            assert nova[address] == claim.instance_uuid


@hypothesis.given(_CASES)
def test_nothing_that_can_be_repaired_is_left(
    case: tuple[claim_snapshot.Snapshot, claim_truths.Truths],
) -> None:
    ledger, truths = case
    found = audit.audit(ledger, truths, audit_cases.NOW)
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    assert (change is not None) == any(each.repairable for each in found)
    if change is None:
        return
    after = audit_cases.apply(ledger, change)
    left = audit.audit(after, truths, audit_cases.NOW)
    assert [each for each in left if each.repairable] == []
    assert repair.plan(after, ALL, truths, audit_cases.CAUSE) is None


@hypothesis.given(_CASES)
def test_only_what_is_wanted_is_repaired(
    case: tuple[claim_snapshot.Snapshot, claim_truths.Truths],
) -> None:
    ledger, truths = case
    assert repair.plan(ledger, (), truths, audit_cases.CAUSE) is None
    lost = [
        code
        for code in ALL
        if code not in repair.REPAIRABLE
        and repair.plan(ledger, [code], truths, audit_cases.CAUSE)
    ]
    assert lost == []


@hypothesis.given(_CASES)
def test_the_history_of_a_repair_can_be_played(
    case: tuple[claim_snapshot.Snapshot, claim_truths.Truths],
) -> None:
    ledger, truths = case
    # Of the drawn ledger there is no history: it is wrong of every claim.
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE, ())
    if change is None:
        assert not ledger.claims
        return
    after = audit_cases.apply(ledger, change)
    assert replay.replay(change.steps) == {
        claim_id: replay.Played.of(claim)
        for claim_id, claim in after.claims.items()
    }


def test_what_is_made_known_for_its_user_makes_nothing_else_available() -> (
    None
):
    ledger = audit_cases.ledger(
        host=ledger_cases.without(audit_cases.HOST, PF, VF1, VF2, VF3)
    )
    truths = audit_cases.truths(
        hardware=audit_cases.HOST,
        nova={VF1: B},
        hypervisor={B: [VF1], C: [VF2]},
    )
    codes = [finding.Code.LEDGER_CONFLICT]
    change = repair.plan(ledger, codes, truths, audit_cases.CAUSE)
    assert change is not None
    after = audit_cases.apply(ledger, change)
    assert after.held[VF1].instance_uuid == B
    fresh = audit_cases.available(after) - audit_cases.available(ledger)
    assert fresh == {VF3}


def test_the_pf_of_a_vf_that_left_the_ledger_is_still_its_pf() -> None:
    ledger = audit_cases.ledger(
        host=ledger_cases.without(audit_cases.HOST, PF, VF2, VF3)
    )
    truths = audit_cases.truths(
        hardware=ledger_cases.without(audit_cases.HOST, VF1),
        hypervisor={B: [VF1]},
    )
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    assert change is not None
    after = audit_cases.apply(ledger, change)
    assert VF1 not in after.inventory.records
    assert PF not in audit_cases.available(after)


def test_of_two_changes_of_a_device_the_last_is_written() -> None:
    ledger = audit_cases.ledger()
    record = ledger.inventory.records[VF1]
    other = dataclasses.replace(record, quarantine="broken")
    first = claim_change.Change(put=(record,), gone=(VF2,))
    both = claim_change.then(
        first, claim_change.Change(put=(other,), gone=(VF3,))
    )
    assert both.put == (other,)
    assert both.gone == (VF2, VF3)
    assert claim_change.then(first, claim_change.Change(gone=(VF1,))).put == ()


def _hypervisor(
    *claims: pci_claim.Claim, **devices: Iterable[Address]
) -> tuple[claim_snapshot.Snapshot, claim_truths.Truths]:
    ledger = audit_cases.ledger(*claims)
    names = {"B": B, "C": C}
    hypervisor = {names[each]: devices[each] for each in devices}
    return ledger, audit_cases.truths(hypervisor=hypervisor)


def test_the_last_vf_is_not_given_back_while_somebody_has_another() -> None:
    """Else the PF could be had, and the VF that is in use with it."""
    gone = audit_cases.claim(A, VF1)
    ledger, truths = _hypervisor(gone, B=[VF2])
    assert repair.plan(ledger, ALL, truths, audit_cases.CAUSE) is None
    # Beside a claim that stays the PF cannot be had anyway.
    ledger, truths = _hypervisor(
        gone, audit_cases.claim(C, VF3), B=[VF2], C=[]
    )
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    assert change is not None
    after = audit_cases.apply(ledger, change)
    assert after.claims_of(A) == ()
    assert PF not in audit_cases.available(after)


def test_it_is_given_back_once_the_other_one_is_held() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1))
    truths = audit_cases.truths(nova={VF3: B}, hypervisor={B: [VF3]})
    alone = [finding.Code.ORPHAN_CLAIM]
    assert repair.plan(ledger, alone, truths, audit_cases.CAUSE) is None
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    assert change is not None
    assert audit_cases.apply(ledger, change).held.keys() == {VF3}


def test_two_orphans_do_not_count_on_each_other() -> None:
    ledger, truths = _hypervisor(
        audit_cases.claim(A, VF1), audit_cases.claim(D, VF3), B=[VF2]
    )
    assert repair.plan(ledger, ALL, truths, audit_cases.CAUSE) is None


def test_nova_does_not_free_the_last_vf_while_somebody_has_another() -> None:
    ledger = audit_cases.ledger(
        audit_cases.claim(A, VF1), audit_cases.claim(C, VF3)
    )
    nova = {PF: "", VF1: "", VF3: ""}
    truths = audit_cases.truths(
        nova=nova, nova_instances=[A, C], hypervisor={A: [], B: [VF2], C: []}
    )
    assert repair.plan(ledger, ALL, truths, audit_cases.CAUSE) is None
    truths = audit_cases.truths(
        nova={**nova, VF3: C}, hypervisor={A: [], B: [VF2], C: [VF3]}
    )
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    assert change is not None
    after = audit_cases.apply(ledger, change)
    assert set(after.held) == {VF3}


def test_a_device_in_use_does_not_become_assignable() -> None:
    """A device_spec that newly selects it is no reason to hand it out."""
    vfs_only = audit_cases.with_device(audit_cases.HOST, PF, assignable=False)
    ledger = audit_cases.ledger(host=vfs_only)
    truths = audit_cases.truths(
        hardware=audit_cases.with_device(
            ledger_cases.without(audit_cases.HOST, VF1, VF2, VF3),
            PF,
            sriov_numvfs=0,
        ),
        hypervisor={B: [PF]},
    )
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    assert change is not None
    after = audit_cases.apply(ledger, change)
    assert PF not in audit_cases.available(after)


def test_all_claims_that_nobody_confirmed_end_in_one_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repair, "_ROUNDS", 1)
    late = [
        audit_cases.claim(
            A,
            each,
            number=number,
            state=states.ClaimState.CLAIMED,
            expires_at=audit_cases.READ_AT,
        )
        for number, each in enumerate((VF1, VF2, VF3))
    ]
    ledger = audit_cases.ledger(*late)
    truths = audit_cases.truths(hypervisor={A: [VF2]})
    change = repair.plan(ledger, ALL, truths, audit_cases.CAUSE)
    assert change is not None
    after = audit_cases.apply(ledger, change)
    assert {each: one.state for each, one in after.held.items()} == {
        VF2: states.ClaimState.ALLOCATED
    }
