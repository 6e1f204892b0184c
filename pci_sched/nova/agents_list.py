# SPDX-License-Identifier: Apache-2.0
"""Neutron's list of agents, kept in the process and refreshed beside it.

A request is served with the list that is there, and a thread reads the next
one. Nothing that goes wrong with Neutron is raised here, and nothing holds a
request up for long.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import threading
import time
from typing import NamedTuple

from oslo_log import log as logging

from pci_sched.inputs import fact_sources
from pci_sched.model import host as pci_host
from pci_sched.nova import neutron_error, per_process, threads

LOG = logging.getLogger(__name__)

#: An attempt that takes longer than this, and than the TTL, is given up on.
GIVE_UP_S = 60.0

#: How many attempts that were given up on may still be running.
MOST_HANGING = 4

_NOT_YET = "not read yet"


class Listing(NamedTuple):
    """The agents of all hosts, as far as they are known.

    :ivar hosts: The facts of each host; ``None`` if there is no list.
    :ivar age_s: How old the list is, in seconds; ``None`` if nobody knows.
    :ivar note: Why it is missing or not newer; "" if nothing is wrong.
    """

    hosts: Mapping[str, pci_host.L2Facts] | None
    age_s: int | None
    note: str


class _Kept(NamedTuple):
    """A list that was read, by which attempt, and when that started."""

    hosts: Mapping[str, pci_host.L2Facts]
    number: int
    read_at: float


@dataclasses.dataclass(slots=True, eq=False)
class _Attempt:
    """One reading of the list.

    :ivar wait_until: The end of what requests wait for it; ``None`` while
        none has waited.
    :ivar is_said: Whether somebody has said that they waited in vain.
    """

    number: int
    started_at: float
    done: threading.Event
    wait_until: float | None = None
    is_said: bool = False


class _State:
    """What one process knows; all but reading ``kept`` needs the lock."""

    def __init__(self, kept: _Kept | None) -> None:
        self.lock = threading.Lock()
        self.kept = kept
        self.attempt: _Attempt | None = None
        self.number = kept.number if kept else 0
        self.hanging = 0
        self.failed_at: float | None = None
        self.trouble = ""


class AgentsList:
    """The list of one process; safe under threads and under fork.

    :param fetch: Reads the list; may raise anything and take any time.
    :param clock: Seconds that never go back.
    :param spawn: Runs a function beside the caller.
    :param make_event: Makes what a request waits for.
    """

    def __init__(
        self,
        fetch: Callable[[], Mapping[str, tuple[pci_host.L2Agent, ...]]],
        clock: Callable[[], float] = time.monotonic,
        spawn: Callable[[Callable[[], None]], object] = threads.start,
        make_event: Callable[[], threading.Event] = threading.Event,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._spawn = spawn
        self._make_event = make_event
        self._states = per_process.PerProcess[_State](
            lambda before: _State(before.kept if before else None)
        )

    def read(self, ttl_s: float, patience_s: float) -> Listing:
        """Give the list that there is; never raises.

        If it is older than the TTL, an attempt to read the next one starts,
        at most one in a TTL, also after a failure. The caller waits for it
        only if there is no list yet or it is older than two TTLs, which means
        that nobody asked for a while. All requests together wait for one
        attempt once.

        :param ttl_s: How many seconds a list is used before the next is read.
        :param patience_s: How many seconds to wait for it at most.
        :returns: The list, its age, and what is wrong.
        """
        state = self._states.get()
        started, given_up = self._begin(state, ttl_s)
        if given_up:
            self._warn(state.kept, given_up)
        if started:
            self._start(state, started)
        self._wait(state, ttl_s, patience_s)
        kept, trouble = state.kept, state.trouble
        if kept is None:
            return Listing(None, None, trouble or _NOT_YET)
        return Listing(kept.hosts, self._age(kept), trouble)

    def _begin(
        self, state: _State, ttl_s: float
    ) -> tuple[_Attempt | None, str]:
        """Give the attempt to start, and what to say of one that hangs."""
        now = self._clock()
        with state.lock:
            given_up = _give_up(state, ttl_s, now)
            if not _is_due(state, ttl_s, now):
                return None, given_up
            state.number += 1
            state.attempt = _Attempt(state.number, now, self._make_event())
            return state.attempt, given_up

    def _start(self, state: _State, attempt: _Attempt) -> None:
        try:
            self._spawn(functools.partial(self._run, state, attempt))
        except Exception as err:  # noqa: BLE001 - the request has to go on
            self._end(state, attempt, None, f"no thread can be started: {err}")

    def _run(self, state: _State, attempt: _Attempt) -> None:
        hosts: Mapping[str, pci_host.L2Facts] | None = None
        # It stays so if something is raised that is no Exception, as
        # eventlet does to stop a thread.
        trouble = "the attempt was stopped"
        try:
            hosts = fact_sources.collect(self._fetch())
        except Exception as err:  # noqa: BLE001 - nobody else would see it
            trouble = neutron_error.say(err)
        finally:
            self._end(state, attempt, hosts, trouble)

    def _end(
        self,
        state: _State,
        attempt: _Attempt,
        hosts: Mapping[str, pci_host.L2Facts] | None,
        trouble: str,
    ) -> None:
        now = self._clock()
        with state.lock:
            before = state.trouble
            is_late = state.attempt is not attempt
            if is_late:
                state.hanging -= 1
            else:
                state.attempt = None
                state.trouble = "" if hosts is not None else trouble
                state.failed_at = None if hosts is not None else now
            if hosts is not None and _is_newer(attempt, state.kept):
                state.kept = _Kept(hosts, attempt.number, attempt.started_at)
            kept = state.kept
        attempt.done.set()
        if is_late:
            return
        if hosts is None:
            self._warn(kept, trouble)
        elif before:
            LOG.info("Neutron's list of agents can be read again")

    def _wait(self, state: _State, ttl_s: float, patience_s: float) -> None:
        now = self._clock()
        with state.lock:
            attempt, kept = state.attempt, state.kept
            if attempt is None:
                return
            if kept is not None and now - kept.read_at <= 2 * ttl_s:
                return
            if attempt.wait_until is None:
                attempt.wait_until = now + patience_s
            rest_s = attempt.wait_until - now
        if rest_s > 0 and not attempt.done.wait(rest_s):
            with state.lock:
                is_said, attempt.is_said = attempt.is_said, True
            if not is_said:
                self._warn(kept, f"no answer in {rest_s:.1f} s")

    def _age(self, kept: _Kept) -> int:
        return int(self._clock() - kept.read_at)

    def _warn(self, kept: _Kept | None, trouble: str) -> None:
        age = "there is none yet, so nothing is known of any host"
        if kept is not None:
            age = f"the last one stays in use, {self._age(kept)} s old"
        LOG.warning(
            "Neutron's list of agents cannot be read: %s; %s", trouble, age
        )


def _give_up(state: _State, ttl_s: float, now: float) -> str:
    """Leave an attempt alone that hangs; gives what to say of it."""
    attempt = state.attempt
    if attempt is None or now - attempt.started_at <= max(ttl_s, GIVE_UP_S):
        return ""
    state.attempt = None
    state.hanging += 1
    state.failed_at = attempt.started_at
    state.trouble = f"no answer in {now - attempt.started_at:.0f} s"
    return state.trouble


def _is_due(state: _State, ttl_s: float, now: float) -> bool:
    if state.attempt is not None or state.hanging >= MOST_HANGING:
        return False
    times = [state.failed_at, state.kept.read_at if state.kept else None]
    return all(time is None or now - time >= ttl_s for time in times)


def _is_newer(attempt: _Attempt, kept: _Kept | None) -> bool:
    return kept is None or attempt.number > kept.number
