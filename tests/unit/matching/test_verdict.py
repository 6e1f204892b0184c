# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a host is what would be found out anew."""

from typing import Any

import pytest

from pci_sched.matching import binding, verdict
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

_NIC = "NIC Switch agent"


def _facts(*networks: str, alive: bool = True) -> pci_host.L2Facts:
    mappings = {"device_mappings": {name: ["p1"] for name in networks}}
    return pci_host.L2Facts((pci_host.L2Agent(_NIC, alive, True, mappings),))


def _request(
    *wanted: dict[str, str], network: str = "net1"
) -> pci_request.InstanceRequest:
    devices = tuple(
        pci_request.DeviceRequest(
            request_id=f"r{number}",
            port_id=f"p{number}",
            specs=(tuple(sorted(spec.items())),),
        )
        for number, spec in enumerate(wanted)
    )
    segments = (pci_request.Segment("vlan", network),)
    ports = tuple(
        pci_request.PortRequest(
            port_id=each.port_id,
            vnic_type=pci_request.VnicType.DIRECT,
            segments=segments,
            capabilities=frozenset(),
        )
        for each in devices
    )
    return pci_request.InstanceRequest(ports=ports, devices=devices)


def _vfs(count: int, **tags: str) -> dict[str, Any]:
    return {
        "count": count,
        "dev_type": "type-VF",
        "remote_managed": "false",
        "address": "0000:81:00.0",
        "numa_node": 0,
    } | tags


def test_the_next_request_for_such_ports_has_the_same_answer() -> None:
    facts, others = _facts("net1"), _facts("net2")
    for _ in range(2):
        judge = verdict.Judge(_request({}))
        assert judge.can_bind(facts)
        assert not judge.can_bind(others)


def test_facts_that_change_are_judged_anew() -> None:
    """Also where they take the place of others in memory."""
    judge = verdict.Judge(_request({}))
    for number in range(1000):
        alive = number % 3 > 0
        assert judge.can_bind(_facts("net1", alive=alive)) is alive


@pytest.mark.parametrize("drivers", [("sriovnicswitch",), ("openvswitch",)])
def test_another_configuration_of_neutron_has_its_own_answer(
    drivers: tuple[str, ...],
) -> None:
    facts = _facts("net1")
    options = binding.Options(mechanism_drivers=drivers)
    judge = verdict.Judge(_request({}), binding=options)
    assert judge.can_bind(facts) is (drivers == ("sriovnicswitch",))


def test_ports_that_differ_by_more_than_their_ids_have_their_own() -> None:
    facts = _facts("net1")
    assert verdict.Judge(_request({})).can_bind(facts)
    assert not verdict.Judge(_request({}, network="net2")).can_bind(facts)


@pytest.mark.parametrize(
    ("wanted", "pools", "code", "lacking"),
    [
        ([{}, {}], [_vfs(1)], "CONTENTION", 1),
        ([{}], [], "NO_DEVICES_OF_TYPE", 1),
        ([{"trusted": "true"}], [_vfs(4, trusted="false")], "TAGS", 1),
        ([{"address": "0000:82:00.0"}], [_vfs(4)], "TAGS", 0),
    ],
)
def test_a_reason_in_short_is_that_of_the_whole_verdict(
    wanted: list[dict[str, str]],
    pools: list[dict[str, Any]],
    code: str,
    lacking: int,
) -> None:
    judge, facts = verdict.Judge(_request(*wanted)), _facts("net1")
    supply = pool_supply.Supply.of_records(pools)
    assert not judge.glance(pools)
    for _ in range(2):
        found = judge.why_not(facts, pools, lambda: supply)
        assert found == (code, lacking)
    whole = judge.judge(supply, facts).reasons
    assert whole[0].code == code
    assert judge.reasons(supply, facts) == whole


def test_who_is_not_bound_has_that_reason_first() -> None:
    judge, facts = verdict.Judge(_request({})), _facts("net2")
    supply = pool_supply.Supply.of_records([])
    found = judge.why_not(facts, [], lambda: supply)
    reasons = judge.reasons(supply, facts)
    assert found == ("PHYSNET_NOT_MAPPED", 1)
    assert [each.code for each in reasons] == [
        "PHYSNET_NOT_MAPPED",
        "NO_DEVICES_OF_TYPE",
    ]
    assert reasons == judge.judge(supply, facts).reasons
