# SPDX-License-Identifier: Apache-2.0
"""Whether a device at an address is still the one that was there."""

from collections.abc import Callable, Iterable
import dataclasses
from typing import Final

from pci_sched.claims import inventory as claim_inventory


@dataclasses.dataclass(frozen=True, slots=True)
class _Mark:
    """One thing that a device keeps as long as it is the same.

    :ivar read: Gives it; ``None`` where it is not known.
    """

    name: str
    read: Callable[[claim_inventory.Record], object]


#: A type is a mark too: Nova has other rules for each.
_MARKS: Final = (
    _Mark("vendor", lambda record: record.device.vendor_id),
    _Mark("product", lambda record: record.device.product_id),
    _Mark("type", lambda record: record.device.dev_type),
    _Mark("PF", lambda record: record.device.root),
    _Mark("path", lambda record: record.device.path),
)


def difference(
    old: claim_inventory.Record | None, new: claim_inventory.Record | None
) -> str:
    """Say by what two devices seen at one address are told apart.

    What is not known of either says nothing: the serial number can be read
    by root only. Only where no serial number is known of both, the MAC
    address tells cards apart: a bond changes those of its members.

    :param old: As it was; ``None`` if it was not known.
    :param new: As it is; ``None`` if it is not there.
    :returns: A sentence for a person; "" for the same device.
    """
    if old is None or new is None:
        return ""
    for name, was, now in _pairs(old, new):
        if was is not None and now is not None and was != now:
            return f"its {name} was {_show(was)} and is {_show(now)}"
    return ""


def recounted(
    old: claim_inventory.Record | None, new: claim_inventory.Record | None
) -> tuple[int, int] | None:
    """Tell whether a PF got another number of VFs.

    :param old: As it was; ``None`` if it was not known.
    :param new: As it is; ``None`` if it is not there.
    :returns: How many it had and has; ``None`` if they are as many, or either
        is not known.
    """
    before = old.device.sriov_numvfs if old else None
    now = new.device.sriov_numvfs if new else None
    if before is None or now is None or before == now:
        return None
    return before, now


def _pairs(
    old: claim_inventory.Record, new: claim_inventory.Record
) -> Iterable[tuple[str, object, object]]:
    for mark in _MARKS:
        yield mark.name, mark.read(old), mark.read(new)
    serials = (
        old.device.card_serial_number or None,
        new.device.card_serial_number or None,
    )
    if None in serials and old.device.address == old.device.root:
        yield "MAC address", old.mac, new.mac
    yield "serial number", *serials


def _show(value: object) -> str:
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return "/".join(map(str, value))
    return str(value)
