# SPDX-License-Identifier: Apache-2.0
"""Reading the "address" of a device_spec: wildcards or regular expressions.

The grammar is that of ``nova.pci.devspec.PciAddressGlobSpec`` for a text and
of ``PciAddressRegexSpec`` for an object.
"""

import re

from pci_sched import exception
from pci_sched.inputs import address_spec, option_value

#: Stands for any value; only as the whole of a field.
ANY = "*"

#: What Nova does with a regular expression for a field that is not there.
_REGEX_ANY = ".*"

_TEXT_ALLOWED = (
    "[[[[domain:]bus:]slot].function] of hex numbers up to ffff:ff:1f.7,"
    ' each of which may be empty or "*" (but not "0*")'
)
_DICT_ALLOWED = (
    "a regular expression; it matches the beginning of the field's lower-case"
    " hex digits"
)
_ALLOWED = (
    f"a text of the form {_TEXT_ALLOWED}, or an object of regular expressions"
    ' with the keys "domain", "bus", "slot", "function"'
)


def read_hex(field: address_spec.HexField, text: str) -> str | None:
    """Read a number as ``nova.pci.devspec`` does, with Python's ``int``.

    So ``0x8086``, ``+8086``, ``80_86``, blanks around it, digits of any
    script and even a sign are taken; what is below zero matches no device.

    :param field: What the number is.
    :param text: The number, or ``*``.
    :returns: Lower-case digits, padded with zeros; ``None`` for any.
    :raises ValueError: If it is no number or above the field's maximum.
    """
    if text == ANY:
        return None
    try:
        number = int(text, 16)
    except ValueError:
        raise ValueError("is no hex number") from None
    if number > field.maximum:
        raise ValueError(f"is above {field.maximum:x}")
    return f"{number:0{field.digits}x}"


def is_given(value: object) -> bool:
    """Tell whether an address or devname says anything.

    :param value: What the key has; ``None`` also where there is no key.
    :returns: No for null and for an empty text or object, as for Nova.
    """
    return value not in (None, "", {})


def parse(position: str, value: object) -> address_spec.AddressSpec:
    """Read what the key "address" has.

    :param position: Of the entry, for messages.
    :param value: From JSON; what is not given means every address.
    :returns: What matches addresses.
    :raises exception.SpecInvalid: If Nova would not take it.
    """
    if not is_given(value):
        return address_spec.GlobAddress((None,) * len(address_spec.FIELDS))
    if isinstance(value, str):
        return _parse_text(position, value)
    if isinstance(value, dict):
        return _parse_dict(position, value)
    raise exception.SpecInvalid(
        position,
        "address",
        option_value.show(value),
        "is neither a text nor an object",
        _ALLOWED,
    )


def _parse_text(position: str, text: str) -> address_spec.GlobAddress:
    """Read wildcards; a domain, bus or slot that is left out is any."""
    try:
        fields = tuple(
            _read_field(field, part)
            for field, part in zip(
                address_spec.FIELDS, _split(text), strict=True
            )
        )
    except ValueError as err:
        raise exception.SpecInvalid(
            position,
            "address",
            option_value.show(text),
            str(err),
            _TEXT_ALLOWED,
        ) from err
    return address_spec.GlobAddress(fields)


def _read_field(field: address_spec.HexField, text: str) -> str | None:
    """Read one field of an address; an error says which."""
    try:
        return read_hex(field, text)
    except ValueError as err:
        shown = option_value.show(text)
        raise ValueError(f"{field.key} {shown} {err}") from err


def _split(text: str) -> list[str]:
    """Cut an address into four parts; those left out become ``*``."""
    front, _, function = text.partition(".")
    parts = front.split(":")
    if len(parts) >= len(address_spec.FIELDS):
        raise ValueError("there are too many colons")
    missing = [ANY] * (len(address_spec.FIELDS) - 1 - len(parts))
    return [
        *missing,
        *(part.strip() or ANY for part in parts),
        function.strip() if function else ANY,
    ]


def _parse_dict(
    position: str, fields: dict[str, object]
) -> address_spec.RegexAddress:
    """Read regular expressions; a key that is left out is any."""
    return address_spec.RegexAddress(
        tuple(
            _compile(position, field.key, fields.get(field.key, _REGEX_ANY))
            for field in address_spec.FIELDS
        )
    )


def _compile(position: str, key: str, value: object) -> re.Pattern[str]:
    """Read one regular expression of a dict."""
    if not isinstance(value, str):
        problem = "is no text"
    else:
        try:
            return re.compile(value)
        except (re.error, OverflowError, RecursionError) as err:
            problem = f"is no regular expression ({err})"
    raise exception.SpecInvalid(
        position,
        f"address.{key}",
        option_value.show(value),
        problem,
        _DICT_ALLOWED,
    )
