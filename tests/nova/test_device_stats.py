# SPDX-License-Identifier: Apache-2.0
"""What a host can serve, and what it has left: one count for both."""

import collections
from collections.abc import Iterator, Sequence
import dataclasses
import os
import random
from typing import Any

import hypothesis
from hypothesis import strategies as st
from nova import exception as nova_exception
import pytest

import matching_cases as cases
import matching_truth as truth
import matching_worst as worst
from pci_sched.matching import matcher
from pci_sched.matching import plan as pci_plan
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request
from pci_sched.nova import consumption, device_stats, supplies
from pci_sched.pools import link_mark
from tests.nova import host_states, nova_matching, seam

_CASES = {"ci": 3_000, "deep": 30_000}.get(
    os.environ.get("HYPOTHESIS_PROFILE", "dev"), 500
)

_PF = "type-PF"
_VF = "type-VF"

_TRUSTED = worst.pool(0, _VF, trusted="true")
_PLAIN = worst.pool(2, _VF, trusted="false")
_FAR_VF = {**worst.pool(2, _VF, 4), "numa_node": 1}
_ANY = {"dev_type": _VF}
_ONLY_TRUSTED = {"dev_type": _VF, "trusted": "True"}

_Switch = seam.Switch


@pytest.fixture(autouse=True)
def switch() -> Iterator[_Switch]:
    with seam.switching() as found:
        yield found


def test_a_refused_instance_takes_no_device(switch: _Switch) -> None:
    switch()
    host = host_states.make([_TRUSTED, _PLAIN])
    before = host_states.counts(host)
    spec = host_states.spec(_ONLY_TRUSTED, _ANY, _ANY)
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        host.pci_stats.apply_requests(spec.pci_requests.requests, {}, None)
    assert host_states.counts(host) == before


@pytest.mark.parametrize("choice", ["nova", "best"])
def test_who_is_given_away_takes_its_relatives(
    switch: _Switch, choice: str
) -> None:
    switch(device_choice=choice)
    host = host_states.make(worst.pf_and_vfs(0, 4))
    host.consume_from_request(host_states.spec({"dev_type": _PF}))
    assert host_states.counts(host) == {}
    host = host_states.make(worst.pf_and_vfs(0, 4))
    host.consume_from_request(host_states.spec(_ANY))
    assert host_states.counts(host) == {("0000:00:00.0", _VF): 3}


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        ("nova", {0: 7, 2: 4, 4: 6}),
        ("best", {0: 8, 2: 3, 4: 6}),
        ("pack", {0: 8, 2: 3, 4: 6}),
        ("spread", {0: 8, 2: 4, 4: 5}),
    ],
)
def test_the_option_says_which_devices_are_taken(
    switch: _Switch, choice: str, left: dict[int, int]
) -> None:
    """The first PF is whole; Nova takes the pool it comes to first."""
    switch(device_choice=choice)
    whole = {**worst.pool(0, _VF, 8), "numa_node": 0}
    pools = [whole, worst.pool(2, _VF, 4), worst.pool(4, _VF, 6)]
    pools.append({**worst.pool(0, _PF), "tag": "last"})
    host = host_states.make(pools)
    host.consume_from_request(host_states.spec(_ANY))
    found = host_states.counts(host)
    for number, count in left.items():
        address = worst.pool(number, _VF)["address"]
        assert found[(address, _VF)] == count
    assert (("0000:00:00.0", _PF) in found) is (choice != "nova")


@pytest.mark.parametrize("choice", ["nova", "best", "pack", "spread"])
def test_excluded_devices_are_given_to_nobody(
    switch: _Switch, choice: str
) -> None:
    """Nova itself would give them away."""
    switch(device_choice=choice)
    bad = {**worst.pool(0, _VF, 2), link_mark.TAG: "exclude:down"}
    host = host_states.make([bad, worst.pool(2, _VF, 1)])
    before = host_states.counts(host)
    one, two = (host_states.spec(*[_ANY] * n) for n in (1, 2))
    assert not _serves(host, two.pci_requests.requests, {})
    assert host_states.counts(host) == before
    assert _serves(host, one.pci_requests.requests, {})
    assert host_states.counts(host) == {("0000:00:00.0", _VF): 2}
    assert not _serves(host, one.pci_requests.requests, {})


@pytest.mark.parametrize("choice", ["nova", "best", "pack", "spread"])
def test_avoided_devices_are_given_away_last(
    switch: _Switch, choice: str
) -> None:
    """The pool that Nova comes to first is theirs."""
    switch(device_choice=choice)
    bad = {**worst.pool(0, _VF, 2), link_mark.TAG: "avoid:flapping"}
    host = host_states.make([bad, worst.pool(2, _VF, 4)])
    spec = host_states.spec(_ANY, _ANY)
    left = [{0: 2, 2: 2}, {0: 2}, {}]
    for rest in left:
        assert _serves(host, spec.pci_requests.requests, {})
        assert host_states.counts(host) == {
            (worst.pool(number, _VF)["address"], _VF): count
            for number, count in rest.items()
        }
    assert not _serves(host, spec.pci_requests.requests, {})


def test_placement_s_choice_is_followed(switch: _Switch) -> None:
    """Each candidate is judged by its own providers."""
    switch(device_choice="best")
    pools = [worst.pool(0, _VF, 2, rp_uuid="a")]
    pools.append(worst.pool(2, _VF, 2, rp_uuid="b"))
    host = host_states.make(pools)
    request = host_states.port(0, _ANY)
    request.alias_name = "vf"
    mapping = {f"{request.request_id}-0": ["b"]}
    other = {f"{request.request_id}-0": ["c"]}
    stats = host.pci_stats
    assert stats.support_requests([request], mapping)
    assert not stats.support_requests([request], other)
    stats.apply_requests([request], mapping)
    assert host_states.counts(host)[("0000:01:00.0", _VF)] == 1
    for requester_id in ("port", None):
        request.alias_name, request.requester_id = None, requester_id
        assert stats.support_requests([request], other)


def test_fewer_providers_than_devices_are_no_choice(switch: _Switch) -> None:
    """Stock takes what there is a provider for, and forgets the rest."""
    switch()
    host = host_states.make([worst.pool(0, _VF, 4, rp_uuid="a")])
    request = host_states.port(0, _ANY, count=2)
    request.alias_name = "vf"
    for groups, serves in ((1, False), (2, True)):
        mapping = {f"{request.request_id}-{n}": ["a"] for n in range(groups)}
        assert _serves(host, [request], mapping) is serves
    assert host_states.counts(host) == {("0000:00:00.0", _VF): 2}


def test_nova_s_choice_is_not_followed_where_nobody_can_have_it(
    switch: _Switch,
) -> None:
    """Stock takes the PF and a VF of the one pool that it comes to first."""
    switch(device_choice="nova")
    ports = host_states.spec({"dev_type": _PF}, _ANY).pci_requests.requests
    one = host_states.make(worst.pf_and_vfs(0, 4))
    assert not _serves(one, ports, {})
    assert len(host_states.counts(one)) == 2
    two = host_states.make([*worst.pf_and_vfs(0, 4), worst.pool(2, _VF, 4)])
    assert _serves(two, ports, {})
    assert host_states.counts(two) == {("0000:01:00.0", _VF): 3}


@pytest.mark.parametrize(
    ("policy", "sockets", "serves"),
    [
        ("required", (0, 0), False),
        ("legacy", (0, 0), False),
        ("socket", (0, 0), True),
        ("socket", (0, 1), False),
        ("preferred", (0, 1), True),
    ],
)
def test_devices_are_as_near_to_the_cells_as_asked(
    switch: _Switch, policy: str, sockets: tuple[int, int], *, serves: bool
) -> None:
    switch(device_choice="best")
    host = host_states.make([_FAR_VF], cells=sockets)
    spec = host_states.spec(_ANY, policy=policy, cells=1)
    requests, cells = spec.pci_requests.requests, spec.numa_topology.cells
    assert _serves(host, requests, {}, cells) is serves
    assert _serves(host, requests, {})


def test_a_search_that_ends_early_refuses_no_host(switch: _Switch) -> None:
    """But there is no plan either, so that nothing is taken."""
    switch(search_budget=100)
    supply, request = worst.triangles(7, 8)
    pools = [
        {
            **pool.profile.values,
            "address": pool.root,
            "numa_node": pool.numa_node,
            "count": pool.free,
        }
        for pool in supply.pools
    ]
    requests = [
        host_states.port(number, [dict(spec) for spec in each.specs])
        for number, each in enumerate(request.devices)
    ]
    requests[-1].count = request.devices[-1].count
    host = host_states.make(pools)
    before = host_states.counts(host)
    assert host.pci_stats.support_requests(requests, {})
    with pytest.raises(nova_exception.PciDeviceRequestFailed):
        host.pci_stats.apply_requests(requests, {})
    assert host_states.counts(host) == before


def _serves(
    host: Any, requests: Sequence[Any], mapping: Any, cells: Any = None
) -> bool:
    """Ask, and take; both give the same answer."""
    promised: bool = host.pci_stats.support_requests(requests, mapping, cells)
    try:
        host.pci_stats.apply_requests(requests, mapping, cells)
    except nova_exception.PciDeviceRequestFailed:
        assert not promised
        return False
    assert promised
    return True


def test_a_plan_for_other_pools_is_refused() -> None:
    """So that no device is lost without anybody noticing."""
    made = worst.pf_and_vfs(0, 2)
    asked = pci_request.InstanceRequest(devices=(worst.ask("a", _ANY),))
    plan = matcher.match(supplies.of_pools(made), asked)
    assert isinstance(plan, pci_plan.Plan)
    assert sum(consumption.by_plan(made, plan)) == 1
    with pytest.raises(LookupError):
        consumption.by_plan(worst.pf_and_vfs(2, 2), plan)


# Laws.


def _draw(rng: random.Random, **chances: float) -> truth.World:
    """Draw what Nova can be asked: texts, no spreading, chosen cells."""
    world = cases.draw(rng, **chances)
    devices = tuple(
        dataclasses.replace(each, tags=_texts(each.tags))
        for each in world.devices
    )
    wanted = tuple(
        dataclasses.replace(
            each, spread_group=None, specs=tuple(map(_texts, each.specs))
        )
        for each in world.request.devices
    )
    request = dataclasses.replace(
        world.request,
        devices=wanted,
        spreads=(),
        numa_cells=world.request.numa_cells or frozenset(),
        guest_cells=0,
    )
    return dataclasses.replace(world, devices=devices, request=request)


def _texts(tags: pci_device.Tags) -> pci_device.Tags:
    """Make texts of tags, as Nova's database does."""
    return tuple(
        (key, value if value is None else str(value)) for key, value in tags
    )


def _question(world: truth.World) -> nova_matching.Question:
    return nova_matching.Question(
        cases.records(world), world.numa, world.request
    )


_Content = tuple[tuple[str, Any], ...]


def _counts(
    pools: Sequence[dict[str, Any]],
) -> collections.Counter[_Content]:
    """How many devices there are of each content."""
    found: collections.Counter[_Content] = collections.Counter()
    for pool in pools:
        rest = tuple((key, pool[key]) for key in sorted(pool))
        found[tuple(pair for pair in rest if pair[0] != "count")] += pool[
            "count"
        ]
    return found


def _ask(question: nova_matching.Question, stats: Any) -> tuple[bool, bool]:
    """Say what is promised, and what is kept."""
    asked = (question.requests, question.mapping, question.cells)
    promised = stats.support_requests(*asked)
    try:
        stats.apply_requests(*asked)
    except nova_exception.PciDeviceRequestFailed:
        return promised, False
    return promised, True


_CHOICES = ["nova", "best", "pack", "spread"]


def test_what_is_promised_is_kept(switch: _Switch) -> None:
    """On many small hosts, with everything that Nova can ask."""
    for choice in _CHOICES:
        switch(device_choice=choice)
        for seed in range(_CASES // 4):
            world = _draw(random.Random(seed))  # noqa: S311
            try:
                _check(world, choice)
            except AssertionError as err:
                raise AssertionError(f"{choice}, case {seed}") from err


@hypothesis.given(
    rng=st.randoms(use_true_random=False), choice=st.sampled_from(_CHOICES)
)
@hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_what_is_promised_is_kept_where_hypothesis_looks(
    switch: _Switch, rng: random.Random, choice: str
) -> None:
    """The same, with cases that shrink."""
    switch(device_choice=choice)
    _check(_draw(rng), choice)


def _check(world: truth.World, choice: str) -> None:
    """Taken is what some assignment takes, exactly if there is one.

    The assignments are tried device by device.
    """
    question = _question(world)
    stats = question.stats(device_stats.ExactDeviceStats)
    before = _counts(stats.pools)
    promised, kept = _ask(question, stats)
    after = _counts(stats.pools)
    world = dataclasses.replace(world, strict=choice != "nova")
    assert promised is kept is truth.is_servable(world)
    assert all(count > 0 for count in after.values())
    if not kept:
        assert after == before
        return
    assert any(
        _counts(_left(world, assignment)) == after
        for cells in truth.placements(world)
        for assignment in truth.assignments(cells, world)
    )


def _left(
    world: truth.World, assignment: truth.Assignment
) -> list[dict[str, Any]]:
    """The pools that nobody holds a device or a relative of."""
    held = {device.address for _, device in assignment}
    devices = tuple(
        dataclasses.replace(each, status=pci_device.DeviceStatus.ALLOCATED)
        if each.address in held
        else each
        for each in world.devices
    )
    made = dataclasses.replace(world, devices=devices)
    empty = dataclasses.replace(made.request, devices=(), providers=())
    question = nova_matching.Question(cases.records(made), made.numa, empty)
    found: list[dict[str, Any]] = question.stats().pools
    return found


def test_nova_s_own_devices_where_it_can_have_them(switch: _Switch) -> None:
    """Apart from the relatives, which Nova leaves in the pools."""
    switch(device_choice="nova")
    compared = 0
    for seed in range(_CASES):
        world = _draw(random.Random(seed), marks=0)  # noqa: S311
        question = _question(world)
        if not _is_nova_s_honest(question):
            continue
        compared += 1
        stock = question.stats()
        ours = question.stats(device_stats.ExactDeviceStats)
        before = _counts(ours.pools)
        asked = (question.requests, question.mapping, question.cells)
        stock.apply_requests(*asked)
        ours.apply_requests(*asked)
        theirs, mine = _counts(stock.pools), _counts(ours.pools)
        roots = {dict(content)["address"] for content in before - theirs}
        for content in theirs.keys() | mine.keys():
            if mine[content] != theirs[content]:
                assert mine[content] == 0, seed
                assert dict(content)["address"] in roots, seed
    assert compared > _CASES / 20


def _is_nova_s_honest(question: nova_matching.Question) -> bool:
    """Nova also says yes where Placement chose for fewer devices."""
    chosen = collections.Counter(
        group.rpartition("-")[0] for group in question.mapping
    )
    return question.is_honest() and all(
        each.requester_id or chosen[each.request_id] in (0, each.count)
        for each in question.requests
    )
