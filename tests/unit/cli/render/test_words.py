# SPDX-License-Identifier: Apache-2.0
"""The words for facts: unknown is never said as nothing, nor nothing as it."""

from typing import Any

import hypothesis
from hypothesis import strategies as st
import pytest

import made_hosts
from pci_sched.cli.render import words
from pci_sched.model import device as pci_device

PF = "0000:41:00.0"
LINK_UP = (pci_device.NetDev("ens1", link=pci_device.Link.UP),)
LINK_UNKNOWN = (pci_device.NetDev("ens1"),)
IN_BOND = (pci_device.NetDev("ens1", bond="bond0"),)


@pytest.mark.parametrize(
    ("word", "facts", "expected"),
    [
        (words.driver, {"driver": None}, "driver ?"),
        (words.driver, {"driver": ""}, "no driver"),
        (words.driver, {"driver": "igb"}, "igb"),
        (words.netdev, {"netdevs": None}, "netdev ?"),
        (words.netdev, {"netdevs": ()}, ""),
        (words.netdev, {"netdevs": LINK_UP}, "ens1"),
        (words.link, {"netdevs": None}, ""),
        (words.link, {"netdevs": LINK_UP}, "link up"),
        (words.link, {"netdevs": LINK_UNKNOWN}, "link ?"),
        (words.link, {"netdevs": IN_BOND}, "link ? in bond0"),
        (words.ids, {"product_id": None}, "8086:?"),
        (words.network, {}, ""),
        (words.network, {"tags": (("physical_network", "a"),)}, "a"),
        (
            words.network,
            {"tags": (("physical_network", None),)},
            "(tunnelled)",
        ),
        (words.status, {}, "?"),
        (words.status, {"status": "available"}, "free"),
        (words.status, {"status": "unclaimable"}, "unclaimable"),
        (words.status, {"assignable": False}, "not selected"),
        (words.state, {}, "unknown"),
        (words.state, {"status": "unclaimable"}, "unusable"),
        (words.state, {"assignable": False}, "not selected"),
        (words.vfs, {}, "?/? VFs"),
        (words.vfs, {"sriov_numvfs": 0, "sriov_totalvfs": 7}, "0/7 VFs"),
    ],
)
def test_each_fact_has_its_words(
    word: Any, facts: dict[str, Any], expected: str
) -> None:
    if "status" in facts:
        facts = {"status": pci_device.DeviceStatus(facts["status"])}

    assert word(made_hosts.pf(PF, **facts)) == expected


def test_the_values_of_tags_are_as_in_a_device_spec() -> None:
    tags = (("physical_network", "a"), ("trusted", "true"), ("x", True))

    assert words.tags(made_hosts.pf(PF, tags=tags)) == (
        'trusted="true"',
        "x=true",
    )


def test_a_device_nova_skips_is_marked() -> None:
    assert words.warning(made_hosts.plain(PF)) == ""
    assert words.warning(made_hosts.plain("10000:01:00.0"))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], "no SR-IOV"),
        ([(2, 7)], "1 PF, 2 of 7 VFs enabled"),
        ([(2, 7), (0, 8)], "2 PFs, 2 of 15 VFs enabled"),
        ([(2, 7), (None, 8)], "2 PFs, ? of 15 VFs enabled"),
    ],
)
def test_a_sum_with_an_unknown_part_is_unknown(
    numbers: list[tuple[int | None, int]], expected: str
) -> None:
    devices = [
        made_hosts.pf(
            f"0000:41:00.{function}",
            sriov_numvfs=enabled,
            sriov_totalvfs=total,
        )
        for function, (enabled, total) in enumerate(numbers)
    ]

    assert words.summary(made_hosts.host(devices)) == expected


@hypothesis.given(st.text())
def test_plain_text_is_one_line_that_can_be_printed(text: str) -> None:
    assert words.plain(text).isprintable()
    words.plain(text).encode()


@hypothesis.given(st.text().filter(str.isprintable))
def test_what_can_be_printed_is_left_alone(text: str) -> None:
    assert words.plain(text) == text
