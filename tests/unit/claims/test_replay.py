# SPDX-License-Identifier: Apache-2.0
"""A history that is played again gives the live claims."""

import hypothesis
from hypothesis import strategies as st
import pytest

import audit_cases
from audit_cases import VF1, VF2, A, B
import ledger_cases
from pci_sched import exception
from pci_sched.claims import acts, change, choosing, replay, states
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.matching import options

_ASKS = (
    ledger_cases.ask(ledger_cases.VF, prefix="one"),
    ledger_cases.ask(ledger_cases.VF, ledger_cases.VF, prefix="two"),
    ledger_cases.ask(ledger_cases.PF, prefix="pf"),
)
_MOVES = ("", "move-1", "move-2")


def _live(
    snapshot: claim_snapshot.Snapshot,
) -> dict[str, replay.Played]:
    return {
        claim_id: replay.Played.of(claim)
        for claim_id, claim in snapshot.claims.items()
    }


@st.composite
def _acts(draw: st.DrawFn) -> acts.Decide:
    """Draw anything that can be done to a ledger."""
    instance = draw(st.sampled_from(audit_cases.INSTANCES[:2]))
    move = draw(st.sampled_from(_MOVES))
    ask = draw(st.sampled_from(_ASKS))
    act = draw(st.sampled_from((states.Act.CLAIM, states.Act.ATTACH)))
    cause = audit_cases.CAUSE
    wanted = choosing.Wanted(act, instance, ask, move)

    def each(
        end: states.Act,
    ) -> acts.Decide:
        return lambda ledger: (
            acts.end(ledger.claims_of(instance)[:1], end, cause)
            if ledger.claims_of(instance)
            else None
        )

    every: tuple[acts.Decide, ...] = (
        lambda ledger: choosing.choose(
            ledger,
            wanted=wanted,
            options=options.Options(),
            cause=cause,
        ),
        lambda ledger: acts.confirm(
            ledger, next(iter(ledger.claims), "none"), cause
        ),
        lambda ledger: acts.detach(
            ledger, instance, ask.devices[0].request_id, cause
        ),
        lambda ledger: acts.finish_move(
            ledger, instance, move or "move-1", cause
        ),
        lambda ledger: acts.revert_move(
            ledger, instance, move or "move-1", cause
        ),
        each(states.Act.RELEASE),
        each(states.Act.ABORT),
        each(states.Act.EXPIRE),
    )
    return every[draw(st.integers(0, len(every) - 1))]


@hypothesis.given(st.lists(_acts(), max_size=30))
def test_after_any_acts_the_history_gives_the_live_claims(
    done: list[acts.Decide],
) -> None:
    ledger = audit_cases.ledger()
    history: list[change.Step] = []
    for decide in done:
        try:
            written = decide(ledger)
        except exception.PciSchedException:
            continue
        if written is not None:
            ledger = audit_cases.apply(ledger, written)
            history += written.steps
        assert replay.replay(history) == _live(ledger)


def _step(
    act: states.Act,
    state: states.ClaimState | None,
    *addresses: audit_cases.Address,
) -> change.Step:
    claim = audit_cases.claim(A, *addresses)
    return change.Step(
        at=audit_cases.NOW,
        act=act,
        claim_id=claim.claim_id,
        instance_uuid=A,
        state=state,
        holdings=claim.holdings,
    )


_CLAIM = _step(states.Act.CLAIM, states.ClaimState.CLAIMED, VF1, VF2)


@pytest.mark.parametrize(
    ("step", "held"),
    [
        (_step(states.Act.SYNC, None), 2),
        (_step(states.Act.QUARANTINE, None, VF1), 2),
        (_step(states.Act.CONFIRM, states.ClaimState.ALLOCATED), 2),
        (_step(states.Act.DETACH, states.ClaimState.CLAIMED, VF1), 1),
        (_step(states.Act.RESTATE, states.ClaimState.CLAIMED, VF1), 1),
        (_step(states.Act.RESTATE, states.ClaimState.FREED, VF1), 0),
        (_step(states.Act.DETACH, states.ClaimState.FREED, VF1, VF2), 0),
        (_step(states.Act.ABORT, states.ClaimState.ABORTED, VF1, VF2), 0),
    ],
    ids=lambda value: getattr(value, "act", None),
)
def test_a_step_leaves_so_many_devices(step: change.Step, held: int) -> None:
    played = replay.replay([_CLAIM, step])
    assert sum(len(each.holdings) for each in played.values()) == held


def test_a_claim_of_a_note_without_an_id_is_none() -> None:
    note = _CLAIM._replace(claim_id="")
    assert replay.replay([note]) == {}


def test_an_adopted_claim_is_played_as_it_was_written() -> None:
    claim = audit_cases.claim(B, VF1)
    written = acts.open_claim(
        audit_cases.ledger(), claim, states.Act.ADOPT, audit_cases.CAUSE
    )
    assert replay.replay(written.steps) == {
        claim.claim_id: replay.Played.of(claim)
    }
