# SPDX-License-Identifier: Apache-2.0
"""What the audit of Nova's own records finds, and what it does not."""

import dataclasses
import datetime
from typing import TypedDict

import hypothesis
from hypothesis import strategies as st
import pytest

import ledger_cases
import nova_cases
from nova_cases import A, B, Status, at, compute, count, pool, row
from pci_sched.claims import audit_nova, finding
from pci_sched.claims import truths as claim_truths
from pci_sched.model import nova_record

_HOUR = datetime.timedelta(hours=1)
_DEVICES = ledger_cases.host(pfs=2, vfs=3).devices
PF, VF1, VF2, VF3, PF_B, VF_B1, VF_B2, VF_B3 = _DEVICES
_HERE = {A: at("compute1")}
Code = finding.Code


class _Known(TypedDict):
    instances: dict[str, nova_record.Whereabouts]
    moving: frozenset[str]


def _audit(judged: nova_record.Compute) -> tuple[finding.Finding, ...]:
    found = audit_nova.audit(judged, _HOUR)
    assert list(found) == sorted(found, key=lambda each: each.rank)
    for each in found:
        assert each.message
        assert each.advice
        assert not each.repairable
    return found


def _codes(judged: nova_record.Compute) -> list[str]:
    return [each.code.value for each in _audit(judged)]


def test_an_honest_host_has_no_findings() -> None:
    rows = [row(each) for each in (PF_B, VF_B1, VF_B2, VF_B3, VF2, VF3)]
    rows += [
        row(VF1, Status.ALLOCATED, A),
        row(PF, Status.UNAVAILABLE),
    ]
    assert _audit(compute(rows, instances=_HERE)) == ()


def test_a_host_without_devices_has_no_findings() -> None:
    assert _audit(compute([])) == ()


def test_available_devices_in_no_pool_are_a_leak() -> None:
    rows = [row(each) for each in (PF, VF1, VF2)]
    vfs = [each for each in count(rows) if each.dev_type == "type-VF"]
    (found,) = _audit(compute(rows, vfs))
    assert found.code is Code.POOL_LEAK
    assert found.addresses == (PF.address,)
    assert found.message == (
        "1 device is available in Nova's records and in no pool (type-PF"
        " 8086:1572), so that no server gets any of them"
    )
    assert found.advice.startswith("restart nova-compute")
    (found,) = _audit(compute(rows, [pool(PF, 1)]))
    assert found.addresses == (VF1.address, VF2.address)
    assert found.message.startswith("2 devices are available")


@pytest.mark.parametrize(
    "status",
    [
        Status.CLAIMED,
        Status.ALLOCATED,
        Status.UNCLAIMABLE,
        Status.UNAVAILABLE,
        Status.REMOVED,
        Status.DELETED,
    ],
)
def test_what_is_not_available_belongs_into_no_pool(status: Status) -> None:
    rows = [row(PF, status), row(VF1)]
    assert _audit(compute(rows, count(rows))) == ()


@pytest.mark.parametrize("number", [1, 3])
def test_a_pool_that_counts_otherwise_is_found(number: int) -> None:
    rows = [row(VF1), row(VF2)]
    (found,) = _audit(compute(rows, [pool(VF1, number)]))
    assert found.code is Code.POOL_COUNT
    assert found.addresses == (VF1.address, VF2.address)
    assert found.message == (
        f"Nova's pools of type-VF 8086:154c at {PF.address} count {number}"
        " free, and 2 of its devices are available"
    )


def test_a_pool_of_devices_that_nobody_knows_is_found() -> None:
    (found,) = _audit(compute([], [pool(VF1, 1)]))
    assert found.code is Code.POOL_COUNT
    assert found.addresses == (PF.address,)


def test_an_empty_pool_is_as_good_as_none() -> None:
    """Nova keeps a pool whose last device it gave away until it restarts."""
    assert _audit(compute([], [pool(VF1, 0)])) == ()
    assert _codes(compute([row(VF1)], [pool(VF1, 0)])) == ["POOL_LEAK"]


def test_pools_that_differ_in_tags_are_counted_together() -> None:
    rows = [row(VF1), row(VF2), row(VF3)]
    one, two = ("physical_network", "a"), ("physical_network", "b")
    assert _audit(compute(rows, [pool(VF1, 1, one), pool(VF1, 2, two)])) == ()
    assert _codes(compute(rows, [pool(VF1, 2, two)])) == ["POOL_COUNT"]


@pytest.mark.parametrize(
    "change",
    [
        {"root": PF_B.address},
        {"dev_type": PF.dev_type},
        {"vendor_id": "15b3"},
        {"product_id": "1234"},
        {"numa_node": 1},
        {"numa_node": None},
    ],
)
def test_a_pool_of_other_devices_is_not_that_of_these(
    change: dict[str, object],
) -> None:
    other = dataclasses.replace(pool(VF1, 1), **change)  # type: ignore[arg-type]
    codes = _codes(compute([row(VF1)], [other]))
    assert codes == ["POOL_LEAK", "POOL_COUNT"]


@pytest.mark.parametrize(
    "name", ["root", "dev_type", "vendor_id", "product_id"]
)
def test_a_pool_that_does_not_say_of_what_it_is_refutes_nothing(
    name: str,
) -> None:
    vague = dataclasses.replace(
        pool(VF1, 7),
        **{name: None},  # type: ignore[arg-type]
    )
    assert _audit(compute([row(VF1)], [vague])) == ()
    far = dataclasses.replace(vague, numa_node=1)
    assert _codes(compute([row(VF1)], [far])) == ["POOL_LEAK"]


@pytest.mark.parametrize(
    ("instances", "why"),
    [
        ({}, "of which Nova has no record"),
        ({A: at("compute1", is_deleted=True)}, "which is deleted"),
        ({A: at("")}, "which is on no host"),
        (
            {A: at("compute2")},
            "which is on compute2, and no move of it is under way here",
        ),
        (
            {A: nova_record.Whereabouts(host="compute1", node="other")},
            "which is on node other, and no move of it is under way here",
        ),
    ],
)
@pytest.mark.parametrize("status", [Status.CLAIMED, Status.ALLOCATED])
def test_a_device_of_an_instance_that_is_not_there_is_a_leak(
    instances: dict[str, nova_record.Whereabouts], why: str, status: Status
) -> None:
    rows = [row(VF1, status, A), row(VF2)]
    (found,) = _audit(compute(rows, instances=instances))
    assert found.code is Code.NOVA_LEAK
    assert found.addresses == (VF1.address,)
    assert found.instance_uuid == A
    assert found.message == (
        f"device {VF1.address} is {status.value} by Nova's records for"
        f" instance {A}, {why}"
    )
    # Whoever is on the move may have devices on both sides.
    moving = compute(rows, instances=instances, moving=frozenset({A}))
    assert _audit(moving) == ()


def test_a_claim_that_was_never_allocated_is_a_leak() -> None:
    claimed = [row(VF1, Status.CLAIMED, A)]
    (found,) = _audit(compute(claimed, instances=_HERE))
    assert found.code is Code.NOVA_LEAK
    assert found.message.endswith("which is here, and it was never allocated")
    moving = compute(claimed, instances=_HERE, moving=frozenset({A}))
    assert _audit(moving) == ()


@pytest.mark.parametrize(
    ("age", "codes"),
    [
        (datetime.timedelta(minutes=59), []),
        (datetime.timedelta(minutes=61), ["NOVA_LEAK"]),
        (None, ["NOVA_LEAK"]),
    ],
)
def test_a_claim_younger_than_the_grace_is_not_judged(
    age: datetime.timedelta | None, codes: list[str]
) -> None:
    judged = compute([])
    changed = None if age is None else judged.read_at - age
    young = dataclasses.replace(
        row(VF1, Status.CLAIMED, A), changed_at=changed
    )
    assert _codes(dataclasses.replace(judged, devices=(young,))) == codes


def test_a_pf_and_a_vf_of_it_are_not_both_held() -> None:
    rows = [row(PF, Status.ALLOCATED, A), row(VF1, Status.CLAIMED, A)]
    known = _Known(instances=_HERE, moving=frozenset({A}))
    (found,) = _audit(compute(rows, **known))
    assert found.code is Code.PF_AND_VF_BOTH
    assert found.addresses == (PF.address, VF1.address)
    apart = [row(PF, Status.ALLOCATED, A), row(VF_B1, Status.ALLOCATED, A)]
    apart += [row(VF_B2, Status.ALLOCATED, A), row(VF1, Status.UNAVAILABLE)]
    assert _audit(compute(apart, **known)) == ()


def test_what_is_found_only_once_is_left_out() -> None:
    leak = _audit(compute([row(VF1, Status.CLAIMED, A)]))
    other = _audit(compute([row(VF1, Status.CLAIMED, B)]))
    pools = _audit(compute([row(VF1), row(VF2)], [pool(VF1, 1)]))
    later = _audit(compute([row(VF1), row(VF2), row(VF3)], [pool(VF1, 1)]))
    assert audit_nova.steady((), leak) == ()
    assert audit_nova.steady(leak, ()) == ()
    assert audit_nova.steady(leak, leak) == leak
    assert audit_nova.steady(other, leak) == ()
    # More may be free meanwhile; what is lost is lost all the same.
    assert audit_nova.steady((*leak, *pools), later) == later


_ROWS = st.fixed_dictionaries(
    {each.address: st.sampled_from(list(Status)) for each in _DEVICES}
).map(
    lambda statuses: [
        row(each, statuses[each.address], A) for each in _DEVICES
    ]
)
_POOL_CODES = {Code.POOL_LEAK, Code.POOL_COUNT}


@hypothesis.given(_ROWS)
def test_pools_that_are_counted_from_the_rows_are_right(
    rows: list[nova_record.DeviceRow],
) -> None:
    codes = {each.code for each in _audit(compute(rows, instances=_HERE))}
    assert not codes & _POOL_CODES


@hypothesis.given(_ROWS, st.data())
def test_any_one_pool_that_is_lost_is_found_and_nothing_else(
    rows: list[nova_record.DeviceRow], data: st.DataObject
) -> None:
    pools = count(rows)
    hypothesis.assume(pools)
    lost = data.draw(st.sampled_from(pools))
    left = [each for each in pools if each is not lost]
    (found,) = [
        each
        for each in _audit(compute(rows, left, instances=_HERE))
        if each.code in _POOL_CODES
    ]
    assert found.code is Code.POOL_LEAK
    assert len(found.addresses) == lost.count


@hypothesis.given(_ROWS, st.data())
def test_any_one_wrong_count_is_found_and_nothing_else(
    rows: list[nova_record.DeviceRow], data: st.DataObject
) -> None:
    pools = count(rows)
    hypothesis.assume(pools)
    wrong = data.draw(st.sampled_from(pools))
    number = data.draw(st.integers(1, 9).filter(lambda n: n != wrong.count))
    given = [
        dataclasses.replace(each, count=number) if each is wrong else each
        for each in pools
    ]
    (found,) = [
        each
        for each in _audit(compute(rows, given, instances=_HERE))
        if each.code in _POOL_CODES
    ]
    assert found.code is Code.POOL_COUNT


def test_the_grace_of_a_ledger_is_that_of_nova_too() -> None:
    assert claim_truths.GRACE == _HOUR


def test_a_host_knows_who_may_have_devices() -> None:
    judged = compute(
        [],
        instances={A: at("compute1"), B: at("compute2")},
        moving=frozenset({nova_cases.C}),
    )
    assert judged.known == {A, nova_cases.C}
