# SPDX-License-Identifier: Apache-2.0
"""Hosts and requests that are hard on purpose: nodes, not time."""

from unittest import mock

import pytest

import matching_worst as worst
from pci_sched.matching import matcher, refusal_code, relaxation, solve
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_LEVELS = [None, *pci_request.SpreadLevel]

_Answer = pci_plan.Plan | pci_refusal.Refusal


def _match(
    case: worst.Case,
    node_budget: int = pci_options.NODE_BUDGET,
    improvement_budget: int = pci_options.IMPROVEMENT_BUDGET,
    inquest_budget: int = pci_options.NODE_BUDGET,
) -> _Answer:
    supply, request = case
    options = pci_options.Options(
        node_budget=node_budget,
        improvement_budget=improvement_budget,
        inquest_budget=inquest_budget,
    )
    return matcher.match(supply, request, options)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("level", _LEVELS)
@pytest.mark.parametrize("hard", [True, False])
def test_sixteen_ports_on_sixteen_pfs_are_decided(
    seed: int, level: pci_request.SpreadLevel | None, *, hard: bool
) -> None:
    """Mixed kinds and overlapping tags stay far below the budget."""
    supply, request = worst.big(seed, level, hard=hard)
    answer = matcher.Matcher(request)
    assert answer.is_servable(supply) is not solve.Outcome.UNDECIDED
    found = answer.match(supply)
    limit = 2_000 + 200 if isinstance(found, pci_refusal.Refusal) else 220
    assert found.nodes <= limit


@pytest.mark.parametrize("seed", range(6))
def test_without_spread_the_best_plan_is_found(seed: int) -> None:
    """Sixteen mixed ports; a compute service may look a hundred times more."""
    answer = _match(worst.big(seed, None), improvement_budget=20_000)
    assert answer.nodes < 2_000
    if isinstance(answer, pci_plan.Plan):
        assert answer.best


@pytest.mark.parametrize("size", range(3, 13))
def test_independent_sets_in_rings(size: int) -> None:
    """Half of a ring's PFs can stay whole, and not one more."""
    assert isinstance(_match(worst.ring(size, size // 2)), pci_plan.Plan)
    answer = _match(worst.ring(size, size // 2 + 1))
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.PF_AND_VF_CONFLICT
    assert answer.nodes < 2_000


@pytest.mark.parametrize("number", range(1, 6))
def test_independent_sets_in_triangles(number: int) -> None:
    """One PF of each triangle can stay whole, and not one more."""
    case = worst.triangles(number, number)
    assert isinstance(_match(case), pci_plan.Plan)
    answer = _match(worst.triangles(number, number + 1))
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.PF_AND_VF_CONFLICT


def test_the_search_ends_at_its_budget() -> None:
    """Seven triangles: three to the seventh is too many."""
    case = worst.triangles(7, 8)
    answer = _match(case)
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.SEARCH_LIMIT
    assert answer.witness == ()
    assert not answer.is_minimal
    assert answer.nodes == 2_200
    supply, request = case
    few = pci_options.Options(node_budget=100, improvement_budget=100)
    made = matcher.Matcher(request, few)
    assert made.is_servable(supply) is solve.Outcome.UNDECIDED
    answer = made.match(supply)
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.SEARCH_LIMIT


def test_a_larger_budget_decides() -> None:
    """The same kind of case, smaller, and a budget that is too small."""
    case = worst.triangles(4, 5)
    answer = _match(case, node_budget=20, improvement_budget=20)
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.SEARCH_LIMIT
    answer = _match(case, node_budget=2_000, improvement_budget=20)
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.PF_AND_VF_CONFLICT


def test_an_inquest_ends_at_its_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refusal of sixteen kinds of requests does not search sixteen times.

    A witness that may be too large for it says so.
    """
    look = mock.Mock(side_effect=relaxation.relax)
    monkeypatch.setattr(relaxation, "relax", look)
    case = worst.triangles(5, 6)
    answer = _match(case, inquest_budget=100_000)
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.is_minimal
    assert look.call_count > answer.nodes + 2_000
    look.reset_mock()
    answer = _match(case, inquest_budget=200)
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.PF_AND_VF_CONFLICT
    assert not answer.is_minimal
    assert look.call_count < answer.nodes + 1_000


def test_a_plan_that_may_not_be_the_best_says_so() -> None:
    """A plan is found at once, the proof that it is best is not."""
    answer = _match(worst.triangles(4, 4), improvement_budget=30)
    assert isinstance(answer, pci_plan.Plan)
    assert not answer.best


def test_a_plan_without_a_look_at_its_cost() -> None:
    """Where the budget for good plans is too small, any plan is taken."""
    answer = _match(worst.ring(8, 4), improvement_budget=2)
    assert isinstance(answer, pci_plan.Plan)
    assert not answer.best
    assert answer.cost.taken == 4


def test_a_witness_is_found_beside_what_cannot_be_decided() -> None:
    """Once the undecided part is left out, the rest is minimal."""
    answer = _match(worst.hopeless(5), node_budget=50, improvement_budget=50)
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.code is refusal_code.RefusalCode.CONTENTION
    assert answer.witness == ("a", "b")
    assert answer.is_minimal


def test_a_witness_that_may_be_too_large_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three requests starve by count; of two of them nobody can tell."""
    records = [*worst.pf_and_vfs(0, 1), worst.pool(2, "type-PF")]
    request = pci_request.InstanceRequest(
        devices=(
            worst.ask("p", {"dev_type": "type-PF"}),
            worst.ask("v", {"dev_type": "type-VF"}),
            worst.ask(
                "x", {"dev_type": "type-PF"}, {"dev_type": "type-VF"}, count=2
            ),
        )
    )
    supply = pool_supply.Supply.of_records(records)
    with monkeypatch.context() as there:
        there.setattr(matcher, "_LEAST", 1)
        answer = _match(
            (supply, request),
            node_budget=1,
            improvement_budget=1,
            inquest_budget=1,
        )
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.witness == ("p", "v", "x")
    assert not answer.is_minimal
    answer = _match((supply, request))
    assert isinstance(answer, pci_refusal.Refusal)
    assert answer.witness == ("v", "x")
    assert answer.is_minimal


def test_a_look_at_the_cost_may_decide_what_counting_could_not() -> None:
    """The budget for one is spent, that for the other is not."""
    supply, request = worst.ring(8, 4)
    made = matcher.Matcher(
        request, pci_options.Options(node_budget=2, improvement_budget=2_000)
    )
    assert made.is_servable(supply) is solve.Outcome.UNDECIDED
    assert isinstance(made.match(supply), pci_plan.Plan)
