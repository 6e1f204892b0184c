# SPDX-License-Identifier: Apache-2.0
"""The Neutron of these tests binds where a real one would."""

import itertools
from typing import Any

import pytest

from tests.nova_functional import agents_neutron

OVS, SRIOV = agents_neutron.OVS_AGENT, agents_neutron.SRIOV_AGENT

#: Every host has the agents of its name.
HOSTS = {"none": (), "ovs": (OVS,), "sriov": (SRIOV,), "both": (OVS, SRIOV)}


@pytest.fixture
def neutron() -> agents_neutron.AgentsNeutron:
    made = agents_neutron.AgentsNeutron(None)
    for host, agents in HOSTS.items():
        for agent in agents:
            made.add_agent(host, agent)
    return made


def bound(
    neutron: agents_neutron.AgentsNeutron, port_id: str, host: str | None
) -> Any:
    """Bind a port and give its vif_type."""
    neutron.update_port(port_id, {"port": {"binding:host_id": host}})
    return neutron.show_port(port_id)["port"]["binding:vif_type"]


@pytest.mark.parametrize(
    ("vnic_type", "profile", "on"),
    [
        ("normal", {}, {"ovs": "ovs", "both": "ovs"}),
        ("vdpa", {}, {"ovs": "ovs", "both": "ovs"}),
        ("direct", {}, {"sriov": "hw_veb", "both": "hw_veb"}),
        ("macvtap", {}, {"sriov": "hw_veb", "both": "hw_veb"}),
        (
            "direct",
            {"capabilities": ["switchdev"]},
            {"ovs": "ovs", "both": "ovs"},
        ),
        ("baremetal", {}, {}),
        ("direct-physical", {}, dict.fromkeys(HOSTS, "hostdev_physical")),
    ],
)
def test_a_port_binds_where_an_agent_serves_its_kind(
    neutron: agents_neutron.AgentsNeutron,
    vnic_type: str,
    profile: dict[str, object],
    on: dict[str, str],
) -> None:
    port_id = neutron.add_port("port", vnic_type, profile=profile)

    assert {host: bound(neutron, port_id, host) for host in HOSTS} == {
        host: on.get(host, "binding_failed") for host in HOSTS
    }


def test_a_dead_agent_binds_nothing(
    neutron: agents_neutron.AgentsNeutron,
) -> None:
    port_id = neutron.add_port("port")

    neutron.kill_agents("ovs")

    assert bound(neutron, port_id, "ovs") == "binding_failed"
    assert neutron.refused == [agents_neutron.Refused(port_id, "ovs")]


@pytest.mark.parametrize(
    ("vnic_type", "vif_type"),
    [
        ("normal", "ovs"),
        ("direct", "binding_failed"),
        ("direct-physical", "binding_failed"),
    ],
)
def test_a_tunnel_binds_on_open_vswitch_only(
    neutron: agents_neutron.AgentsNeutron, vnic_type: str, vif_type: str
) -> None:
    tunneled = neutron.add_port(
        "port", vnic_type, network_id=agents_neutron.TUNNEL_NETWORK
    )

    assert bound(neutron, tunneled, "both") == vif_type


def test_a_port_that_leaves_its_host_is_unbound(
    neutron: agents_neutron.AgentsNeutron,
) -> None:
    port_id = neutron.add_port("port")

    assert bound(neutron, port_id, "sriov") == "binding_failed"
    assert bound(neutron, port_id, None) == "unbound"


def test_a_second_binding_is_refused_by_an_error_instead(
    neutron: agents_neutron.AgentsNeutron,
) -> None:
    port_id = neutron.add_port("port")
    bound(neutron, port_id, "ovs")

    neutron.create_port_binding(port_id, {"binding": {"host": "both"}})
    with pytest.raises(agents_neutron.NeutronError) as refusal:
        neutron.create_port_binding(port_id, {"binding": {"host": "sriov"}})

    assert refusal.value.status_code == 500
    assert neutron.show_port(port_id)["port"]["binding:host_id"] == "ovs"


def test_agents_are_listed_as_neutron_lists_them(
    neutron: agents_neutron.AgentsNeutron,
) -> None:
    neutron.kill_agents("ovs")

    listed = neutron.list_agents(agent_type=OVS)["agents"]

    assert {agent["host"]: agent["alive"] for agent in listed} == {
        "ovs": False,
        "both": True,
    }
    assert set(
        itertools.chain.from_iterable(
            agent["configurations"] for agent in listed
        )
    ) == {"bridge_mappings", "tunnel_types"}
