# SPDX-License-Identifier: Apache-2.0
"""The text for Graphviz: well quoted, in clusters, with networks."""

import re

import hypothesis
from hypothesis import strategies as st

import made_hosts
from pci_sched.cli.render import dot
from pci_sched.model import host as pci_host

ROOT = "pci0000:40"
PORT = "0000:40:00.0"
PATH = (ROOT, PORT)
PF = "0000:41:00.0"
VF = "0000:41:10.0"
BRIDGES = (made_hosts.bridge(PORT, "root-port", ROOT),)

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_BARE = re.compile(r"[\w\s{}\[\]=;,.>/-]*", re.ASCII)
_EDGE = re.compile(
    r'^ +("[^\n]*?") -> ("[^\n]*?")(?: \[.*\])?;$', re.MULTILINE
)
_NODE = re.compile(r'^ +("[^\n]*?") \[label=', re.MULTILINE)


def _network(name: str | None) -> dict[str, object]:
    return {"tags": (("physical_network", name),), "path": PATH}


def test_a_host_is_drawn_with_a_cluster_for_its_numa_node() -> None:
    host = made_hosts.host(
        [
            made_hosts.pf(PF, numa_node=1, **_network("a")),
            made_hosts.vf(VF, PF, 0, numa_node=1, **_network("b")),
            made_hosts.vf("0000:41:10.2", PF, 1, **_network("b")),
        ],
        BRIDGES,
    )

    text = dot.render(host, names=lambda *_: "82576")

    assert 'digraph "compute-1" {' in text
    assert 'label="NUMA node 1";' in text
    assert "8086:10c9 82576" in text
    assert set(_EDGE.findall(text)) == {
        (f'"root-complex {ROOT}"', f'"root-port {PORT}"'),
        (f'"root-port {PORT}"', f'"function {PF}"'),
        (f'"function {PF}"', f'"function {VF}"'),
        (f'"function {PF}"', '"function 0000:41:10.2"'),
        (f'"function {PF}"', '"physical-network a"'),
        (f'"function {VF}"', '"physical-network b"'),
        ('"function 0000:41:10.2"', '"physical-network b"'),
    }


def test_vfs_that_look_the_same_share_a_node() -> None:
    devices = [
        made_hosts.pf(PF),
        made_hosts.vf(VF, PF, 0),
        made_hosts.vf("0000:41:10.2", PF, 1),
    ]
    host = made_hosts.host(devices)

    one = dot.render(host)
    each = dot.render(host, collapse=False)

    assert f"VFs 0-1\\n{VF} … 0000:41:10.2" in one
    assert one.count('"function 0000:41:10') == 2
    assert each.count('"function 0000:41:10') == 4


def test_a_device_nobody_selects_is_on_no_network() -> None:
    pf = made_hosts.pf(PF, assignable=False, **_network("a"))

    assert "physical-network" not in dot.render(made_hosts.host([pf]))


def test_a_null_network_is_no_node() -> None:
    pf = made_hosts.pf(PF, **_network(None))

    assert "physical-network" not in dot.render(made_hosts.host([pf]))


def test_empty_ports_are_drawn_if_all_is_wanted() -> None:
    host = made_hosts.host([], BRIDGES)

    assert PORT not in dot.render(host)
    assert PORT in dot.render(host, show_all=True)


@hypothesis.given(st.text())
def test_any_text_is_one_quoted_string(text: str) -> None:
    assert _STRING.fullmatch(dot.quote(text))


@hypothesis.given(st.text().filter(str.isprintable))
def test_what_is_quoted_can_be_read_back(text: str) -> None:
    inner = dot.quote(text)[1:-1]

    assert re.sub(r"\\(.)", r"\1", inner) == text


def test_a_new_line_is_a_new_line_of_the_label() -> None:
    assert dot.quote('a\n"b"\\n') == r'"a\n\"b\"\\n"'


@hypothesis.given(made_hosts.HOSTS, st.text())
def test_outside_of_quotes_there_is_only_what_we_wrote(
    host: pci_host.Host, name: str
) -> None:
    text = dot.render(host, names=lambda *_: name, show_all=True)
    bare = re.sub(r"#[0-9a-f]{6}", "", _STRING.sub("", text))

    assert _BARE.fullmatch(bare)
    assert text.count("subgraph") == bare.count("subgraph")
    assert bare.count("{") == bare.count("}")


@hypothesis.given(made_hosts.sane_hosts())
def test_every_edge_is_between_nodes_that_are_drawn_once(
    host: pci_host.Host,
) -> None:
    text = dot.render(host, show_all=True)
    nodes = _NODE.findall(text)

    assert len(nodes) == len(set(nodes))
    assert {end for edge in _EDGE.findall(text) for end in edge} <= set(nodes)
