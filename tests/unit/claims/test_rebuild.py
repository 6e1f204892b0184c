# SPDX-License-Identifier: Apache-2.0
"""A ledger is made anew of the hardware and of Nova's records."""

from collections.abc import Mapping

import hypothesis
from hypothesis import strategies as st

import audit_cases
from audit_cases import CAUSE, HOST, PF, PF_B, VF1, VF2, VF3, A, Address, B
import ledger_cases
import mirror_cases
from mirror_cases import ALLOCATED
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import mirror, rebuild
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims.mirror import Use
from pci_sched.model import host as pci_host

EMPTY = claim_snapshot.Snapshot(pci_claim.HostKey.named("compute1"))


@st.composite
def _cases(
    draw: st.DrawFn,
) -> tuple[claim_snapshot.Snapshot, pci_host.Host, dict[Address, Use]]:
    """Draw a ledger, what the hardware is, and who has what."""
    ledger = draw(st.just(EMPTY) | audit_cases.ledgers())
    hardware = draw(audit_cases.all_truths(ledger)).hardware or HOST
    return ledger, hardware, draw(mirror_cases.drawn_uses())


def _rebuilt(
    ledger: claim_snapshot.Snapshot,
    host: pci_host.Host,
    uses: Mapping[Address, Use],
) -> tuple[claim_snapshot.Snapshot, mirror.Mirrored]:
    mirrored = rebuild.rebuild(ledger, host, uses, CAUSE)
    return mirror_cases.write(ledger, mirrored.change), mirrored


@hypothesis.given(_cases())
def test_the_ledger_says_all_and_nothing_else(
    case: tuple[claim_snapshot.Snapshot, pci_host.Host, dict[Address, Use]],
) -> None:
    ledger, host, uses = case
    after, mirrored = _rebuilt(ledger, host, uses)
    assert after.held.keys() == uses.keys() - mirrored.refused.keys()
    for address in after.held:
        assert mirror_cases.says(after, address, uses[address])


@hypothesis.given(_cases())
def test_a_rebuild_that_finds_nothing_writes_nothing(
    case: tuple[claim_snapshot.Snapshot, pci_host.Host, dict[Address, Use]],
) -> None:
    ledger, host, uses = case
    after, mirrored = _rebuilt(ledger, host, uses)
    again = rebuild.rebuild(after, host, uses, CAUSE)
    assert again == mirror.Mirrored(None, again.refused)
    assert again.refused.keys() == mirrored.refused.keys()


@hypothesis.given(_cases())
def test_nothing_in_use_becomes_available(
    case: tuple[claim_snapshot.Snapshot, pci_host.Host, dict[Address, Use]],
) -> None:
    ledger, host, uses = case
    after, _ = _rebuilt(ledger, host, uses)
    # What Nova gives back is free beside whatever else Nova says.
    given_back = {audit_cases.root_of(each) for each in ledger.held}
    before = audit_cases.available(ledger)
    known = {each.address for each in host.devices}
    uses = {
        each: use
        for each, use in uses.items()
        if each in known or each in ledger.inventory.records
    }
    for address in audit_cases.available(after) - before:
        root = audit_cases.root_of(address)
        if root in given_back:
            continue
        family = {address, root}
        if address == root:
            family = {
                each for each in uses if audit_cases.root_of(each) == root
            }
        assert not family & uses.keys()


@hypothesis.given(_cases())
def test_only_what_cannot_be_held_is_refused(
    case: tuple[claim_snapshot.Snapshot, pci_host.Host, dict[Address, Use]],
) -> None:
    ledger, host, uses = case
    _, mirrored = _rebuilt(ledger, host, uses)
    there = {each.address for each in host.devices}
    for address in mirrored.refused:
        root = audit_cases.root_of(address)
        relatives = {
            each
            for each in uses
            if each != address
            and audit_cases.root_of(each) == root
            and root in (each, address)
        }
        is_whole = ledger.held.get(address) is None
        assert address not in there or relatives or not is_whole


def test_an_empty_ledger_takes_all_in_one_change() -> None:
    uses = {VF1: Use(A, ALLOCATED, "r"), PF_B: Use(B, ALLOCATED)}
    after, mirrored = _rebuilt(EMPTY, HOST, uses)
    assert not mirrored.refused
    assert after.generation == EMPTY.generation + 1
    assert after.inventory.records.keys() == {
        each.address for each in HOST.devices
    }
    assert mirrored.change is not None
    assert [str(each.act) for each in mirrored.change.steps] == [
        "sync",
        "claim",
        "claim",
        "confirm",
        "confirm",
    ]


def test_a_stale_ledger_is_put_right() -> None:
    ledger = audit_cases.ledger(
        audit_cases.claim(A, VF1, VF2), audit_cases.claim(B, VF3)
    )
    uses = {VF2: Use(A, ALLOCATED), VF3: Use(A, ALLOCATED)}
    after, mirrored = _rebuilt(ledger, HOST, uses)
    assert not mirrored.refused
    assert {
        address: claim.instance_uuid for address, claim in after.held.items()
    } == {VF2: A, VF3: A}


def test_what_vanished_and_nobody_has_goes_at_once() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1, VF2))
    host = ledger_cases.without(HOST, VF1, VF2)
    after, _ = _rebuilt(ledger, host, {VF2: Use(A, ALLOCATED)})
    assert VF1 not in after.inventory.records
    assert after.inventory.records[VF2].quarantine == "it vanished"
    assert after.held.keys() == {VF2}


def test_a_device_in_quarantine_that_changed_hands_is_cleared() -> None:
    ledger = audit_cases.with_quarantine(
        audit_cases.ledger(audit_cases.claim(A, VF1)), VF1
    )
    after, mirrored = _rebuilt(ledger, HOST, {VF1: Use(B, ALLOCATED)})
    assert not mirrored.refused
    assert after.held[VF1].instance_uuid == B
    assert not after.inventory.records[VF1].quarantine


def test_the_vfs_of_a_pf_that_is_used_unseen_are_not_handed_out() -> None:
    uses = {PF: Use(A, ALLOCATED), VF1: Use(B, ALLOCATED)}
    after, mirrored = _rebuilt(EMPTY, HOST, uses)
    assert mirrored.refused.keys() == {PF}
    assert after.held.keys() == {VF1}
    assert not {PF, VF2, VF3} & audit_cases.available(after)
    assert PF_B in audit_cases.available(after)


def test_the_pf_of_a_vf_that_is_used_unseen_is_not_handed_out() -> None:
    host = audit_cases.with_device(HOST, VF1, assignable=False)
    after, mirrored = _rebuilt(EMPTY, host, {VF1: Use(B, ALLOCATED)})
    assert mirrored.refused == {VF1: f"the ledger does not know device {VF1}"}
    assert PF not in audit_cases.available(after)
    assert VF2 in audit_cases.available(after)


def test_another_device_that_is_still_used_stays_in_quarantine() -> None:
    ledger = audit_cases.ledger(audit_cases.claim(A, VF1))
    host = audit_cases.with_device(HOST, VF1, product_id="ffff")
    after, mirrored = _rebuilt(ledger, host, {VF1: Use(A, ALLOCATED)})
    assert not mirrored.refused
    assert "its product was" in after.inventory.records[VF1].quarantine
    free, _ = _rebuilt(after, host, {})
    assert free.inventory.records[VF1].device.product_id == "ffff"
