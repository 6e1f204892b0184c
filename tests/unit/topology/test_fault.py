# SPDX-License-Identifier: Apache-2.0
"""Fault domains: what fails together, and what is not known to."""

import itertools
from typing import Any

import hypothesis
import pytest

import made_hosts
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.topology import build, fault

ROOT = "pci0000:40"
PORT = "0000:40:00.0"
UPSTREAM = "0000:41:00.0"
PF = "0000:43:00.0"
VF = "0000:43:10.0"
BRIDGES = (
    made_hosts.bridge(PORT, "root-port", ROOT),
    made_hosts.bridge(UPSTREAM, "switch-upstream", ROOT, PORT),
    made_hosts.bridge(
        "0000:42:00.0", "switch-downstream", ROOT, PORT, UPSTREAM
    ),
)
BEHIND_SWITCH = (ROOT, PORT, UPSTREAM, "0000:42:00.0")


def _domain(
    address: str,
    level: str,
    *devices: pci_device.Device,
    bridges: tuple[pci_host.Bridge, ...] = BRIDGES,
) -> str | None:
    graph = build.build(made_hosts.host(devices, bridges))
    domain = fault.fault_domain(
        graph, made_hosts.at(address), pci_request.SpreadLevel(level)
    )
    return domain and domain.name


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("pf", PF),
        ("card", "0000:43:00"),
        ("switch", UPSTREAM),
        ("root_port", PORT),
    ],
)
@pytest.mark.parametrize("address", [PF, VF])
def test_a_function_behind_a_switch(
    address: str, level: str, expected: str
) -> None:
    pf = made_hosts.pf(PF, path=BEHIND_SWITCH)
    vf = made_hosts.vf(VF, PF, 0, path=BEHIND_SWITCH)

    assert _domain(address, level, pf, vf) == expected


@pytest.mark.parametrize(
    ("path", "switch", "root_port"),
    [
        pytest.param((ROOT, PORT), PORT, PORT, id="no switch"),
        pytest.param((ROOT,), "0000:43:00", "0000:43:00", id="no port"),
        pytest.param((ROOT, "x"), "x", "x", id="a port of unknown kind"),
        pytest.param(None, None, None, id="no path"),
        pytest.param((PORT,), PORT, PORT, id="port known by another path"),
        pytest.param(("x",), None, None, id="no root complex"),
    ],
)
def test_where_there_is_no_switch_the_port_stands_for_it(
    path: tuple[str, ...] | None, switch: str | None, root_port: str | None
) -> None:
    pf = made_hosts.pf(PF, path=path)

    assert _domain(PF, "switch", pf) == switch
    assert _domain(PF, "root_port", pf) == root_port


def test_a_root_port_is_known_even_without_its_root_complex() -> None:
    pf = made_hosts.pf(PF, path=(PORT,))
    port = made_hosts.bridge(PORT, "root-port")

    assert _domain(PF, "root_port", pf, bridges=(port,)) == PORT


def test_behind_a_controller_its_own_root_port_counts() -> None:
    path = (ROOT, "0000:40:05.5", "pci10000:00", "10000:00:02.0")
    disk = made_hosts.plain("10000:01:00.0", path=path)

    assert _domain("10000:01:00.0", "root_port", disk) == "10000:00:02.0"


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        pytest.param({}, {}, True, id="no serial number"),
        pytest.param({"card_serial_number": "A"}, {}, True, id="one has it"),
        pytest.param(
            {"card_serial_number": "A"},
            {"card_serial_number": "B"},
            False,
            id="two numbers",
        ),
    ],
)
def test_functions_of_one_slot_are_one_card(
    one: dict[str, Any], two: dict[str, Any], *, same: bool
) -> None:
    other = "0000:43:00.1"
    devices = (made_hosts.pf(PF, **one), made_hosts.pf(other, **two))

    cards = [_domain(each, "card", *devices) for each in (PF, other)]

    assert (cards[0] == cards[1]) == same


@pytest.mark.parametrize(
    ("bond", "switches", "same"),
    [
        pytest.param("bond0", ("s", "s"), True, id="VF-LAG"),
        pytest.param("bond0", ("", ""), False, id="a bond of the host only"),
        pytest.param("bond0", ("s", "t"), False, id="two switches"),
        pytest.param("", ("s", "s"), False, id="one switch, no bond"),
    ],
)
def test_a_vf_lag_fails_as_one(
    bond: str, switches: tuple[str, str], *, same: bool
) -> None:
    other = "0000:43:00.1"
    devices = [
        made_hosts.pf(
            address,
            netdevs=(
                pci_device.NetDev("n", phys_switch_id=switch, bond=bond),
            ),
        )
        for address, switch in zip((PF, other), switches, strict=True)
    ]

    names = [_domain(each, "pf", *devices) for each in (PF, other)]

    assert (names[0] == names[1]) == same
    vf = made_hosts.vf(VF, PF, 0)
    assert _domain(VF, "pf", *devices, vf) == names[0]


@pytest.mark.parametrize(("vendor", "same"), [("8086", True), ("beef", False)])
def test_one_serial_number_of_one_vendor_is_one_card(
    vendor: str, *, same: bool
) -> None:
    other = "0000:81:00.0"
    devices = (
        made_hosts.pf(PF, card_serial_number="A"),
        made_hosts.pf(other, card_serial_number="A", vendor_id=vendor),
    )

    cards = [_domain(each, "card", *devices) for each in (PF, other)]

    assert (cards[0] == cards[1]) == same


def test_a_vf_has_no_say_about_the_serial_number_of_its_card() -> None:
    pf = made_hosts.pf(PF)
    vf = made_hosts.vf("0000:43:00.1", PF, 0, card_serial_number="A")

    assert _domain(PF, "card", pf, vf) == "0000:43:00"


def test_a_vf_without_its_pf_is_still_on_the_card_of_the_pf() -> None:
    vf = made_hosts.vf(VF, PF, 0)

    assert _domain(VF, "pf", vf) == PF
    assert _domain(VF, "card", vf) == "0000:43:00"


def test_peers_are_all_others_of_the_domain() -> None:
    vf = made_hosts.vf(VF, PF, 0, path=BEHIND_SWITCH)
    pf = made_hosts.pf(PF, path=BEHIND_SWITCH)
    beside = made_hosts.plain("0000:44:00.0", path=BEHIND_SWITCH)
    away = made_hosts.plain("0000:45:00.0", path=(ROOT,))
    graph = build.build(made_hosts.host((vf, pf, beside, away), BRIDGES))

    peers = fault.peers_in_fault_domain(
        graph, pf.address, pci_request.SpreadLevel.SWITCH
    )

    assert peers == (vf, beside)


def test_an_unknown_domain_has_no_peers() -> None:
    devices = [made_hosts.pf(PF), made_hosts.pf("0000:44:00.0")]
    graph = build.build(made_hosts.host(devices))
    level = pci_request.SpreadLevel.ROOT_PORT

    for address in (made_hosts.at(PF), made_hosts.at("0000:ff:00.0")):
        assert fault.peers_in_fault_domain(graph, address, level) == ()


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [("pf", "card"), ("pf", "switch"), ("switch", "root_port")],
)
@hypothesis.given(host=made_hosts.sane_hosts())
def test_who_shares_the_finer_domain_shares_the_coarser(
    fine: str, coarse: str, host: pci_host.Host
) -> None:
    graph = build.build(host)
    domains = [
        (
            fault.fault_domain(
                graph, each.address, pci_request.SpreadLevel(fine)
            ),
            fault.fault_domain(
                graph, each.address, pci_request.SpreadLevel(coarse)
            ),
        )
        for each in host.devices
    ]

    for one, two in itertools.combinations(domains, 2):
        assert one[0] != two[0] or one[1] == two[1]


@hypothesis.given(made_hosts.wild_hosts())
def test_peers_are_mutual(host: pci_host.Host) -> None:
    graph = build.build(host)

    for device, level in itertools.product(
        host.devices, pci_request.SpreadLevel
    ):
        for peer in fault.peers_in_fault_domain(graph, device.address, level):
            assert device in fault.peers_in_fault_domain(
                graph, peer.address, level
            )
