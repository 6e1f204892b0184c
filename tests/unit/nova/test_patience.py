# SPDX-License-Identifier: Apache-2.0
"""Who does not answer costs one wait."""

from collections.abc import Callable, Iterator
import os
import threading

import pytest

from pci_sched import exception
from pci_sched.nova import patience


class _Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class _Away(Exception):
    """Nobody is there."""


@pytest.fixture
def clock() -> _Clock:
    """A clock that stands still."""
    return _Clock()


@pytest.fixture
def waiting(clock: _Clock) -> patience.Patience:
    """Patience with who is away, by that clock."""
    return patience.Patience(lambda err: isinstance(err, _Away), clock)


@pytest.fixture
def hang() -> Iterator[Callable[[], str]]:
    """A call that takes until the test is over."""
    event = threading.Event()

    def wait() -> str:
        event.wait(30)
        return "late"

    yield wait
    event.set()


def test_an_answer_is_given_back(waiting: patience.Patience) -> None:
    assert waiting.call(lambda: "answer", 10) == "answer"


def test_an_answer_may_be_none(waiting: patience.Patience) -> None:
    assert waiting.call(lambda: None, 10) is None


def test_the_call_is_made_beside_the_caller(
    waiting: patience.Patience,
) -> None:
    assert waiting.call(threading.get_ident, 10) != threading.get_ident()


def test_an_error_of_the_call_is_raised(waiting: patience.Patience) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        waiting.call(lambda: int("x"), 10)
    assert waiting.call(lambda: "answer", 10) == "answer"


def test_a_slow_call_is_waited_for_no_longer_than_told(
    waiting: patience.Patience, hang: Callable[[], str]
) -> None:
    with pytest.raises(exception.NoAnswer, match=r"no answer in 0\.1 s"):
        waiting.call(hang, 0.1)


def test_after_a_slow_call_nobody_is_asked_for_a_while(
    waiting: patience.Patience, clock: _Clock, hang: Callable[[], str]
) -> None:
    with pytest.raises(exception.NoAnswer):
        waiting.call(hang, 0.01)
    clock.now += patience.REST_S - 1
    asked: list[int] = []
    with pytest.raises(exception.NoAnswer, match="not asked again for 1 s"):
        waiting.call(lambda: asked.append(1), 10)
    assert asked == []
    clock.now += 1
    assert waiting.call(lambda: "answer", 10) == "answer"


def test_who_is_away_is_not_asked_for_a_while(
    waiting: patience.Patience, clock: _Clock
) -> None:
    def fail() -> str:
        raise _Away

    with pytest.raises(_Away):
        waiting.call(fail, 10)
    with pytest.raises(exception.NoAnswer):
        waiting.call(lambda: "answer", 10)
    clock.now += patience.REST_S
    assert waiting.call(lambda: "answer", 10) == "answer"


def test_only_some_calls_may_hang_at_a_time(
    waiting: patience.Patience, clock: _Clock, hang: Callable[[], str]
) -> None:
    for _ in range(patience.MOST_HANGING):
        with pytest.raises(exception.NoAnswer, match="no answer in"):
            waiting.call(hang, 0.01)
        clock.now += patience.REST_S
    with pytest.raises(exception.NoAnswer, match="8 calls are still"):
        waiting.call(lambda: "answer", 10)


def test_a_call_that_ends_after_all_makes_room(clock: _Clock) -> None:
    runs: list[Callable[[], None]] = []
    waiting = patience.Patience(clock=clock, spawn=runs.append)
    for _ in range(patience.MOST_HANGING):
        with pytest.raises(exception.NoAnswer):
            waiting.call(str, 0)
        clock.now += patience.REST_S
    runs[0]()
    with pytest.raises(exception.NoAnswer, match="no answer in"):
        waiting.call(str, 0)


def test_an_answer_of_the_last_moment_is_taken() -> None:
    waiting = patience.Patience(spawn=lambda run: run())
    assert waiting.call(lambda: "answer", 0) == "answer"


def test_without_a_thread_there_is_no_answer() -> None:
    def refuse(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.raises(exception.NoAnswer, match="can't start new thread"):
        patience.Patience(spawn=refuse).call(str, 10)


class _Killed(BaseException):
    """What eventlet raises in a thread that has to stop."""


def test_a_call_that_is_stopped_is_no_answer() -> None:
    def die() -> str:
        raise _Killed

    def spawn(run: Callable[[], None]) -> None:
        with pytest.raises(_Killed):
            run()

    with pytest.raises(exception.NoAnswer, match="stopped"):
        patience.Patience(spawn=spawn).call(die, 10)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_starts_without_the_troubles_of_its_parent(
    waiting: patience.Patience, hang: Callable[[], str]
) -> None:
    with pytest.raises(exception.NoAnswer):
        waiting.call(hang, 0.01)
    child = os.fork()
    if child == 0:
        answer = waiting.call(lambda: "answer", 10)
        os._exit(0 if answer == "answer" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
