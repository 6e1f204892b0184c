# SPDX-License-Identifier: Apache-2.0
"""One finding of an audit: a code for a machine, words for a person."""

import dataclasses
import enum
from typing import Final

from pci_sched.model import address as pci_address


class Code(enum.StrEnum):
    """Every kind of finding; the reference of claims explains each."""

    #: Neither Nova nor the hypervisor knows the instance of a claim.
    ORPHAN_CLAIM = "ORPHAN_CLAIM"
    #: Nobody confirmed a claim in time.
    CLAIM_EXPIRED = "CLAIM_EXPIRED"
    #: One device is used by two instances.
    DOUBLE_ALLOC = "DOUBLE_ALLOC"
    #: A PF and a VF of it are both in use.
    PF_AND_VF_BOTH = "PF_AND_VF_BOTH"
    #: The ledger and Nova name different holders of a device.
    LEDGER_CONFLICT = "LEDGER_CONFLICT"
    #: The hypervisor uses a device that nobody holds.
    UNCLAIMED_USE = "UNCLAIMED_USE"
    #: The hardware does not have a device that the ledger has.
    GHOST_DEVICE = "GHOST_DEVICE"
    #: The hardware has an assignable device that the ledger does not.
    UNTRACKED_VF = "UNTRACKED_VF"
    #: A PF has another number of VFs than the ledger knows.
    NUMVFS_CHANGED = "NUMVFS_CHANGED"
    #: There is another device at an address.
    IDENTITY_CHANGED = "IDENTITY_CHANGED"
    #: The driver of a VF in use is none that gives it to an instance.
    DRIVER_UNEXPECTED = "DRIVER_UNEXPECTED"
    #: The link of the PF of held VFs is not up.
    LINK_DOWN = "LINK_DOWN"
    #: The history, played again, gives other claims.
    HISTORY_MISMATCH = "HISTORY_MISMATCH"
    #: Two trackers change the ledger of one host.
    TWO_TRACKERS = "TWO_TRACKERS"
    #: Devices are available by Nova's rows and in none of its pools.
    POOL_LEAK = "POOL_LEAK"
    #: Nova's pools count otherwise than its rows.
    POOL_COUNT = "POOL_COUNT"
    #: Nova gave a device to an instance that is not there.
    NOVA_LEAK = "NOVA_LEAK"


#: What is about a claim, however many devices it has.
_OF_CLAIMS: Final = frozenset(
    {Code.ORPHAN_CLAIM, Code.CLAIM_EXPIRED, Code.HISTORY_MISMATCH}
)

_ORDER: Final = {code: number for number, code in enumerate(Code)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, where, and what would be right.

    :ivar addresses: The devices that are concerned, sorted.
    :ivar claim_id: The claim, if it is about one.
    :ivar instance_uuid: The instance, if it is about one.
    :ivar advice: What a repair does, or what a person has to.
    :ivar repairable: Whether a repair does anything about it.
    """

    code: Code
    message: str
    advice: str
    addresses: tuple[pci_address.PciAddress, ...] = ()
    claim_id: str = ""
    instance_uuid: str = ""
    repairable: bool = False

    @property
    def key(self) -> tuple[Code, str, tuple[pci_address.PciAddress, ...]]:
        """What stays the same of a fault when it is found again."""
        if self.code in _OF_CLAIMS:
            return self.code, self.claim_id, ()
        return self.code, "", self.addresses

    @property
    def rank(self) -> tuple[int, tuple[pci_address.PciAddress, ...], str]:
        """Where the finding stands in a list of them."""
        return _ORDER[self.code], self.addresses, self.claim_id
