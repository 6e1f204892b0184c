# SPDX-License-Identifier: Apache-2.0
"""One change of a host's ledger: written whole, or not at all."""

from collections.abc import Iterable
import datetime
from typing import NamedTuple

from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import states
from pci_sched.model import address as pci_address


class Step(NamedTuple):
    """One line of the history.

    :ivar claim_id: "" where no claim is concerned.
    :ivar migration: The claim's, or the one that is ended by it.
    :ivar state: Of the claim afterwards; ``None`` for a step of a device.
    :ivar holdings: What the claim took, or what was taken from it.
    :ivar is_moving: Of the claim afterwards.
    :ivar actor: Who did it: a program and, after a colon, a person or a
        process.
    :ivar reason: Why, for a person; may be empty.
    """

    at: datetime.datetime
    act: states.Act
    claim_id: str = ""
    instance_uuid: str = ""
    migration: str = ""
    state: states.ClaimState | None = None
    is_moving: bool = False
    holdings: tuple[pci_claim.Holding, ...] = ()
    actor: str = ""
    reason: str = ""


class Change(NamedTuple):
    """What is written in one transaction.

    :ivar claims: Live claims as they are afterwards, new or changed.
    :ivar ended: Claims as they were, that end.
    :ivar freed: Holdings that go, those of ended claims among them.
    :ivar held: Holdings that come, each with the id of its claim.
    :ivar modes: The roots whose mode changes, sorted: whole, or else split.
    :ivar inventory: The inventory afterwards; ``None`` if it stays. What is
        to be written of it is in the four that follow.
    :ivar put: New and changed records.
    :ivar gone: The records that are dropped.
    :ivar roots: The roots that are new, or whose fault domains changed.
    :ivar steps: The history of it; at least one.
    """

    claims: tuple[pci_claim.Claim, ...] = ()
    ended: tuple[pci_claim.Claim, ...] = ()
    freed: tuple[pci_claim.Holding, ...] = ()
    held: tuple[tuple[str, pci_claim.Holding], ...] = ()
    modes: tuple[tuple[pci_address.PciAddress, bool], ...] = ()
    inventory: claim_inventory.Inventory | None = None
    put: tuple[claim_inventory.Record, ...] = ()
    gone: tuple[pci_address.PciAddress, ...] = ()
    roots: tuple[pci_address.PciAddress, ...] = ()
    steps: tuple[Step, ...] = ()


def step(
    act: states.Act,
    claim: pci_claim.Claim,
    *,
    state: states.ClaimState,
    holdings: Iterable[pci_claim.Holding] = (),
    migration: str | None = None,
    at: datetime.datetime,
    actor: str,
    reason: str,
) -> Step:
    """Write down what happened to a claim.

    :param act: What was done.
    :param claim: To this claim.
    :param state: Its state afterwards.
    :param holdings: What it took or lost.
    :param migration: The move that is ended by it; else the claim's own.
    :param at: When.
    :param actor: Who did it.
    :param reason: Why.
    :returns: The line of the history.
    """
    return Step(
        at=at,
        act=act,
        claim_id=claim.claim_id,
        instance_uuid=claim.instance_uuid,
        migration=claim.migration if migration is None else migration,
        state=state,
        is_moving=claim.is_moving,
        holdings=tuple(holdings),
        actor=actor,
        reason=reason,
    )


def freed(step: Step) -> tuple[pci_claim.Holding, ...]:
    """Tell which devices a step of the history gave back.

    :param step: Of any act.
    :returns: The holdings; none if it gave nothing back.
    """
    if step.state is None:
        return ()
    is_end = not step.state.is_live or step.act is states.Act.DETACH
    return step.holdings if is_end else ()


def then(first: Change, second: Change) -> Change:
    """Make one change out of two, to be written in one transaction.

    :param first: Of a ledger.
    :param second: Of the ledger as it is after *first*; neither gives back
        what the other one takes.
    :returns: What both do.
    """
    ended = {each.claim_id for each in second.ended}
    claims = {each.claim_id: each for each in (*first.claims, *second.claims)}
    put = {each.device.address: each for each in (*first.put, *second.put)}
    gone = {*first.gone, *second.gone} - {
        each.device.address for each in second.put
    }
    return Change(
        claims=tuple(claims[each] for each in claims if each not in ended),
        ended=(*first.ended, *second.ended),
        freed=(*first.freed, *second.freed),
        held=(*first.held, *second.held),
        modes=tuple(
            sorted({**dict(first.modes), **dict(second.modes)}.items())
        ),
        inventory=second.inventory or first.inventory,
        put=tuple(put[each] for each in put if each not in second.gone),
        gone=tuple(sorted(gone)),
        roots=tuple(sorted({*first.roots, *second.roots})),
        steps=(*first.steps, *second.steps),
    )
