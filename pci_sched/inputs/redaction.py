# SPDX-License-Identifier: Apache-2.0
"""A host document without what identifies hardware and customers.

MACs, serial numbers and instance ids are replaced, everywhere in the
document and each always by the same substitute, so that what was equal stays
equal and a finding can still be followed.
"""

from collections.abc import Callable, Mapping
import re
from typing import Any

_MAC = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{2}(?::[0-9a-f]{2}){5,31}(?![0-9a-f])", re.I
)

# Names that udev makes of a MAC: enx525400b00000.
_MAC_NAME = re.compile(r"(?<=x)[0-9a-f]{12}(?![0-9a-f])")

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I)

# The keys of the document below which anything may stand.
_FREE = ("tags", "configurations")

# A shorter serial number may be a word or a number of another meaning.
_SERIAL_LENGTH = 6


class _Substitutes:
    """Gives every original its own substitute, in order of appearance."""

    def __init__(self, write: Callable[[int], str]) -> None:
        self._numbers: dict[str, int] = {}
        self._write = write

    def of(self, original: str) -> str:
        number = self._numbers.setdefault(original, len(self._numbers) + 1)
        return self._write(number)


def _write_mac(number: int) -> str:
    # Locally administered, so that it can be nobody's.
    return f"02{number:010x}"


def _with_colons(digits: str) -> str:
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _pattern(document: Mapping[str, Any]) -> re.Pattern[str]:
    """Build what finds the document's serial numbers in any text."""
    serials = {
        serial
        for device in document.get("devices", ())
        if len(serial := device.get("card_serial_number") or "")
        >= _SERIAL_LENGTH
    }
    longest_first = sorted(serials, key=lambda each: (-len(each), each))
    one_of = "|".join(map(re.escape, longest_first)) or "(?!)"
    return re.compile(rf"(?<![0-9A-Za-z])(?:{one_of})(?![0-9A-Za-z])")


class _Redaction:
    """One pass over one document."""

    def __init__(self, serial: re.Pattern[str]) -> None:
        self._serial = serial
        self._macs = _Substitutes(_write_mac)
        self._uuids = _Substitutes(
            lambda n: f"00000000-0000-0000-0000-{n:012x}"
        )
        self._serials = _Substitutes(lambda n: f"serial-{n}")
        # Made of a MAC or a serial number by most drivers.
        switches = _Substitutes(lambda n: f"{n:016x}")
        self._by_key = {
            "card_serial_number": self._serials.of,
            "phys_switch_id": switches.of,
            "instance_uuid": self._uuid,
        }

    def value(self, value: Any, key: str = "") -> Any:
        """Redact what stands under a key of the document."""
        if key in _FREE:
            return self._free(value)
        if isinstance(value, dict):
            return {
                name: self.value(each, name) for name, each in value.items()
            }
        if isinstance(value, list):
            return [self.value(each, key) for each in value]
        if not isinstance(value, str):
            return value
        return self._by_key.get(key, self._text)(value)

    def _free(self, value: Any) -> Any:
        """Redact what an operator or an agent wrote, keys and all."""
        if isinstance(value, dict):
            return {
                self._free(name): self._free(each)
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self._free(each) for each in value]
        if not isinstance(value, str):
            return value
        text = self._text(value)
        return self._serial.sub(lambda found: self._serials.of(found[0]), text)

    def _text(self, text: str) -> str:
        """Redact MACs and ids within a text."""
        text = _MAC.sub(lambda found: self._mac(found[0]), text)
        text = _MAC_NAME.sub(lambda found: self._macs.of(found[0]), text)
        return _UUID.sub(lambda found: self._uuid(found[0]), text)

    def _mac(self, mac: str) -> str:
        return _with_colons(self._macs.of(mac.replace(":", "").lower()))

    def _uuid(self, uuid: str) -> str:
        return self._uuids.of(uuid.lower())


def redact(document: dict[str, Any]) -> dict[str, Any]:
    """Redact a host document.

    :param document: The document.
    :returns: A new document of the same form.
    """
    redaction = _Redaction(_pattern(document))
    redacted: dict[str, Any] = redaction.value(document)
    return redacted
