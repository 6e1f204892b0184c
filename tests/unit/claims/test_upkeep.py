# SPDX-License-Identifier: Apache-2.0
"""Audit and repair while others write, on a store that is a list."""

from collections.abc import Callable

import pytest

import audit_cases
from audit_cases import VF1, VF2, A, B
from pci_sched.claims import (
    acts,
    change,
    finding,
    replay,
    states,
    upkeep,
)
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot

_ALL = tuple(finding.Code)
_NOBODY = audit_cases.truths(hypervisor={})
_KEY = audit_cases.KEY


class _Store:
    """A ledger in memory, and what happens whenever it is read.

    :ivar forgets: Whether the first answer to a change is lost, as when a
        connection breaks during COMMIT.
    :ivar meanwhile: Done one by one, each before a history is read.
    """

    meanwhile: list[Callable[[], None]]

    def __init__(self, *claims: pci_claim.Claim) -> None:
        self.ledger = audit_cases.ledger()
        self.steps: list[change.Step] = []
        self.meanwhile = []
        self.forgets = False
        for each in claims:
            self.write(
                acts.open_claim(
                    self.ledger, each, states.Act.CLAIM, audit_cases.CAUSE
                )
            )

    def write(self, written: change.Change) -> None:
        self.ledger = audit_cases.apply(self.ledger, written)
        self.steps += written.steps

    def read(self, host: pci_claim.HostKey) -> claim_snapshot.Snapshot:
        assert host == _KEY
        return self.ledger

    def history(
        self, host: pci_claim.HostKey, **only: object
    ) -> tuple[change.Step, ...]:
        assert (host, only) == (_KEY, {})
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return tuple(self.steps)

    def change(
        self, host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        decided = decide(self.read(host))
        if decided is not None:
            self.write(decided)
            if self.forgets:
                decide(self.ledger)
        return self.ledger

    def end(self, claim_id: str) -> None:
        claim = self.ledger.claims[claim_id]
        self.write(acts.end([claim], states.Act.RELEASE, audit_cases.CAUSE))

    def confirm_for_ever(self) -> None:
        """Write something each time that somebody reads."""
        note = change.Step(at=audit_cases.NOW, act=states.Act.SYNC)
        self.write(change.Change(steps=(note,)))
        self.meanwhile.append(self.confirm_for_ever)


def _find(store: _Store) -> list[str]:
    found = upkeep.find(store, _KEY, _NOBODY, audit_cases.NOW)
    return [each.code.value for each in found]


def test_a_history_that_grows_while_it_is_read_is_read_again() -> None:
    store = _Store(audit_cases.claim(A, VF1), audit_cases.claim(B, VF2))
    store.meanwhile.append(lambda: store.end("claim-a0"))
    assert _find(store) == ["ORPHAN_CLAIM"]


def test_a_history_that_never_stands_still_is_not_judged() -> None:
    store = _Store(audit_cases.claim(A, VF1))
    store.steps.clear()
    assert _find(store) == ["ORPHAN_CLAIM", "HISTORY_MISMATCH"]
    store.confirm_for_ever()
    assert _find(store) == ["ORPHAN_CLAIM"]


@pytest.mark.parametrize("forgets", [False, True])
def test_what_was_written_is_told_even_if_the_answer_was_lost(
    forgets: bool,
) -> None:
    store = _Store(audit_cases.claim(A, VF1))
    store.forgets = forgets
    outcome = upkeep.repair(store, _KEY, _ALL, _NOBODY, audit_cases.CAUSE)
    assert outcome.written
    assert [each.act for each in outcome.steps] == [states.Act.RELEASE]
    assert outcome.left == ()
    assert replay.replay(store.steps) == {}


def test_what_somebody_else_repaired_is_not_told_as_ours() -> None:
    store = _Store(audit_cases.claim(A, VF1))
    inner = store.change

    def lose_the_race(
        host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        decide(store.ledger)
        store.end("claim-a0")
        return inner(host, decide)

    store.change = lose_the_race  # type: ignore[method-assign]
    other = audit_cases.CAUSE._replace(actor="other")
    outcome = upkeep.repair(store, _KEY, _ALL, _NOBODY, other)
    assert (outcome.written, outcome.steps) == (False, ())
