# SPDX-License-Identifier: Apache-2.0
"""What a compute publishes of its host is what a scheduler reads."""

from collections.abc import Collection
import dataclasses
import json
import pathlib

import hypothesis
import pytest

import made_hosts
from pci_sched.inputs import fact_sources, host_facts, host_facts_reader
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.nova.compute import publishing, watch
from pci_sched.topology import build, fault
import recorded

_Link = pci_device.Link
_OVS = pci_host.L2Agent("Open vSwitch agent", alive=True)
_NOW = 1_795_348_321


def _netdev(
    name: str, link: _Link | None, bond: str
) -> tuple[pci_device.NetDev, ...]:
    return (pci_device.NetDev(name, link=link, bond=bond),)


_HOST = made_hosts.host(
    [
        made_hosts.pf(
            "0000:41:00.0",
            card_serial_number="a0-36-9f",
            netdevs=_netdev("ens1f0", _Link.UP, "bond0"),
        ),
        made_hosts.pf(
            "0000:41:00.1",
            card_serial_number="a0-36-9f",
            netdevs=_netdev("ens1f1", _Link.NO_CARRIER, ""),
        ),
        made_hosts.vf("0000:41:10.0", "0000:41:00.0", 0),
        made_hosts.plain("0000:61:00.0"),
        made_hosts.pf("0000:81:00.0", netdevs=()),
    ]
)

_LOOK = watch.Look(_HOST, time_s=_NOW)


def _facts(
    look: watch.Look,
    agents: tuple[pci_host.L2Agent, ...] | None = None,
    plain: Collection[str] = (),
) -> host_facts.HostFacts:
    reading = host_facts_reader.read(publishing.text_of(look, agents, plain))
    assert reading.oddities == ()
    assert reading.facts is not None
    return reading.facts


def test_each_pf_is_told_with_its_link_card_and_bond() -> None:
    serial = "8086 a0-36-9f"
    assert _facts(_LOOK).pfs == (
        host_facts.FunctionFacts(
            made_hosts.at("0000:41:00.0"), _Link.UP, serial, "bond0"
        ),
        host_facts.FunctionFacts(
            made_hosts.at("0000:41:00.1"), _Link.NO_CARRIER, serial, ""
        ),
        host_facts.FunctionFacts(
            made_hosts.at("0000:81:00.0"), card="0000:81:00"
        ),
    )


def test_what_fails_with_a_pf_is_told_as_far_as_sysfs_shows_it() -> None:
    uplinks = [
        made_hosts.pf(
            f"0000:41:00.{port}",
            path=("pci0000:40", "0000:40:01.0"),
            netdevs=(
                pci_device.NetDev(
                    f"ens1f{port}", phys_switch_id="a0369f", bond="bond0"
                ),
            ),
        )
        for port in (0, 1)
    ]
    found = _facts(watch.Look(made_hosts.host(uplinks), time_s=_NOW)).pfs
    assert found is not None
    assert {(each.lag, each.root_port, each.switch) for each in found} == {
        (
            "0000:41:00 bond0 of switch a0369f",
            "0000:40:01.0",
            "0000:40:01.0",
        )
    }


def test_of_plain_devices_those_are_told_that_are_given_away() -> None:
    """A host has many others; a PF is told of as what it is."""
    root, port, upstream = "pci0000:c0", "0000:c0:01.0", "0000:c2:00.0"
    gpus = [
        made_hosts.plain(f"0000:{bus}:00.0", path=(root, port, *switch))
        for bus, switch in (("c1", ()), ("c4", (upstream,)), ("c5", ()))
    ]
    host = made_hosts.host(
        [*gpus, made_hosts.pf("0000:81:00.0")],
        [made_hosts.bridge(upstream, "switch-upstream", root, port)],
    )
    look = watch.Look(host)
    wanted = ["0000:c1:00.0", "0000:c4:00.0", "0000:81:00.0", "0000:99:00.0"]
    assert _facts(look, plain=wanted).plain == (
        host_facts.FunctionFacts(
            made_hosts.at("0000:c1:00.0"),
            card="0000:c1:00",
            root_port="0000:c0:01.0",
            switch="0000:c0:01.0",
        ),
        host_facts.FunctionFacts(
            made_hosts.at("0000:c4:00.0"),
            card="0000:c4:00",
            root_port="0000:c0:01.0",
            switch="0000:c2:00.0",
        ),
    )
    assert _facts(look).plain == ()


def test_a_plain_device_of_a_real_kernel_hangs_on_its_switch(
    tmp_path: pathlib.Path,
) -> None:
    """As ``lspci -t`` showed it on that host, beside two PFs."""
    root = recorded.unpack("switch-nvme", tmp_path)
    look = watch.HardwareWatch(root).look(30)
    found = _facts(look, plain=["0000:06:00.0"])
    assert [str(each.address) for each in found.plain or ()] == [
        "0000:06:00.0"
    ]
    assert {(each.root_port, each.switch) for each in found.functions} == {
        ("0000:00:02.0", "0000:01:00.0")
    }


def test_the_agents_are_told_as_they_are_known() -> None:
    assert _facts(_LOOK, (_OVS,)).agents == (_OVS,)
    assert _facts(_LOOK, ()).agents == ()
    assert _facts(_LOOK).agents is None


def test_before_the_first_look_little_is_known() -> None:
    assert json.loads(publishing.text_of(watch.Look(), None)) == {"v": 1}
    assert _facts(watch.Look(), (_OVS,)).agents == (_OVS,)


def test_a_host_without_pfs_is_one() -> None:
    assert _facts(watch.Look(made_hosts.host([]))).pfs == ()


def test_the_text_is_the_same_for_ten_minutes_if_nothing_changes() -> None:
    def at(time_s: int) -> str:
        look = dataclasses.replace(_LOOK, time_s=time_s)
        return publishing.text_of(look, (_OVS,))

    begin = _NOW - _NOW % 600
    assert len({at(begin), at(begin + 1), at(begin + 599)}) == 1
    assert at(begin + 600) != at(begin)
    shuffled = dataclasses.replace(
        _LOOK,
        host=dataclasses.replace(_HOST, devices=_HOST.devices[::-1]),
        time_s=begin,
    )
    assert publishing.text_of(shuffled, (_OVS,)) == at(begin)


def test_a_scheduler_reads_the_agents_out_of_it() -> None:
    answer = fact_sources.answer_from_stats(
        publishing.text_of(_LOOK, (_OVS,)), _NOW + 60
    )
    assert answer.state is fact_sources.State.KNOWN
    assert answer.facts.agents == (_OVS,)
    silent = fact_sources.answer_from_stats(
        publishing.text_of(_LOOK, None), _NOW
    )
    assert silent.state is fact_sources.State.SILENT


@hypothesis.settings(max_examples=20)
@hypothesis.given(made_hosts.sane_hosts())
def test_two_pfs_are_told_to_be_on_one_card_if_they_are(
    host: pci_host.Host,
) -> None:
    """By the whole topology, VFs and bridges too."""
    graph = build.build(host)
    cards: dict[pci_address.PciAddress, str] = {}
    for device in host.devices:
        if device.dev_type is pci_device.DevType.PF:
            domain = fault.fault_domain(
                graph, device.address, pci_request.SpreadLevel.CARD
            )
            assert domain is not None
            cards[device.address] = domain.name
    told = _facts(watch.Look(host)).pfs
    assert {each.address: each.card for each in told or ()} == cards


@pytest.mark.parametrize("count", [0, 80, 400])
def test_it_is_never_longer_than_there_is_room(count: int) -> None:
    host = made_hosts.host(
        [
            made_hosts.pf(
                f"{number:04x}:41:00.0",
                card_serial_number=f"serial-{number}",
                netdevs=_netdev("ens1", _Link.UP, ""),
            )
            for number in range(count)
        ]
    )
    text = publishing.text_of(watch.Look(host), (_OVS,))
    assert len(text) <= host_facts.MAX_BYTES
    assert text.isascii()
