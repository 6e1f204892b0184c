# SPDX-License-Identifier: Apache-2.0
"""The JSON in the columns of Nova's compute nodes."""

import json

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.inputs import host_facts, nova_compute_row, oddity
from pci_sched.model import host as pci_host

_CELLS = [{"id": 0, "socket": 1}, {"id": 2, "socket": None}, {"id": True}]

_NODES = (pci_host.NumaNode(0, 1), pci_host.NumaNode(2, None))


@pytest.mark.parametrize(
    "topology",
    [
        {"cells": _CELLS},
        {
            "nova_object.name": "NUMATopology",
            "nova_object.data": {
                "cells": [{"nova_object.data": cell} for cell in _CELLS]
            },
        },
    ],
    ids=["plain", "versioned"],
)
def test_the_nodes_are_read_in_both_forms(topology: object) -> None:
    odd: list[oddity.Oddity] = []
    found = nova_compute_row.read_numa(json.dumps(topology), odd)
    assert (found, odd) == (_NODES, [])


@pytest.mark.parametrize("text", [None, "[]", "{}", '{"cells": 1}', "1"])
def test_no_topology_is_no_nodes(text: str | None) -> None:
    odd: list[oddity.Oddity] = []
    assert nova_compute_row.read_numa(text, odd) == ()
    assert odd == []


def test_what_the_compute_published_is_found() -> None:
    stats = {host_facts.KEY: '{"v": 1}', "num_instances": "0"}
    found = nova_compute_row.read_own_facts(json.dumps(stats), [])
    assert found == '{"v": 1}'


@pytest.mark.parametrize(
    "text", [None, "{}", "[]", json.dumps({host_facts.KEY: 1})]
)
def test_most_computes_publish_nothing(text: str | None) -> None:
    assert nova_compute_row.read_own_facts(text, []) is None


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_what_is_no_json_is_an_oddity(text: str) -> None:
    odd: list[oddity.Oddity] = []
    assert nova_compute_row.read_numa(text, odd) == ()
    assert nova_compute_row.read_own_facts(text, odd) is None
    assert [each.path for each in odd] == ["numa_topology", "stats"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["cells", "id", "socket", "nova_object.data"]),
            inner,
        )
    ),
    max_leaves=10,
)


@hypothesis.given(_JSON)
def test_any_json_is_read(document: object) -> None:
    text = json.dumps(document)
    for node in nova_compute_row.read_numa(text, []):
        assert isinstance(node.node, int)
    assert nova_compute_row.read_own_facts(text, []) is None
