# SPDX-License-Identifier: Apache-2.0
"""The picture: well formed, with a cell for each device, within its frame."""

from typing import Any
from xml.etree import ElementTree

import hypothesis
from hypothesis import strategies as st
import pytest

import made_hosts
from pci_sched.cli.render import svg, svg_card
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import key as pool_key
import real_hosts
import recorded

NAMESPACE = "{http://www.w3.org/2000/svg}"
ROOT = "pci0000:40"
PORT = "0000:40:00.0"
PATH = (ROOT, PORT)
PF = "0000:41:00.0"
VF = "0000:41:10.0"


def _parse(host: pci_host.Host, **options: Any) -> ElementTree.Element:
    # What is parsed was written by the code under test.
    return ElementTree.fromstring(svg.render(host, **options))  # noqa: S314


def _texts(picture: ElementTree.Element) -> list[str]:
    return [found.text or "" for found in picture.iter(f"{NAMESPACE}text")]


def _hints(picture: ElementTree.Element) -> list[str]:
    """Give the tooltips, without the title of the picture."""
    titles = [each.text or "" for each in picture.iter(f"{NAMESPACE}title")]
    return titles[1:]


def _draw(*devices: pci_device.Device, **options: Any) -> list[str]:
    return _texts(_parse(made_hosts.host(devices), **options))


def test_the_head_sums_up_the_host() -> None:
    texts = _draw(
        made_hosts.pf(PF, sriov_numvfs=1, sriov_totalvfs=7),
        made_hosts.vf(VF, PF, 0, status=pci_device.DeviceStatus.CLAIMED),
    )

    assert texts[:2] == [
        "compute-1",
        "1 PF, 1 of 7 VFs enabled, 2 functions shown",
    ]
    assert {"claimed 1", "unknown 1"} <= set(texts)
    assert not any(text.startswith("free") for text in texts)


def test_boxes_are_named_by_what_they_hold() -> None:
    port = made_hosts.bridge(PORT, "root-port", ROOT)
    pf = made_hosts.pf(PF, path=PATH, numa_node=0)
    numa = pci_host.NumaNode(0, socket=1)

    texts = _texts(_parse(made_hosts.host([pf], [port], numa=[numa])))

    assert {
        "NUMA node 0 (socket 1)",
        f"root complex {ROOT}",
        f"root port {PORT}",
        f"PF {PF}",
    } <= set(texts)


def test_a_card_shows_network_link_product_and_drivers() -> None:
    netdevs = (pci_device.NetDev("ens1", link=pci_device.Link.UP),)
    texts = _draw(
        made_hosts.pf(
            PF,
            driver="igb",
            netdevs=netdevs,
            sriov_numvfs=3,
            sriov_totalvfs=7,
            tags=(("physical_network", "physnet1"),),
        ),
        made_hosts.vf(VF, PF, 0, driver="igbvf"),
        made_hosts.vf("0000:41:10.2", PF, 1, driver="igbvf"),
        made_hosts.vf("0000:41:10.4", PF, 2, driver=""),
        names=lambda *_: "82576",
    )

    assert {
        "ens1 · link up",
        "physnet1",
        "82576",
        "8086:10c9 · igb",
        "3/7 VFs · 2 igbvf, 1 no driver",
    } <= set(texts)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"netdevs": ()}, "no network device"),
        ({"netdevs": None}, "netdev ?"),
        ({"netdevs": (pci_device.NetDev("a"),)}, "a · link ?"),
    ],
)
def test_what_is_known_of_the_link_is_said(
    facts: dict[str, Any], expected: str
) -> None:
    assert expected in _draw(made_hosts.pf(PF, **facts))


def test_a_disk_needs_no_network_device() -> None:
    texts = _draw(made_hosts.plain(PF, class_id="010802", netdevs=()))

    assert "no network device" not in texts


def test_a_tooltip_says_all_of_a_device() -> None:
    vf = made_hosts.vf(
        VF,
        PF,
        3,
        driver="igbvf",
        tags=(("trusted", "true"),),
        status=pci_device.DeviceStatus.ALLOCATED,
        instance_uuid="3a3d6c40",
        netdevs=(),
    )

    hints = _hints(_parse(made_hosts.host([made_hosts.pf(PF), vf])))

    assert hints[-1] == (
        f'VF 3  {VF}  igbvf  trusted="true"  allocated  3a3d6c40'
    )


def test_vfs_without_their_pf_have_a_card_of_its_name() -> None:
    texts = _draw(
        made_hosts.vf(VF, PF, 0, path=PATH, driver="igbvf"),
        made_hosts.vf("0000:42:10.0", "0000:42:00.0", 0, path=PATH),
    )

    assert {f"PF {PF}", "PF 0000:42:00.0", "igbvf"} <= set(texts)
    assert texts.count("not shown by the host") == 2


def test_a_controller_with_buses_of_its_own_is_a_box() -> None:
    vmd = "0000:40:05.5"
    path = (ROOT, vmd, "pci10000:00", "10000:00:02.0")

    texts = _draw(
        made_hosts.plain(vmd, class_id="010400", path=(ROOT,)),
        made_hosts.plain("10000:01:00.0", class_id="010802", path=path),
    )

    assert {
        f"behind {vmd}",
        f"PCI {vmd}",
        "root complex pci10000:00",
    } <= set(texts)
    assert any("ignored by Nova" in text for text in texts)


@pytest.mark.parametrize("count", [0, 1, 7, 52, 53, 127, 256])
def test_a_card_has_room_for_its_cells(count: int) -> None:
    pf = made_hosts.pf(PF)
    vfs = [
        made_hosts.vf(f"0000:{42 + index // 8:02x}:00.{index % 8}", PF, index)
        for index in range(count)
    ]

    card = svg_card.card(pf, vfs, names=lambda *_: "")

    svg_text = (
        f'<svg xmlns="{NAMESPACE[1:-1]}">{card.paint(card.height)}</svg>'
    )
    picture = ElementTree.fromstring(svg_text)  # noqa: S314
    for group in picture.iter(f"{NAMESPACE}g"):
        place = group.attrib["transform"].removeprefix("translate(")
        x, y = (int(number) for number in place.rstrip(")").split(","))
        assert x + 16 < card.width
        assert y + 16 < card.height


def test_every_state_has_a_cell_of_its_own() -> None:
    looks = {svg_card.square(state) for state in svg_card.STATES}

    assert len(looks) == len(svg_card.STATES)


def test_a_host_without_devices_is_still_a_picture() -> None:
    assert _draw() == ["compute-1", "no SR-IOV, 0 functions shown"]


@hypothesis.given(made_hosts.HOSTS, st.text())
def test_any_host_is_well_formed_with_a_cell_for_each_device(
    host: pci_host.Host, name: str
) -> None:
    picture = _parse(host, names=lambda *_: name, show_all=True)

    hints = _hints(picture)
    for device in host.devices:
        found = [hint for hint in hints if f"  {device.address}  " in hint]
        assert len(found) == 1


@hypothesis.given(st.text())
def test_any_name_of_a_host_is_in_the_title(name: str) -> None:
    picture = _parse(made_hosts.host([], name=name))

    title = picture.find(f"{NAMESPACE}title")
    assert title is not None
    if name.isprintable():
        assert (title.text or "") == name


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_real_host_has_a_cell_for_all_that_can_be_passed_through(
    name: str,
) -> None:
    host = real_hosts.read(name)

    picture = _parse(host)

    wanted = [each for each in host.devices if pool_key.is_poolable(each)]
    assert len(_hints(picture)) == len(wanted)
    assert int(picture.attrib["width"]) <= 1400
