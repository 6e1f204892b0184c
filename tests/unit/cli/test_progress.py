# SPDX-License-Identifier: Apache-2.0
"""The line about progress: late, on a terminal only, and gone at the end."""

import io

import pytest

from pci_sched.cli import progress

ERASE = "\r\x1b[K"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_short_read_shows_nothing(clock: Clock) -> None:
    stream = Terminal()
    line = progress.Progress(stream, clock)
    clock.now += progress.PATIENCE_S * 0.9
    line(10, 20)
    line.erase()
    assert stream.getvalue() == ""


def test_a_long_read_shows_a_line_that_is_rewritten_and_erased(
    clock: Clock,
) -> None:
    stream = Terminal()
    line = progress.Progress(stream, clock)
    line(0, 300)
    clock.now += progress.PATIENCE_S
    line(32, 300)
    line(64, 300)
    line.erase()
    assert stream.getvalue() == (
        f"{ERASE}32 of 300 PCI functions read"
        f"{ERASE}64 of 300 PCI functions read{ERASE}"
    )


def test_what_is_erased_is_erased_once(clock: Clock) -> None:
    stream = Terminal()
    line = progress.Progress(stream, clock)
    clock.now += progress.PATIENCE_S
    line(1, 2)
    line.erase()
    shown = stream.getvalue()
    line.erase()
    assert stream.getvalue() == shown


def test_after_a_warning_the_line_comes_back(clock: Clock) -> None:
    stream = Terminal()
    line = progress.Progress(stream, clock)
    clock.now += progress.PATIENCE_S
    line(1, 2)
    line.erase()
    stream.write("left out\n")
    line(2, 2)
    line.erase()
    assert stream.getvalue().endswith(
        f"left out\n{ERASE}2 of 2 PCI functions read{ERASE}"
    )


def test_anything_but_a_terminal_stays_silent(clock: Clock) -> None:
    stream = io.StringIO()
    line = progress.Progress(stream, clock)
    clock.now += 3600
    line(1, 2)
    line.erase()
    assert stream.getvalue() == ""
