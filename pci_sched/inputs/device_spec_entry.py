# SPDX-License-Identifier: Apache-2.0
"""One entry of ``[pci]device_spec`` as a value that judges devices."""

from collections.abc import Iterator
import dataclasses
import enum

from pci_sched.inputs import address_spec
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device


class Verdict(enum.StrEnum):
    """What one entry says about one device."""

    MATCH = "match"
    #: The entry is about other devices.
    OTHER = "other"
    #: It would match if the card had a serial number.
    NO_SERIAL = "no-serial"
    #: It matches if the card has a serial number, which could not be read.
    SERIAL_UNKNOWN = "serial-unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One entry of the option, read on one host.

    Like Nova's ``PciDeviceSpec`` it is good only for the host it was read
    on: which function a devname is, and whether an address is that of a
    physical function, was looked up at that time.
    """

    #: ``[pci]device_spec[2]``, or ``[pci]device_spec[2][0]`` in a list.
    position: str
    #: Four lower-case hex digits; ``None`` for any.
    vendor_id: str | None = None
    #: Four lower-case hex digits; ``None`` for any.
    product_id: str | None = None
    #: ``None`` where the entry has an address, or neither.
    devname: str | None = None
    #: ``None`` if no function of the host has the devname.
    address: address_spec.AddressSpec | None
    #: Whether VFs match by the address of their PF too.
    covers_vfs: bool = False
    #: Normalised as Nova does it.
    tags: pci_device.Tags = ()
    #: What Nova makes of the tag of that name.
    remote_managed: bool = False
    #: The entry as JSON.
    text: str = ""

    def verdict(self, device: pci_device.Device) -> Verdict:
        """Judge a device (``nova.pci.devspec.PciDeviceSpec.match``).

        :param device: Of the host that the entry was read on.
        :returns: Why it matches or does not.
        """
        if not self._selects(device):
            return Verdict.OTHER
        if not self.remote_managed or device.card_serial_number:
            return Verdict.MATCH
        if device.card_serial_number is None:
            return Verdict.SERIAL_UNKNOWN
        return Verdict.NO_SERIAL

    def matches(self, device: pci_device.Device) -> bool:
        """Tell whether Nova would say that the entry matches.

        If it is remote-managed and the serial number is not known, it does
        not match.

        :param device: Of the host that the entry was read on.
        :returns: Whether the verdict is a match.
        """
        return self.verdict(device) is Verdict.MATCH

    def _selects(self, device: pci_device.Device) -> bool:
        """Compare the ids and the place."""
        return (
            self.address is not None
            and not device.address.ignored_by_nova
            and self.vendor_id in (None, device.vendor_id)
            and self.product_id in (None, device.product_id)
            and any(map(self.address.matches, self._places(device)))
        )

    def _places(
        self, device: pci_device.Device
    ) -> Iterator[pci_address.PciAddress]:
        """List the addresses under which the entry may find a device."""
        yield device.address
        if self.covers_vfs and device.parent_addr is not None:
            yield device.parent_addr
