# SPDX-License-Identifier: Apache-2.0
"""The history of a host, played again."""

from collections.abc import Iterable, Mapping
import dataclasses
from typing import Final

from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import states

#: Of these a step tells all that the claim holds afterwards.
_WHOLE: Final = frozenset(
    {
        states.Act.CLAIM,
        states.Act.ATTACH,
        states.Act.ADOPT,
        states.Act.RESTATE,
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A live claim, as far as the history tells of it.

    :ivar holdings: Sorted by address.
    """

    claim_id: str
    instance_uuid: str
    migration: str
    is_moving: bool
    state: states.ClaimState
    holdings: tuple[pci_claim.Holding, ...]

    @classmethod
    def of(cls, claim: pci_claim.Claim) -> "Played":
        """Take of a claim what a history can tell."""
        return cls(
            claim_id=claim.claim_id,
            instance_uuid=claim.instance_uuid,
            migration=claim.migration,
            is_moving=claim.is_moving,
            state=claim.state,
            holdings=tuple(sorted(claim.holdings)),
        )


def replay(steps: Iterable[claim_change.Step]) -> Mapping[str, Played]:
    """Play a history again, from nothing.

    :param steps: All of one host, the oldest first.
    :returns: The claims that are live at its end, by their ids.
    """
    live: dict[str, Played] = {}
    for step in steps:
        if not step.claim_id or step.state is None:
            # Something of a device, or of a move that brought nothing.
            continue
        if step.state.is_live:
            live[step.claim_id] = _after(live.get(step.claim_id), step)
        else:
            live.pop(step.claim_id, None)
    return live


def _after(before: Played | None, step: claim_change.Step) -> Played:
    """Tell how a claim is after a step that did not end it."""
    held = before.holdings if before else ()
    if step.act in _WHOLE:
        held = step.holdings
    else:
        freed = claim_change.freed(step)
        held = tuple(each for each in held if each not in freed)
    return Played(
        claim_id=step.claim_id,
        instance_uuid=step.instance_uuid,
        migration=step.migration,
        is_moving=step.is_moving,
        state=step.state or states.ClaimState.CLAIMED,
        holdings=tuple(sorted(held)),
    )
