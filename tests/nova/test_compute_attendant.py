# SPDX-License-Identifier: Apache-2.0
"""What a compute sees of its hardware, through audits of real trackers."""

from collections.abc import Iterator
import logging
import pathlib
import threading
from typing import Any

import pytest

from pci_sched.inputs import host_facts, host_facts_reader
from pci_sched.nova import faults
from pci_sched.nova.compute import attendant, processes
from tests.nova import rt_doubles as doubles
from tests.nova import rt_world

#: A card of host a, and its network device.
_PF = next(iter(doubles.CARDS))
_NETDEV = doubles.NETDEVS[_PF]


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Iterator[tuple[Any, pathlib.Path]]:
    """Give a compute with the hook, and the tree of its hardware."""
    with rt_world.configured(hooked=True):
        world = rt_world.World(rt_world.make(tmp_path))
        yield world["a"], tmp_path / "a/sys"
        world.close()


def _free(compute: Any) -> set[str]:
    devices = compute.rt.pci_tracker.stats.get_free_devs()
    return {device.address for device in devices}


def _pull(sys: pathlib.Path, address: str) -> None:
    (sys / "bus/pci/devices" / address).unlink()


def test_an_address_that_somebody_gives_a_card_makes_it_no_other(
    host: tuple[Any, pathlib.Path], caplog: pytest.LogCaptureFixture
) -> None:
    compute, sys = host
    netdev = sys / "class/net" / _NETDEV
    (netdev / "addr_assign_type").write_text("0\n")
    (netdev / "address").write_text("52:54:00:00:00:01\n")
    compute.audit()
    free = _free(compute)
    assert _PF in free
    (netdev / "addr_assign_type").write_text("3\n")
    (netdev / "address").write_text("52:54:00:00:00:99\n")
    caplog.clear()
    compute.audit()
    assert _free(compute) == free
    assert "another one" not in caplog.text
    # One that is its own tells cards apart.
    (netdev / "addr_assign_type").write_text("0\n")
    (netdev / "address").write_text("52:54:00:00:00:02\n")
    compute.audit()
    assert _PF not in _free(compute)
    assert "its MAC address was 52:54:00:00:00:01" in caplog.text


def test_plain_devices_that_nova_tracks_are_published_at_once(
    host: tuple[Any, pathlib.Path],
) -> None:
    compute, _ = host
    for _ in range(2):
        compute.audit()
        (stats,) = compute.rt.stats.values()
        told = host_facts_reader.read(stats[host_facts.KEY]).facts
        assert told is not None
        assert told.plain is not None
        assert [str(each.address) for each in told.plain] == list(
            doubles.ALONE
        )


def test_what_is_held_back_is_said_in_one_line(
    host: tuple[Any, pathlib.Path], caplog: pytest.LogCaptureFixture
) -> None:
    compute, sys = host
    compute.audit()
    caplog.clear()
    vfs = sorted(each for each in _free(compute) if each.startswith(_PF[:-1]))
    for address in vfs[1:]:
        _pull(sys, address)
    compute.audit()
    said = [each for each in caplog.messages if "Not handed out" in each]
    assert said == [
        "Not handed out until they are back: "
        + ", ".join(f"{each} (it vanished)" for each in vfs[1:])
        + "."
    ]
    compute.audit()
    assert caplog.text.count("Not handed out") == 1


def test_audits_at_the_same_time_lose_no_news(
    host: tuple[Any, pathlib.Path],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, sys = host
    rt_world.CONF.set_override("host_root", str(sys.parent), group="pci_sched")
    attending = attendant.Attendant(rt_world.CONF)
    attending.look()
    _pull(sys, f"{_PF[:-1]}1")
    list_agents = processes.agents
    is_slow, go_on = threading.Event(), threading.Event()

    def list_slowly(root: Any) -> Any:
        if not is_slow.is_set():
            is_slow.set()
            go_on.wait(4)
        return list_agents(root)

    monkeypatch.setattr(processes, "agents", list_slowly)
    slow = threading.Thread(target=attending.look)
    slow.start()
    is_slow.wait()
    attending.look()
    go_on.set()
    slow.join()
    rt_world.CONF.clear_override("host_root", group="pci_sched")
    assert caplog.text.count("is gone and not given to any instance") == 1


def test_one_fault_of_an_audit_does_not_hold_up_the_rest(
    host: tuple[Any, pathlib.Path],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    again = faults.Faults(logging.getLogger("pci").error)
    monkeypatch.setattr(attendant, "_faults", again)
    compute, sys = host
    compute.audit()
    for step in "_publish", "_mark_links", "_tell_domains", "_keep_books":
        monkeypatch.setattr(attendant.Attendant, step, fail)
    _pull(sys, f"{_PF[:-1]}1")
    compute.audit()
    assert f"{_PF[:-1]}1" not in _free(compute)
    assert sorted(each.partition(":")[0] for each in caplog.messages[-4:]) == [
        "It does not matter whether links are bad",
        "It is not known what fails together",
        "No scheduler hears of the hardware",
        "The ledger is not kept",
    ]
