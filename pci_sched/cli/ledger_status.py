# SPDX-License-Identifier: Apache-2.0
"""Who holds the devices of a host, as its ledger says."""

import dataclasses

from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host


def fill_in(
    host: pci_host.Host, snapshot: claim_snapshot.Snapshot
) -> pci_host.Host:
    """Say of each device that the ledger knows who has it.

    :param host: As it is seen; of devices unknown to the ledger nothing more
        is known afterwards.
    :param snapshot: Its ledger.
    :returns: The host, with the devices that are held and no longer seen.
    """
    seen = {device.address: device for device in host.devices}
    missing = {
        address: snapshot.inventory.records[address].device
        for address in snapshot.held
        if address not in seen
    }
    return dataclasses.replace(
        host,
        devices=tuple(
            _with_status(device, address, snapshot)
            for address, device in sorted({**seen, **missing}.items())
        ),
    )


def _with_status(
    device: pci_device.Device,
    address: pci_address.PciAddress,
    snapshot: claim_snapshot.Snapshot,
) -> pci_device.Device:
    if address not in snapshot.inventory.records:
        return device
    holder = snapshot.held.get(address)
    return dataclasses.replace(
        device,
        status=snapshot.status_of(address),
        instance_uuid=holder.instance_uuid if holder else "",
    )
