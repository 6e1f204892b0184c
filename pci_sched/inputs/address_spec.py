# SPDX-License-Identifier: Apache-2.0
"""What the "address" of a device_spec becomes: something that matches.

The matching is that of ``nova.pci.devspec.PciAddressGlobSpec``,
``PciAddressRegexSpec`` and ``PhysicalPciAddress``.
"""

import dataclasses
import re
from typing import NamedTuple

from pci_sched.model import address as pci_address


class HexField(NamedTuple):
    """A number that Nova reads in base 16 and keeps as text."""

    key: str
    digits: int
    maximum: int


#: The fields of an address in their order; the keys of a dict (``MAX_`` in
#: ``nova.pci.devspec``). Nova passes other keys over without a word.
FIELDS = (
    HexField("domain", 4, pci_address.NOVA_MAX_DOMAIN),
    HexField("bus", 2, 0xFF),
    HexField("slot", 2, pci_address.MAX_SLOT),
    HexField("function", 1, 0x7),
)


def _spell(address: pci_address.PciAddress) -> tuple[str, ...]:
    """Write the fields as Nova's ``PhysicalPciAddress`` compares them."""
    return tuple(
        f"{number:0{field.digits}x}"
        for field, number in zip(FIELDS, address, strict=True)
    )


def _join(fields: tuple[str, ...]) -> str:
    """Write an address from its four fields."""
    domain, bus, slot, function = fields
    return f"{domain}:{bus}:{slot}.{function}"


@dataclasses.dataclass(frozen=True, slots=True)
class GlobAddress:
    """Four fields, each a number or ``None`` for any."""

    fields: tuple[str | None, ...]

    @property
    def spelled(self) -> str | None:
        """The one address that this names; ``None`` if it leaves a choice."""
        given = tuple(field for field in self.fields if field is not None)
        return _join(given) if len(given) == len(FIELDS) else None

    def matches(self, address: pci_address.PciAddress) -> bool:
        """Compare field by field.

        :param address: Of a function.
        :returns: Whether every field is any or the same.
        """
        return all(
            want in (None, have)
            for want, have in zip(self.fields, _spell(address), strict=True)
        )


@dataclasses.dataclass(frozen=True, slots=True)
class RegexAddress:
    """Four regular expressions, of which each matches a beginning."""

    patterns: tuple[re.Pattern[str], ...]

    @property
    def spelled(self) -> str:
        """The four expressions put together, which may name one address.

        Only four expressions that are all hex digits, as the kernel writes
        them, give the address of a function here; Nova's
        ``is_single_address`` and its look into sysfs come to the same.
        """
        return _join(tuple(pattern.pattern for pattern in self.patterns))

    def matches(self, address: pci_address.PciAddress) -> bool:
        """Compare field by field.

        :param address: Of a function.
        :returns: Whether every expression matches from the beginning.
        """
        return all(
            pattern.match(field)
            for pattern, field in zip(
                self.patterns, _spell(address), strict=True
            )
        )


#: What the key "address" becomes.
AddressSpec = GlobAddress | RegexAddress


def of_function(address: pci_address.PciAddress) -> GlobAddress:
    """Name one function.

    :param address: Of the function.
    :returns: What matches this function only.
    """
    return GlobAddress(_spell(address))
