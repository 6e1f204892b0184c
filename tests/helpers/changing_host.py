# SPDX-License-Identifier: Apache-2.0
"""A host whose cards come, go and change, and what is asked of it."""

from collections.abc import Iterator
import dataclasses
from typing import Any

import ledger_cases
import ledger_model
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

#: How many cards there are at most, and VFs of each.
PFS, VFS = 3, 3

#: All of them.
ALL = ledger_cases.host(pfs=PFS, vfs=VFS)


@dataclasses.dataclass
class Hardware:
    """Cards that come, go and change.

    :ivar vfs: How many VFs each card has.
    :ivar boards: Which board is in each slot.
    :ivar away: Slots that are empty.
    :ivar hidden: Single devices that are not seen.
    :ivar others: Single devices that are another product now.
    """

    vfs: dict[int, int]
    boards: dict[int, int]
    away: set[int]
    hidden: set[pci_address.PciAddress]
    others: set[pci_address.PciAddress]

    def host(self) -> pci_host.Host:
        """Show all that is there."""
        return dataclasses.replace(ALL, devices=tuple(self._devices()))

    def _devices(self) -> Iterator[Any]:
        for device in ALL.devices:
            card = device.root.bus - 0x10
            if card in self.away or device.address in self.hidden:
                continue
            shown = device
            if device.address in self.others:
                shown = dataclasses.replace(device, product_id="1889")
            if device.vf_index is None:
                yield dataclasses.replace(
                    shown,
                    sriov_numvfs=self.vfs[card],
                    card_serial_number=f"{card}-{self.boards[card]}",
                )
            elif device.vf_index < self.vfs[card]:
                yield shown


def request(
    prefix: str, shape: tuple[tuple[int, int], ...]
) -> tuple[ledger_model.Wanted, pci_request.InstanceRequest]:
    """Ask for PFs or VFs.

    :param prefix: Of the ids of the requests.
    :param shape: How many PFs and VFs each request asks for.
    :returns: What a model and what a tracker is asked for.
    """
    wanted = {
        f"{prefix}-{number}": counts for number, counts in enumerate(shape)
    }
    return wanted, pci_request.InstanceRequest(
        devices=tuple(
            pci_request.DeviceRequest(
                request_id=name,
                count=pfs + vfs,
                specs=(ledger_cases.PF if pfs else ledger_cases.VF,),
                port_id=f"port-{name}",
            )
            for name, (pfs, vfs) in wanted.items()
        )
    )
