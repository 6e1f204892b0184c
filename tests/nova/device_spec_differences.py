# SPDX-License-Identifier: Apache-2.0
"""Where we read a device_spec otherwise than Nova, by name.

What names a difference is the JSON alone and none of our code.
"""

from collections.abc import Iterator
import enum
import json
from typing import Any


class Difference(enum.Enum):
    """One kind of value of which Nova and we think differently."""

    #: Nova keeps it and fails when a pool with it becomes an object.
    NESTED_TAG = enum.auto()
    #: Nova looks for a device called ``5`` or ``['a']``; for ``0`` or
    #: ``false`` it takes every device of the host.
    DEVNAME_IS_NO_TEXT = enum.auto()
    #: For ``0``, ``false`` or ``[]`` Nova takes every device of the host.
    ADDRESS_IS_FALSE = enum.auto()
    #: Nova dies of an AttributeError or TypeError.
    ID_IS_NO_TEXT = enum.auto()
    #: Nova dies of a TypeError.
    EXPRESSION_IS_NO_TEXT = enum.auto()
    #: Nova dies of an OverflowError or RecursionError.
    EXPRESSION_TOO_BIG = enum.auto()
    #: Nova dies of a RecursionError.
    NESTED_TOO_DEEP = enum.auto()
    #: Nova dies of each such entry; we follow the rule it was meant to have.
    REMOTE_MANAGED_PF = enum.auto()


#: We refuse what Nova reads.
ONLY_NOVA_TAKES = {
    Difference.NESTED_TAG,
    Difference.DEVNAME_IS_NO_TEXT,
    Difference.ADDRESS_IS_FALSE,
}

#: We say what is wrong where Nova dies.
NOVA_DIES = {
    Difference.ID_IS_NO_TEXT,
    Difference.EXPRESSION_IS_NO_TEXT,
    Difference.EXPRESSION_TOO_BIG,
    Difference.NESTED_TOO_DEEP,
}

_SELECTING = ("vendor_id", "product_id", "devname", "address")
_FIELDS = ("domain", "bus", "slot", "function")


def explain(text: str) -> set[Difference]:
    """Name what may differ in one value of the option."""
    try:
        value = json.loads(text)
    except RecursionError:
        return {Difference.NESTED_TOO_DEEP}
    except ValueError:
        return set()
    entries = value if isinstance(value, list) else [value]
    return {
        difference
        for entry in entries
        if isinstance(entry, dict)
        for difference in _explain_entry(entry)
    }


def _explain_entry(entry: dict[str, Any]) -> Iterator[Difference]:
    tags = [entry[key] for key in entry if key not in _SELECTING]
    if any(isinstance(tag, list | dict) for tag in tags):
        yield Difference.NESTED_TAG
    if not isinstance(entry.get("devname"), str | None):
        yield Difference.DEVNAME_IS_NO_TEXT
    ids = (entry.get("vendor_id", ""), entry.get("product_id", ""))
    if not all(isinstance(each, str) for each in ids):
        yield Difference.ID_IS_NO_TEXT
    yield from _explain_address(entry.get("address"))


def _explain_address(address: object) -> Iterator[Difference]:
    if not address and not isinstance(address, str | dict | None):
        yield Difference.ADDRESS_IS_FALSE
    if isinstance(address, dict):
        given = [address[key] for key in _FIELDS if key in address]
        if not all(isinstance(each, str) for each in given):
            yield Difference.EXPRESSION_IS_NO_TEXT
        if any("99999999" in str(each) for each in given):
            yield Difference.EXPRESSION_TOO_BIG
