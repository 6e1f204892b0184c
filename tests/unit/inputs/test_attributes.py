# SPDX-License-Identifier: Apache-2.0
"""Attributes that are there, are not, or are something else altogether."""

import os
import pathlib
import tempfile
import threading

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import attributes
import privilege


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "attribute"


class TestClean:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (b"ens1f0np0", "ens1f0np0"),
            ("ümlaut".encode(), "ümlaut"),
            (b"\xff\xfe", r"\xff\xfe"),
            (b"a\x1b[31mb", r"a\x1b[31mb"),
            ("\u202ea\u200bb".encode(), r"\u202ea\u200bb"),
            (b"a\nb\0", r"a\nb\x00"),
        ],
    )
    def test_what_does_not_print_is_written_out(
        self, raw: bytes, text: str
    ) -> None:
        assert attributes.clean(raw) == text

    @hypothesis.given(st.binary())
    def test_any_bytes_become_text_that_prints(self, raw: bytes) -> None:
        text = attributes.clean(raw)
        assert text.isprintable()
        assert attributes.clean(text.encode()) == text


class TestText:
    def test_the_line_end_is_left_out(self, file: pathlib.Path) -> None:
        file.write_text(" igb \n")
        assert attributes.read_text(str(file)) == "igb"

    def test_what_is_not_there_is_nothing(self, file: pathlib.Path) -> None:
        assert attributes.read_text(str(file)) == ""
        file.touch()
        assert attributes.read_text(f"{file}/below") == ""

    @pytest.mark.parametrize("content", [b"", b"\n", b" \n ", b"x" * 1025])
    def test_what_is_empty_or_too_long_is_not_known(
        self, file: pathlib.Path, content: bytes
    ) -> None:
        file.write_bytes(content)
        assert attributes.read_text(str(file)) is None

    def test_a_directory_or_a_loop_is_not_known(
        self, file: pathlib.Path
    ) -> None:
        file.mkdir()
        assert attributes.read_text(str(file)) is None
        loop = file / "loop"
        loop.symlink_to("loop")
        assert attributes.read_text(str(loop)) is None

    def test_a_pipe_without_writer_or_with_a_silent_one_is_not_waited_for(
        self, file: pathlib.Path
    ) -> None:
        os.mkfifo(file)
        assert attributes.read_text(str(file)) is None
        silent = os.open(file, os.O_RDWR)
        try:
            assert attributes.read_text(str(file)) is None
        finally:
            os.close(silent)

    def test_what_an_ordinary_user_may_not_read_is_not_known(self) -> None:
        # Not tmp_path: only root may enter that.
        with tempfile.TemporaryDirectory() as name:
            pathlib.Path(name).chmod(0o755)
            closed = pathlib.Path(name) / "vpd"
            closed.touch(mode=0o400)
            with privilege.ordinary_user():
                assert attributes.read_text(str(closed)) is None

    def test_at_most_a_page_is_read(self, file: pathlib.Path) -> None:
        file.write_bytes(b"x" * 10_000)
        raw = attributes.read_bytes(str(file))
        assert raw is not None
        assert len(raw) == 4096

    def test_nothing_is_left_open(self, file: pathlib.Path) -> None:
        file.mkdir()
        handles = pathlib.Path("/proc/self/fd")
        if not handles.is_dir():
            pytest.skip("the kernel does not list open files")
        assert threading.active_count() == 1
        before = len(list(handles.iterdir()))
        attributes.read_bytes(str(file))
        assert len(list(handles.iterdir())) == before


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "base", "number"),
        [
            ("7", 10, 7),
            ("0", 10, 0),
            ("65535", 10, 65535),
            ("65536", 10, None),
            ("-1", 10, None),
            ("0x10", 16, 16),
            ("10", 16, 16),
            ("0x10", 10, None),
            ("1_0", 10, None),
            ("0x_10", 16, None),
            ("\N{ARABIC-INDIC DIGIT SEVEN}", 10, None),
            ("7.0", 10, None),
            ("seven", 10, None),
            ("", 10, None),
            (None, 10, None),
        ],
    )
    def test_only_what_the_kernel_writes_is_a_number(
        self, text: str | None, base: int, number: int | None
    ) -> None:
        assert attributes.parse_int(text, base) == number

    @pytest.mark.parametrize(
        ("content", "digits", "identifier"),
        [
            ("0x8086\n", 4, "8086"),
            ("0x8\n", 4, "0008"),
            ("0x10C9\n", 4, "10c9"),
            ("0x020000\n", 6, "020000"),
            ("0x10000\n", 4, None),
            ("-0x1\n", 4, None),
            ("vendor\n", 4, None),
        ],
    )
    def test_an_identifier_has_all_its_digits(
        self,
        file: pathlib.Path,
        content: str,
        digits: int,
        identifier: str | None,
    ) -> None:
        file.write_text(content)
        assert attributes.read_hex(str(file), digits) == identifier

    def test_a_number_that_is_not_there_is_not_known(
        self, file: pathlib.Path
    ) -> None:
        assert attributes.read_int(str(file)) is None
        assert attributes.read_hex(str(file), 4) is None

    @hypothesis.given(st.text(max_size=20), st.sampled_from([10, 16]))
    def test_any_text_is_a_number_in_range_or_none(
        self, text: str, base: int
    ) -> None:
        number = attributes.parse_int(text, base)
        assert number is None or 0 <= number <= attributes.MAX_NUMBER


class TestLinks:
    @pytest.mark.parametrize(
        ("target", "name"),
        [
            ("../../bus/pci/drivers/igb", "igb"),
            ("igb", "igb"),
            ("drivers/igb/", "igb"),
            ("/", None),
            ("a\x1bb", r"a\x1bb"),
            (os.fsdecode(b"\xff"), r"\xff"),
            ("y" * 1025, None),
        ],
    )
    def test_a_link_gives_the_name_it_leads_to(
        self, file: pathlib.Path, target: str, name: str | None
    ) -> None:
        file.symlink_to(target)
        assert attributes.read_target_name(str(file)) == name

    def test_no_link_is_nothing_and_another_thing_is_not_known(
        self, file: pathlib.Path
    ) -> None:
        for read in (attributes.read_target, attributes.read_target_name):
            assert read(str(file)) == ""
        file.touch()
        for read in (attributes.read_target, attributes.read_target_name):
            assert read(str(file)) is None


class TestNames:
    def test_a_directory_is_listed_in_order(
        self, tmp_path: pathlib.Path
    ) -> None:
        for name in ("b", "a", "c"):
            (tmp_path / name).touch()
        assert attributes.list_names(str(tmp_path)) == ("a", "b", "c")

    def test_no_directory_is_empty_and_a_file_is_not_known(
        self, file: pathlib.Path
    ) -> None:
        assert attributes.list_names(str(file)) == ()
        file.touch()
        assert attributes.list_names(str(file)) is None
