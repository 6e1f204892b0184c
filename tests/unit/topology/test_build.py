# SPDX-License-Identifier: Apache-2.0
"""A host's graph: what hangs on what, and what is better not said."""

import dataclasses
import random
from typing import Any

import hypothesis
from hypothesis import strategies as st
import networkx
import pytest

import made_hosts
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.topology import build, query
from pci_sched.topology import node as pci_node

ROOT = "pci0000:40"
PORT = "0000:40:00.0"
PATH = (ROOT, PORT)
PF = "0000:41:00.0"
VF = "0000:41:10.0"


def _edges(*devices: pci_device.Device, **more: Any) -> set[tuple[str, str]]:
    """Draw a host and give its edges by the names of the nodes."""
    bridges = [made_hosts.bridge(PORT, "root-port", ROOT)]
    graph = build.build(made_hosts.host(devices, bridges, **more))
    return {(above.name, below.name) for above, below in graph.edges}


def _kinds(*devices: pci_device.Device) -> dict[str, str]:
    graph = build.build(made_hosts.host(devices))
    return {node.name: node.kind.value for node in graph}


def test_a_vf_hangs_on_its_pf_and_the_pf_on_its_port() -> None:
    assert _edges(
        made_hosts.pf(PF, path=PATH),
        made_hosts.vf(VF, PF, 0, path=PATH),
    ) == {(ROOT, PORT), (PORT, PF), (PF, VF)}


def test_a_vf_without_its_pf_hangs_on_the_port_of_its_own_path() -> None:
    vf = made_hosts.vf(VF, PF, 0, path=PATH)

    assert _edges(vf) == {(ROOT, PORT), (PORT, VF)}


def test_a_vf_is_no_parent_of_a_vf() -> None:
    other = made_hosts.vf("0000:41:10.2", VF, 1, path=PATH)
    vf = made_hosts.vf(VF, "0000:41:10.2", 0, path=PATH)

    assert _edges(vf, other) == {
        (ROOT, PORT),
        (PORT, VF),
        (PORT, "0000:41:10.2"),
    }


def test_a_plain_function_has_no_parent_address_to_obey() -> None:
    parent = made_hosts.at(PF)
    odd = made_hosts.plain("0000:42:00.0", parent_addr=parent)

    assert (PF, "0000:42:00.0") not in _edges(made_hosts.pf(PF), odd)


def test_a_vdpa_device_hangs_on_its_pf_too() -> None:
    vdpa = made_hosts.vf(VF, PF, 0, dev_type=pci_device.DevType.VDPA)

    assert (PF, VF) in _edges(made_hosts.pf(PF), vdpa)


def test_a_bridge_only_a_path_names_is_of_unknown_kind() -> None:
    kinds = _kinds(made_hosts.pf(PF, path=PATH))

    assert kinds[PORT] == "bridge"
    assert kinds[ROOT] == "root-complex"


def test_a_path_that_is_not_known_leaves_a_function_alone() -> None:
    assert _edges(made_hosts.pf(PF), numa=()) == {(ROOT, PORT)}


def test_a_function_without_path_still_hangs_on_its_numa_node() -> None:
    assert ("1", PF) in _edges(made_hosts.pf(PF, numa_node=1))


def test_paths_that_disagree_say_nothing() -> None:
    one = made_hosts.pf("0000:42:00.0", path=("pci0000:00", "0000:01:00.0"))
    two = made_hosts.pf("0000:43:00.0", path=("pci0000:20", "0000:01:00.0"))

    assert _edges(one, two) == {
        (ROOT, PORT),
        ("0000:01:00.0", "0000:42:00.0"),
        ("0000:01:00.0", "0000:43:00.0"),
    }


@pytest.mark.parametrize(
    ("paths", "edges"),
    [
        pytest.param([("a", "a")], {("a", PF)}, id="a port above itself"),
        pytest.param(
            [("a", "b"), ("b", "a")],
            {("b", PF), ("a", "0000:41:00.1")},
            id="two ports above each other",
        ),
    ],
)
def test_paths_in_a_circle_say_nothing(
    paths: list[tuple[str, ...]], edges: set[tuple[str, str]]
) -> None:
    devices = [
        made_hosts.pf(f"0000:41:00.{number}", path=path)
        for number, path in enumerate(paths)
    ]

    assert _edges(*devices) - {(ROOT, PORT)} == edges


def test_nothing_is_behind_a_vf() -> None:
    vf = made_hosts.vf(VF, PF, 0, path=(ROOT,))
    odd = made_hosts.pf("0000:42:00.0", path=(ROOT, VF))

    assert _edges(vf, odd) == {(ROOT, PORT), (ROOT, VF)}


def test_buses_behind_a_controller_keep_both_root_complexes() -> None:
    vmd = "0000:40:05.5"
    disk = "10000:01:00.0"
    path = (ROOT, vmd, "pci10000:00", "10000:00:02.0")

    edges = _edges(
        made_hosts.plain(vmd, class_id="010400", path=(ROOT,)),
        made_hosts.plain(disk, class_id="010802", path=path),
    )

    assert edges == {
        (ROOT, PORT),
        (ROOT, vmd),
        (vmd, "pci10000:00"),
        ("pci10000:00", "10000:00:02.0"),
        ("10000:00:02.0", disk),
    }


def test_a_root_complex_is_on_the_node_all_its_functions_name() -> None:
    edges = _edges(
        made_hosts.pf(PF, path=PATH, numa_node=1),
        made_hosts.vf(VF, PF, 0, path=PATH),
        made_hosts.plain("0000:40:1f.0", path=(ROOT,), numa_node=1),
    )

    assert [edge for edge in edges if edge[0] == "1"] == [("1", ROOT)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(0, {("1", PF), ("0", "0000:40:1f.0")}, id="differ"),
        pytest.param(None, {("1", PF)}, id="one is not known"),
    ],
)
def test_functions_that_disagree_are_on_their_own_nodes(
    other: int | None, expected: set[tuple[str, str]]
) -> None:
    edges = _edges(
        made_hosts.pf(PF, path=PATH, numa_node=1),
        made_hosts.vf(VF, PF, 0, path=PATH, numa_node=1),
        made_hosts.plain("0000:40:1f.0", path=(ROOT,), numa_node=other),
    )

    assert {edge for edge in edges if edge[0] in "01"} == expected


def test_a_host_bridge_has_no_say_about_the_numa_node() -> None:
    edges = _edges(
        made_hosts.pf(PF, path=PATH, numa_node=1),
        made_hosts.plain(
            "0000:40:1f.0", path=(ROOT,), numa_node=0, class_id="060000"
        ),
    )

    assert ("1", ROOT) in edges
    assert not any(above == "0" for above, _ in edges)


def test_a_numa_node_carries_its_socket() -> None:
    numa = pci_host.NumaNode(1, socket=0)
    graph = build.build(
        made_hosts.host([made_hosts.pf(PF, numa_node=1)], numa=[numa])
    )

    assert graph.nodes[pci_node.Node.numa(1)][pci_node.MODEL] is numa


def test_network_devices_hang_on_their_function_under_no_name() -> None:
    netdevs = (pci_device.NetDev("ens1"), pci_device.NetDev("ens1"))

    edges = _edges(made_hosts.pf(PF, netdevs=netdevs))

    assert {(PF, f"{PF}/0"), (PF, f"{PF}/1")} <= edges


@pytest.mark.parametrize(
    ("facts", "is_on"),
    [
        ({"assignable": True}, True),
        ({"assignable": None}, True),
        ({"assignable": False}, False),
        ({"tags": (("physical_network", None),)}, False),
        ({"tags": ()}, False),
    ],
)
def test_only_its_own_tag_puts_a_function_on_a_network(
    facts: dict[str, Any], *, is_on: bool
) -> None:
    tags = (("physical_network", "physnet1"),)
    pf = made_hosts.pf(PF, **{"tags": tags, **facts})

    edges = _edges(pf, made_hosts.vf(VF, PF, 0))

    assert ((PF, "physnet1") in edges) == is_on
    assert (VF, "physnet1") not in edges


@hypothesis.given(made_hosts.HOSTS)
def test_no_host_makes_a_circle(host: pci_host.Host) -> None:
    assert networkx.is_directed_acyclic_graph(build.build(host))


@hypothesis.given(made_hosts.HOSTS, st.randoms(use_true_random=False))
def test_the_order_of_devices_does_not_matter(
    host: pci_host.Host, chance: random.Random
) -> None:
    mixed = dataclasses.replace(
        host,
        devices=tuple(chance.sample(host.devices, len(host.devices))),
        bridges=tuple(chance.sample(host.bridges, len(host.bridges))),
    )

    one, two = build.build(host), build.build(mixed)

    assert dict(one.nodes(data=True)) == dict(two.nodes(data=True))
    assert set(one.edges) == set(two.edges)


@hypothesis.given(made_hosts.sane_hosts())
def test_every_function_is_below_exactly_one_root_complex(
    host: pci_host.Host,
) -> None:
    graph = build.build(host)

    for device in host.devices:
        above = networkx.ancestors(
            graph, pci_node.Node.function(device.address)
        )
        roots = [
            node.name
            for node in above
            if node.kind is pci_node.NodeKind.ROOT_COMPLEX
        ]
        assert device.path is not None
        assert roots == [device.path[0]]


@hypothesis.given(made_hosts.sane_hosts())
def test_no_function_is_below_a_numa_node_it_does_not_name(
    host: pci_host.Host,
) -> None:
    graph = build.build(host)

    for device in host.devices:
        if device.class_id == "060000":
            continue
        above = networkx.ancestors(
            graph, pci_node.Node.function(device.address)
        )
        nodes = {
            int(node.name)
            for node in above
            if node.kind is pci_node.NodeKind.NUMA_NODE
        }
        known = {device.numa_node} - {None}
        assert nodes == known


@hypothesis.given(made_hosts.HOSTS)
def test_every_node_is_drawn_exactly_once(host: pci_host.Host) -> None:
    graph = build.build(host)
    drawn = list(query.tops_of(graph))
    for node in drawn:
        drawn.extend(query.children_of(graph, node))

    networks = [
        node
        for node in graph
        if node.kind is pci_node.NodeKind.PHYSICAL_NETWORK
    ]
    assert sorted(drawn + networks) == sorted(graph)
