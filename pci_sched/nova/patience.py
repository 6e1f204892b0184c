# SPDX-License-Identifier: Apache-2.0
"""Asking somebody who may never answer, and not asking again too soon."""

from collections.abc import Callable
import threading
import time
from typing import Generic, TypeVar

from pci_sched import exception
from pci_sched.nova import per_process, threads

_Answer = TypeVar("_Answer")

#: How many seconds nobody is asked after a call without an answer.
REST_S = 30.0

#: How many calls that were given up on may still be running.
MOST_HANGING = 8


class _Call(Generic[_Answer]):
    """One call: its answer or its error, once it is done."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.answer: list[_Answer] = []
        self.error: Exception | None = None
        self.is_late = False


class _State:
    """What one process knows."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.hanging = 0
        self.rest_until: float | None = None


class Patience:
    """Waits for answers, each for a limited time.

    After a call that was not answered, calls are refused at once for a while:
    who does not answer costs one wait and not one for each request.

    :param is_away: Whether an error of a call means that nobody is there to
        answer, so that the next calls would fail as slowly.
    :param clock: Seconds that never go back.
    :param spawn: Runs a function beside the caller.
    """

    def __init__(
        self,
        is_away: Callable[[Exception], bool] = lambda _err: False,
        clock: Callable[[], float] = time.monotonic,
        spawn: Callable[[Callable[[], None]], object] = threads.start,
    ) -> None:
        self._is_away = is_away
        self._clock = clock
        self._spawn = spawn
        self._states = per_process.PerProcess[_State](lambda _: _State())

    def call(
        self, function: Callable[[], _Answer], timeout_s: float
    ) -> _Answer:
        """Call a function in a thread, and wait for it.

        :param function: What to call; goes on in vain if it is too slow.
        :param timeout_s: How many seconds to wait at most.
        :returns: What it returns.
        :raises exception.NoAnswer: If it takes longer, or is not called
            because others did. Everything that the function raises is
            raised, too.
        """
        state = self._states.get()
        self._refuse(state)
        call = _Call[_Answer]()

        def run() -> None:
            try:
                call.answer.append(function())
            except Exception as err:  # noqa: BLE001 - raised by the caller
                call.error = err
            finally:
                _end(state, call)

        try:
            self._spawn(run)
        except RuntimeError as err:
            raise exception.NoAnswer(
                f"no thread can be started: {err}"
            ) from err
        if not call.done.wait(timeout_s) and self._leave(state, call):
            raise exception.NoAnswer(f"no answer in {timeout_s:.1f} s")
        return self._take(state, call)

    def _refuse(self, state: _State) -> None:
        now = self._clock()
        with state.lock:
            if state.rest_until is not None and now < state.rest_until:
                rest_s = state.rest_until - now
                raise exception.NoAnswer(
                    "there was no answer a moment ago; not asked again for"
                    f" {rest_s:.0f} s"
                )
            if state.hanging >= MOST_HANGING:
                raise exception.NoAnswer(
                    f"{state.hanging} calls are still unanswered"
                )

    def _leave(self, state: _State, call: _Call[_Answer]) -> bool:
        """Wait no longer, unless the answer has come at the last moment."""
        with state.lock:
            if call.done.is_set():
                return False
            call.is_late = True
            state.hanging += 1
            state.rest_until = self._clock() + REST_S
            return True

    def _take(self, state: _State, call: _Call[_Answer]) -> _Answer:
        if call.error is not None:
            if self._is_away(call.error):
                with state.lock:
                    state.rest_until = self._clock() + REST_S
            raise call.error
        if not call.answer:
            raise exception.NoAnswer("the call was stopped")
        return call.answer[0]


def _end(state: _State, call: _Call[_Answer]) -> None:
    with state.lock:
        call.done.set()
        if call.is_late:
            state.hanging -= 1
