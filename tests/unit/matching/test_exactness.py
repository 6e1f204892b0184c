# SPDX-License-Identifier: Apache-2.0
"""Matching beside a brute force over the devices of small hosts."""

import collections
from collections.abc import Sequence
import dataclasses
import itertools
import os
import random

import hypothesis
from hypothesis import strategies as st
import pytest

import matching_cases as cases
import matching_truth as truth
from pci_sched.matching import explain, matcher, refusal_code, solve
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_CASES = {"ci": 20_000, "deep": 200_000}.get(
    os.environ.get("HYPOTHESIS_PROFILE", "dev"), 2_000
)
_CHUNKS = 8

_MARK = "pci_sched_link"

#: The brute force looks at every plan for its cost, in one case of these.
_COSTED = 3


def _match(world: truth.World) -> pci_plan.Plan | pci_refusal.Refusal:
    return matcher.match(
        cases.supply(world), world.request, cases.options(world)
    )


def _assignment(plan: pci_plan.Plan, world: truth.World) -> truth.Assignment:
    """Look the devices of a plan up on the host."""
    devices = {device.address: device for device in world.devices}
    requests = {each.request_id: each for each in world.request.devices}
    return tuple(
        (requests[serving.request_id], devices[address])
        for serving in plan.servings
        for address in serving.addresses or ()
    )


def check_plan(plan: pci_plan.Plan, world: truth.World) -> None:
    """A plan gives each request what it wants, and breaks no rule."""
    assignment = _assignment(plan, world)
    given = collections.Counter(
        request.request_id for request, _ in assignment
    )
    wanted = {each.request_id: each.count for each in world.request.devices}
    assert dict(given) == wanted
    places = list(truth.placements(world))
    if plan.cells is not None and not world.numa:
        # Only the cells with devices are known.
        assert any(plan.cells <= (each or set()) for each in places)
    else:
        assert plan.cells in places
    for request, device in assignment:
        assert truth.fits(request, device, plan.cells, world)
    assert truth.is_valid(assignment, world)
    assert truth.cost(assignment, plan.cells, world) == tuple(plan.cost)


def check_refusal(refusal: pci_refusal.Refusal, world: truth.World) -> None:
    """The witness starves, and no part of it does."""
    assert refusal.code is not refusal_code.RefusalCode.SEARCH_LIMIT
    assert refusal.is_minimal
    assert all(explain.explain(refusal))
    witness = [
        each
        for each in world.request.devices
        if each.request_id in refusal.witness
    ]
    assert len(witness) == len(refusal.witness)
    assert not truth.is_servable(_with(world, witness))
    for left_out in witness:
        rest = [each for each in witness if each is not left_out]
        assert truth.is_servable(_with(world, rest))


def check_links(
    refusal: pci_refusal.Refusal,
    code: refusal_code.RefusalCode,
    world: truth.World,
) -> None:
    """Where nothing but links is in the way, that is what is said."""
    bad = refusal_code.RefusalCode.LINK_DOWN
    if truth.is_servable(truth.with_good_links(world)):
        assert refusal.code is code is bad
    if bad in (code, refusal.code):
        assert "exclude:" in repr(world.devices)


def check_in_a_hurry(world: truth.World) -> None:
    """Who is told that the request can be served gets a plan as well."""
    options = dataclasses.replace(
        cases.options(world), node_budget=1, improvement_budget=1
    )
    supply = cases.supply(world)
    made = matcher.Matcher(world.request, options)
    if made.is_servable(supply) is solve.Outcome.YES:
        plan = made.match(supply)
        assert isinstance(plan, pci_plan.Plan)
        check_plan(plan, world)


def _with(
    world: truth.World, devices: Sequence[pci_request.DeviceRequest]
) -> truth.World:
    request = dataclasses.replace(world.request, devices=tuple(devices))
    return dataclasses.replace(world, request=request)


def check(rng: random.Random, world: truth.World, *, costed: bool) -> str:
    """Check all that is promised of a case; name how it went."""
    answer = _match(world)
    least = truth.least_cost(world) if costed else None
    servable = least is not None if costed else truth.is_servable(world)
    assert isinstance(answer, pci_plan.Plan) == servable
    scheduler = pool_supply.Supply.of_records(
        cases.records(world), world.numa, cases.domains(world)
    )
    made = matcher.Matcher(world.request, cases.options(world))
    verdict = solve.Outcome.YES if servable else solve.Outcome.NO
    assert made.is_servable(scheduler) is verdict
    assert isinstance(made.match(scheduler), pci_plan.Plan) == servable
    mixed = cases.shuffle(rng, world)
    assert _match(mixed) == answer
    if isinstance(answer, pci_refusal.Refusal):
        code = made.code_of_refusal(scheduler)
        check_refusal(answer, world)
        if _MARK in repr(world.devices):
            check_links(answer, code, world)
        return str(answer.code)
    check_plan(answer, world)
    check_in_a_hurry(world)
    assert answer.best
    if costed:
        assert tuple(answer.cost) == least
    return "plan" if answer.nodes < 2 else "plan after a search"


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_agrees_with_brute_force(chunk: int) -> None:
    """Yes and no, plans, costs and witnesses, on many small hosts."""
    seen: collections.Counter[str] = collections.Counter()
    for seed in range(chunk, _CASES, _CHUNKS):
        try:
            rng = random.Random(seed)  # noqa: S311
            world = cases.draw(rng)
            seen[check(rng, world, costed=seed % _COSTED == 0)] += 1
        except AssertionError as err:
            raise AssertionError(f"case {seed}: {err}") from err
    print(f"{sum(seen.values())} cases:", dict(seen.most_common()))
    assert sum(seen.values()) == _CASES // _CHUNKS
    plans = seen["plan"] + seen["plan after a search"]
    assert plans > _CASES / _CHUNKS / 5
    assert seen["plan after a search"] > 5


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_agrees_with_brute_force_where_pfs_are_alike(chunk: int) -> None:
    """Where symmetry cuts the search short, and all costs are compared."""
    searched = 0
    for seed in range(chunk, _CASES // 4, _CHUNKS):
        try:
            rng = random.Random(seed)  # noqa: S311
            world = cases.draw(rng, twins=1)
            went = check(rng, world, costed=True)
            searched += went == "plan after a search"
        except AssertionError as err:
            raise AssertionError(f"case {seed}: {err}") from err
    print(f"{_CASES // 4 // _CHUNKS} cases, {searched} searches")
    assert searched


@hypothesis.given(st.randoms(use_true_random=False))
def test_agrees_with_brute_force_where_hypothesis_looks(
    rng: random.Random,
) -> None:
    """The same, with cases that shrink."""
    check(rng, cases.draw(rng), costed=True)


def test_every_code_comes_up() -> None:
    """The cases above reach every code but the search limit."""
    codes = set()
    for seed in itertools.count():
        world = cases.draw(random.Random(seed))  # noqa: S311
        answer = _match(world)
        if isinstance(answer, pci_refusal.Refusal):
            codes.add(answer.code)
            codes |= {
                dropped.code
                for starving in answer.starving
                for dropped in starving.dropped
            }
        missing = set(refusal_code.RefusalCode) - codes
        if missing == {refusal_code.RefusalCode.SEARCH_LIMIT}:
            break
        assert seed < 5_000, missing
