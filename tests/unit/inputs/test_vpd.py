# SPDX-License-Identifier: Apache-2.0
"""The serial number in vital product data of any quality."""

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import vpd


def _large(tag: int, data: bytes) -> bytes:
    return bytes([tag]) + len(data).to_bytes(2, "little") + data


def _keywords(**values: bytes) -> bytes:
    return b"".join(
        name.encode() + bytes([len(value)]) + value
        for name, value in values.items()
    )


NAME = _large(0x82, b"ConnectX-6 Dx")
READ_ONLY = _large(0x90, _keywords(PN=b"MCX6", SN=b"MT2034X", RV=b"\0"))
END = b"\x78"


@pytest.mark.parametrize(
    ("data", "serial"),
    [
        (NAME + READ_ONLY + END, "MT2034X"),
        (READ_ONLY, "MT2034X"),
        (b"\x0asm" + READ_ONLY + END, "MT2034X"),
        (_large(0x91, _keywords(SN=b"wrong")) + READ_ONLY, "MT2034X"),
        (_large(0x90, _keywords(SN=b"  A 1 \0\0")), "A 1"),
        (_large(0x90, _keywords(PN=b"SN", XX=b"SN\x02ab")), ""),
        (_large(0x90, _keywords(SN=b"")), ""),
        (_large(0x90, _keywords(SN=b"\xff\xfe")), ""),
        (_large(0x90, _keywords(SN=b"a\x1b[2J")), ""),
        (NAME + END + READ_ONLY, ""),
        (NAME, ""),
        (b"", ""),
        (b"\xff" * 4096, ""),
        (b"\0" * 4096, ""),
    ],
)
def test_the_serial_number_is_that_of_the_read_only_part(
    data: bytes, serial: str
) -> None:
    assert vpd.read_serial(data) == serial


@hypothesis.given(st.integers(0, len(READ_ONLY)))
def test_data_that_was_cut_gives_the_serial_or_a_part_or_none(
    length: int,
) -> None:
    serial = vpd.read_serial(READ_ONLY[:length])
    assert "MT2034X".startswith(serial)


@hypothesis.given(st.binary(max_size=300))
def test_any_bytes_give_ascii_that_prints(data: bytes) -> None:
    serial = vpd.read_serial(data)
    assert serial.isascii()
    assert serial.isprintable() or serial == ""


@hypothesis.given(st.binary(max_size=40), st.binary(max_size=60))
def test_any_bytes_within_the_read_only_part_give_ascii_that_prints(
    before: bytes, data: bytes
) -> None:
    serial = vpd.read_serial(_large(0x82, before) + _large(0x90, data))
    assert serial.isascii()
    assert serial.isprintable()


@hypothesis.given(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126),
        min_size=1,
        max_size=255,
    )
)
def test_every_serial_number_that_prints_is_found(serial: str) -> None:
    part = _large(0x90, _keywords(PN=b"x", SN=serial.encode()))
    assert vpd.read_serial(NAME + part + END) == serial
