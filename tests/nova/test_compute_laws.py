# SPDX-License-Identifier: Apache-2.0
"""Laws of the devices of a compute, on small hosts and all that Nova asks."""

import collections
from collections.abc import Iterator
import dataclasses
import os
import random
from typing import Any

import hypothesis
from hypothesis import strategies as st
from nova import conf as nova_conf
from nova import exception as nova_exception
from nova.pci import stats as nova_stats
import pytest

import matching_cases as cases
import matching_truth as truth
from pci_sched import conf as pci_conf
from pci_sched.model import device as pci_device
from pci_sched.nova.compute import counts
from tests.nova import compute_devices as made
from tests.nova import nova_matching

_CASES = {"ci": 3_000, "deep": 30_000}.get(
    os.environ.get("HYPOTHESIS_PROFILE", "dev"), 500
)

CONF = nova_conf.CONF

_Status = pci_device.DeviceStatus

#: What Nova's rows do not know.
_AS_NOVA = {None: _Status.AVAILABLE, _Status.QUARANTINED: _Status.CLAIMED}

_CHOICES = ["nova", "best", "pack", "spread"]


@pytest.fixture(autouse=True)
def _options() -> Iterator[None]:
    pci_conf.register_opts(CONF)
    yield
    CONF.clear_override("device_choice", group="pci_sched")


def _choose(choice: str) -> None:
    CONF.set_override("device_choice", choice, group="pci_sched")


def _draw(rng: random.Random, **chances: float) -> truth.World:
    """Draw what a compute can have and be asked: texts, chosen cells."""
    world = cases.draw(rng, **chances)
    request = dataclasses.replace(
        world.request,
        devices=tuple(
            dataclasses.replace(
                each, spread_group=None, specs=tuple(map(_texts, each.specs))
            )
            for each in world.request.devices
        ),
        spreads=(),
        numa_cells=world.request.numa_cells or frozenset(),
        guest_cells=0,
    )
    devices = tuple(
        dataclasses.replace(
            each,
            tags=_texts(each.tags),
            status=_AS_NOVA.get(each.status, each.status),
        )
        for each in world.devices
        if each.assignable
    )
    return dataclasses.replace(world, devices=devices, request=request)


def _texts(tags: pci_device.Tags) -> pci_device.Tags:
    return tuple(
        (key, value if value is None else str(value)) for key, value in tags
    )


def _start(world: truth.World, kind: Any) -> made.Compute:
    """Make the devices of a world, in the states that it says."""
    devices = []
    for each in world.devices:
        status = str(each.status)
        is_held = status in ("claimed", "allocated")
        provider = dict(each.tags).get("rp_uuid")
        devices.append(
            made.device(
                str(each.address),
                str(each.dev_type),
                each.parent_addr and str(each.parent_addr),
                product_id=each.product_id,
                numa_node=each.numa_node,
                status=status,
                instance_uuid="other" if is_held else None,
                extra_info={"rp_uuid": provider} if provider else {},
            )
        )
    tags = {str(each.address): dict(each.tags) for each in world.devices}
    return made.Compute(kind, devices, tags=tags, numa=world.numa)


def _ask(world: truth.World) -> tuple[list[Any], list[Any]]:
    """Make Nova's requests, which say what Placement chose, and cells."""
    question = nova_matching.Question([], world.numa, world.request)
    for request in question.requests:
        chosen = [
            providers[0]
            for group, providers in question.mapping.items()
            if group.startswith(request.request_id)
        ]
        if chosen and not request.requester_id:
            first, *others = request.spec
            first = {**first, "rp_uuids": ",".join(chosen)}
            request.spec = [first, *others]
    return question.requests, question.cells


def _claim(host: made.Compute, requests: Any, cells: Any) -> list[str] | None:
    try:
        return host.claim(*requests, cells=cells)
    except nova_exception.PciDeviceRequestFailed:
        return None


def test_what_is_promised_is_kept() -> None:
    """On many small hosts, some of their devices in odd states."""
    served = 0
    for choice in _CHOICES:
        _choose(choice)
        for seed in range(_CASES // 4):
            world = _draw(random.Random(seed))  # noqa: S311
            try:
                served += _check(world, choice)
            except AssertionError as err:
                raise AssertionError(f"{choice}, case {seed}") from err
    assert served > _CASES / 5


@hypothesis.given(
    rng=st.randoms(use_true_random=False), choice=st.sampled_from(_CHOICES)
)
def test_what_is_promised_is_kept_where_hypothesis_looks(
    rng: random.Random, choice: str
) -> None:
    """The same, with cases that shrink."""
    _choose(choice)
    _check(_draw(rng), choice)


def _check(world: truth.World, choice: str) -> bool:
    """Devices are given away if trying every way finds one, and rightly."""
    world = dataclasses.replace(world, strict=choice != "nova")
    host = _start(world, counts.DeviceCounts)
    requests, cells = _ask(world)
    before = host.state()
    promised = host.supports(*requests, cells=cells)
    assert host.state() == before
    addresses = _claim(host, requests, cells)
    kept = addresses is not None
    assert promised is kept is truth.is_servable(world)
    if addresses is None:
        assert host.state() == before
        return False
    owners = {each.address: each.request_id for each in host.devices}
    found = {str(each.address): each for each in world.devices}
    assignment = tuple(
        (asked, found[address])
        for asked, request in zip(world.request.devices, requests, strict=True)
        for address in addresses
        if owners[address] == request.request_id
    )
    assert len(assignment) == len(addresses)
    wanted = [
        each for each in world.request.devices for _ in range(each.count)
    ]
    assert [asked for asked, _ in assignment] == wanted
    assert [str(each.address) for _, each in assignment] == addresses
    (place,) = truth.placements(world)
    assert all(truth.fits(*each, place, world) for each in assignment)
    assert truth.is_valid(assignment, world)
    return True


def test_nova_s_own_devices_where_it_can_have_them() -> None:
    """The same devices for the same requests, and the same pools then."""
    _choose("nova")
    compared = 0
    for seed in range(_CASES):
        world = _draw(random.Random(seed), marks=0)  # noqa: S311
        requests, cells = _ask(world)
        stock = _start(world, nova_stats.PciDeviceStats)
        try:
            addresses = stock.claim(*requests, cells=cells)
        except Exception:  # noqa: BLE001, S112
            # Nova also knows other ways to fail than to refuse.
            continue
        wanted = {each.request_id: each.count for each in requests}
        given = collections.Counter(each.request_id for each in stock.devices)
        del given[None]
        if given != wanted:
            continue
        compared += 1
        ours = _start(world, counts.DeviceCounts)
        assert ours.supports(*requests, cells=cells), seed
        assert ours.claim(*requests, cells=cells) == addresses, seed
        assert ours.state() == stock.state(), seed
    assert compared > _CASES / 10


@hypothesis.given(
    rng=st.randoms(use_true_random=False), choice=st.sampled_from(_CHOICES)
)
def test_nothing_is_lost(rng: random.Random, choice: str) -> None:
    """Whatever is claimed and freed, in whatever order."""
    _choose(choice)
    world = _draw(rng)
    free = tuple(
        dataclasses.replace(each, status=_Status.AVAILABLE)
        for each in world.devices
    )
    world = dataclasses.replace(world, devices=free)
    host = _start(world, counts.DeviceCounts)
    requests, cells = _ask(world)
    initial = _as_sets(host)
    claims: list[list[str]] = []
    for _ in range(12):
        if claims and rng.random() < 0.4:
            host.free(*claims.pop(rng.randrange(len(claims))))
        else:
            wanted = rng.sample(requests, rng.randint(1, len(requests)))
            before = host.state()
            addresses = _claim(host, wanted, cells)
            if addresses is None:
                assert host.state() == before
            else:
                claims.append(addresses)
        host.check()
    while claims:
        host.free(*claims.pop())
        host.check()
    assert _as_sets(host) == initial


def _as_sets(host: made.Compute) -> set[Any]:
    return {
        (content, count, frozenset(addresses))
        for content, count, addresses in host.pools()
    }
