# SPDX-License-Identifier: Apache-2.0
"""What a filter may build on: the table of operations, read off the record.

``test_filter_inputs.py`` sees to it that the record is what Nova does.
"""

import json
import pathlib
from typing import Any

import pytest

from tests.nova_functional import agents_neutron

Document = dict[str, Any]

_FILE = pathlib.Path(__file__).with_name("filter_inputs.json")
RECORDED: dict[str, list[Document]] = json.loads(_FILE.read_text())

#: Operations that the scheduler is asked about, with the server of two ports
#: that was created with one ``normal`` and one ``direct``.
MOVES = (
    "cold migrate",
    "resize",
    "live migrate",
    "unshelve",
    "evacuate",
    "rebuild with a new image",
)

#: What the user said, and what the filter sees of it.
CREATES = {
    "create with a network": [{"network_id": agents_neutron.VLAN_NETWORK}],
    "create with auto": [{"network_id": "auto"}],
    "create with none": [{"network_id": "none"}],
    "create with nothing (API 2.36)": [],
}

NORMAL, DIRECT = (
    agents_neutron.stable_uuid(name) for name in ("move normal", "move direct")
)


def the_request(operation: str) -> Document:
    """Give the request of the only time that the filter was run."""
    (run,) = RECORDED[operation]
    return run["request"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("operation", "runs"),
    [
        ("create with ports", 1),
        *((name, 1) for name in CREATES),
        *((name, 1) for name in MOVES),
        ("cold migrate after an attach", 1),
        ("cold migrate after a detach", 1),
        # Each server, and once more for the alternates of all of them.
        ("create two with a network", 3),
        ("rebuild with the same image", 0),
        ("confirm", 0),
        ("revert", 0),
        ("shelve", 0),
    ],
)
def test_a_filter_runs_as_often_as_the_scheduler_chooses(
    operation: str, runs: int
) -> None:
    assert len(RECORDED[operation]) == runs


def test_no_operation_is_left_out_of_the_table() -> None:
    assert set(RECORDED) == {
        "create with ports",
        "create two with a network",
        "cold migrate after an attach",
        "cold migrate after a detach",
        "rebuild with the same image",
        "confirm",
        "revert",
        "shelve",
        *CREATES,
        *MOVES,
    }


def test_a_create_says_which_port_has_a_pci_request() -> None:
    """``network.neutron.API.create_resource_requests`` sets both ends."""
    request = the_request("create with ports")

    normal, direct = request["requested_networks"]
    (pci_request,) = request["pci_requests"]
    assert set(normal) == {"port_id"}
    assert set(direct) == {"port_id", "pci_request_id"}
    assert pci_request["request_id"] == direct["pci_request_id"]
    assert pci_request["requester_id"] == direct["port_id"]
    assert pci_request["spec"] == [
        {"physical_network": "physnet4", "remote_managed": "False"}
    ]
    assert request["network_metadata"] == {
        "physnets": ["physnet4"],
        "tunneled": False,
    }


@pytest.mark.parametrize(("operation", "networks"), CREATES.items())
def test_a_create_without_ports_has_no_pci_request(
    operation: str, networks: list[Document]
) -> None:
    request = the_request(operation)

    assert request["requested_networks"] == networks
    assert request["pci_requests"] == []


@pytest.mark.parametrize(
    ("operation", "unset"),
    [
        ("create with ports", []),
        ("create with a network", []),
        ("create with auto", []),
        ("create with none", ["network_metadata"]),
        ("create with nothing (API 2.36)", ["network_metadata"]),
        *((name, []) for name in MOVES),
    ],
)
def test_only_a_create_without_networks_leaves_the_metadata_unset(
    operation: str, unset: list[str]
) -> None:
    """Reading it is safe all the same: ``RequestSpec.obj_load_attr``."""
    assert the_request(operation)["unset"] == unset


@pytest.mark.parametrize("operation", MOVES)
def test_a_move_names_port_and_network_and_nothing_else(
    operation: str,
) -> None:
    """``RequestSpec.ensure_network_information`` rebuilds the list.

    No ``pci_request_id``: whether a port is SR-IOV is said by the PCI request
    only, which is persisted and names the port.
    """
    request = the_request(operation)

    assert [set(net) for net in request["requested_networks"]] == [
        {"network_id", "port_id"},
        {"network_id", "port_id"},
    ]
    assert [net["port_id"] for net in request["requested_networks"]] == [
        NORMAL,
        DIRECT,
    ]
    (pci_request,) = request["pci_requests"]
    assert pci_request["requester_id"] == DIRECT


@pytest.mark.parametrize("operation", MOVES)
def test_a_move_calls_every_server_tunneled(operation: str) -> None:
    """It is on a VLAN: the sum in Nova starts from true."""
    assert the_request(operation)["network_metadata"] == {
        "physnets": ["physnet4"],
        "tunneled": True,
    }


@pytest.mark.parametrize("operation", MOVES)
def test_a_move_can_be_looked_up_in_the_info_cache(operation: str) -> None:
    """Exact, without asking Neutron."""
    assert the_request(operation)["cached_vnic_types"] == {
        NORMAL: "normal",
        DIRECT: "direct",
    }


@pytest.mark.parametrize("operation", ["create with ports", *CREATES])
def test_a_create_cannot_be_looked_up_in_the_info_cache(
    operation: str,
) -> None:
    """The instance has no cell yet."""
    assert the_request(operation)["cached_vnic_types"] is None


def test_a_port_attached_later_is_listed_and_has_no_pci_request() -> None:
    """Nova does not update ``RequestSpec.pci_requests``; the cache knows."""
    request = the_request("cold migrate after an attach")

    attached = agents_neutron.stable_uuid("attached")
    assert attached in {
        net["port_id"] for net in request["requested_networks"]
    }
    assert request["pci_requests"] == []
    assert request["cached_vnic_types"][attached] == "direct"


def test_a_port_detached_later_still_asks_for_a_vf() -> None:
    """The request of the port that has gone was persisted, too."""
    request = the_request("cold migrate after a detach")

    detached = agents_neutron.stable_uuid("shrunk direct")
    (pci_request,) = request["pci_requests"]
    assert pci_request["requester_id"] == detached
    assert detached not in {
        net["port_id"] for net in request["requested_networks"]
    }
    assert detached not in request["cached_vnic_types"]


def test_only_a_rebuild_has_no_candidates_and_says_what_it_is() -> None:
    """``RUN_ON_REBUILD`` is off by default, so most filters never see it."""
    for operation, runs in RECORDED.items():
        for run in runs:
            rebuild = operation == "rebuild with a new image"
            hints = run["request"]["scheduler_hints"]
            assert hints == (
                {"_nova_check_type": ["rebuild"]} if rebuild else {}
            )
            assert {host["candidates"] for host in run["hosts"]} == {
                0 if rebuild else 1
            }


def test_each_server_of_one_request_is_a_run_of_its_own() -> None:
    """Memoising by request has to go by more than the instance's uuid."""
    runs = RECORDED["create two with a network"]

    first, second, alternates = (
        run["request"]["instance_uuid"] for run in runs
    )
    assert first != second
    assert alternates == second
    assert {run["request"]["num_instances"] for run in runs} == {2}


def test_stats_of_a_host_are_strings() -> None:
    """Numbers, too: the field is a DictOfNullableStrings."""
    for runs in RECORDED.values():
        for run in runs:
            for host in run["hosts"]:
                assert set(map(type, host["stats"].values())) == {str}


def test_a_pool_of_vfs_has_the_address_of_their_pf() -> None:
    """So that a PF can be related to its VFs in the scheduler."""
    (run,) = RECORDED["create with ports"]

    for host in run["hosts"]:
        assert {
            pool["dev_type"]: pool["address"] for pool in host["pools"]
        } == {"type-PF": "0000:81:00.0", "type-VF": "0000:81:00.0"}


def test_a_pool_counts_free_devices_only() -> None:
    """One VF is the server's own; its PF is in no pool any more."""
    (run,) = RECORDED["rebuild with a new image"]

    (host,) = run["hosts"]
    assert {pool["dev_type"]: pool["count"] for pool in host["pools"]} == {
        "type-VF": 3
    }
