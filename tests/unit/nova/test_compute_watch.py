# SPDX-License-Identifier: Apache-2.0
"""The compute's look at its hardware: never in the way, nothing said twice."""

from collections.abc import Callable
import pathlib
import threading
import time

import pytest

import fake_sysfs
import ledger_cases
from pci_sched.model import host as pci_host
from pci_sched.nova.compute import watch
import recorded

_HOST = ledger_cases.host(pfs=2, vfs=4)
PF, VF0, VF1 = (each.address for each in _HOST.devices[:3])


class _World:
    """Time that passes when told to, and threads that end when told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.running: list[Callable[[], None]] = []
        self.reads = 0
        self.host: pci_host.Host | Exception = _HOST
        self.is_prompt = True
        self.watch = watch.HardwareWatch(
            "/x",
            read=self._read,
            clock=lambda: self.now,
            now=lambda: 1_700_000_000.9 + self.now,
            spawn=self._spawn,
        )

    def _spawn(self, function: Callable[[], None]) -> None:
        if self.is_prompt:
            function()
        else:
            self.running.append(function)

    def _read(self) -> pci_host.Host:
        self.reads += 1
        if isinstance(self.host, Exception):
            raise self.host
        return self.host

    def look(self) -> watch.Look:
        return self.watch.look(0)


@pytest.fixture
def world() -> _World:
    return _World()


def test_a_look_gives_what_is_there(world: _World) -> None:
    look = world.look()
    assert look == watch.Look(_HOST, {}, (), 1_700_001_000, 1000.0)


def test_nothing_is_read_before_the_first_look(world: _World) -> None:
    assert world.reads == 0
    world.look()
    assert world.reads == 1


def test_news_are_in_one_look_only(world: _World) -> None:
    world.look()
    world.host = ledger_cases.without(_HOST, VF1)
    look = world.look()
    assert len(look.news) == 1
    assert look.missing == {VF1: "it vanished"}
    look = world.look()
    assert (look.news, set(look.missing)) == ((), {VF1})


def test_a_scan_that_does_not_end_is_not_waited_for(world: _World) -> None:
    world.look()
    world.host = ledger_cases.without(_HOST, VF1)
    world.is_prompt = False
    world.now += 60
    for _ in range(3):
        look = world.look()
        assert (look.host, look.at_s) == (_HOST, 1000)
    assert len(world.running) == 1
    world.running.pop()()
    world.is_prompt = True
    # What it found is in the next look, and so are its news.
    look = world.look()
    assert look.missing == {VF1: "it vanished"}
    assert len(look.news) == 1


def test_a_scan_that_takes_long_is_spoken_of_once(world: _World) -> None:
    world.is_prompt = False
    assert world.look() == watch.Look()
    world.now += 60
    assert world.look().news == ()
    world.now += 1
    assert world.look().news == (
        "the hardware below /x cannot be looked at: it has taken 61 s so far;"
        " what was seen of it before is believed as long",
    )
    world.now += 60
    assert world.look().news == ()
    world.running.pop()()
    world.is_prompt = True
    assert world.look().news == ("the hardware can be looked at again",)
    assert world.look().news == ()


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError(5, "gone"), RecursionError()]
)
def test_a_scan_that_fails_leaves_what_was_known_and_says_so_once(
    world: _World, error: Exception
) -> None:
    world.look()
    world.host = error
    look = world.look()
    (said,) = look.news
    assert f"cannot be looked at: {type(error).__name__}: " in said
    assert look.host is _HOST
    assert world.look().news == ()
    world.host = _HOST
    assert world.look().news == ("the hardware can be looked at again",)
    world.host = error
    assert len(world.look().news) == 1


def test_a_tree_without_any_device_is_no_hardware_that_vanished(
    world: _World,
) -> None:
    world.look()
    world.host = pci_host.Host("compute1")
    look = world.look()
    assert look.missing == {}
    assert look.host is _HOST
    assert "no PCI device is there now" in look.news[0]


def test_a_host_without_any_device_from_the_first_is_one(
    world: _World,
) -> None:
    world.host = pci_host.Host("compute1")
    assert world.look().news == ()
    assert world.look() == watch.Look(
        world.host, {}, (), 1_700_001_000, 1000.0
    )


def test_no_thread_is_no_error() -> None:
    def refuse(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    looked = watch.HardwareWatch(spawn=refuse)
    assert "no thread can be started: can't" in looked.look(1).news[0]
    assert looked.look(1) == watch.Look()


def test_a_thread_that_is_stopped_is_no_scan_for_ever() -> None:
    def stop() -> pci_host.Host:
        raise SystemExit

    def spawn(function: Callable[[], None]) -> None:
        with pytest.raises(SystemExit):
            function()

    looked = watch.HardwareWatch(read=stop, spawn=spawn)
    assert "it was stopped" in looked.look(1).news[0]
    assert looked.look(1).news == ()


def test_many_threads_share_one_scan_and_each_news_is_told_once() -> None:
    hosts = [_HOST, ledger_cases.without(_HOST, VF1)]
    at_once = []
    running = threading.Semaphore(1)

    def read() -> pci_host.Host:
        at_once.append(running.acquire(blocking=False))
        time.sleep(0.001)
        running.release()
        return hosts[len(at_once) % 2]

    looked = watch.HardwareWatch(read=read)
    news: list[str] = []

    def many() -> None:
        for _ in range(40):
            news.extend(looked.look(5).news)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all(at_once)
    assert len(news) == len(at_once) - 1


def test_a_look_waits_only_as_long_as_it_is_told() -> None:
    release = threading.Event()

    def read() -> pci_host.Host:
        release.wait(30)
        return _HOST

    looked = watch.HardwareWatch(read=read)
    began = time.monotonic()
    assert looked.look(0.05).host is None
    assert time.monotonic() - began < 5
    release.set()
    assert looked.look(30).host is _HOST


# Real trees


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> fake_sysfs.FakeSysfs:
    """A card with two VFs."""
    made = fake_sysfs.FakeSysfs(tmp_path)
    made.card("0000:41:00.0", ["0000:41:10.0", "0000:41:10.2"])
    made.netdev("0000:41:00.0", "ens1", address="02:00:00:00:00:01")
    return made


def test_a_tree_that_changes_is_seen(tree: fake_sysfs.FakeSysfs) -> None:
    looked = watch.HardwareWatch(tree.root)
    first = looked.look(30)
    assert first.host is not None
    assert [str(each.address) for each in first.host.devices] == [
        "0000:41:00.0",
        "0000:41:10.0",
        "0000:41:10.2",
    ]
    tree.directory("0000:41:10.2").unlink()
    tree.write("0000:41:00.0", "sriov_numvfs", "1")
    (tree.directory("0000:41:00.0") / "virtfn1").unlink()
    look = looked.look(30)
    assert [str(each) for each in look.missing] == ["0000:41:10.2"]
    assert "had 2 VFs and has 1" in look.news[0]


def test_a_root_without_a_tree_is_said(tmp_path: pathlib.Path) -> None:
    look = watch.HardwareWatch(tmp_path).look(30)
    assert look.host is None
    assert "SysfsNotFound" in look.news[0]


@pytest.mark.parametrize("name", ["seed-82576", "two-numa"])
def test_a_recorded_host_looked_at_twice_has_no_news(
    name: str, tmp_path: pathlib.Path
) -> None:
    looked = watch.HardwareWatch(recorded.unpack(name, tmp_path))
    for _ in range(2):
        look = looked.look(60)
        assert look.host is not None
        assert look.host.devices
        assert (look.news, look.missing) == ((), {})
