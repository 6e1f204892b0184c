# SPDX-License-Identifier: Apache-2.0
"""The pools of one host and their counts, derived from the devices."""

import collections
from collections.abc import Callable, Iterable
import dataclasses

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.pools import key as pool_key

_COUNTED_AS = {
    None: "unknown",
    pci_device.DeviceStatus.AVAILABLE: "free",
    pci_device.DeviceStatus.CLAIMED: "claimed",
    pci_device.DeviceStatus.ALLOCATED: "allocated",
}


_HELD = frozenset(
    {
        pci_device.DeviceStatus.CLAIMED,
        pci_device.DeviceStatus.ALLOCATED,
        pci_device.DeviceStatus.QUARANTINED,
    }
)


def state_of(device: pci_device.Device) -> str:
    """Tell as which field of :class:`Counts` a device is counted."""
    return _COUNTED_AS.get(device.status, "unusable")


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """How many devices are in which hands.

    :ivar unknown: Devices whose status nobody could say.
    :ivar unusable: Devices that are neither free nor held by anyone: a
        relative is held, or they are removed or quarantined.
    """

    free: int = 0
    claimed: int = 0
    allocated: int = 0
    unusable: int = 0
    unknown: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """The devices that share a key, sorted by address; never empty."""

    key: pool_key.PoolKey
    devices: tuple[pci_device.Device, ...]
    #: The PF the devices hang on, or the PF itself; ``None`` for a plain
    #: device, or where the host does not show the PF.
    pf: pci_device.Device | None

    @property
    def counts(self) -> Counts:
        """Count the devices by status."""
        return Counts(
            **collections.Counter(state_of(device) for device in self.devices)
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Ledger:
    """The pools of one host, in the order of their first device.

    :ivar whole: The PFs that somebody holds as a whole.
    :ivar split: The PFs of which somebody holds a child. Both also name
        functions that are in no pool, because they still have relatives.
    """

    pools: tuple[Pool, ...]
    whole: frozenset[pci_address.PciAddress] = frozenset()
    split: frozenset[pci_address.PciAddress] = frozenset()

    def is_free(
        self, device: pci_device.Device, *, unknown_is_free: bool = False
    ) -> bool:
        """Tell whether a device can be given away, its relatives included.

        What Nova calls unclaimable and unavailable is worked out from who
        holds what, and not only read from the device's own status.

        :param device: Of this host.
        :param unknown_is_free: What to say where nobody knows.
        :returns: Never true for a PF with a held child, nor for a child of a
            held PF.
        """
        if device.status is None:
            free = unknown_is_free
        else:
            free = device.status is pci_device.DeviceStatus.AVAILABLE
        taken = self.split if device.address == device.root else self.whole
        return free and device.root not in taken

    @classmethod
    def of(
        cls,
        devices: Iterable[pci_device.Device],
        wanted: Callable[[pci_device.Device], bool] = pool_key.is_poolable,
    ) -> "Ledger":
        """Group devices into pools; one pass.

        :param devices: Sorted by address, as in a host.
        :param wanted: Which of them belong into a pool.
        :returns: Pools in the order of their first device.
        """
        pfs: dict[pci_address.PciAddress, pci_device.Device] = {}
        groups: dict[pool_key.PoolKey, list[pci_device.Device]] = {}
        held: dict[bool, set[pci_address.PciAddress]] = {
            True: set(),
            False: set(),
        }
        for device in devices:
            if device.status in _HELD:
                held[device.root == device.address].add(device.root)
            if device.dev_type is pci_device.DevType.PF:
                pfs[device.address] = device
            if wanted(device):
                key = pool_key.PoolKey.of(device)
                groups.setdefault(key, []).append(device)
        return cls(
            tuple(
                Pool(key, tuple(members), pfs.get(key.root))
                for key, members in groups.items()
            ),
            frozenset(held[True]),
            frozenset(held[False]),
        )
