# SPDX-License-Identifier: Apache-2.0
"""The serial number in a card's vital product data.

The format is that of the PCI local bus specification 3.0, appendix I: large
resources (tag, 16-bit length, data), of which tag 0x90 holds read-only
keywords (two letters, 8-bit length, data); SN is the card's serial number.
"""

_LARGE = 0x80
_END = 0x78
_READ_ONLY = 0x90


def _keyword(data: bytes, wanted: bytes) -> bytes:
    place = 0
    while place + 3 <= len(data):
        size = data[place + 2]
        if data[place : place + 2] == wanted:
            return data[place + 3 : place + 3 + size]
        place += 3 + size
    return b""


def read_serial(data: bytes) -> str:
    """Find the card's serial number.

    :param data: The vital product data, whole or its beginning.
    :returns: The serial number; "" if there is none, or what should be one
        is not printable ASCII.
    """
    place = 0
    while place < len(data) and data[place] != _END:
        if not data[place] & _LARGE:
            place += 1 + (data[place] & 7)
            continue
        size = int.from_bytes(data[place + 1 : place + 3], "little")
        if data[place] == _READ_ONLY:
            raw = _keyword(data[place + 3 : place + 3 + size], b"SN")
            text = raw.decode("ascii", "replace").strip(" \0")
            return text if text.isascii() and text.isprintable() else ""
        place += 3 + size
    return ""
