# SPDX-License-Identifier: Apache-2.0
"""What an entry of ``[pci]device_spec`` is read with besides its own text."""

from collections.abc import Mapping
import dataclasses

from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """Answers that Nova gets from sysfs and from another option."""

    by_address: Mapping[str, pci_device.Device]
    by_netdev: Mapping[str, pci_device.Device]
    report_in_placement: bool

    @classmethod
    def of(cls, host: pci_host.Host, *, report_in_placement: bool) -> "Facts":
        """Index the devices of a host.

        :param host: The host that entries are read on.
        :param report_in_placement: The option ``[pci]report_in_placement``.
        :returns: The facts; of functions that share the name of a network
            device the first counts.
        """
        return cls(
            {str(device.address): device for device in host.devices},
            {
                netdev.name: device
                for device in reversed(host.devices)
                for netdev in device.netdevs or ()
            },
            report_in_placement,
        )

    def find_pf(self, spelled: str | None) -> pci_device.Device | None:
        """Find the physical function at an address.

        Nova goes by ``sriov_totalvfs`` alone
        (``nova.pci.utils.is_physical_function``); where that is not known
        the type stands in for it.

        :param spelled: As the kernel writes it; ``None`` for no one address.
        :returns: ``None`` if there is no function, or one that has no VFs.
        """
        device = self.by_address.get(spelled or "")
        if device is None:
            return None
        if device.sriov_totalvfs is None:
            is_pf = device.dev_type is pci_device.DevType.PF
        else:
            is_pf = device.sriov_totalvfs > 0
        return device if is_pf else None
