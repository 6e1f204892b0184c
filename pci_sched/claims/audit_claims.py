# SPDX-License-Identifier: Apache-2.0
"""Rules of the audit that look at claims."""

from collections.abc import Iterable, Iterator

from pci_sched.claims import claim as pci_claim
from pci_sched.claims import evidence as claim_evidence
from pci_sched.claims import finding, replay, states
from pci_sched.claims import truths as claim_truths
from pci_sched.model import address as pci_address


def orphans(
    evidence: claim_evidence.Evidence,
) -> Iterator[finding.Finding]:
    """Find claims of instances that nobody knows.

    :param evidence: What is judged.
    :yields: One finding for each claim.
    """
    truths = evidence.truths
    for claim in evidence.snapshot.claims.values():
        if not is_orphan(evidence, claim):
            continue
        users = users_of(evidence, claim)
        yield finding.Finding(
            code=finding.Code.ORPHAN_CLAIM,
            message=f"claim {claim.claim_id} holds"
            f" {name_addresses(claim.addresses)} for instance"
            f" {claim.instance_uuid}, which {_asked(truths)}",
            advice=(
                f"instance {', '.join(users)} uses them, or their PF, or other"
                " VFs of it that nobody holds; say by Nova's records who has"
                " them"
                if users
                else "a repair releases the claim"
            ),
            addresses=claim.addresses,
            claim_id=claim.claim_id,
            instance_uuid=claim.instance_uuid,
            repairable=not users,
        )


def is_orphan(
    evidence: claim_evidence.Evidence, claim: pci_claim.Claim
) -> bool:
    """Tell whether nobody knows the instance of a claim.

    :param evidence: What is judged.
    :param claim: A live claim.
    :returns: Whether somebody was asked and nobody knows it, or has to yet.
    """
    truths = evidence.truths
    return (
        truths.knows_instances
        and claim.instance_uuid not in truths.instances
        and not evidence.is_young(claim)
    )


def expired(
    evidence: claim_evidence.Evidence,
) -> Iterator[finding.Finding]:
    """Find claims that nobody confirmed in time.

    :param evidence: What is judged.
    :yields: One finding for each claim.
    """
    advice = {
        states.Act.EXPIRE: "a repair ends the claim",
        states.Act.CONFIRM: "the instance uses the devices: a repair confirms"
        " the claim",
        None: "the devices may be in use: say by Nova's records, or by the"
        " addresses that each instance uses, who has them",
    }
    for claim in evidence.snapshot.claims.values():
        if not claim.is_expired(evidence.now) or claim.expires_at is None:
            continue
        act = end_of_expired(evidence, claim)
        ended = claim.expires_at.isoformat(timespec="seconds")
        yield finding.Finding(
            code=finding.Code.CLAIM_EXPIRED,
            message=f"claim {claim.claim_id} holds"
            f" {name_addresses(claim.addresses)} for instance"
            f" {claim.instance_uuid}; it had to be confirmed by {ended}",
            advice=advice[act],
            addresses=claim.addresses,
            claim_id=claim.claim_id,
            instance_uuid=claim.instance_uuid,
            repairable=act is not None,
        )


def end_of_expired(
    evidence: claim_evidence.Evidence, claim: pci_claim.Claim
) -> states.Act | None:
    """Tell what has to become of an expired claim.

    :param evidence: What is judged.
    :param claim: The claim.
    :returns: Whether it expires or is confirmed; ``None`` if nobody can say.
    """
    users = evidence.truths.users
    if any(claim.instance_uuid in users(each) for each in claim.addresses):
        return states.Act.CONFIRM
    if users_of(evidence, claim):
        return None
    if evidence.truths.may_use_any(claim.instance_uuid):
        return None
    return states.Act.EXPIRE


def mismatches(
    evidence: claim_evidence.Evidence,
) -> Iterator[finding.Finding]:
    """Find claims of which the history tells otherwise.

    :param evidence: What is judged.
    :yields: One finding for each claim.
    """
    if evidence.history is None:
        return
    told = replay.replay(evidence.history)
    live = evidence.snapshot.claims
    played = {each: replay.Played.of(claim) for each, claim in live.items()}
    for claim_id, one in {**told, **played}.items():
        before, now = told.get(claim_id), played.get(claim_id)
        if before == now:
            continue
        yield finding.Finding(
            code=finding.Code.HISTORY_MISMATCH,
            message=f"claim {claim_id} {_difference(before, now)}",
            advice="a repair writes down how the claim is; find out who wrote"
            " to the database by other means",
            addresses=tuple(each.address for each in one.holdings),
            claim_id=claim_id,
            instance_uuid=one.instance_uuid,
            repairable=True,
        )


def users_of(
    evidence: claim_evidence.Evidence, claim: pci_claim.Claim
) -> list[str]:
    """Tell who would be disturbed if a claim ended.

    With the last of its VFs that is held, a PF can be had as well.

    :param evidence: What is judged.
    :param claim: The claim.
    :returns: The instances that use its devices, or relatives of them;
        sorted.
    """
    users = {
        user for address in claim.addresses for user in evidence.busy(address)
    }
    for root in {each.root for each in claim.holdings if not each.is_whole}:
        beside = evidence.users_unheld(root)
        if beside and not _stays_split(evidence, claim, root):
            users |= beside
    return sorted(users)


def _stays_split(
    evidence: claim_evidence.Evidence,
    claim: pci_claim.Claim,
    root: pci_address.PciAddress,
) -> bool:
    """Tell whether a VF is held without a claim, and those that may end."""
    return any(
        root in {holding.root for holding in other.holdings}
        for other in evidence.snapshot.claims.values()
        if other.claim_id != claim.claim_id
        and not other.is_expired(evidence.now)
        and not is_orphan(evidence, other)
    )


def name_addresses(addresses: Iterable[pci_address.PciAddress]) -> str:
    """Name devices in a message."""
    return ", ".join(map(str, addresses)) or "nothing"


def _asked(truths: claim_truths.Truths) -> str:
    asked_nova = not (truths.nova is None and truths.nova_instances is None)
    if asked_nova and truths.hypervisor is not None:
        return "neither Nova nor the hypervisor knows"
    return f"{'Nova' if asked_nova else 'the hypervisor'} does not know"


def _difference(
    before: replay.Played | None, now: replay.Played | None
) -> str:
    if before is None:
        return "is live, and by the history it is not"
    if now is None:
        return "is not live, and by the history it is"
    for name in ("instance_uuid", "migration", "is_moving", "state"):
        was, is_now = getattr(before, name), getattr(now, name)
        if was != is_now:
            return (
                f"has {name} {is_now or 'none'}, by the history"
                f" {was or 'none'}"
            )
    now_held = [each.address for each in now.holdings]
    told = [each.address for each in before.holdings]
    return (
        f"holds {name_addresses(now_held)}, by the history"
        f" {name_addresses(told)}"
    )
