# SPDX-License-Identifier: Apache-2.0
"""Our L2 verdict beside that of Neutron's own mechanism drivers.

Bound or not, by which driver, on which segment: the same on every question,
or the difference has a name in ``binding_differences`` and an example in
``test_binding_differences``.
"""

import hypothesis
import pytest

from pci_sched.inputs import neutron
from pci_sched.matching import binding_verdict
from pci_sched.model import request as pci_request
from tests.neutron import binding_cases as cases
from tests.neutron import binding_differences as differences
from tests.neutron import real_neutron

_Difference = differences.Difference

#: With the grid more than 24 000 questions, in about half a minute.
_EXAMPLES = max(5000, hypothesis.settings().max_examples)


def _as_outcome(
    verdict: cases.Verdict,
) -> tuple[str | None, str | None]:
    if isinstance(verdict, binding_verdict.BindingRefusal):
        return (None, None)
    segment_id = verdict.segment.segment_id if verdict.segment else None
    return (verdict.driver, segment_id)


def _check_other_wire(
    ours: cases.Verdict, theirs: real_neutron.Outcome
) -> None:
    """We see what Neutron binds, and refuse it for the device's sake."""
    assert isinstance(ours, binding_verdict.BindingRefusal)
    assert ours.code is binding_verdict.Code.SEGMENT_DISAGREES
    found = ours.findings[0]
    assert found.segment is not None
    assert found.driver == theirs.driver
    assert found.segment.segment_id == theirs.segment_id


def _check(question: real_neutron.Question) -> None:
    ours = cases.judge(question)
    theirs = real_neutron.ask(question)
    named = differences.explain(question, theirs)
    if named & differences.WE_TAKE_MORE:
        bound = isinstance(ours, binding_verdict.Binding)
        assert bound or not theirs.driver or _Difference.OTHER_WIRE in named
        return
    # Only the chassis' malformed mappings may make a driver fail.
    assert set(theirs.errors) <= {"ValueError"}
    if _Difference.OTHER_WIRE in named:
        _check_other_wire(ours, theirs)
        return
    assert _as_outcome(ours) == (theirs.driver, theirs.segment_id)


@pytest.mark.parametrize("vnic_type", pci_request.VnicType)
def test_every_kind_of_port_on_every_kind_of_host(vnic_type: str) -> None:
    grid = [each for each in cases.grid() if each.vnic_type == vnic_type]
    assert len(grid) * len(pci_request.VnicType) >= 15_000
    for question in grid:
        _check(question)


@hypothesis.settings(max_examples=_EXAMPLES)
@hypothesis.given(cases.questions())
def test_hosts_with_several_agents_and_networks_with_several_segments(
    question: real_neutron.Question,
) -> None:
    _check(question)


@hypothesis.settings(max_examples=_EXAMPLES // 5)
@hypothesis.given(cases.questions(odd=True, most_chassis=3))
def test_what_agents_never_report_and_hosts_never_have(
    question: real_neutron.Question,
) -> None:
    _check(question)


@hypothesis.given(cases.questions())
def test_the_network_tells_the_same_segments_but_no_ids(
    question: real_neutron.Question,
) -> None:
    of_network = neutron.read_network({"network": question.network()})
    listed = neutron.read_segments(list(question.segments))
    assert of_network == tuple(
        pci_request.Segment(each.network_type, each.physical_network)
        for each in listed[real_neutron.NETWORK_ID]
    )
