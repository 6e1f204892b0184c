# SPDX-License-Identifier: Apache-2.0
"""The Neutron of these tests binds where a real one would."""

from typing import Any, NamedTuple

from nova import exception
import pytest

from tests.nova_functional import agents_neutron, l2_agents, neutron_client

OVS, SRIOV = agents_neutron.OVS_AGENT, agents_neutron.SRIOV_AGENT

#: Every host has the agents of its name.
HOSTS = {
    "none": (),
    "ovs": (OVS,),
    "sriov": (SRIOV,),
    "both": (OVS, SRIOV),
    "ovn": (l2_agents.OVN,),
    "smart": (OVS,),
}

_ON_SWITCHES = dict.fromkeys(("ovs", "both", "ovn", "smart"), "ovs")


@pytest.fixture
def neutron() -> agents_neutron.AgentsNeutron:
    made = agents_neutron.AgentsNeutron(None)
    for host, agents in HOSTS.items():
        for agent in agents:
            made.add_agent(host, agent, baremetal_smartnic=host == "smart")
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
        ("normal", {}, _ON_SWITCHES),
        ("vdpa", {}, _ON_SWITCHES),
        ("direct", {}, {"sriov": "hw_veb", "both": "hw_veb"}),
        ("macvtap", {}, {"sriov": "hw_veb", "both": "hw_veb"}),
        (
            "direct",
            {"capabilities": ["switchdev"]},
            _ON_SWITCHES,
        ),
        # By a driver outside Neutron's tree, and on the host of a DPU.
        ("baremetal", {}, dict.fromkeys(HOSTS, "ovs")),
        ("remote-managed", {}, dict.fromkeys(HOSTS, "ovs")),
        ("virtio-forwarder", {}, {"ovn": "agilio_ovs"}),
        ("smart-nic", {}, {"smart": "ovs"}),
        ("accelerator-direct", {}, {"sriov": "hw_veb", "both": "hw_veb"}),
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


def test_a_driver_without_agents_binds_everything_on_its_host(
    neutron: agents_neutron.AgentsNeutron,
) -> None:
    port_id = neutron.add_port("port", "direct")
    assert bound(neutron, port_id, "none") == "binding_failed"

    neutron.serve_without_agents("none")

    assert bound(neutron, port_id, "none") == "hw_veb"


def test_asking_whether_a_port_binds_changes_nothing(
    neutron: agents_neutron.AgentsNeutron,
) -> None:
    port_id = neutron.add_port("port")

    assert not neutron.binds(port_id, "sriov")
    assert neutron.binds(port_id, "ovs")

    assert neutron.refused == []
    assert neutron.show_port(port_id)["port"]["binding:vif_type"] == "unbound"


class Caller(NamedTuple):
    """What Nova's fixture asks of whoever wants a client."""

    is_admin: bool = True
    auth_token: str = ""


@pytest.fixture
def client(neutron: agents_neutron.AgentsNeutron) -> Any:
    return neutron._get_client(Caller(), admin=True)  # noqa: SLF001


def test_agents_are_listed_as_neutron_lists_them(
    neutron: agents_neutron.AgentsNeutron, client: Any
) -> None:
    neutron.kill_agents("ovs")

    listed = client.list_agents(agent_type=OVS, fields=["host", "alive"])

    assert sorted(listed["agents"], key=str) == [
        {"host": "both", "alive": True},
        {"host": "ovs", "alive": False},
        {"host": "smart", "alive": True},
    ]


def test_pages_are_joined_unless_the_caller_wants_them(
    neutron: agents_neutron.AgentsNeutron, client: Any
) -> None:
    every = client.list_agents()["agents"]
    neutron.log.calls.clear()

    assert client.list_agents(limit=2) == {"agents": every}

    # Six agents in pages of two, and what tells that there are no more.
    assert len(every) == 6
    assert len(neutron.log.calls) == 4
    pages = list(client.list_agents(retrieve_all=False, limit=2))
    assert [len(page["agents"]) for page in pages] == [2, 2, 2, 0]
    rest = client.list_agents(marker=every[3]["id"])
    assert rest == {"agents": every[4:]}


def test_ports_are_listed_by_their_ids(
    neutron: agents_neutron.AgentsNeutron, client: Any
) -> None:
    ids = [neutron.add_port(f"port {number}") for number in range(3)]

    listed = client.list_ports(id=ids[:2], fields=["id"])

    assert {port["id"] for port in listed["ports"]} == set(ids[:2])
    (call,) = neutron.log.calls
    assert (call.name, call.is_admin) == ("list_ports", True)


@pytest.mark.parametrize(
    ("answer", "becomes"),
    [
        (
            neutron_client.errors.Unauthorized(),
            exception.NeutronAdminCredentialConfigurationInvalid,
        ),
        (neutron_client.errors.Forbidden(), exception.Forbidden),
    ],
)
def test_a_refusal_becomes_what_nova_makes_of_it(
    neutron: agents_neutron.AgentsNeutron,
    client: Any,
    answer: Exception,
    becomes: type[Exception],
) -> None:
    def refuse() -> None:
        raise answer

    neutron.log.faults["list_agents"] = refuse

    with pytest.raises(becomes):
        client.list_agents()
