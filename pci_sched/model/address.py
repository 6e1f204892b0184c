# SPDX-License-Identifier: Apache-2.0
"""The address of one PCI function."""

import functools
import re
from typing import NamedTuple

from pci_sched import exception

_ADDRESS = re.compile(
    r"([0-9a-fA-F]{4,8}):([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])", re.ASCII
)

#: The highest domain Nova keeps; it skips devices of a higher one
#: (``nova.pci.devspec.MAX_DOMAIN``).
NOVA_MAX_DOMAIN = 0xFFFF

#: The highest slot (the PCI specification's "device") of a bus: five bits.
MAX_SLOT = 0x1F


class PciAddress(NamedTuple):
    """One function's place: domain, bus, slot and function, all integers.

    A named tuple and not a dataclass, because addresses are sorted and
    hashed by the thousand and a tuple does both in C.
    """

    domain: int
    bus: int
    slot: int
    function: int

    @classmethod
    def parse(cls, text: str) -> "PciAddress":
        """Read an address as sysfs, Nova and Neutron write it.

        The domain has four hex digits, or up to eight behind a VMD
        controller.

        :param text: ``dddd:bb:ss.f``, either case, no blanks.
        :returns: The address; ``str()`` of it is as the kernel writes it.
        :raises exception.AddressInvalid: If *text* has another form or its
            slot is above 1f.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise exception.AddressInvalid(text)
        address = cls(*[int(field, 16) for field in match.groups()])
        if address.slot > MAX_SLOT:
            raise exception.AddressInvalid(text)
        return address

    def __str__(self) -> str:
        """Write the address as the kernel does, in lower case."""
        return _write(self)

    @property
    def ignored_by_nova(self) -> bool:
        """Whether Nova skips a device here, its domain being above ffff."""
        return self.domain > NOVA_MAX_DOMAIN


@functools.lru_cache(maxsize=65_536)
def _write(address: PciAddress) -> str:
    """Write an address once: hosts have the same ones again and again."""
    domain, bus, slot, function = address
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function}"
