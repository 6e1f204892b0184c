# SPDX-License-Identifier: Apache-2.0
"""Fields that oslo.versionedobjects does not have."""

import datetime
from typing import Any

from oslo_versionedobjects import base, fields

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device


class Address(fields.FieldType[str]):
    """A PCI address as the kernel writes it."""

    def coerce(
        self, obj: base.VersionedObject | None, attr: str, value: Any
    ) -> str:
        """Write an address in its one form."""
        return str(pci_address.PciAddress.parse(str(value)))


class AddressField(fields.AutoTypedField[str]):
    """A PCI address."""

    AUTO_TYPE = Address()


class Moment(fields.FieldType[datetime.datetime]):
    """A moment with a time zone, to the microsecond.

    The field of oslo.versionedobjects leaves out what is below a second.
    """

    def coerce(
        self, obj: base.VersionedObject | None, attr: str, value: Any
    ) -> datetime.datetime:
        """Take a moment with a time zone."""
        if isinstance(value, datetime.datetime) and value.tzinfo:
            return value.astimezone(datetime.UTC)
        raise ValueError(f"{value!r} is no moment with a time zone")

    def from_primitive(
        self, obj: base.VersionedObject, attr: str, value: object
    ) -> datetime.datetime:
        """Read ISO 8601."""
        return datetime.datetime.fromisoformat(str(value))

    def to_primitive(
        self, obj: base.VersionedObject, attr: str, value: datetime.datetime
    ) -> str:
        """Write ISO 8601 in UTC."""
        return value.isoformat(timespec="microseconds")

    def stringify(self, value: datetime.datetime) -> str:
        """Write it for a log."""
        return value.isoformat()


class MomentField(fields.AutoTypedField[datetime.datetime]):
    """A moment with a time zone."""

    AUTO_TYPE = Moment()


class TagValue(fields.FieldType[pci_device.TagValue]):
    """The value of a tag, of the type that it has in JSON."""

    def coerce(
        self, obj: base.VersionedObject | None, attr: str, value: Any
    ) -> pci_device.TagValue:
        """Take what JSON holds, not nested."""
        if isinstance(value, str | bool | int | float):
            return value
        raise ValueError(f"{value!r} is no text, number, true, false or null")


class TagsField(fields.AutoTypedField[dict[str, pci_device.TagValue]]):
    """The tags of a device."""

    AUTO_TYPE = fields.Dict(TagValue(), nullable=True)


class ModesField(fields.AutoTypedField[dict[str, str]]):
    """Whether a root stands whole or split, by its address."""

    AUTO_TYPE = fields.Dict(fields.Enum(("whole", "split")))
