# SPDX-License-Identifier: Apache-2.0
"""What the tests of mirroring and of rebuilding a ledger share."""

from collections.abc import Iterable
from typing import Final

from hypothesis import strategies as st

import audit_cases
from audit_cases import CAUSE, A, Address, B, C
from pci_sched.claims import change as claim_change
from pci_sched.claims import replay, states
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims.mirror import Use

CLAIMED: Final = states.ClaimState.CLAIMED
ALLOCATED: Final = states.ClaimState.ALLOCATED

#: No host of the tests has it.
UNKNOWN: Final = Address(0, 0x99, 0, 0)

ADDRESSES: Final = (
    *(each.address for each in audit_cases.HOST.devices),
    UNKNOWN,
)


def write(
    ledger: claim_snapshot.Snapshot, change: claim_change.Change | None
) -> claim_snapshot.Snapshot:
    """Write a change as a database does, and check what it tells."""
    if change is None:
        return ledger
    for each in change.ended:
        # A database drops as many rows as such a claim has.
        assert each == ledger.claims[each.claim_id]
    for claim in change.claims:
        before = ledger.claims.get(claim.claim_id)
        assert before is None or before.key == claim.key
    after = audit_cases.apply(ledger, change)
    held = after.held
    for address in held:
        root = audit_cases.root_of(address)
        assert address == root or root not in held
    check_history(ledger, after, change.steps)
    return after


def check_history(
    before: claim_snapshot.Snapshot,
    after: claim_snapshot.Snapshot,
    steps: Iterable[claim_change.Step],
) -> None:
    """See that the history leads from one ledger to the other."""
    told = [
        claim_change.Step(
            at=CAUSE.at,
            act=states.Act.RESTATE,
            claim_id=claim.claim_id,
            instance_uuid=claim.instance_uuid,
            migration=claim.migration,
            is_moving=claim.is_moving,
            state=claim.state,
            holdings=claim.holdings,
        )
        for claim in before.claims.values()
    ]
    stand: dict[str, states.ClaimState | None] = {
        each.claim_id: each.state for each in before.claims.values()
    }
    for step in steps:
        if step.claim_id and step.state:
            was = stand.get(step.claim_id)
            if step.state is not was or step.act is not states.Act.DETACH:
                assert states.following(was, step.act) is step.state
            stand[step.claim_id] = step.state
        assert (step.at, step.actor) == (CAUSE.at, CAUSE.actor)
    assert replay.replay([*told, *steps]) == {
        claim_id: replay.Played.of(claim)
        for claim_id, claim in after.claims.items()
    }


def says(
    ledger: claim_snapshot.Snapshot, address: Address, use: Use | None
) -> bool:
    """Tell whether a ledger says who has a device."""
    claim = ledger.held.get(address)
    if claim is None or use is None:
        return claim is None and use is None
    (holding,) = (each for each in claim.holdings if each.address == address)
    asked = (use.instance_uuid, use.state)
    return (
        asked == (claim.instance_uuid, claim.state)
        and use.request_id in ("", holding.request_id)
        and (not claim.migration or use.migration in ("", claim.migration))
    )


def drawn_uses(
    addresses: Iterable[Address] = ADDRESSES,
) -> st.SearchStrategy[dict[Address, Use]]:
    """Draw who has what."""
    use = st.builds(
        Use,
        st.sampled_from((A, A, B, C)),
        st.sampled_from((CLAIMED, ALLOCATED)),
        st.sampled_from(("", "request", "request", "other")),
        st.sampled_from(("", "", "move-1", "move-2")),
    )
    return st.dictionaries(st.sampled_from(tuple(addresses)), use)
