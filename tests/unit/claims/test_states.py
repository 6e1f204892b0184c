# SPDX-License-Identifier: Apache-2.0
"""What may be done to a claim in which state."""

import pytest

from pci_sched.claims import states

_ENDS = (states.ClaimState.FREED, states.ClaimState.ABORTED)
_LIVE = (states.ClaimState.CLAIMED, states.ClaimState.ALLOCATED)


@pytest.mark.parametrize("state", states.ClaimState)
def test_a_claim_is_live_until_it_is_freed_or_aborted(
    state: states.ClaimState,
) -> None:
    assert state.is_live is (state in _LIVE)


@pytest.mark.parametrize("act", states.Act)
@pytest.mark.parametrize("state", _ENDS)
def test_nothing_leads_out_of_an_end(
    state: states.ClaimState, act: states.Act
) -> None:
    assert states.following(state, act) is None


@pytest.mark.parametrize(
    ("state", "act", "after"),
    [
        (None, "claim", "claimed"),
        (None, "attach", "claimed"),
        (None, "adopt", "allocated"),
        (None, "confirm", None),
        ("claimed", "confirm", "allocated"),
        ("claimed", "abort", "aborted"),
        ("claimed", "expire", "aborted"),
        ("claimed", "release", "freed"),
        ("claimed", "revert_move", "aborted"),
        ("claimed", "claim", None),
        ("allocated", "confirm", "allocated"),
        ("allocated", "abort", None),
        ("allocated", "expire", None),
        ("allocated", "detach", "freed"),
        ("allocated", "release", "freed"),
        ("allocated", "finish_move", "freed"),
        ("allocated", "revert_move", "freed"),
        ("allocated", "sync", None),
    ],
)
def test_an_act_leads_from_a_state_to_a_state(
    state: str | None, act: str, after: str | None
) -> None:
    before = None if state is None else states.ClaimState(state)
    assert states.following(before, states.Act(act)) == after
