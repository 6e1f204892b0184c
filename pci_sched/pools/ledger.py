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
    """The pools of one host, sorted by key of their first device."""

    pools: tuple[Pool, ...]

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
        for device in devices:
            if device.dev_type is pci_device.DevType.PF:
                pfs[device.address] = device
            if wanted(device):
                key = pool_key.PoolKey.of(device)
                groups.setdefault(key, []).append(device)
        return cls(
            tuple(
                Pool(key, tuple(members), pfs.get(key.root))
                for key, members in groups.items()
            )
        )
