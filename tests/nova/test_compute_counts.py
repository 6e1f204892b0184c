# SPDX-License-Identifier: Apache-2.0
"""Devices of a compute: chosen exactly, as Nova where Nova is right."""

from collections.abc import Callable, Iterator
import copy
from typing import Any

from nova import conf as nova_conf
from nova import exception as nova_exception
from nova import objects
from nova.objects import fields
from nova.pci import stats as nova_stats
import pytest

from pci_sched import conf as pci_conf
from pci_sched.matching import matcher, solve
from pci_sched.model import host as pci_host
from pci_sched.nova import device_stats
from pci_sched.nova.compute import choosing, counts, free_devices
from pci_sched.pools import link_mark
from tests.nova import compute_devices as made

CONF = nova_conf.CONF

_STOCK = nova_stats.PciDeviceStats
_OURS = counts.DeviceCounts

_PF = {"dev_type": "type-PF"}
_VF = {"dev_type": "type-VF"}

_NUMA = (pci_host.NumaNode(0, 0), pci_host.NumaNode(1, 0))

_Switch = Callable[..., None]


@pytest.fixture(autouse=True)
def switch() -> Iterator[_Switch]:
    """Set options of ``[pci_sched]`` for the time of a test."""
    pci_conf.register_opts(CONF)
    names = ("device_choice", "search_budget")

    def choose(**options: object) -> None:
        for name, value in options.items():
            assert name in names
            CONF.set_override(name, value, group="pci_sched")

    yield choose
    for name in names:
        CONF.clear_override(name, group="pci_sched")


def _cells(*ids: int) -> list[Any]:
    return [objects.InstanceNUMACell(id=each) for each in ids]


def _trusted_and_plain(kind: Any) -> made.Compute:
    """One VF that is trusted and one that is not, on two PFs."""
    vfs = [*made.card(1, 1, pf=False), *made.card(2, 1, pf=False)]
    tags = {vfs[0].address: {"trusted": "true"}}
    return made.Compute(kind, vfs, tags=tags)


def _trusted() -> Any:
    return made.request({"trusted": "True"}, number=1)


# What Nova gets wrong, on Nova's own count and on ours.


def test_the_order_of_requests_does_not_matter() -> None:
    """E1: Nova gives the only trusted VF to who does not need it."""
    anything = made.request(_VF)
    for kind, expected in ((_STOCK, False), (_OURS, True)):
        host = _trusted_and_plain(kind)
        # Nova tries the pools with fewer keys first.
        host.stats.pools.reverse()
        assert host.supports(anything, _trusted()) is expected
        assert host.supports(_trusted(), anything)
    assert host.claim(anything, _trusted()) == ["0000:02:00.1", "0000:01:00.1"]
    assert [each.request_id for each in host.devices] == [
        _trusted().request_id,
        anything.request_id,
    ]
    host.check()


def test_a_pf_is_not_promised_with_its_own_vf() -> None:
    """E2: Nova promises both, and fails to give them."""
    for kind, promised in ((_STOCK, True), (_OURS, False)):
        host = made.Compute(kind, made.card(1, 4))
        both = made.request(_VF), made.request(_PF, number=1)
        assert host.supports(*both) is promised
        with pytest.raises(nova_exception.PciDeviceRequestFailed):
            host.claim(*both)


@pytest.mark.parametrize("order", [[_VF, _PF], [_PF, _VF]])
@pytest.mark.parametrize("choice", ["nova", "best"])
def test_a_refused_claim_leaves_no_trace(
    switch: _Switch, choice: str, order: list[dict[str, str]]
) -> None:
    """E2b: Nova forgets the PF, or all its VFs, until it is restarted."""
    switch(device_choice=choice)
    for kind, is_whole in ((_STOCK, False), (_OURS, True)):
        host = made.Compute(kind, made.card(1, 4))
        before = host.state()
        requests = [
            made.request(each, number=number)
            for number, each in enumerate(order)
        ]
        with pytest.raises(nova_exception.PciDeviceRequestFailed):
            host.claim(*requests)
        assert (host.state() == before) is is_whole
        assert (len(host.free_addresses()) == 5) is is_whole


def test_far_devices_serve_who_only_prefers_near_ones() -> None:
    """E4a: Nova finds a near PF that nobody asked for, and no far VF then."""
    devices = [
        made.device("0000:01:00.0", "type-PF", numa_node=0),
        made.device("0000:02:00.1", parent="0000:02:00.0", numa_node=1),
    ]
    wanted = made.request({"vendor_id": "8086"}, policy="preferred")
    for kind, expected in ((_STOCK, False), (_OURS, True)):
        host = made.Compute(kind, copy.deepcopy(devices), numa=_NUMA)
        assert host.supports(wanted, cells=_cells(0)) is expected
        assert host.supports(wanted)
    assert host.claim(wanted, cells=_cells(0)) == ["0000:02:00.1"]


def test_no_device_is_copied_to_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """E4c: Nova copies all of them for each question."""
    copied = []
    real = copy.deepcopy

    def count(value: Any, memo: Any = None) -> Any:
        copied.append(type(value).__name__)
        return real(value, memo)

    for kind, copies in ((_STOCK, True), (_OURS, False)):
        host = made.Compute(kind, made.card(1, 64))
        with monkeypatch.context() as patch:
            patch.setattr(copy, "deepcopy", count)
            copied.clear()
            assert host.supports(made.request(_VF))
            assert not host.supports(made.request(_VF, count=65))
            assert bool(copied) is copies


def test_a_device_is_there_once() -> None:
    """Nova frees a PF with its VF, though it was listed and free before."""
    for kind, times in ((_STOCK, 2), (_OURS, 1)):
        host = made.Compute(kind, _pf_listed_late())
        host.free("0000:01:00.1")
        assert host.free_addresses().count("0000:01:00.0") == times


# What can be claimed.


def _pf_listed_late() -> list[Any]:
    """A PF that was put into device_spec while its VF was in use."""
    devices = made.card(1, 2)
    devices[1].status = "allocated"
    return devices


def _vf_listed_late() -> list[Any]:
    devices = made.card(1, 2)
    devices[0].status = "claimed"
    return devices


@pytest.mark.parametrize("choice", ["nova", "best"])
@pytest.mark.parametrize(
    ("devices", "wanted"), [(_pf_listed_late, _PF), (_vf_listed_late, _VF)]
)
def test_what_a_relative_holds_is_not_given_away(
    switch: _Switch,
    choice: str,
    devices: Callable[[], list[Any]],
    wanted: dict[str, str],
) -> None:
    """Nova would find that out only when it has taken the device."""
    switch(device_choice=choice)
    stock = made.Compute(_STOCK, devices())
    assert stock.supports(made.request(wanted))
    with pytest.raises(nova_exception.Invalid):
        stock.claim(made.request(wanted))
    host = made.Compute(_OURS, devices())
    before = host.state()
    assert not host.supports(made.request(wanted))
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        host.claim(made.request(wanted))
    assert host.state() == before


@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_enough_is_counted_past_what_cannot_be_claimed(taken: int) -> None:
    """A yes needs no more than what is asked for, wherever that is."""
    host = made.Compute(_OURS, made.card(1, 4, pf=False))
    for device in host.devices[-taken:] if taken else []:
        device.status = fields.PciDeviceStatus.CLAIMED
    free = 4 - taken
    for wanted in range(1, 6):
        asked = made.request(_VF, count=wanted)
        assert host.supports(asked) is (wanted <= free)
        half = [made.request(_VF, number=each) for each in range(wanted)]
        assert host.supports(*half) is (wanted <= free)


def test_a_device_that_is_not_available_is_not_given_away() -> None:
    host = made.Compute(_OURS, made.card(1, 2, pf=False))
    host.devices[1].status = "unavailable"
    assert not host.supports(made.request(_VF, count=2))
    assert host.claim(made.request(_VF)) == ["0000:01:00.1"]


def test_what_is_given_away_takes_its_relatives() -> None:
    host = made.Compute(_OURS, made.card(1, 3))
    assert host.claim(made.request(_PF)) == ["0000:01:00.0"]
    assert host.free_addresses() == []
    host.free("0000:01:00.0")
    assert host.claim(made.request(_VF)) == ["0000:01:00.3"]
    assert host.free_addresses() == ["0000:01:00.1", "0000:01:00.2"]
    host.check()


def test_a_device_leaves_the_pool_that_it_is_in() -> None:
    """Also if it hangs on another PF by now."""
    host = made.Compute(
        _OURS, [*made.card(1, 2, pf=False), *made.card(2, 1, pf=False)]
    )
    host.devices[1].parent_addr = "0000:02:00.0"
    assert host.claim(made.request(_VF)) == ["0000:01:00.2"]
    assert host.free_addresses() == ["0000:01:00.1", "0000:02:00.1"]


@pytest.mark.parametrize(
    ("choice", "address"),
    [
        ("nova", "0000:01:00.4"),
        ("best", "0000:02:00.3"),
        ("pack", "0000:02:00.3"),
        ("spread", "0000:03:00.5"),
    ],
)
def test_the_option_says_which_devices_are_taken(
    switch: _Switch, choice: str, address: str
) -> None:
    """Nova comes to the first PF first; it is the only one that is whole."""
    switch(device_choice=choice)
    vfs = [*made.card(2, 3, pf=False), *made.card(3, 5, pf=False)]
    host = made.Compute(_OURS, [*made.card(1, 4), *vfs])
    assert host.claim(made.request(_VF)) == [address]
    host.check()


def _with_bad_link(mark: str, pools: int = 1) -> made.Compute:
    """The PF that Nova comes to first, of two, has a bad link."""
    vfs = [*made.card(1, 2, pf=False), *made.card(2, 3, pf=False)]
    host = made.Compute(_OURS, vfs)
    assert host.stats.pools[0]["address"] == "0000:01:00.0"
    for pool in host.stats.pools[:pools]:
        pool[link_mark.TAG] = mark
    return host


_CHOICES = ["nova", "best", "pack", "spread"]


@pytest.mark.parametrize("choice", _CHOICES)
def test_excluded_devices_are_given_to_nobody(
    switch: _Switch, choice: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nova itself would give them away."""
    switch(device_choice=choice)
    host = _with_bad_link("exclude:down")
    before = host.state()
    assert not host.supports(made.request(_VF, count=4))
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        host.claim(made.request(_VF, count=4))
    assert "behind a PF whose link is down; link_policies" in caplog.text
    assert host.state() == before
    assert host.supports(made.request(_VF, count=3))
    found = host.claim(made.request(_VF, count=3))
    assert {each[:7] for each in found} == {"0000:02"}
    assert not host.supports(made.request(_VF))
    host.check()


@pytest.mark.parametrize("choice", _CHOICES)
def test_avoided_devices_are_given_away_last(
    switch: _Switch, choice: str
) -> None:
    switch(device_choice=choice)
    host = _with_bad_link("avoid:flapping")
    cards = [
        host.claim(made.request(_VF, number=number))[0][:7]
        for number in range(5)
    ]
    assert cards == ["0000:02"] * 3 + ["0000:01"] * 2
    assert not host.supports(made.request(_VF))
    host.check()


def test_nova_s_own_pick_is_no_answer_where_a_link_is_bad(
    switch: _Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be there to be taken, but not of what it should be."""

    def undecided(*_: object) -> Any:
        return solve.Outcome.UNDECIDED

    switch(device_choice="nova")
    monkeypatch.setattr(matcher.Matcher, "is_servable", undecided)
    assert made.Compute(_OURS, made.card(1, 2)).supports(made.request(_VF))
    assert not _with_bad_link("exclude:down", 2).supports(made.request(_VF))


def test_placement_s_choice_is_followed(switch: _Switch) -> None:
    devices = [*made.card(1, 2, pf=False), *made.card(2, 2, pf=False)]
    for each in devices:
        each.extra_info = {"rp_uuid": f"rp{each.address[6]}"}
    for choice in ("nova", "best"):
        switch(device_choice=choice)
        host = made.Compute(_OURS, copy.deepcopy(devices))
        wanted = made.request({**_VF, "rp_uuids": "rp2,rp1"}, count=2)
        assert host.supports(wanted)
        assert sorted(host.claim(wanted)) == ["0000:01:00.2", "0000:02:00.2"]
        for odd in ("rp3,rp3", "rp1,rp1", "rp1"):
            other = made.request({**_VF, "rp_uuids": odd}, count=2)
            assert not host.supports(other)


def test_pools_that_are_there_twice_are_nobody_s() -> None:
    """The same devices may be in both; Nova does not look at all of them."""
    devices = made.card(1, 2, pf=False)
    for each in devices:
        each.extra_info = {"rp_uuid": "rp"}
    host = made.Compute(_OURS, devices)
    wanted = made.request({**_VF, "rp_uuids": "rp"})
    assert host.supports(wanted)
    host.stats.pools.extend(copy.deepcopy(host.stats.pools))
    assert not host.supports(wanted)
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        host.claim(wanted)


def test_a_claim_that_is_refused_is_explained(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nova's claim asks for a yes or no, and says no more than that."""
    host = made.Compute(_OURS, made.card(1, 2, pf=False))
    assert not host.supports(made.request(_VF, count=3))
    assert caplog.messages == [
        "No PCI devices for an instance: 2 devices free that would do; the"
        " request wants 3."
    ]


def test_who_wants_nothing_gets_nothing(switch: _Switch) -> None:
    for choice in ("nova", "best"):
        switch(device_choice=choice)
        host = made.Compute(_OURS, made.card(1, 1))
        assert host.supports()
        assert host.claim() == []


# A search that ends early.


def _triangles(number: int) -> tuple[made.Compute, list[Any]]:
    """One PF of each of some triangles is to stay whole, and one more."""
    tags: dict[str, dict[str, Any]] = {}
    devices = []
    for node in range(3 * number):
        found = made.card(1 + node, 4)
        tags |= {each.address: {"node": f"n{node}"} for each in found}
        devices += found
    requests: list[Any] = []
    for first in range(0, 3 * number, 3):
        for a, b in ((0, 1), (1, 2), (0, 2)):
            ends = [{**_VF, "node": f"n{first + end}"} for end in (a, b)]
            requests.append(made.request(*ends, number=len(requests)))
    requests.append(made.request(_PF, count=number + 1, number=99))
    return made.Compute(_OURS, devices, tags=tags), requests


def test_a_compute_searches_longer_and_then_refuses(
    switch: _Switch,
) -> None:
    """A scheduler accepts what it does not know; a claim has to be kept."""
    host, requests = _triangles(6)
    before = host.state()
    for budget in (1, 2):
        switch(device_choice="best", search_budget=budget)
        assert not host.supports(*requests)
        with pytest.raises(nova_exception.PciDeviceRequestFailed):
            host.claim(*requests)
    assert host.state() == before


def test_the_longer_search_finds_what_there_is(switch: _Switch) -> None:
    host, requests = _triangles(5)
    requests[-1].count -= 1
    for choice in ("best", "nova"):
        switch(device_choice=choice, search_budget=10)
        assert host.supports(*requests)
    assert len(host.claim(*requests)) == 20
    host.check()


def test_nova_s_own_pick_needs_no_search(
    switch: _Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there to be taken is there, whoever found it."""

    def undecided(*_: object) -> Any:
        return solve.Outcome.UNDECIDED

    host = made.Compute(_OURS, made.card(1, 2))
    monkeypatch.setattr(matcher.Matcher, "is_servable", undecided)
    assert host.supports(made.request(_VF))
    switch(device_choice="best")
    assert not host.supports(made.request(_VF))


# Faults of ours.


def _fail(*_: object) -> Any:
    raise ZeroDivisionError


def test_a_fault_of_ours_leaves_nova_s_way(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of what Nova leaves behind then, nothing."""
    monkeypatch.setattr(device_stats, "_read", _fail)
    monkeypatch.setattr(choosing.Greedy, "pick", _fail)
    for module in (counts, device_stats):
        # Each is said once, whatever other tests have heard.
        monkeypatch.setattr(module._faults, "_said", set())  # noqa: SLF001
    host = made.Compute(_OURS, made.card(1, 4))
    before = host.state()
    both = made.request(_VF), made.request(_PF, number=1)
    for _ in range(2):
        with pytest.raises(nova_exception.PciDeviceRequestFailed):
            host.claim(*both)
        assert host.state() == before
    assert host.supports(*both), "as Nova does"
    assert not host.supports(made.request(_VF, count=5))
    assert host.claim(made.request(_VF)) == ["0000:01:00.4"]
    host.check()
    said = [
        each.getMessage()
        for each in caplog.records
        if "ZeroDivisionError" in each.getMessage()
    ]
    assert [each.partition(":")[0] for each in said] == [
        "Devices are claimed as Nova does",
        "Devices are counted as Nova does",
    ]


def test_a_fault_in_the_middle_of_a_claim_is_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_OURS, "_remove_all", _fail)
    host = made.Compute(_OURS, made.card(1, 4))
    assert host.claim(made.request(_VF, count=2)) == [
        "0000:01:00.4",
        "0000:01:00.3",
    ]
    host.check()


def test_a_refusal_is_explained(caplog: pytest.LogCaptureFixture) -> None:
    host = made.Compute(_OURS, made.card(1, 1, pf=False))
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        host.claim(made.request(_VF, count=2))
    assert "1 device free that would do" in caplog.text


# The pools themselves.


def test_a_device_of_another_type_moves_to_its_pool() -> None:
    """And one with another NUMA node stays, as Nova's own tests want it."""
    for kind in (_STOCK, _OURS):
        host = made.Compute(kind, made.card(1, 2, pf=False))
        device = host.devices[0]
        device.numa_node = 1
        host.stats.update_device(device)
        assert [pool["numa_node"] for pool in host.stats.pools] == [0]
        device.parent_addr = None
        device.dev_type = "type-PF"
        host.stats.update_device(device)
        assert [pool["count"] for pool in host.stats.pools] == [1, 1]
        host.check()


def test_a_device_is_removed_from_where_it_is() -> None:
    """Also if nobody said that it is another one now."""
    host = made.Compute(_OURS, made.card(1, 2))
    host.devices[2].numa_node = 1
    for device in list(host.devices):
        assert device in host.stats.get_free_devs()
        host.stats.remove_device(device)
        assert device not in host.stats.get_free_devs()
    assert host.stats.pools == []
    with pytest.raises(nova_exception.PciDevicePoolEmpty):
        host.stats.remove_device(host.devices[0])


def test_a_device_is_found_by_its_like() -> None:
    """As in Nova, where objects are compared field by field."""
    host = made.Compute(_OURS, made.card(1, 2))
    like = copy.deepcopy(host.devices[1])
    like.parent_device = None
    assert like in host.stats.get_free_devs()
    host.stats.remove_device(like)
    assert like not in host.stats.get_free_devs()
    host.stats.update_device(like)
    assert len(host.free_addresses()) == 2


def test_a_null_tag_is_not_a_missing_one() -> None:
    """Nova puts both into one pool if they have as many tags."""
    vfs = made.card(1, 2, pf=False)
    tags: dict[str, dict[str, Any]] = {
        vfs[0].address: {"trusted": "true"},
        vfs[1].address: {"physical_network": None},
    }
    for kind, pools in ((_STOCK, 1), (_OURS, 2)):
        host = made.Compute(kind, copy.deepcopy(vfs), tags=tags)
        assert len(host.stats.pools) == pools


def test_pools_are_taken_as_they_are() -> None:
    """Nova's code changes them directly; nothing is remembered beside."""
    host = made.Compute(_OURS, made.card(1, 2, pf=False))
    assert host.supports(made.request(_VF, count=2))
    host.stats.pools[0]["devices"].pop()
    assert not host.supports(made.request(_VF, count=2))
    assert host.claim(made.request(_VF)) == ["0000:01:00.1"]
    host.stats.clear()
    assert not host.supports(made.request(_VF))


def test_what_is_applied_to_a_copy_is_gone_from_it() -> None:
    host = made.Compute(_OURS, made.card(1, 3))
    other = copy.deepcopy(host.stats)
    other.apply_requests([made.request(_VF, count=2)], None, None)
    assert other.support_requests([made.request(_VF)], None)
    assert not other.support_requests([made.request(_VF, count=2)], None)
    assert not other.support_requests([made.request(_PF)], None)
    assert host.supports(made.request(_PF))


def test_pools_of_a_database_have_counts_only() -> None:
    made_of = made.Compute(_OURS, made.card(1, 2)).stats
    pools = made_of.to_device_pools_obj()
    stats = _OURS(None, stats=pools, dev_filter=made.TagFilter({}))
    assert stats.support_requests([made.request(_VF, count=2)], None)
    assert not stats.support_requests([made.request(_VF, count=3)], None)


def test_what_an_instance_has_is_looked_at_when_its_turn_comes() -> None:
    """As in Nova, where to free a PF makes its VFs available."""
    pf, vf = made.card(1, 1, status="allocated", instance_uuid="one")
    (other,) = made.card(2, 1, pf=False, status="allocated")
    new = objects.PciDevice(address="0000:03:00.0", status="allocated")
    devices = [other, new, pf, vf]
    assert list(free_devices.held(devices, "allocated", "one")) == [pf, vf]
    assert not list(free_devices.held(devices, "claimed", "one"))
    turns = free_devices.held(devices, "allocated", "one")
    assert next(turns) is pf
    vf.status = fields.PciDeviceStatus.AVAILABLE
    assert not list(turns)


def test_free_devices_are_told_from_others() -> None:
    pool = {"devices": made.card(1, 2)}
    assert free_devices.holds(pool, pool["devices"][1])
    assert not free_devices.holds(pool, copy.deepcopy(pool["devices"][1]))
    assert not free_devices.holds({}, pool["devices"][1])
