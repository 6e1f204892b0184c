# SPDX-License-Identifier: Apache-2.0
"""Questions to a graph: PF and VFs, and the way up to the root."""

import hypothesis
import pytest

import made_hosts
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.topology import build, query
from pci_sched.topology import node as pci_node
import real_hosts
import recorded

PF = "0000:41:00.0"
PATH = ("pci0000:40", "0000:40:00.0")
NOWHERE = made_hosts.at("0000:ff:1f.7")


def _graph(*devices: pci_device.Device) -> pci_node.Graph:
    return build.build(made_hosts.host(devices))


def test_the_vfs_of_a_pf_are_in_the_order_of_their_numbers() -> None:
    last = made_hosts.vf("0000:41:10.0", PF, None)
    second = made_hosts.vf("0000:41:10.2", PF, 1)
    first = made_hosts.vf("0000:41:10.4", PF, 0)
    graph = _graph(made_hosts.pf(PF), last, second, first)

    found = query.vfs_of(graph, made_hosts.at(PF))

    assert found == (first, second, last)


def test_the_pf_of_a_vf_is_a_device() -> None:
    pf = made_hosts.pf(PF)
    vf = made_hosts.vf("0000:41:10.0", PF, 0)

    assert query.pf_of(_graph(pf, vf), vf.address) == pf


@pytest.mark.parametrize("address", [PF, "0000:41:10.0", str(NOWHERE)])
def test_who_has_no_pf_gets_none(address: str) -> None:
    lost = made_hosts.vf("0000:41:10.0", "0000:42:00.0", 0)
    graph = _graph(made_hosts.pf(PF), lost)

    assert query.pf_of(graph, made_hosts.at(address)) is None


def test_an_address_that_is_not_there_has_no_answers() -> None:
    graph = _graph(made_hosts.pf(PF))

    assert query.device_at(graph, NOWHERE) is None
    assert query.vfs_of(graph, NOWHERE) == ()
    assert query.path_to_root(graph, NOWHERE) == ()


def test_the_way_to_the_root_begins_with_the_function_itself() -> None:
    vf = made_hosts.vf("0000:41:10.0", PF, 0, path=PATH)
    graph = _graph(made_hosts.pf(PF, path=PATH, numa_node=0), vf)

    way = query.path_to_root(graph, vf.address)

    assert [node.name for node in way] == [
        "0000:41:10.0",
        PF,
        "0000:40:00.0",
        "pci0000:40",
    ]


def test_the_way_ends_where_nothing_more_is_known() -> None:
    graph = _graph(made_hosts.pf(PF, numa_node=0))

    way = query.path_to_root(graph, made_hosts.at(PF))

    assert [node.name for node in way] == [PF]


def test_what_is_on_a_numa_node_beside_its_port_is_drawn_at_the_port() -> None:
    graph = _graph(
        made_hosts.pf(PF, path=PATH, numa_node=0),
        made_hosts.pf("0000:42:00.0", path=PATH, numa_node=1),
    )

    parent = query.parent_of(graph, pci_node.Node.function(made_hosts.at(PF)))

    assert parent is not None
    assert parent.name == "0000:40:00.0"
    assert query.children_of(graph, pci_node.Node.numa(0)) == ()


def test_numa_nodes_are_sorted_as_numbers() -> None:
    graph = build.build(
        made_hosts.host(
            [made_hosts.pf(PF, path=PATH)],
            numa=[pci_host.NumaNode(10), pci_host.NumaNode(9)],
        )
    )

    tops = [node.name for node in query.tops_of(graph)]

    assert tops == ["9", "10", "pci0000:40"]


@hypothesis.given(made_hosts.HOSTS)
def test_every_vf_is_among_the_vfs_of_its_pf(host: pci_host.Host) -> None:
    graph = build.build(host)

    for device in host.devices:
        pf = query.pf_of(graph, device.address)
        if pf is not None:
            assert device in query.vfs_of(graph, pf.address)


@hypothesis.given(made_hosts.HOSTS)
def test_every_vf_of_a_pf_has_that_pf(host: pci_host.Host) -> None:
    graph = build.build(host)

    for device in host.devices:
        for vf in query.vfs_of(graph, device.address):
            assert query.pf_of(graph, vf.address) == device


@hypothesis.given(made_hosts.sane_hosts())
def test_the_way_to_the_root_is_the_path_of_the_device(
    host: pci_host.Host,
) -> None:
    graph = build.build(host)

    for device in host.devices:
        way = query.path_to_root(graph, device.address)
        ports = [
            node.name
            for node in way
            if node.kind is not pci_node.NodeKind.FUNCTION
        ]
        assert tuple(reversed(ports)) == device.path


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_real_host_has_its_ports_where_the_kernel_has_them(
    name: str,
) -> None:
    host = real_hosts.read(name)
    graph = build.build(host)

    for device in host.devices:
        way = query.path_to_root(graph, device.address)
        ports = [
            node.name
            for node in way
            if node.kind is not pci_node.NodeKind.FUNCTION
        ]
        vfs = query.vfs_of(graph, device.address)
        assert way[-1].kind is pci_node.NodeKind.ROOT_COMPLEX
        assert tuple(reversed(ports)) == device.path
        assert len(vfs) == (device.sriov_numvfs or 0)
