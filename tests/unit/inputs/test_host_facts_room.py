# SPDX-License-Identifier: Apache-2.0
"""What is left out of facts that are too long, and in which order."""

import dataclasses
import json

import pytest

from pci_sched.inputs import host_facts, host_facts_reader
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host


def _pfs(count: int, card: str) -> tuple[host_facts.FunctionFacts, ...]:
    return tuple(
        host_facts.FunctionFacts(
            pci_address.PciAddress(0, number // 32, number % 32, 0),
            pci_device.Link.UP,
            card,
            "bond0",
        )
        for number in range(count)
    )


def _agents(count: int, size: int) -> tuple[pci_host.L2Agent, ...]:
    return tuple(
        pci_host.L2Agent(
            f"agent {number}",
            alive=True,
            configurations={"tunnel_types": ["x" * size]},
        )
        for number in range(count)
    )


@pytest.mark.parametrize(
    ("facts", "dropped"),
    [
        pytest.param(
            host_facts.HostFacts(agents=_agents(1, 10), pfs=_pfs(90, "card")),
            [],
            id="ninety PFs fit",
        ),
        pytest.param(
            host_facts.HostFacts(pfs=_pfs(90, "card"), plain=_pfs(90, "c")),
            ["pci"],
            id="plain devices go before PFs",
        ),
        pytest.param(
            host_facts.HostFacts(
                agents=_agents(1, 10), pfs=_pfs(90, "c" * 60)
            ),
            ["pf-details"],
            id="long names of cards do not",
        ),
        pytest.param(
            host_facts.HostFacts(agents=_agents(1, 10), pfs=_pfs(900, "c")),
            ["pf-details", "pf"],
            id="nor do nine hundred PFs",
        ),
        pytest.param(
            host_facts.HostFacts(agents=_agents(2, 8000), pfs=_pfs(1, "c")),
            ["pf-details", "pf", "l2-configurations"],
            id="PFs go before configurations",
        ),
        pytest.param(
            host_facts.HostFacts(agents=_agents(2, 8000)),
            ["l2-configurations"],
            id="what is not there is not said to be dropped",
        ),
        pytest.param(
            host_facts.HostFacts(agents=_agents(900, 1)),
            ["l2-configurations", "l2"],
            id="agents go last",
        ),
    ],
)
def test_what_has_no_room_is_dropped_and_named(
    facts: host_facts.HostFacts, dropped: list[str]
) -> None:
    text = host_facts.write(facts)
    assert len(text.encode()) <= host_facts.MAX_BYTES
    read = host_facts_reader.read(text).facts
    assert read is not None
    assert list(read.dropped) == dropped
    if not dropped:
        assert read == facts
    if "pf" not in dropped and facts.pfs:
        assert [each.link for each in read.pfs or ()] == [
            each.link for each in facts.pfs
        ]


@pytest.mark.parametrize(("more", "dropped"), [(0, ()), (1, ("pf", "l2"))])
def test_a_text_of_just_8_kib_loses_nothing(
    more: int, dropped: tuple[str, ...]
) -> None:
    agent = pci_host.L2Agent("", alive=True)
    empty = host_facts.HostFacts(agents=(agent,), pfs=())
    room = host_facts.MAX_BYTES - len(host_facts.write(empty))
    long = dataclasses.replace(agent, agent_type="x" * (room + more))
    text = host_facts.write(dataclasses.replace(empty, agents=(long,)))
    assert (len(text) == host_facts.MAX_BYTES) == (not dropped)
    assert tuple(json.loads(text).get("x", ())) == dropped
