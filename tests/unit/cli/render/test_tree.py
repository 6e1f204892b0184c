# SPDX-License-Identifier: Apache-2.0
"""The tree of text: who is where, and who is left out."""

import hypothesis
import pytest

import made_hosts
from pci_sched.cli.render import tree
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import key as pool_key
import real_hosts
import recorded

ROOT = "pci0000:40"
PORT = "0000:40:00.0"
PATH = (ROOT, PORT)
PF = "0000:41:00.0"
VF = "0000:41:10.0"
BRIDGES = (made_hosts.bridge(PORT, "root-port", ROOT),)
NAMES = {("8086", "10c9"): "82576 Gigabit"}


def _lines(
    *devices: pci_device.Device,
    bridges: tuple[pci_host.Bridge, ...] = BRIDGES,
    show_all: bool = False,
) -> list[str]:
    """Draw a host and give its lines without their branches."""
    numa = [pci_host.NumaNode(0, socket=1)]
    text = tree.render(
        made_hosts.host(devices, bridges, numa=numa), show_all=show_all
    )
    return [line.lstrip("│├└─ ") for line in text.splitlines()]


def test_a_host_is_drawn_from_the_numa_node_to_the_vf() -> None:
    facts = {"path": PATH, "numa_node": 0, "assignable": True}
    free = {**facts, "status": pci_device.DeviceStatus.AVAILABLE}
    host = made_hosts.host(
        [
            made_hosts.pf(
                PF,
                driver="igb",
                netdevs=(pci_device.NetDev("ens1", link=pci_device.Link.UP),),
                tags=(("physical_network", "physnet1"), ("trusted", "true")),
                sriov_numvfs=3,
                sriov_totalvfs=7,
                status=pci_device.DeviceStatus.UNCLAIMABLE,
                **facts,
            ),
            made_hosts.vf(VF, PF, 0, driver="igbvf", **free),
            made_hosts.vf("0000:41:10.2", PF, 1, driver="igbvf", **free),
            made_hosts.vf(
                "0000:41:10.4",
                PF,
                2,
                driver="vfio-pci",
                status=pci_device.DeviceStatus.ALLOCATED,
                instance_uuid="3a3d6c40",
                netdevs=(),
                **facts,
            ),
        ],
        BRIDGES,
        numa=[pci_host.NumaNode(0, socket=1)],
    )

    text = tree.render(host, names=lambda *ids: NAMES.get(ids, ""))

    assert text == (
        "compute-1  1 PF, 3 of 7 VFs enabled\n"
        "└─ NUMA node 0 (socket 1)\n"
        "   └─ root complex pci0000:40\n"
        "      └─ root port 0000:40:00.0\n"
        "         └─ PF 0000:41:00.0  8086:10c9 82576 Gigabit  ens1  igb"
        '  link up  physnet1  trusted="true"  3/7 VFs  unclaimable\n'
        "            ├─ VFs 0-1  0000:41:10.0 … 0000:41:10.2  igbvf  free\n"
        "            └─ VF 2  0000:41:10.4  vfio-pci  allocated  3a3d6c40\n"
    )


def test_branches_can_be_drawn_with_plain_characters() -> None:
    host = made_hosts.host(
        [
            made_hosts.pf("0000:41:00.1", path=PATH),
            made_hosts.vf(VF, PF, 0, path=PATH),
            made_hosts.vf("0000:41:10.2", PF, 1, path=PATH),
        ],
        BRIDGES,
        name="höst",
    )

    lines = tree.render(host, ascii_only=True).splitlines()

    assert lines[0].startswith(r"h\xf6st  ")
    assert lines[1:4] == [
        "`-- NUMA node not known",
        "    `-- root complex pci0000:40",
        "        `-- root port 0000:40:00.0",
    ]
    assert lines[4].startswith("            |-- VFs 0-1  0000:41:10.0 ... ")
    assert lines[5].startswith("            `-- PF 0000:41:00.1")


def test_plain_functions_nobody_passes_through_are_left_out() -> None:
    disk = made_hosts.plain("0000:40:1f.2", class_id="010601", path=(ROOT,))
    card = made_hosts.plain("0000:41:00.0", class_id="010802", path=PATH)

    assert not any("0000:40:1f.2" in line for line in _lines(disk, card))
    assert any("0000:40:1f.2" in line for line in _lines(disk, show_all=True))


def test_ports_and_nodes_with_nothing_below_are_left_out() -> None:
    empty = made_hosts.bridge("0000:40:01.0", "root-port", ROOT)
    bridges = (*BRIDGES, empty)
    pf = made_hosts.pf(PF, path=PATH)

    few = "\n".join(_lines(pf, bridges=bridges))
    all_ = "\n".join(_lines(pf, bridges=bridges, show_all=True))

    assert "0000:40:01.0" not in few
    assert "NUMA node 0" not in few
    assert "root port 0000:40:01.0" in all_
    assert "NUMA node 0 (socket 1)" in all_


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("root-port", "root port"),
        ("switch-upstream", "switch upstream port"),
        ("switch-downstream", "switch downstream port"),
        ("pcie-to-pci", "PCIe-to-PCI bridge"),
        ("bridge", "bridge"),
    ],
)
def test_each_kind_of_port_is_named(kind: str, words: str) -> None:
    bridge = made_hosts.bridge(PORT, kind, ROOT)

    lines = _lines(made_hosts.pf(PF, path=PATH), bridges=(bridge,))

    assert f"{words} {PORT}" in lines


def test_functions_on_several_nodes_say_theirs() -> None:
    lines = _lines(
        made_hosts.pf("0000:41:00.0", path=PATH, numa_node=0),
        made_hosts.pf("0000:41:00.1", path=PATH),
    )

    assert lines[1] == "NUMA nodes differ"
    assert [line.split("  ")[-2] for line in lines[-2:]] == [
        "NUMA 0",
        "NUMA ?",
    ]


def test_a_vf_without_its_pf_names_it() -> None:
    line = _lines(made_hosts.vf("10000:41:10.0", PF, 0, path=PATH))[-1]

    assert f"of PF {PF}, which is not shown" in line
    assert "ignored by Nova" in line


def test_a_vf_alone_shows_its_network_device() -> None:
    netdevs = (pci_device.NetDev("ens1v0"),)

    lines = _lines(
        made_hosts.pf(PF), made_hosts.vf(VF, PF, 0, netdevs=netdevs)
    )

    assert "ens1v0" in lines[-1]


def test_text_from_a_host_stays_on_its_line() -> None:
    host = made_hosts.host([made_hosts.pf(PF, driver="a\nb")], name="\x1b[1m")

    text = tree.render(host, names=lambda *_: "\r\n")

    assert "\x1b" not in text
    assert len(text.splitlines()) == 3


@hypothesis.given(made_hosts.HOSTS)
def test_every_line_can_be_printed(host: pci_host.Host) -> None:
    for line in tree.render(host, show_all=True).splitlines():
        assert line.isprintable()


@hypothesis.given(made_hosts.HOSTS)
def test_plain_characters_means_all_of_them(host: pci_host.Host) -> None:
    assert tree.render(host, ascii_only=True).isascii()


@hypothesis.given(made_hosts.HOSTS)
def test_everything_has_a_line_of_its_own_if_wanted(
    host: pci_host.Host,
) -> None:
    text = tree.render(host, show_all=True, collapse=False)
    starts = [line.split("  ")[:2] for line in _bare(text)]

    for device in host.devices:
        address = str(device.address)
        own = [
            start
            for start in starts
            if start[0].endswith(f" {address}") or start[-1] == address
        ]
        assert len(own) == 1


def _bare(text: str) -> list[str]:
    return [line.lstrip("│├└─ ") for line in text.splitlines()[1:]]


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_real_host_shows_what_can_be_passed_through(name: str) -> None:
    host = real_hosts.read(name)

    text = tree.render(host, collapse=False)

    for device in host.devices:
        shown = f" {device.address}  " in text
        assert shown == pool_key.is_poolable(device)
