# SPDX-License-Identifier: Apache-2.0
"""What is asked of Neutron through Nova's own client, over HTTP."""

from collections.abc import Iterator
from typing import Any

from nova import conf as nova_conf
from nova import service_auth
import pytest

from pci_sched import exception
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.nova import neutron_api, patience
from tests.nova import http_neutron

_OVS: dict[str, Any] = {
    "agent_type": "Open vSwitch agent",
    "binary": "neutron-openvswitch-agent",
    "alive": True,
    "admin_state_up": True,
    "configurations": {
        "bridge_mappings": {"physnet1": "br-ex"},
        "devices": 7,
        "tunneling_ip": "192.0.2.7",
    },
}


def _agents(count: int) -> list[dict[str, Any]]:
    return [
        {**_OVS, "id": f"a{number:03}", "host": f"compute{number}"}
        for number in range(count)
    ]


def _configure(**values: object) -> None:
    group = nova_conf.CONF.neutron
    for name, value in values.items():
        nova_conf.CONF.set_override(name, value, group="neutron")
    assert group.auth_type == "none"


@pytest.fixture
def neutron() -> Iterator[http_neutron.Server]:
    """A server that Nova is configured to use."""
    with http_neutron.running() as server:
        nova_conf.CONF([], default_config_files=[], project="nova")
        service_auth.reset_globals()
        _configure(
            auth_type="none", endpoint_override=server.url, http_retries=0
        )
        yield server
        nova_conf.CONF.reset()
        nova_conf.CONF.clear()
        service_auth.reset_globals()


def test_agents_are_fetched_with_the_fields_that_are_read(
    neutron: http_neutron.Server,
) -> None:
    neutron.agents = _agents(2)
    agent = pci_host.L2Agent(
        "Open vSwitch agent",
        alive=True,
        configurations={"bridge_mappings": {"physnet1": "br-ex"}},
    )
    assert neutron_api.fetch_agents() == {
        "compute0": (agent,),
        "compute1": (agent,),
    }
    ((path, query),) = neutron.asked
    assert (path, list(query)) == ("/v2.0/agents", ["fields"])
    assert set(query["fields"]) == {
        "id",
        "host",
        "agent_type",
        "alive",
        "admin_state_up",
        "configurations",
    }


def test_every_page_of_agents_is_fetched(neutron: http_neutron.Server) -> None:
    neutron.agents, neutron.page_size = _agents(25), 10
    assert len(neutron_api.fetch_agents()) == 25
    assert [query.get("marker") for _, query in neutron.asked] == [
        None,
        ["a009"],
        ["a019"],
    ]
    assert all("fields" in query for _, query in neutron.asked)


def test_pages_that_go_round_are_no_list(neutron: http_neutron.Server) -> None:
    neutron.agents, neutron.page_size = _agents(25), 10
    neutron.next_link = f"{neutron.url}/v2.0/agents?marker=a001"
    with pytest.raises(exception.NeutronUnusable, match="links back"):
        neutron_api.fetch_agents()
    assert len(neutron.asked) == 2


def test_pages_without_end_are_no_list(
    neutron: http_neutron.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neutron_api, "MOST_PAGES", 2)
    neutron.agents, neutron.page_size = _agents(25), 10
    with pytest.raises(exception.NeutronUnusable, match="2 pages"):
        neutron_api.fetch_agents()


def test_who_may_not_see_agents_is_told_so(
    neutron: http_neutron.Server,
) -> None:
    neutron.agents, neutron.is_admin = _agents(3), False
    with pytest.raises(
        exception.NeutronUnusable, match="for administrators only"
    ):
        neutron_api.fetch_agents()


def test_an_agent_that_makes_no_sense_refuses_nothing_on_its_host(
    neutron: http_neutron.Server, caplog: pytest.LogCaptureFixture
) -> None:
    neutron.agents = [*_agents(1), {"id": "z", "host": "compute9"}]
    found = neutron_api.fetch_agents()
    assert [each.agent_type for each in found["compute9"]] == ["unreadable"]
    assert 'there is no key "agent_type"' in caplog.text


_STATUSES = [
    (401, "401: Keystone or Neutron does not accept the credentials", False),
    (403, "403: .*credentials of an administrator", False),
    (404, "no", False),
    (500, "InternalServerError: no", False),
    (502, "no", True),
    (503, "ServiceUnavailable: no", True),
    (504, "no", True),
]


@pytest.mark.parametrize(("status", "message", "is_away"), _STATUSES)
def test_an_error_says_what_to_do(
    status: int, message: str, is_away: bool, neutron: http_neutron.Server
) -> None:
    neutron.status = status
    with pytest.raises(
        exception.NeutronUnusable,
        match=f"^the list of agents: .*{message}",
    ) as raised:
        neutron_api.fetch_agents()
    assert raised.value.is_away is is_away


_GARBAGE = [
    "",
    "{",
    "null",
    "7",
    "[]",
    "{}",
    '{"agents": null}',
    '{"agents": {}}',
    '{"agents": [7]}',
    '{"agents": [{"agent_type": "x"}]}',
    '{"agents": [], "agents_links": [7]}',
    '{"agents": [], "agents_links": [{"rel": "next"}]}',
    "<html><body>It works!</body></html>",
    "\x00\ufffd",
    "[" * 9999,
]


@pytest.mark.parametrize("text", _GARBAGE, ids=range(len(_GARBAGE)))
@pytest.mark.parametrize("status", [200, 403, 500])
def test_garbage_is_an_error_of_ours(
    text: str, status: int, neutron: http_neutron.Server
) -> None:
    neutron.text, neutron.status = text, status
    with pytest.raises(exception.NeutronUnusable) as raised:
        neutron_api.fetch_agents()
    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)
    for fetch in (neutron_api.fetch_ports, neutron_api.fetch_networks):
        with pytest.raises(exception.NeutronUnusable):
            fetch(["p1"])


def test_nobody_there_is_away(neutron: http_neutron.Server) -> None:
    _configure(endpoint_override="http://127.0.0.1:1")
    with pytest.raises(exception.NeutronUnusable) as raised:
        neutron_api.fetch_ports(["p1"])
    assert raised.value.is_away


def test_who_is_slow_is_not_waited_for(neutron: http_neutron.Server) -> None:
    neutron.slow.clear()
    waiting = patience.Patience()
    with pytest.raises(exception.NoAnswer, match="no answer in"):
        waiting.call(lambda: neutron_api.fetch_networks(["n1"]), 0.2)


def test_who_is_slow_is_left_by_novas_own_timeout(
    neutron: http_neutron.Server,
) -> None:
    neutron.slow.clear()
    service_auth.reset_globals()
    _configure(timeout=1)
    with pytest.raises(exception.NeutronUnusable) as raised:
        neutron_api.fetch_networks(["n1"])
    assert raised.value.is_away


def test_without_credentials_it_is_a_matter_of_credentials(
    neutron: http_neutron.Server,
) -> None:
    nova_conf.CONF.set_override("auth_type", None, group="neutron")
    service_auth.reset_globals()
    with pytest.raises(exception.NeutronUnusable, match=r"^ports: 401:"):
        neutron_api.fetch_ports(["p1"])


def test_ports_are_fetched_in_one_call(neutron: http_neutron.Server) -> None:
    neutron.ports = [
        {
            "id": f"p{number}",
            "network_id": "n1",
            "binding:vnic_type": "direct",
            "binding:profile": {
                "capabilities": ["switchdev"],
                "trusted": "true",
                "pci_sched_spread": "card:hard",
            },
            "name": "of no interest",
        }
        for number in range(3)
    ]
    found = neutron_api.fetch_ports(["p0", "p2", "p7"])
    assert list(found) == ["p0", "p2"]
    assert found["p0"] == (
        "n1",
        "direct",
        frozenset({"switchdev"}),
        True,
        "card:hard",
    )
    ((path, query),) = neutron.asked
    assert (path, query["id"]) == ("/v2.0/ports", ["p0", "p2", "p7"])
    assert "name" not in query["fields"]


def test_networks_are_fetched_in_one_call(
    neutron: http_neutron.Server,
) -> None:
    neutron.networks = [
        {
            "id": "n1",
            "provider:network_type": "vlan",
            "provider:physical_network": "physnet1",
        },
        {
            "id": "n2",
            "segments": [
                {"provider:network_type": "vxlan"},
                {
                    "provider:network_type": "vlan",
                    "provider:physical_network": "physnet2",
                },
            ],
        },
        {"id": "n3"},
    ]
    assert neutron_api.fetch_networks(["n1", "n2", "n3", "n4"]) == {
        "n1": (pci_request.Segment("vlan", "physnet1"),),
        "n2": (
            pci_request.Segment("vxlan"),
            pci_request.Segment("vlan", "physnet2"),
        ),
        "n3": None,
    }
    assert len(neutron.asked) == 1


def test_more_ids_than_a_url_can_have_are_asked_for_in_parts(
    neutron: http_neutron.Server,
) -> None:
    ids = [f"5a1c0d7e-0000-4000-8000-{number:012}" for number in range(500)]
    neutron.ports = [{"id": each} for each in ids]
    assert len(neutron_api.fetch_ports(ids)) == 500
    assert len(neutron.asked) == 7
