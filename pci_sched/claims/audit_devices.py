# SPDX-License-Identifier: Apache-2.0
"""Rules of the audit that hold the ledger against the hardware."""

from collections.abc import Iterator
from typing import Final

from pci_sched.claims import evidence as claim_evidence
from pci_sched.claims import finding, identity
from pci_sched.claims import inventory as claim_inventory
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.pools import key as pool_key

#: Drivers beside those of VFIO that give a function to a guest.
_GIVING: Final = ("pci-stub", "xen-pciback", "pciback")

_SYNC: Final = "a repair takes over what the hardware is"


def ghosts(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find devices of the ledger that the hardware does not have.

    :param evidence: What is judged.
    :yields: One finding for each device.
    """
    if evidence.hardware is None:
        return
    for address, record in evidence.snapshot.inventory.records.items():
        if address in evidence.seen:
            continue
        claim = evidence.snapshot.held.get(address)
        why = "is not in the hardware"
        if address in evidence.functions:
            why = "is in the hardware, but no device_spec selects it"
        yield finding.Finding(
            code=finding.Code.GHOST_DEVICE,
            message=f"device {address} {why};"
            + (
                f" instance {claim.instance_uuid} holds it"
                if claim
                else " nobody holds it"
            ),
            advice=_advice(record, is_held=claim is not None),
            addresses=(address,),
            claim_id=claim.claim_id if claim else "",
            instance_uuid=claim.instance_uuid if claim else "",
            repairable=claim is None or record.present,
        )


def _advice(record: claim_inventory.Record, *, is_held: bool) -> str:
    if not is_held:
        return "a repair takes it out of the ledger"
    if record.present:
        return (
            "a repair puts it into quarantine; repair the card, or move"
            " the instance away"
        )
    return (
        "it is in quarantine and leaves the ledger once it is released;"
        " repair the card, or move the instance away"
    )


def untracked(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find assignable devices that the ledger does not know.

    :param evidence: What is judged.
    :yields: One finding for each device.
    """
    known = evidence.snapshot.inventory.records
    for address, record in evidence.seen.items():
        if address in known or not pool_key.is_poolable(record.device):
            continue
        users = sorted(evidence.busy(address))
        yield finding.Finding(
            code=finding.Code.UNTRACKED_VF,
            message=f"device {address} ({record.device.dev_type}) is"
            " assignable and the ledger does not know it",
            advice=(
                f"instance {', '.join(users)} uses it, its PF or a VF of it;"
                " that is repaired first, by Nova's records"
                if users
                else _SYNC
            ),
            addresses=(address,),
            instance_uuid=users[0] if len(users) == 1 else "",
            repairable=address not in evidence.busy_unheld,
        )


def recounted(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find PFs that have another number of VFs than the ledger knows.

    :param evidence: What is judged.
    :yields: One finding for each PF.
    """
    for address, record in evidence.snapshot.inventory.records.items():
        seen = evidence.seen.get(address)
        if seen is None or identity.difference(record, seen):
            continue
        counts = identity.recounted(record, seen)
        if counts is None:
            continue
        before, now = counts
        held = [
            str(each)
            for each in evidence.snapshot.held
            if evidence.root_of(each) == address
        ]
        yield finding.Finding(
            code=finding.Code.NUMVFS_CHANGED,
            message=f"PF {address} had {before} VFs and has {now};"
            f" held: {', '.join(sorted(held)) or 'none'}",
            advice=f"{_SYNC}; what is held goes into quarantine until it is"
            " released",
            addresses=(address,),
            repairable=True,
        )


def replaced(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find addresses where another device is than the ledger knows.

    :param evidence: What is judged.
    :yields: One finding for each device.
    """
    known = evidence.snapshot.inventory.records
    for address, record in known.items():
        why = identity.difference(record, evidence.seen.get(address))
        if not why:
            continue
        claim = evidence.snapshot.held.get(address)
        is_new = not record.quarantine or not record.present
        yield finding.Finding(
            code=finding.Code.IDENTITY_CHANGED,
            message=f"device {address} is another one: {why};"
            + (
                f" instance {claim.instance_uuid} holds the one that was"
                if claim
                else " nobody holds it"
            ),
            advice=_SYNC if claim is None else _advice_on_held(is_new=is_new),
            addresses=(address,),
            claim_id=claim.claim_id if claim else "",
            instance_uuid=claim.instance_uuid if claim else "",
            repairable=claim is None or is_new,
        )


def _advice_on_held(*, is_new: bool) -> str:
    if is_new:
        return "a repair puts it into quarantine until it is released"
    return (
        "it is in quarantine and is taken as it is once it is released; move"
        " the instance away"
    )


def drivers(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find held VFs of known instances whose driver gives them to nobody.

    :param evidence: What is judged.
    :yields: One finding for each device.
    """
    for address, claim in evidence.snapshot.held.items():
        device = evidence.functions.get(address)
        instance = claim.instance_uuid
        known = evidence.truths.hypervisor or {}
        if device is None or instance not in known:
            continue
        if device.dev_type is not pci_device.DevType.VF:
            continue
        is_whole = address in (known[instance] or ())
        has_port = any(
            each.address == address and each.port_id for each in claim.holdings
        )
        if is_expected(device, may_be_shared=has_port and not is_whole):
            continue
        driver = f"driver {device.driver}" if device.driver else "no driver"
        yield finding.Finding(
            code=finding.Code.DRIVER_UNEXPECTED,
            message=f"VF {address} of instance {instance} has {driver}",
            advice="a VF that an instance has needs vfio-pci, or a variant of"
            " it; restart the instance, or bind the driver by hand",
            addresses=(address,),
            claim_id=claim.claim_id,
            instance_uuid=instance,
        )


def is_expected(device: pci_device.Device, *, may_be_shared: bool) -> bool:
    """Tell whether a driver can be that of a VF in use.

    :param device: The VF.
    :param may_be_shared: Whether the host may keep the VF's network device
        and give the guest only the traffic, as macvtap does.
    :returns: Whether it can; also if the driver is not known.
    """
    driver = device.driver
    if driver is None:
        return True
    if "vfio" in driver.lower() or driver in _GIVING:
        return True
    return bool(may_be_shared and driver and device.netdevs)


def links(evidence: claim_evidence.Evidence) -> Iterator[finding.Finding]:
    """Find PFs whose link is not up while VFs of theirs are held.

    :param evidence: What is judged.
    :yields: One finding for each PF.
    """
    held = [
        address
        for address in evidence.snapshot.held
        if address != evidence.root_of(address)
    ]
    for root, addresses in evidence.by_root(sorted(held)).items():
        state = _link_of(evidence, root)
        if state in (None, pci_device.Link.UP):
            continue
        claims = {
            evidence.snapshot.held[each].claim_id: evidence.snapshot.held[each]
            for each in addresses
        }
        instances = sorted({each.instance_uuid for each in claims.values()})
        yield finding.Finding(
            code=finding.Code.LINK_DOWN,
            message=f"the link of PF {root} is {state}; instances"
            f" {', '.join(instances)} hold VFs of it",
            advice="look at the cable and the switch, or switch the port on",
            addresses=(root, *addresses),
            claim_id=next(iter(claims)) if len(claims) == 1 else "",
            instance_uuid=instances[0] if len(instances) == 1 else "",
        )


def _link_of(
    evidence: claim_evidence.Evidence, root: pci_address.PciAddress
) -> pci_device.Link | None:
    device = evidence.functions.get(root)
    return device.link if device else None
