# SPDX-License-Identifier: Apache-2.0
"""The tags of a ``[pci]device_spec``: every key that does not select."""

from collections.abc import Mapping

from pci_sched import exception
from pci_sched.inputs import option_value
from pci_sched.model import device as pci_device

REMOTE_MANAGED = "remote_managed"
ONE_TIME_USE = "one_time_use"

#: The tags that Nova writes as "true" or "false", whatever word stood there
#: (``PciDeviceSpec._normalize_device_spec_tag``); null stays null.
NORMALISED = ("managed", "live_migratable", ONE_TIME_USE)

#: The tags that Nova documents. It takes any other key as a tag of the
#: operator's own, a misspelled one too.
KNOWN = frozenset(
    (
        *NORMALISED,
        pci_device.PHYSICAL_NETWORK,
        REMOTE_MANAGED,
        "resource_class",
        "traits",
        "trusted",
    )
)


def read(
    position: str, fields: Mapping[str, object], *, report_in_placement: bool
) -> pci_device.Tags:
    """Read the tags of one entry.

    A list or an object is refused: Nova reads it and dies of it when it makes
    an object of the pool (``nova.objects.PciDevicePool.from_dict``).

    :param position: Of the entry, for messages.
    :param fields: The keys that do not select, as JSON has them.
    :param report_in_placement: The option ``[pci]report_in_placement``.
    :returns: The tags as Nova keeps them, sorted.
    :raises exception.SpecInvalid: If Nova would not take one of them, or die
        of it later.
    """
    tags = tuple(
        sorted(
            (key, _read_value(position, key, value))
            for key, value in fields.items()
        )
    )
    if (ONE_TIME_USE, "true") in tags and not report_in_placement:
        raise exception.SpecInvalid(
            position,
            ONE_TIME_USE,
            option_value.show(fields[ONE_TIME_USE]),
            "needs [pci]report_in_placement, which is off",
            f"{option_value.NO_WORDS} as long as it is off",
        )
    return tags


def is_remote_managed(tags: pci_device.Tags) -> bool:
    """Tell what Nova makes of the tag ``remote_managed``.

    The tag itself stays as it is written: Nova matches ports with that, and
    there only "true" and "false" count.

    :param tags: Of one entry.
    :returns: Whether the tag is one of the words for yes.
    """
    return any(
        key == REMOTE_MANAGED and option_value.read_bool(value) is True
        for key, value in tags
    )


def _read_value(position: str, key: str, value: object) -> pci_device.TagValue:
    """Read the value of one tag."""
    if not isinstance(value, str | int | float | None):
        raise exception.SpecInvalid(
            position,
            key,
            option_value.show(value),
            "is nested",
            "a text, a number, true, false or null",
        )
    if key not in NORMALISED or value is None:
        return value
    answer = option_value.read_bool(value)
    if answer is None:
        raise exception.SpecInvalid(
            position,
            key,
            option_value.show(value),
            "is neither yes nor no",
            f"{option_value.YES_WORDS}, {option_value.NO_WORDS} or null",
        )
    return "true" if answer else "false"
