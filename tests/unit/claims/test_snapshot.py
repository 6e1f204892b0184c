# SPDX-License-Identifier: Apache-2.0
"""What a ledger says at one moment."""

import dataclasses
import datetime

import pytest

import ledger_cases
from pci_sched.claims import acts, change, snapshot, states, sync
from pci_sched.claims import claim as pci_claim
from pci_sched.model import address as pci_address

_NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
_HOST = ledger_cases.host(pfs=2, vfs=2)
_PF, _VF, _VF2, _PF2, *_ = (each.address for each in _HOST.devices)


def _ledger(
    *held: pci_address.PciAddress,
    state: states.ClaimState = states.ClaimState.CLAIMED,
) -> snapshot.Snapshot:
    empty = snapshot.Snapshot(pci_claim.HostKey.named("h"))
    _, seen = sync.compare(empty, _HOST, acts.Cause(_NOW))
    assert seen is not None
    claims = {
        str(number): pci_claim.Claim(
            claim_id=str(number),
            key=f"key-{number}",
            instance_uuid="server",
            state=state,
            holdings=(
                pci_claim.Holding(
                    address, address._replace(slot=0, function=0), "r"
                ),
            ),
            created_at=_NOW - datetime.timedelta(hours=number),
        )
        for number, address in enumerate(held)
    }
    return dataclasses.replace(empty.after(seen), claims=claims)


def _free(ledger: snapshot.Snapshot) -> set[pci_address.PciAddress]:
    return {
        address
        for pool in ledger.supply().pools
        for address in pool.addresses or ()
    }


_ALL = {each.address for each in _HOST.devices}


@pytest.mark.parametrize(
    ("held", "taken"),
    [
        ((), ()),
        ((_VF,), (_VF, _PF)),
        ((_VF, _VF2), (_VF, _VF2, _PF)),
        ((_PF,), (_PF, _VF, _VF2)),
        ((_PF, _PF2), tuple(_ALL)),
    ],
)
def test_what_is_held_is_not_to_be_had_nor_are_its_relatives(
    held: tuple[pci_address.PciAddress, ...],
    taken: tuple[pci_address.PciAddress, ...],
) -> None:
    assert _free(_ledger(*held)) == _ALL - set(taken)


@pytest.mark.parametrize(
    ("held", "of", "claimed", "allocated"),
    [
        (_VF, _VF, "claimed", "allocated"),
        (_VF, _PF, "unclaimable", "unavailable"),
        (_VF, _VF2, "available", "available"),
        (_VF, _PF2, "available", "available"),
        (_PF, _PF, "claimed", "allocated"),
        (_PF, _VF, "unclaimable", "unavailable"),
    ],
)
def test_a_status_is_that_of_nova(
    held: pci_address.PciAddress,
    of: pci_address.PciAddress,
    claimed: str,
    allocated: str,
) -> None:
    ledger = _ledger(held)
    assert ledger.status_of(of) == claimed
    ledger = _ledger(held, state=states.ClaimState.ALLOCATED)
    assert ledger.status_of(of) == allocated


def test_quarantine_comes_before_all_else() -> None:
    ledger = _ledger(_VF)
    record = ledger.inventory.records[_VF]
    bad = ledger.inventory.with_records(
        [dataclasses.replace(record, quarantine="it vanished")]
    )
    ledger = dataclasses.replace(ledger, inventory=bad)
    assert ledger.status_of(_VF) == "quarantined"
    free = dataclasses.replace(ledger, claims={})
    assert _VF not in _free(free)
    assert _VF2 in _free(free)


def test_claims_are_found_by_key_and_by_instance() -> None:
    ledger = _ledger(_VF, _VF2)
    found = ledger.claim_of_key("key-1")
    assert found is not None
    assert found.claim_id == "1"
    assert ledger.claim_of_key("none") is None
    assert found.addresses == (_VF2,)
    assert [each.claim_id for each in ledger.claims_of("server")] == ["1", "0"]
    assert ledger.claims_of("nobody") == ()


def test_a_change_leads_to_the_next_ledger_and_leaves_this_one() -> None:
    ledger = _ledger(_VF)
    (claim,) = ledger.claims.values()
    new = dataclasses.replace(claim, claim_id="new", key="new")
    after = ledger.after(
        change.Change(claims=(new,), ended=(claim,), modes=((_PF, False),))
    )
    assert list(after.claims) == ["new"]
    assert after.generation == ledger.generation + 1
    assert after.whole_roots[_PF] is False
    assert ledger.whole_roots[_PF] is True
    assert after.inventory is ledger.inventory
    assert list(ledger.claims) == [claim.claim_id]


def test_two_changes_are_written_as_one() -> None:
    """The ledger after both is the one after the one."""
    ledger = _ledger(_VF, _VF2)
    one, two = ledger.claims.values()
    host = dataclasses.replace(ledger_cases.without(_HOST, _PF2), numa=())
    first = acts.end([one], states.Act.RELEASE, acts.Cause(_NOW))
    _, seen = sync.compare(ledger.after(first), host, acts.Cause(_NOW))
    assert seen is not None
    moved = acts.confirm(ledger, two.claim_id, acts.Cause(_NOW))
    assert moved is not None
    both = change.then(change.then(first, seen), moved)
    step_by_step = ledger.after(first).after(seen).after(moved)
    together = ledger.after(both)
    assert together == dataclasses.replace(
        step_by_step, generation=together.generation
    )
    assert together.generation == ledger.generation + 1
    assert both.gone == (_PF2,)
    assert len(both.steps) == 3
