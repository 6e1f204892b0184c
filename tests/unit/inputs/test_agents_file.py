# SPDX-License-Identifier: Apache-2.0
"""A file of hosts and their agents is read as Neutron's own answer."""

import contextlib
import json
from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched import exception
from pci_sched.inputs import agents_file, neutron

_AGENT: dict[str, Any] = {
    "host": "compute1",
    "agent_type": "NIC Switch agent",
    "alive": True,
    "configurations": {"device_mappings": {"physnet1": ["ens1f0"]}},
}


def test_a_saved_answer_of_neutron_is_such_a_file() -> None:
    document = {"agents": [_AGENT, _AGENT | {"host": "compute2"}]}
    assert agents_file.read(json.dumps(document)) == neutron.read_agents(
        document
    )


def test_a_host_without_any_agent_can_be_listed() -> None:
    document = {"agents": [_AGENT], "hosts": ["compute1", "compute2"]}
    found = agents_file.read(json.dumps(document))
    assert [len(found[host]) for host in ("compute1", "compute2")] == [1, 0]


def test_a_list_alone_will_do() -> None:
    assert set(agents_file.read(json.dumps([_AGENT]))) == {"compute1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "$: is no JSON (Expecting property name"),
        ("[" * 100_000, "$: is nested too deep"),
        ('{"hosts": []}', '$: there is no key "agents"'),
        ('{"hosts": 5, "agents": []}', "$.hosts: 5 is no list"),
        ('{"hosts": [5], "agents": []}', "$.hosts[0]: 5 is no text"),
        ('{"agents": [{}]}', '$.agents[0]: there is no key "host"'),
    ],
)
def test_a_file_that_cannot_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        agents_file.read(text)
    assert str(caught.value).startswith(said)


@hypothesis.given(
    text=st.text()
    | st.dictionaries(
        st.sampled_from(["hosts", "agents"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    ).map(json.dumps)
)
def test_no_other_error_comes_of_any_text(text: str) -> None:
    with contextlib.suppress(exception.DocumentInvalid):
        agents_file.read(text)
