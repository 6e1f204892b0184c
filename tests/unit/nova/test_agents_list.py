# SPDX-License-Identifier: Apache-2.0
"""The list of agents in one process: fresh if it can be, never in the way."""

from collections.abc import Callable, Iterator
import dataclasses
import logging
import os
import threading

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.model import host as pci_host
from pci_sched.nova import agents_list

_TTL_S = 60.0
_PATIENCE_S = 5.0
_Agents = dict[str, tuple[pci_host.L2Agent, ...]]


def _list_of(number: int) -> _Agents:
    """Make a list that tells when it was fetched."""
    return {f"list {number}": (pci_host.L2Agent("OVS", alive=True),)}


class _Event(threading.Event):
    """Lets the time of the world pass while somebody waits."""

    def __init__(self, world: "_World") -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            assert timeout is not None
            self._world.wait(timeout)
        return self.is_set()


@dataclasses.dataclass
class _World:
    """Time that passes when told to, and threads that end when told to.

    :ivar ready: What a thread that ends while somebody waits needs; ``None``
        if none ends.
    """

    now: float = 1000.0
    fetches: list[float] = dataclasses.field(default_factory=list)
    running: list[Callable[[], None]] = dataclasses.field(default_factory=list)
    waits: list[float] = dataclasses.field(default_factory=list)
    outcome: Exception | None = None
    ready: float | None = None
    #: Which list the fetch that runs gives.
    number: int = 0

    def make(self) -> agents_list.AgentsList:
        return agents_list.AgentsList(
            self._fetch,
            clock=lambda: self.now,
            spawn=self._spawn,
            make_event=lambda: _Event(self),
        )

    def _spawn(self, function: Callable[[], None]) -> None:
        self.fetches.append(self.now)
        number = len(self.fetches)

        def run() -> None:
            self.number = number
            function()

        self.running.append(run)

    def _fetch(self) -> _Agents:
        if self.outcome is not None:
            raise self.outcome
        return _list_of(self.number)

    def end(self, index: int = 0) -> None:
        """Let a thread come to its end."""
        self.running.pop(index)()

    def wait(self, timeout: float) -> None:
        self.waits.append(timeout)
        if self.ready is None or self.ready > timeout:
            self.now += timeout
            return
        self.now += self.ready
        self.end(-1)


@pytest.fixture
def world() -> _World:
    """A world in which nothing has happened."""
    return _World()


def _read(
    hosts: agents_list.AgentsList, ttl_s: float = _TTL_S
) -> agents_list.Listing:
    return hosts.read(ttl_s, _PATIENCE_S)


def _names(listing: agents_list.Listing) -> list[str] | None:
    return None if listing.hosts is None else list(listing.hosts)


@pytest.fixture
def kept(world: _World) -> agents_list.AgentsList:
    """A list that has been read once, just now."""
    hosts = world.make()
    world.ready = 0.0
    _read(hosts)
    world.ready = None
    world.waits.clear()
    return hosts


def test_the_first_request_waits_for_the_list(world: _World) -> None:
    world.ready = 2.0
    listing = _read(world.make())
    assert (_names(listing), listing.age_s, listing.note) == (
        ["list 1"],
        2,
        "",
    )
    assert world.waits == [_PATIENCE_S]


def test_hosts_with_the_same_agents_share_their_facts(world: _World) -> None:
    agent = pci_host.L2Agent("OVS", alive=True)
    hosts = agents_list.AgentsList(
        lambda: {"a": (agent,), "b": (agent,)}, spawn=lambda run: run()
    )
    listing = _read(hosts)
    assert listing.hosts is not None
    assert listing.hosts["a"] is listing.hosts["b"]


def test_the_first_request_goes_on_without_a_list_after_its_patience(
    world: _World,
) -> None:
    hosts = world.make()
    assert _read(hosts) == (None, None, "not read yet")
    assert world.now == 1000.0 + _PATIENCE_S


def test_no_request_waits_for_an_attempt_that_was_waited_for(
    world: _World,
) -> None:
    hosts = world.make()
    _read(hosts)
    _read(hosts)
    assert world.waits == [_PATIENCE_S]


def test_within_the_ttl_the_list_is_fetched_once(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += _TTL_S - 1
    assert _read(kept).age_s == _TTL_S - 1
    assert len(world.fetches) == 1


def test_after_the_ttl_a_request_goes_on_with_the_old_list(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += _TTL_S
    assert _names(_read(kept)) == ["list 1"]
    assert (len(world.fetches), world.waits) == (2, [])
    world.end()
    assert _names(_read(kept)) == ["list 2"]


def test_while_an_attempt_runs_no_other_starts(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += _TTL_S
    _read(kept)
    world.now += 1
    _read(kept)
    assert len(world.fetches) == 2


def test_a_list_of_two_ttls_is_waited_for(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += 2 * _TTL_S + 1
    world.ready = 1.0
    assert _names(_read(kept)) == ["list 2"]
    assert world.waits == [_PATIENCE_S]


def test_a_list_of_two_ttls_is_served_if_no_other_comes(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += 2 * _TTL_S + 1
    listing = _read(kept)
    assert (_names(listing), listing.age_s) == (["list 1"], 126)


def test_a_failure_leaves_the_old_list_and_says_so_once(
    world: _World,
    kept: agents_list.AgentsList,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.now += _TTL_S
    world.outcome = ValueError("403:\n no")
    _read(kept)
    world.end()
    listing = _read(kept)
    assert (_names(listing), listing.note) == (
        ["list 1"],
        "ValueError: 403: no",
    )
    _read(kept)
    assert [record.getMessage() for record in caplog.records] == [
        "Neutron's list of agents cannot be read: ValueError: 403: no;"
        " the last one stays in use, 60 s old"
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_a_failure_without_any_list_says_so(
    world: _World, caplog: pytest.LogCaptureFixture
) -> None:
    hosts = world.make()
    world.outcome, world.ready = KeyError("agents"), 0.0
    assert _read(hosts) == (None, None, "KeyError: 'agents'")
    assert "there is none yet" in caplog.text


def test_a_failed_attempt_is_not_repeated_before_a_ttl_has_gone_by(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += _TTL_S
    world.outcome = ValueError("away")
    _read(kept)
    world.now += 10
    world.end()
    world.now += _TTL_S - 1
    _read(kept)
    assert len(world.fetches) == 2
    world.now += 1
    _read(kept)
    assert len(world.fetches) == 3


def test_it_says_when_it_is_well_again(
    world: _World,
    kept: agents_list.AgentsList,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world.outcome = ValueError("away")
    for _ in range(2):
        world.now += _TTL_S
        _read(kept)
        world.end()
        world.outcome = None
    assert [record.levelname for record in caplog.records] == [
        "WARNING",
        "INFO",
    ]
    assert _read(kept).note == ""


def test_an_attempt_that_hangs_is_given_up_on_after_a_minute(
    world: _World,
    kept: agents_list.AgentsList,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.now += 10
    _read(kept, ttl_s=10)
    world.now += 60
    _read(kept, ttl_s=10)
    assert len(world.fetches) == 2
    world.now += 1
    listing = _read(kept, ttl_s=10)
    assert len(world.fetches) == 3
    assert listing.note == "no answer in 66 s"
    assert "no answer in 66 s; the last one stays" in caplog.text


def test_a_late_answer_is_not_taken_over_a_newer_one(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += _TTL_S
    _read(kept)
    world.now += _TTL_S + 1
    _read(kept)
    world.end(1)
    world.end(0)
    assert _names(_read(kept)) == ["list 3"]


def test_a_late_answer_is_taken_if_there_is_no_newer_one(
    world: _World, kept: agents_list.AgentsList
) -> None:
    world.now += _TTL_S
    _read(kept)
    world.now += _TTL_S + 1
    _read(kept)
    world.end(0)
    listing = _read(kept)
    assert (_names(listing), listing.age_s) == (["list 2"], 66)


def test_only_some_attempts_may_hang_at_a_time(world: _World) -> None:
    hosts = world.make()
    for _ in range(20):
        _read(hosts)
        world.now += _TTL_S + 1
    most = agents_list.MOST_HANGING
    assert len(world.running) == most
    world.end()
    _read(hosts)
    assert len(world.running) == most


def test_no_thread_is_a_failure_as_any_other() -> None:
    def refuse(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    hosts = agents_list.AgentsList(dict, spawn=refuse)
    assert _read(hosts) == (
        None,
        None,
        "no thread can be started: can't start new thread",
    )


class _Killed(BaseException):
    """What eventlet raises in a thread that has to stop."""


def test_a_thread_that_is_stopped_ends_its_attempt(world: _World) -> None:
    def fetch() -> _Agents:
        raise _Killed

    def spawn(run: Callable[[], None]) -> None:
        with pytest.raises(_Killed):
            run()

    hosts = agents_list.AgentsList(fetch, spawn=spawn)
    assert _read(hosts).note == "the attempt was stopped"


def test_many_threads_cause_one_fetch_and_all_get_the_list() -> None:
    fetches: list[int] = []
    free = threading.Event()

    def fetch() -> _Agents:
        fetches.append(1)
        free.wait(10)
        return _list_of(1)

    hosts = agents_list.AgentsList(fetch)
    found: list[agents_list.Listing] = []
    threads = [
        threading.Thread(target=lambda: found.append(hosts.read(60, 10)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    free.set()
    for thread in threads:
        thread.join()
    assert [_names(each) for each in found] == [["list 1"]] * 20
    assert len(fetches) == 1


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """What a fetch waits for until the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent(
    hung: threading.Event,
) -> None:
    parent = os.getpid()

    def fetch() -> _Agents:
        if os.getpid() == parent:
            hung.wait(30)
        return _list_of(os.getpid())

    hosts = agents_list.AgentsList(fetch)
    hosts.read(60, 0.01)
    child = os.fork()
    if child == 0:
        names = _names(hosts.read(60, 10))
        os._exit(0 if names == [f"list {os.getpid()}"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_takes_the_list_of_its_parent_with_it() -> None:
    hosts = agents_list.AgentsList(lambda: _list_of(os.getpid()))
    parents = _names(hosts.read(60, 10))
    child = os.fork()
    if child == 0:
        os._exit(0 if _names(hosts.read(60, 0)) == parents else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(0, 200)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("fail"), st.integers(0, 5)),
        st.tuples(st.just("read"), st.sampled_from([1.0, 30.0, 60.0, 90.0])),
    ),
    max_size=60,
)


@hypothesis.settings(max_examples=300)
@hypothesis.given(_STEPS, st.sampled_from([None, 0.0, 1.0, 4.0, 10.0]))
def test_whatever_happens_the_promises_hold(
    steps: list[tuple[str, float]], ready: float | None
) -> None:
    world = _World(ready=ready)
    hosts = world.make()
    last = ttl_s = 0.0
    for what, value in steps:
        if what == "pass":
            world.now += value
        elif what in {"end", "fail"}:
            world.outcome = ValueError("no") if what == "fail" else None
            if value < len(world.running):
                world.end(int(value))
        else:
            before, ttl_s = len(world.fetches), value
            waited = len(world.waits)
            listing = hosts.read(ttl_s, _PATIENCE_S)
            if len(world.fetches) > before > 0:
                assert world.fetches[-1] - world.fetches[-2] >= ttl_s
            assert len(world.waits) - waited <= 1
            assert sum(world.waits) <= _PATIENCE_S * len(world.fetches)
            number = int((_names(listing) or ["list 0"])[0].split()[1])
            assert number >= last
            last = number
            assert (listing.hosts is None) == (listing.age_s is None)
            assert len(world.running) <= agents_list.MOST_HANGING + 1
