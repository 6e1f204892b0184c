# SPDX-License-Identifier: Apache-2.0
"""Who is believed about the L2 agents of a host."""

from collections.abc import Mapping
import types
from typing import Any

import pytest

from pci_sched.inputs import fact_sources
from pci_sched.model import host as pci_host
from pci_sched.nova import agents_list, facts

_Source = fact_sources.Source

_OVS = pci_host.L2Agent("Open vSwitch agent", alive=True)
_LISTED = fact_sources.collect({"listed": (_OVS,), "bare": ()})
_GOOD = agents_list.Listing(_LISTED, 5, "")
_GONE = agents_list.Listing(None, None, "no answer")


def _host(
    name: str,
    *,
    stats: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    hypervisor_type: str = "QEMU",
) -> Any:
    return types.SimpleNamespace(
        host=name,
        stats=stats,
        aggregates=[types.SimpleNamespace(metadata=metadata)],
        hypervisor_type=hypervisor_type,
    )


def _facts(
    *sources: _Source,
    listing: agents_list.Listing = _GOOD,
    unlisted: str = "reject",
) -> facts.Facts:
    listings = {_Source.NEUTRON: listing, _Source.FILE: _GONE}
    return facts.Facts(
        sources, listings, fact_sources.UnlistedHost(unlisted), 1_000
    )


def test_hosts_with_the_same_agents_have_one_object() -> None:
    known = _facts(_Source.NEUTRON)
    assert known.of(_host("listed")) is _LISTED["listed"]
    assert known.of(_host("bare")).agents == ()


def test_a_host_without_agents_is_no_unlisted_one() -> None:
    known = _facts(_Source.NEUTRON, unlisted="accept")
    assert known.of(_host("bare")).agents == ()
    assert known.of(_host("new")).agents is None


@pytest.mark.parametrize(
    ("sources", "agents"),
    [
        ((), None),
        ((_Source.NEUTRON,), ()),
        ((_Source.FILE, _Source.NEUTRON), None),
        ((_Source.NEUTRON, _Source.HOST), (_OVS,)),
        ((_Source.AGGREGATE, _Source.NEUTRON), ()),
    ],
)
def test_a_host_that_the_list_lacks(
    sources: tuple[_Source, ...], agents: tuple[pci_host.L2Agent, ...] | None
) -> None:
    """What could not be read refuses nothing; another source may know."""
    text = '{"v":1,"l2":[{"t":"Open vSwitch agent"}]}'
    host = _host("new", stats={"pci_sched:host": text})
    assert _facts(*sources).of(host).agents == agents


def test_the_first_source_that_knows_is_believed() -> None:
    said = {"pci_sched:agents": "NIC Switch agent"}
    host = _host("listed", metadata=said)
    first = _facts(_Source.AGGREGATE, _Source.NEUTRON).of(host).agents
    assert [agent.agent_type for agent in first or ()] == ["NIC Switch agent"]
    assert _facts(_Source.NEUTRON, _Source.AGGREGATE).of(host).agents == (
        _OVS,
    )


def test_without_a_list_nothing_is_known() -> None:
    known = _facts(_Source.NEUTRON, listing=_GONE)
    assert known.of(_host("listed")) == pci_host.NOTHING_KNOWN
    assert "no answer" in str(known.choose(_host("listed")))


def test_a_node_of_ironic_is_not_judged_by_agents() -> None:
    known = _facts(_Source.NEUTRON)
    host = _host("bare", hypervisor_type="ironic")
    assert known.of(host) == pci_host.NOTHING_KNOWN
    assert known.choose(host).answer is None


def test_a_line_of_the_log_says_who_and_how_old() -> None:
    known = _facts(_Source.NEUTRON)
    said = str(known.choose(_host("listed")))
    assert said == "L2 agents: from neutron (5 s old)"
