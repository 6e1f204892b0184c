# SPDX-License-Identifier: Apache-2.0
"""Verdicts in words and as documents."""

import json

import pytest

import matching_worst as worst
from pci_sched.cli import explain_source, explain_what_if, explain_words
from pci_sched.matching import matcher, options, verdict
from pci_sched.matching import plan as pci_plan
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_UNDECIDED = "undecided: the search for devices ended at its budget"


def _plan(
    request: pci_request.InstanceRequest, *pools: dict[str, object]
) -> pci_plan.Plan:
    plan = matcher.match(pool_supply.Supply.of_records(pools), request)
    assert isinstance(plan, pci_plan.Plan)
    return plan


def _ask(dev_type: str, count: int = 1) -> pci_request.InstanceRequest:
    devices = (worst.ask("r", {"dev_type": dev_type}, count=count),)
    return pci_request.InstanceRequest(devices=devices)


@pytest.mark.parametrize(
    ("dev_type", "count", "more", "said"),
    [
        ("type-VF", 2, {}, "r: 2 VFs of 0000:00:00.0"),
        (
            "type-VF",
            1,
            {"physical_network": "net1"},
            "r: 1 VF of 0000:00:00.0 on net1",
        ),
        ("type-PF", 1, {}, "r: 1 PF 0000:00:00.0"),
        ("type-PCI", 1, {"address": None}, "r: 1 PCI device"),
        ("vdpa", 2, {}, "r: 2 vdpa devices of 0000:00:00.0"),
        ("new-type", 2, {}, "r: 2 devices 0000:00:00.0"),
    ],
)
def test_a_plan_says_where_the_devices_come_from(
    dev_type: str, count: int, more: dict[str, object], said: str
) -> None:
    pool = worst.pool(0, dev_type, 4, **more)
    plan = _plan(_ask(dev_type, count), pool)
    assert explain_words.say_plan(plan) == said


def test_a_server_without_devices_needs_none() -> None:
    plan = _plan(pci_request.InstanceRequest())
    assert explain_words.say_plan(plan) == "no device needed"


def test_a_search_that_ended_is_undecided_and_takes_no_server() -> None:
    supply, request = worst.triangles(7, 8)
    few = options.Options(node_budget=10, improvement_budget=10)
    judge = verdict.Judge(request, few)
    facts = pci_host.NOTHING_KNOWN
    candidate = explain_source.Candidate("c", supply, facts)
    (room,) = explain_what_if.fill(judge, [candidate], 3)
    assert room.plans == ()
    assert room.last.fits
    assert explain_words.say_plan(room.last.plan) == _UNDECIDED
    assert explain_words.of_plan(room.last.plan) is None


def test_a_pool_is_written_with_its_tags_apart() -> None:
    pool = worst.pool(1, "type-VF", 4, physical_network=None, trusted="true")
    (read,) = pool_supply.Supply.of_records([pool]).pools
    assert explain_words.of_pool(read) == {
        "dev_type": "type-VF",
        "vendor_id": "8086",
        "product_id": "154c",
        "address": "0000:00:00.1",
        "numa_node": 1,
        "free": 4,
        "tags": {"physical_network": None, "trusted": "true"},
    }


def _reason(code: str, message: str, *requests: str) -> verdict.Reason:
    return verdict.Reason(code, message, requests, (), 1, 0)


def test_a_message_names_its_request() -> None:
    said = verdict.Verdict(
        reasons=(
            _reason("COUNT", "no free device", "a"),
            _reason("COUNT", "no free device", "b"),
            _reason("NO_L2_AGENT", "port c: none", "c"),
            _reason("CONTENTION", "requests d, e: not together", "d", "e"),
        )
    )
    assert explain_words.say_reasons(said) == (
        "a: no free device; b: no free device; port c: none; requests d, e:"
        " not together"
    )
    assert explain_words.codes(said) == ("COUNT", "NO_L2_AGENT", "CONTENTION")


def test_a_reason_is_plain_json() -> None:
    supply = pool_supply.Supply.of_records([worst.pool(0, "type-VF", 1)])
    judge = verdict.Judge(_ask("type-PF"))
    (reason,) = judge.judge(supply, pci_host.NOTHING_KNOWN).reasons
    written = explain_words.of_reason(reason)
    assert json.loads(json.dumps(written)) == written
    assert type(written["code"]) is str
    assert len(written["pools"]) == 1


def test_the_summary_counts_codes_and_names_the_nearest_miss() -> None:
    two = verdict.Verdict(reasons=(_reason("B", "b"), _reason("A", "a")))
    one = verdict.Verdict(reasons=(_reason("B", "b"), _reason("B", "c")))
    assert explain_words.summarize([("h1", two), ("h2", one)]) == (
        "no host fits out of 2 hosts: B 2, A 1; nearest miss: h1"
    )
    assert explain_words.summarize([]) == "no host fits: there is none"


def test_a_warning_is_said_once_for_all_its_hosts() -> None:
    warned = [("h1", ["x", "y"]), ("h2", ["y"])]
    assert list(explain_words.say_warnings(warned)) == ["h1: x", "2 hosts: y"]
