# SPDX-License-Identifier: Apache-2.0
"""Making a whole ledger anew: what the hardware is, and who has what of it."""

from collections.abc import Iterable, Mapping

from pci_sched.claims import acts, mirror
from pci_sched.claims import change as claim_change
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import sync as claim_sync
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Address = pci_address.PciAddress


def rebuild(
    snapshot: claim_snapshot.Snapshot,
    host: pci_host.Host,
    uses: Mapping[pci_address.PciAddress, mirror.Use],
    cause: acts.Cause,
) -> mirror.Mirrored:
    """Make a ledger say what the hardware is, and who has which device.

    :param snapshot: The ledger now.
    :param host: With all its devices, as just read.
    :param uses: Who has each device that anybody has.
    :param cause: Who and why.
    :returns: What to write, as one change, and what cannot be written.
    """
    mirrored, after = _rebuilt(snapshot, host, uses, cause, frozenset())
    in_danger = _in_danger(after, host, mirrored.refused)
    if in_danger:
        mirrored, _ = _rebuilt(snapshot, host, uses, cause, in_danger)
    return mirrored


def _rebuilt(
    snapshot: claim_snapshot.Snapshot,
    host: pci_host.Host,
    uses: Mapping[_Address, mirror.Use],
    cause: acts.Cause,
    in_use: frozenset[_Address],
) -> tuple[mirror.Mirrored, claim_snapshot.Snapshot]:
    """Rebuild, and give the ledger afterwards, too.

    What nobody has any more is given back first: such a device that vanished,
    or is another one now, then needs no quarantine.
    """
    total: claim_change.Change | None = None

    def add(change: claim_change.Change | None) -> None:
        nonlocal total, snapshot
        if change is not None:
            total = claim_change.then(total, change) if total else change
            snapshot = snapshot.after(change)

    lost = {
        each.address: None
        for claim in snapshot.claims.values()
        for each in claim.holdings
        if not mirror.is_of(claim, each, uses.get(each.address))
    }
    add(mirror.mirror(snapshot, lost, cause).change)
    add(claim_sync.compare(snapshot, host, cause, in_use)[1])
    last = mirror.mirror(snapshot, uses, cause)
    add(last.change)
    return mirror.Mirrored(total, last.refused), snapshot


def _in_danger(
    snapshot: claim_snapshot.Snapshot,
    host: pci_host.Host,
    refused: Iterable[_Address],
) -> frozenset[_Address]:
    """List what a ledger would hand out though it, or a relative, is used."""
    records = snapshot.inventory.records
    roots = {device.address: device.root for device in host.devices}
    roots |= {each: record.device.root for each, record in records.items()}
    used: dict[_Address, set[_Address]] = {}
    for address in refused:
        used.setdefault(roots.get(address, address), set()).add(address)
    free = pci_device.DeviceStatus.AVAILABLE
    return frozenset(
        address
        for address, record in records.items()
        if (users := used.get(record.device.root))
        and (
            address == record.device.root
            or {address, record.device.root} & users
        )
        and snapshot.status_of(address) is free
    )
