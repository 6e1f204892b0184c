# SPDX-License-Identifier: Apache-2.0
"""Which physical functions lead nowhere while links are bad."""

from collections.abc import Collection, Iterable

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device


def cut_off(
    pfs: Iterable[pci_device.Device],
    bad: Collection[pci_address.PciAddress],
) -> frozenset[pci_address.PciAddress]:
    """Tell through which PFs no device of theirs reaches a network.

    In a VF-LAG the ports carry the traffic of each other's VFs, so that all
    of them have to be bad. A bond of the host alone does nothing for a VF,
    which sends through the port of its own PF.

    :param pfs: All PFs of a host.
    :param bad: Those whose own link cannot be relied on.
    :returns: Some of *bad*.
    """
    listed = tuple(pfs)
    carried = {
        each.netdev.lag
        for each in listed
        if each.netdev and each.netdev.lag and each.address not in bad
    }
    return frozenset(
        each.address
        for each in listed
        if each.address in bad
        and not (each.netdev and each.netdev.lag in carried)
    )
