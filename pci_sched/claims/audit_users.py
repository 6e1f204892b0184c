# SPDX-License-Identifier: Apache-2.0
"""Rules of the audit that ask who uses a device."""

from collections.abc import Iterator
from typing import Final

from pci_sched.claims import acts, finding, following
from pci_sched.claims import evidence as claim_evidence
from pci_sched.model import address as pci_address

_FOLLOW: Final = "a repair makes the ledger follow Nova"

_NO_RECORDS: Final = (
    "say by Nova's records who has it: the ledger follows them"
)


def doubles(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find devices that two instances have.

    Where only the ledger and Nova differ, that is a conflict of the two.

    :param evidence: What is judged.
    :yields: One finding for each device.
    """
    holders = _holders(evidence)
    nova = evidence.truths.nova_users
    for address in sorted({*holders, *evidence.users}):
        users = evidence.users.get(address, frozenset())
        held = holders.get(address, frozenset())
        is_conflict = len(held) < 2 and users == nova.get(address)
        if len(users) < 2 and (is_conflict or len(users | held) < 2):
            continue
        yield finding.Finding(
            code=finding.Code.DOUBLE_ALLOC,
            message=f"device {address} has several users:"
            f" {'; '.join(_who_says(evidence, address, held))}",
            advice="stop all but one of the instances before they corrupt"
            " each other, and detach the device from them",
            addresses=(address,),
        )


def _holders(
    evidence: claim_evidence.Evidence,
) -> dict[pci_address.PciAddress, frozenset[str]]:
    found: dict[pci_address.PciAddress, frozenset[str]] = {}
    for claim in evidence.snapshot.claims.values():
        if evidence.is_later(claim):
            continue
        for address in claim.addresses:
            before = found.get(address, frozenset())
            found[address] = before | {claim.instance_uuid}
    return found


def _who_says(
    evidence: claim_evidence.Evidence,
    address: pci_address.PciAddress,
    held: frozenset[str],
) -> Iterator[str]:
    truths = evidence.truths
    for name, users in (
        ("the ledger", held),
        ("Nova", truths.nova_users.get(address)),
        ("the hypervisor", truths.hypervisor_users.get(address)),
    ):
        if users:
            yield f"{name} names instance {', '.join(sorted(users))}"


def families(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find PFs in use of which a VF is in use too.

    :param evidence: What is judged.
    :yields: One finding for each PF.
    """
    for root, used in sorted(evidence.used_by_root.items()):
        if root not in used or len(used) < 2:
            continue
        instances = {each for one in used for each in evidence.users[one]}
        others = ", ".join(str(each) for each in used if each != root)
        yield finding.Finding(
            code=finding.Code.PF_AND_VF_BOTH,
            message=f"PF {root} and VFs of it ({others}) are in use, by"
            f" instances {', '.join(sorted(instances))}",
            advice="whoever has the PF can take the VFs away: move the"
            " instances of one of the two elsewhere",
            addresses=tuple(sorted(used)),
        )


def disagreements(
    evidence: claim_evidence.Evidence,
) -> Iterator[finding.Finding]:
    """Find devices that others give to somebody else than the ledger does.

    :param evidence: What is judged.
    :yields: For each device at most one finding of Nova's records and one of
        what the hypervisor uses.
    """
    ready, _change = following.prepare(evidence, acts.Cause(evidence.now))
    found = following.conflicts(ready)
    for conflict in found:
        for address in conflict.addresses:
            yield _conflict(evidence, address, conflict.blocker)
    good = {
        address
        for conflict in found
        for address in conflict.addresses
        if not conflict.blocker
    }
    for address in sorted(evidence.truths.hypervisor_users):
        if address not in evidence.snapshot.held:
            yield _unclaimed(evidence, address, is_good=address in good)


def _conflict(
    evidence: claim_evidence.Evidence,
    address: pci_address.PciAddress,
    blocker: str,
) -> finding.Finding:
    claim = evidence.snapshot.held.get(address)
    holder = claim.instance_uuid if claim else ""
    users = sorted(evidence.truths.nova_users.get(address, ()))
    return finding.Finding(
        code=finding.Code.LEDGER_CONFLICT,
        message=f"device {address} is held by {holder or 'nobody'} in the"
        f" ledger and by {', '.join(users) or 'nobody'} in Nova's records",
        advice=f"Nova is right, but {blocker}: settle that first"
        if blocker
        else _FOLLOW,
        addresses=(address,),
        claim_id=claim.claim_id if claim else "",
        instance_uuid=users[0] if users else holder,
        repairable=not blocker,
    )


def _unclaimed(
    evidence: claim_evidence.Evidence,
    address: pci_address.PciAddress,
    *,
    is_good: bool,
) -> finding.Finding:
    users = sorted(evidence.truths.hypervisor_users[address])
    return finding.Finding(
        code=finding.Code.UNCLAIMED_USE,
        message=f"the hypervisor gives device {address} to instance"
        f" {', '.join(users)} and nobody holds it",
        advice=_FOLLOW if is_good else _why_not(evidence, address),
        addresses=(address,),
        instance_uuid=users[0],
        repairable=is_good,
    )


def _why_not(
    evidence: claim_evidence.Evidence, address: pci_address.PciAddress
) -> str:
    if evidence.truths.nova is None:
        return _NO_RECORDS
    if address not in evidence.truths.nova_users:
        return (
            "Nova gave it to nobody: take it from the instance, or find"
            " out how it got it"
        )
    return "see the other findings of this device: they come first"
