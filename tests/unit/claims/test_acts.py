# SPDX-License-Identifier: Apache-2.0
"""What each act changes in a ledger, and that it changes it once."""

import dataclasses
import datetime

import pytest

import ledger_cases
from pci_sched import exception
from pci_sched.claims import acts, change, snapshot, states
from pci_sched.claims import claim as pci_claim
from pci_sched.model import address as pci_address

_NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
_CAUSE = acts.Cause(_NOW, "me", "because")
_PF, _VF, _VF2 = (
    each.address for each in ledger_cases.host(pfs=1, vfs=2).devices
)
_ALLOCATED = states.ClaimState.ALLOCATED


def _claim(
    claim_id: str,
    *,
    migration: str = "",
    state: states.ClaimState = states.ClaimState.CLAIMED,
    requests: tuple[str, ...] = ("r",),
) -> pci_claim.Claim:
    addresses = (_VF, _VF2)
    return pci_claim.Claim(
        claim_id=claim_id,
        key=claim_id,
        instance_uuid="server",
        migration=migration,
        is_moving=bool(migration),
        state=state,
        holdings=tuple(
            pci_claim.Holding(address, _PF, request, f"port-{request}")
            for address, request in zip(addresses, requests, strict=False)
        ),
        created_at=_NOW,
        expires_at=_NOW,
    )


def _ledger(*claims: pci_claim.Claim) -> snapshot.Snapshot:
    return snapshot.Snapshot(
        pci_claim.HostKey.named("h"),
        whole_roots={_PF: False},
        claims={each.claim_id: each for each in claims},
    )


def _after(
    ledger: snapshot.Snapshot, done: change.Change | None
) -> dict[str, tuple[str, bool]]:
    assert done is not None
    return {
        each.claim_id: (str(each.state), each.is_moving)
        for each in ledger.after(done).claims.values()
    }


def test_a_claim_is_confirmed_once() -> None:
    ledger = _ledger(_claim("c"))
    done = acts.confirm(ledger, "c", _CAUSE)
    assert _after(ledger, done) == {"c": ("allocated", False)}
    assert done is not None
    assert done.claims[0].expires_at is None
    (step,) = done.steps
    assert (step.act, step.state, step.holdings) == (
        "confirm",
        "allocated",
        (),
    )
    assert (step.at, step.actor, step.reason) == _CAUSE
    assert acts.confirm(ledger.after(done), "c", _CAUSE) is None


def test_a_claim_that_is_not_there_is_not_confirmed() -> None:
    with pytest.raises(exception.ClaimUnknown, match="host h has no claim c"):
        acts.confirm(_ledger(), "c", _CAUSE)


def test_the_side_of_a_move_stays_one_when_it_is_confirmed() -> None:
    ledger = _ledger(_claim("c", migration="m"))
    done = acts.confirm(ledger, "c", _CAUSE)
    assert _after(ledger, done) == {"c": ("allocated", True)}


def test_an_end_gives_everything_back_and_says_so() -> None:
    one, two = _claim("1", requests=("a", "b")), _claim("2", requests=())
    done = acts.end([two, one], states.Act.RELEASE, _CAUSE)
    assert done.ended == (one, two)
    assert done.freed == one.holdings
    assert [each.claim_id for each in done.steps] == ["1", "2"]
    assert done.steps[0].holdings == one.holdings
    assert {each.state for each in done.steps} == {states.ClaimState.FREED}


def test_what_may_not_end_so_does_not() -> None:
    used = _claim("c", state=_ALLOCATED)
    with pytest.raises(exception.ClaimConflict, match="it is allocated"):
        acts.end([used], states.Act.ABORT, _CAUSE)


@pytest.mark.parametrize("name", ["a", "port-a"])
def test_one_request_of_several_is_given_back(name: str) -> None:
    claim = _claim("c", requests=("a", "b"))
    ledger = _ledger(claim)
    done = acts.detach(ledger, "server", name, _CAUSE)
    assert done is not None
    assert done.freed == claim.holdings[:1]
    assert done.claims[0].holdings == claim.holdings[1:]
    assert done.steps[0].holdings == claim.holdings[:1]
    assert done.steps[0].state is states.ClaimState.CLAIMED
    after = ledger.after(done)
    assert acts.detach(after, "server", name, _CAUSE) is None
    done = acts.detach(after, "server", "b", _CAUSE)
    assert _after(after, done) == {}


@pytest.mark.parametrize(
    ("instance", "name"), [("server", "x"), ("nobody", "r")]
)
def test_nothing_is_given_back_for_what_nobody_holds(
    instance: str, name: str
) -> None:
    assert acts.detach(_ledger(_claim("c")), instance, name, _CAUSE) is None


_MOVES = [
    # The claims here as (id, move), and what is left of them.
    (acts.finish_move, [], None),
    (acts.finish_move, [("s", "")], {}),
    (acts.finish_move, [("d", "m")], {"d": ("allocated", False)}),
    (
        acts.finish_move,
        [("s", ""), ("d", "m"), ("o", "old")],
        {"d": ("allocated", False)},
    ),
    (acts.revert_move, [], None),
    (acts.revert_move, [("s", "")], {"s": ("claimed", False)}),
    (acts.revert_move, [("d", "m")], {}),
    (
        acts.revert_move,
        [("s", ""), ("d", "m"), ("o", "old")],
        {"s": ("claimed", False), "o": ("claimed", True)},
    ),
]


@pytest.mark.parametrize(("end", "here", "left"), _MOVES)
def test_a_move_ends_on_each_side(
    end: acts.EndOfMove,
    here: list[tuple[str, str]],
    left: dict[str, tuple[str, bool]] | None,
) -> None:
    ledger = _ledger(*(_claim(name, migration=move) for name, move in here))
    done = end(ledger, "server", "m", _CAUSE)
    if left is None:
        assert done is None
        return
    assert _after(ledger, done) == left
    assert done is not None
    # By this it is known that the move has ended.
    assert {each.migration for each in done.steps} == {"m"}


@pytest.mark.parametrize(
    ("known", "is_whole", "flips"),
    [
        ({}, True, ((_PF, True),)),
        ({_PF: True}, True, ()),
        ({_PF: False}, True, ((_PF, True),)),
        ({_PF: True}, False, ((_PF, False),)),
        ({_PF: False}, False, ()),
    ],
)
def test_a_root_is_brought_into_the_mode_that_is_needed(
    known: dict[pci_address.PciAddress, bool],
    is_whole: bool,
    flips: tuple[tuple[object, bool], ...],
) -> None:
    ledger = dataclasses.replace(_ledger(), whole_roots=known)
    address = _PF if is_whole else _VF
    claim = dataclasses.replace(
        _claim("c"), holdings=(pci_claim.Holding(address, _PF, "r"),)
    )
    late = _claim("late")
    done = acts.open_claim(ledger, claim, states.Act.CLAIM, _CAUSE, [late])
    assert done.modes == flips
    assert done.held == (("c", claim.holdings[0]),)
    assert done.ended == (late,)
    assert [each.act for each in done.steps] == ["expire", "claim"]
