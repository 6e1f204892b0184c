# SPDX-License-Identifier: Apache-2.0
"""The compute hook and links: what is marked, kept, refused and said."""

from collections.abc import Callable, Iterator
import contextlib
import functools
import json
import logging
import pathlib
from typing import Any

from nova import objects
import pytest
import sqlalchemy as sa

from pci_sched.nova import faults
from pci_sched.nova.compute import attendant, counts, hook, links
from pci_sched.pools import link_mark
from tests.nova import rt_checks as checks
from tests.nova import rt_doubles as doubles
from tests.nova import rt_instances as instances
from tests.nova import rt_operations as operations
from tests.nova import rt_stories as stories
from tests.nova import rt_world

CONF = rt_world.CONF

#: Both PFs of each host.
_FIRST, _SECOND = doubles.CARDS

#: By PF and kind of device: the mark, "" for none.
_Marks = dict[tuple[str, str], str]

#: Sets an option of ``[pci_sched]`` until the test ends.
_Set = Callable[..., None]


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    attending = functools.partial(attendant.Attendant, clock=made)
    monkeypatch.setattr(attendant, "Attendant", attending)
    return made


@pytest.fixture
def option() -> Iterator[_Set]:
    with contextlib.ExitStack() as stack:

        def do(name: str, value: object) -> None:
            CONF.set_override(name, value, group="pci_sched")
            stack.callback(CONF.clear_override, name, group="pci_sched")

        yield do


@pytest.fixture
def world(tmp_path: pathlib.Path, clock: Clock) -> Iterator[rt_world.World]:
    with rt_world.configured(hooked=True):
        made = rt_world.World(rt_world.make(tmp_path))
        yield made
        made.close()


def _marks(world: rt_world.World) -> _Marks:
    """Read the marks that the pools of host a have in memory."""
    return {
        (pool["address"], pool["dev_type"]): pool.get(link_mark.TAG, "")
        for pool in world["a"].rt.pci_tracker.stats.pools
        if pool["address"] in doubles.CARDS
    }


def _stored(world: rt_world.World) -> _Marks:
    """Read those of Nova's record in the database, of which schedulers know.

    Each is in memory, too.
    """
    query = sa.text("SELECT pci_stats FROM compute_nodes WHERE uuid = :uuid")
    with world.engine.connect() as connection:
        text = connection.scalar(query, {"uuid": doubles.node_uuid("a")})
    found = {}
    for each in json.loads(text)["nova_object.data"]["objects"]:
        tags = each["nova_object.data"]["tags"]
        if tags["address"] in doubles.CARDS:
            key = tags["address"], tags["dev_type"]
            found[key] = tags.get(link_mark.TAG, "")
    assert found == _marks(world)
    return found


def _all(first: str, second: str = "") -> _Marks:
    """Say what is marked if all pools of each PF are."""
    return {
        (pf, kind): mark
        for pf, mark in ((_FIRST, first), (_SECOND, second))
        for kind in ("type-PF", "type-VF")
    }


class Audits:
    """Audits of host a, one minute after the other."""

    def __init__(self, world: rt_world.World, clock: Clock) -> None:
        self.world = world
        self.clock = clock

    def __call__(self, wait_s: float = 60.0) -> _Marks:
        self.clock.now_s += wait_s
        self.world["a"].audit()
        return _stored(self.world)


@pytest.fixture
def audit(world: rt_world.World, clock: Clock) -> Audits:
    return Audits(world, clock)


def _boot(world: rt_world.World, *kinds: str) -> str:
    """Boot an instance with ports; gives its UUID."""
    made = instances.create(world, kinds or ["direct"])
    stories.run(operations.boot(world, "a", made))
    return made


def _roots(world: rt_world.World, *instance_uuids: str) -> set[str]:
    """Name the PFs of the VFs that instances of host a have."""
    return {
        row.parent_addr or row.address
        for row in checks.rows(world, "a").values()
        if row.holder in instance_uuids
    }


def _drop(world: rt_world.World, pf: str = _FIRST, **how: Any) -> None:
    world.change_link("a", pf, up=False, **how)


def _raise(world: rt_world.World, pf: str = _FIRST, **how: Any) -> None:
    world.change_link("a", pf, up=True, **how)


def _said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Give what was said of links since the last time, with the level."""
    found = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if "the link of" in record.getMessage()
    ]
    caplog.clear()
    return found


# Marks


def test_good_links_leave_no_mark(audit: Audits) -> None:
    assert audit() == _all("")


def test_a_link_that_goes_is_marked_by_the_next_audit(
    world: rt_world.World, audit: Audits
) -> None:
    """For PFs and VFs, in memory and in the record that schedulers read."""
    _drop(world)
    assert audit() == _all("avoid:down")
    assert audit() == _all("avoid:down")
    assert _marks(world) == _stored(world)
    assert checks.faults(world) == []


def test_the_mark_goes_only_when_the_link_has_rested(
    world: rt_world.World, audit: Audits
) -> None:
    _drop(world)
    audit()
    _raise(world)
    assert audit() == audit() == _all("avoid:down")
    assert audit(59) == _all("avoid:down")
    assert audit(1) == _all("")
    assert checks.faults(world) == []


def test_without_a_hold_down_the_mark_goes_at_once(
    world: rt_world.World, audit: Audits, option: _Set
) -> None:
    option("link_hold_down", 0)
    _drop(world)
    audit()
    _raise(world)
    assert audit() == _all("")


def test_a_link_that_came_and_went_between_two_audits_is_marked(
    world: rt_world.World, audit: Audits
) -> None:
    """All that is different in /sys is the count."""
    _raise(world, times=2)
    assert audit() == _all("avoid:down")
    assert audit(119) == _all("avoid:down")
    assert audit(1) == _all("")


def test_a_flapping_link_stays_marked_while_it_is_up(
    world: rt_world.World, audit: Audits
) -> None:
    audit()
    _raise(world, times=4)
    assert audit() == _all("avoid:flapping")
    for _ in range(9):
        assert audit() == _all("avoid:flapping")
    assert audit() == _all("")


def test_both_links_may_be_bad(world: rt_world.World, audit: Audits) -> None:
    _drop(world)
    _raise(world, _SECOND, times=4)
    assert audit() == _all("avoid:down", "avoid:flapping")


def test_a_compute_that_starts_marks_a_link_that_is_down(
    world: rt_world.World,
) -> None:
    _drop(world)
    world.restart("a")
    assert _stored(world) == _all("avoid:down")
    _raise(world)
    world.restart("a")
    assert _stored(world) == _all("")


def test_the_policy_is_that_of_the_network_as_it_is_now(
    world: rt_world.World, audit: Audits, option: _Set
) -> None:
    _drop(world)
    option("link_policies", ["physnet1:exclude", "*:ignore"])
    assert audit() == _all("exclude:down")
    option("link_policies", ["physnet2:exclude", "*:ignore"])
    assert audit() == _all("")
    option("link_policies", ["physnet2:exclude"])
    assert audit() == _all("avoid:down")


def test_a_policy_that_makes_no_sense_leaves_that_of_before(
    world: rt_world.World, audit: Audits, option: _Set
) -> None:
    option("link_policies", ["*:exclude"])
    audit()
    option("link_policies", ["a:avoid", "a:ignore"])
    _drop(world)
    assert audit() == _all("exclude:down")


def test_a_policy_that_makes_no_sense_is_refused_at_the_start(
    option: _Set, caplog: pytest.LogCaptureFixture
) -> None:
    option("link_policies", ["a:avoid", "a:ignore"])
    option("compute_hook", True)
    hook.follow(CONF)
    assert not hook.is_installed()
    (record,) = caplog.records
    assert '"a" has two link policies; allowed: one' in record.getMessage()


def test_what_placement_calls_a_pool_is_kept(
    world: rt_world.World, audit: Audits
) -> None:
    pools = world["a"].rt.pci_tracker.stats.pools
    for pool in pools:
        pool["rp_uuid"] = f"of {pool['address']}"
    _drop(world)
    audit()
    assert all(pool["rp_uuid"] == f"of {pool['address']}" for pool in pools)


def test_an_audit_without_news_looks_at_no_pool(
    world: rt_world.World, audit: Audits, monkeypatch: pytest.MonkeyPatch
) -> None:
    _drop(world)
    audit()

    def refuse(*_args: object) -> None:
        raise AssertionError

    monkeypatch.setattr(counts.DeviceCounts, "_tag", refuse)
    monkeypatch.setattr(world["a"].rt.pci_tracker, "behind", refuse)
    monkeypatch.setattr(attendant, "_faults", None)
    assert audit() == _all("avoid:down")


# Devices


def test_what_an_instance_has_is_kept_and_named(
    world: rt_world.World, audit: Audits, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pci_sched")
    holder = _boot(world)
    (root,) = _roots(world, holder)
    netdev = doubles.NETDEVS[root]
    _said(caplog)

    _drop(world, root)
    audit()

    assert _said(caplog) == [
        (
            "WARNING",
            f"the link of PF {root} ({netdev}, physical network physnet1) is"
            " down: look at the cable and the switch; free devices are given"
            f" away last; devices in use stay with instance {holder}",
        )
    ]
    assert _roots(world, holder) == {root}
    assert checks.faults(world) == []
    _raise(world, root)
    for _ in range(2):
        audit()
        assert _said(caplog) == []
    audit()
    assert _said(caplog) == [
        (
            "INFO",
            f"the link of PF {root} ({netdev}, physical network physnet1) is"
            " up again, and was for 120 s or more; free devices are given"
            " away as before",
        )
    ]
    audit()
    assert _said(caplog) == []


def test_what_goes_back_meanwhile_goes_to_those_that_are_marked(
    world: rt_world.World, audit: Audits
) -> None:
    holder = _boot(world)
    (root,) = _roots(world, holder)
    _drop(world, root)
    audit()
    stories.run(operations.delete(world, holder))
    marks = audit()
    assert {marks[root, kind] for kind in ("type-PF", "type-VF")} == {
        "avoid:down"
    }
    assert sum(map(bool, marks.values())) == 2
    assert checks.faults(world) == []
    assert checks.mistakes(world) == []


def test_an_avoided_pf_is_used_when_nothing_else_is_left(
    world: rt_world.World, audit: Audits
) -> None:
    _drop(world)
    audit()
    others = [_boot(world) for _ in doubles.CARDS[_SECOND]]
    assert _roots(world, *others) == {_SECOND}
    assert _roots(world, _boot(world)) == {_FIRST}
    audit()
    assert checks.faults(world) == []


@pytest.mark.parametrize("kind", ["direct", "direct-physical"])
def test_an_excluded_pf_is_used_by_nobody(
    world: rt_world.World,
    audit: Audits,
    option: _Set,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    option("link_policies", ["*:exclude"])
    _drop(world)
    _drop(world, _SECOND)
    audit()
    caplog.clear()
    with pytest.raises(instances.REFUSALS):
        _boot(world, kind)
    (said,) = [
        record.getMessage()
        for record in caplog.records
        if "No PCI devices" in record.getMessage()
    ]
    assert "while it is down" in said or "while their link is bad" in said
    _raise(world, _SECOND)
    audit()
    audit(120)
    assert _roots(world, _boot(world, kind)) == {_SECOND}
    audit()
    assert checks.faults(world) == []
    assert checks.mistakes(world) == []


def test_devices_without_a_port_are_not_concerned(
    world: rt_world.World, audit: Audits, option: _Set
) -> None:
    option("link_policies", ["*:exclude"])
    _drop(world)
    _drop(world, _SECOND)
    audit()
    gpu = doubles.flavor(pci_passthrough__alias="gpu:3")
    made = instances.create(world, flavor=gpu)
    stories.run(operations.boot(world, "a", made))
    assert _roots(world, made) == set(doubles.ALONE)
    instance = objects.Instance.get_by_uuid(world.context, made)
    assert instance.host == "a"


# What is not said, and what must not stop an audit


def test_of_a_pf_that_nova_does_not_track_nothing_is_said(
    world: rt_world.World,
    audit: Audits,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = links.Behind(is_any=False, networks=(), holders=())
    monkeypatch.setattr(links, "behind", lambda *_: nothing)
    _drop(world)
    assert audit() == _all("avoid:down")
    assert _said(caplog) == []


def test_links_that_cannot_be_judged_are_as_they_were(
    world: rt_world.World,
    audit: Audits,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _drop(world)
    audit()
    caplog.clear()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(links, "follow", fail)
    monkeypatch.setattr(
        attendant, "_faults", faults.Faults(attendant.LOG.error)
    )
    _raise(world)
    assert audit() == audit(300) == _all("avoid:down")
    (record,) = (each for each in caplog.records if each.levelname == "ERROR")
    assert "The links were not judged" in record.getMessage()
    _boot(world)
    assert checks.faults(world) == []


def test_a_refusal_is_not_explained_for_each_choice_of_cells(
    world: rt_world.World,
    audit: Audits,
    option: _Set,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nova asks for one after the other, and most are refused."""
    option("link_policies", ["*:exclude"])
    _drop(world)
    _drop(world, _SECOND)
    audit()
    stats = world["a"].rt.pci_tracker.stats
    wanted = [doubles.port_request("direct", "port")]
    caplog.clear()
    assert not stats.support_requests(
        wanted, None, [objects.InstanceNUMACell(id=0)]
    )
    assert caplog.text == ""
    assert not stats.support_requests(wanted, None)
    assert "No PCI devices for an instance" in caplog.text
