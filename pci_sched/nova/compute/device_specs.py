# SPDX-License-Identifier: Apache-2.0
"""Nova's ``[pci] device_spec``, which works out only once what it says.

Nova goes through the entries each time that a device becomes free and, in an
audit, for each device of the host.
"""

import functools
from typing import Any, Final, NamedTuple

from nova import objects
from nova.pci import whitelist

from pci_sched.nova import spec_rows

#: How many devices are remembered; a host has fewer.
_KNOWN: Final = 16_384

_CAPABILITIES = "capabilities"


class _Content(NamedTuple):
    """All that an entry looks at; no other device with it is told apart."""

    vendor_id: str | None
    product_id: str | None
    address: str | None
    parent_addr: str | None
    capabilities: str | None


class _Device:
    """A device that has nothing else, as Nova reads one.

    Should an entry of another release read more, that is an AttributeError.
    """

    def __init__(self, content: _Content) -> None:
        self.vendor_id = content.vendor_id
        self.product_id = content.product_id
        self.address = content.address
        self.parent_addr = content.parent_addr
        self.extra_info = (
            {}
            if content.capabilities is None
            else {_CAPABILITIES: content.capabilities}
        )

    @functools.cached_property
    def card_serial_number(self) -> Any:
        # Parsed from JSON, and asked for by each entry.
        return objects.PciDevice.card_serial_number.fget(self)


class DeviceSpecs(whitelist.Whitelist):  # type: ignore[misc]
    """The entries of ``device_spec``, as Nova asks them.

    What is remembered is looked up by what an entry looks at in a device, so
    that nothing can be out of date.
    """

    def __init__(self, given: Any) -> None:
        """Take over the entries of another one.

        :param given: ``nova.pci.whitelist.Whitelist``; its entries do not
            change.
        """
        super().__init__()
        self.specs = given.specs
        # Which device has the name of an interface, /sys says each time.
        self._is_fixed = not any(
            getattr(each, "dev_name", "unknown") for each in self.specs
        )
        self._find = functools.lru_cache(maxsize=_KNOWN)(self._search)

    def get_devspec(self, pci_dev: Any) -> Any:
        """Find the entry that selects a device.

        :param pci_dev: ``nova.objects.PciDevice``.
        :returns: The first ``nova.pci.devspec.PciDeviceSpec`` that does;
            ``None`` if no entry does.
        """
        if self._is_fixed:
            try:
                return self._find(_read(pci_dev))
            except (AttributeError, TypeError):
                # An entry, or a device, of another kind than we know.
                pass
        return super().get_devspec(pci_dev)

    def _search(self, content: _Content) -> Any:
        return super().get_devspec(_Device(content))


def _read(device: Any) -> _Content:
    get = spec_rows.reader(device)
    extra_info = get("_obj_extra_info") or {}
    return _Content(
        get("_obj_vendor_id"),
        get("_obj_product_id"),
        get("_obj_address"),
        get("_obj_parent_addr"),
        extra_info.get(_CAPABILITIES),
    )
