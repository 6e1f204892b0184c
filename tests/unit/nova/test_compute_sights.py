# SPDX-License-Identifier: Apache-2.0
"""Looks at hardware side by side: what is missing, and what is said."""

import dataclasses
from typing import Any

import hypothesis
from hypothesis import strategies as st

import changing_host
import ledger_cases
from pci_sched.claims import identity
from pci_sched.claims import inventory as claim_inventory
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.nova.compute import sights

_HOST = ledger_cases.host(pfs=2, vfs=4)
PF, VF0, VF1, VF2, VF3, PF_B = (each.address for each in _HOST.devices[:6])
_VFS = (VF0, VF1, VF2, VF3)

_Link = pci_device.Link


def _changed(
    host: pci_host.Host, *addresses: pci_address.PciAddress, **facts: Any
) -> pci_host.Host:
    """Change some devices of a host."""
    return dataclasses.replace(
        host,
        devices=tuple(
            dataclasses.replace(each, **facts)
            if each.address in addresses
            else each
            for each in host.devices
        ),
    )


def _wired(
    name: str = "ens1",
    link: _Link | None = _Link.UP,
    changes: int | None = None,
) -> pci_host.Host:
    netdev = pci_device.NetDev(
        name, mac="02:00:00:00:00:01", link=link, carrier_changes=changes
    )
    return _changed(_HOST, PF, netdevs=(netdev,))


class _Told:
    """Looks at hosts one after the other."""

    def __init__(self, first: pci_host.Host) -> None:
        self.memory, news = sights.compare(None, first)
        assert news == ()

    def __call__(self, host: pci_host.Host) -> tuple[str, ...]:
        self.memory, news = sights.compare(self.memory, host)
        return news

    @property
    def missing(self) -> set[pci_address.PciAddress]:
        return set(self.memory.missing)


def test_the_first_look_is_no_news() -> None:
    told = _Told(ledger_cases.without(_HOST, VF0))
    assert told.missing == set()
    assert told.memory.host is not _HOST


def test_what_is_the_same_is_no_news() -> None:
    told = _Told(_HOST)
    assert told(_HOST) == ()
    assert told(dataclasses.replace(_HOST, name="other")) == ()


# Devices


def test_a_device_that_vanished_is_missing_until_it_is_back() -> None:
    told = _Told(_HOST)
    gone = ledger_cases.without(_HOST, VF1)
    assert told(gone) == (
        f"1 VF of PF {PF} ({VF1}) is gone and not given to any instance until"
        " seen again",
    )
    assert dict(told.memory.missing) == {VF1: "it vanished"}
    assert told(gone) == ()
    assert told(_HOST) == (
        f"1 VF of PF {PF} ({VF1}) is back as before and may be given to"
        " instances again",
    )
    assert told.missing == set()
    assert told(gone) != ()


def test_a_card_that_vanished_is_one_sentence() -> None:
    told = _Told(_HOST)
    assert told(ledger_cases.without(_HOST, PF, *_VFS)) == (
        f"PF {PF} with 4 VFs ({VF0}, {VF1}, {VF2}, …) are gone and not given"
        " to any instance until seen again",
    )
    assert told.missing == {PF, *_VFS}


def test_a_plain_device_is_called_one() -> None:
    plain = dataclasses.replace(
        _HOST.devices[0],
        dev_type=pci_device.DevType.PCI,
        sriov_numvfs=None,
    )
    told = _Told(
        dataclasses.replace(_HOST, devices=(plain, *_HOST.devices[5:]))
    )
    (said,) = told(ledger_cases.without(_HOST, PF, *_VFS))
    assert said.startswith(f"device {PF} is gone")


def test_another_device_is_missing_until_the_one_before_is_back() -> None:
    told = _Told(_HOST)
    other = _changed(_HOST, VF1, product_id="ffff")
    assert told(other) == (
        f"1 VF of PF {PF} ({VF1}) is not what was there before (its product"
        " was 154c and is ffff) and not given to any instance; put the old"
        " card back, or restart nova-compute to take it as it is",
    )
    assert told.memory.missing[VF1] == "its product was 154c and is ffff"
    assert told(other) == ()
    third = _changed(_HOST, VF1, product_id="eeee")
    assert "154c and is eeee" in told(third)[0]
    assert "is back" in told(_HOST)[0]
    assert told.missing == set()


def test_with_another_card_its_vfs_are_other_ones() -> None:
    """They look the same, and their number too."""
    told = _Told(_HOST)
    other = _changed(_HOST, PF, card_serial_number="serial-9")
    (said,) = told(other)
    assert said.startswith(f"PF {PF} with 4 VFs (")
    assert "its serial number was serial-0 and is serial-9" in said
    assert told.missing == {PF, *_VFS}
    assert told.memory.missing[VF0] == (
        f"its PF {PF} is another one: its serial number was serial-0 and is"
        " serial-9"
    )


def test_a_device_that_became_another_one_after_it_vanished_is_told() -> None:
    told = _Told(_HOST)
    told(ledger_cases.without(_HOST, VF1))
    assert (
        "is not what was there"
        in (told(_changed(_HOST, VF1, product_id="ffff"))[0])
    )


def test_what_a_look_cannot_read_says_nothing_and_is_remembered() -> None:
    told = _Told(_HOST)
    blind = _changed(
        _HOST, PF, card_serial_number=None, path=None, vendor_id=None
    )
    assert told(blind) == ()
    assert told.missing == set()
    other = _changed(blind, PF, card_serial_number="serial-9")
    assert told(other) != ()
    assert PF in told.missing


def test_what_the_first_look_could_not_read_is_learned_later() -> None:
    told = _Told(_changed(_HOST, PF, card_serial_number=None))
    assert told(_HOST) == ()
    assert told(_changed(_HOST, PF, card_serial_number="serial-9")) != ()


def test_a_bond_gives_its_members_a_mac_address_that_says_nothing() -> None:
    bare = _changed(_HOST, PF, PF_B, card_serial_number=None)
    netdev = pci_device.NetDev("ens1", mac="02:00:00:00:00:01")
    taken = dataclasses.replace(netdev, mac="02:00:00:00:00:02")
    told = _Told(_changed(bare, PF, netdevs=(netdev,)))
    bonded = dataclasses.replace(taken, bond="bond0")
    assert told(_changed(bare, PF, netdevs=(bonded,))) == ()
    alone = dataclasses.replace(taken, bond="")
    assert told(_changed(bare, PF, netdevs=(alone,))) != ()
    assert told.missing == {PF, *_VFS}


def test_a_new_device_is_told_once() -> None:
    told = _Told(ledger_cases.without(_HOST, PF, *_VFS))
    assert told(_HOST) == (
        f"PF {PF} with 4 VFs ({VF0}, {VF1}, {VF2}, …) are new; nova-compute"
        " takes notice of new devices when it is restarted",
    )
    assert told(ledger_cases.without(_HOST, VF0)) != ()
    assert told.missing == {VF0}


# VFs of a PF


def test_vfs_that_are_taken_away_and_made_again() -> None:
    told = _Told(_HOST)
    none = ledger_cases.without(_HOST, *_VFS)
    assert told(_changed(none, PF, sriov_numvfs=0)) == (
        f"PF {PF} had 4 VFs and has 0: 4 VFs ({VF0}, {VF1}, {VF2}, …) are gone"
        " and not given to any instance until seen again",
    )
    assert told.missing == set(_VFS)
    two = ledger_cases.without(_HOST, VF2, VF3)
    assert told(_changed(two, PF, sriov_numvfs=2)) == (
        f"PF {PF} had 0 VFs and has 2: 2 VFs ({VF0}, {VF1}) are back as before"
        " and may be given to instances again",
    )
    assert told.missing == {VF2, VF3}
    assert "had 2 VFs and has 4 (all were made anew" in told(_HOST)[0]
    assert told.missing == set()


def test_more_vfs_are_new_ones() -> None:
    two = ledger_cases.without(_HOST, VF2, VF3)
    told = _Told(_changed(two, PF, sriov_numvfs=2))
    (said,) = told(_HOST)
    assert said == (
        f"PF {PF} had 2 VFs and has 4 (all were made anew: restart the"
        f" instances that had any): 2 VFs ({VF2}, {VF3}) are new; nova-compute"
        " takes notice of new devices when it is restarted"
    )


def test_the_vfs_of_a_pf_that_an_instance_has_are_gone_for_a_reason() -> None:
    told = _Told(_HOST)
    none = ledger_cases.without(_HOST, *_VFS)
    (said,) = told(_changed(none, PF, sriov_numvfs=0, driver="vfio-pci"))
    assert said.endswith("; the PF has driver vfio-pci, as one that is in use")


def test_a_number_of_vfs_that_cannot_be_read_is_no_change() -> None:
    told = _Told(_HOST)
    assert told(_changed(_HOST, PF, sriov_numvfs=None)) == ()
    assert told(_changed(_HOST, PF, sriov_numvfs=3)) == (
        f"PF {PF} had 4 VFs and has 3 (all were made anew: restart the"
        " instances that had any)",
    )


# Names


def test_a_pf_whose_network_device_is_renamed_is_told() -> None:
    told = _Told(_wired("ens1"))
    assert told(_wired("ens1f0np0")) == (
        f"the network device of PF {PF} was ens1 and is ens1f0np0; correct"
        " what names it: devname in [pci]device_spec, mappings of agents",
    )
    assert told(_wired("ens1f0np0")) == ()
    assert "was ens1f0np0 and is ens1;" in told(_wired("ens1"))[0]


def test_a_network_device_that_is_away_for_a_while_has_kept_its_name() -> None:
    told = _Told(_wired("ens1"))
    for netdevs in ((), None):
        assert told(_changed(_HOST, PF, netdevs=netdevs)) == ()
    assert told(_wired("ens1")) == ()
    assert told(_changed(_HOST, PF, netdevs=())) == ()
    assert len(told(_wired("ens2"))) == 1


def test_a_link_is_judged_elsewhere() -> None:
    told = _Told(_wired())
    assert told(_wired(link=_Link.DOWN)) == ()
    assert told.memory.host == _wired(link=_Link.DOWN)


def test_a_count_that_says_nothing_of_a_device_is_kept_all_the_same() -> None:
    told = _Told(_wired(changes=1))
    assert told(_wired(changes=3)) == ()
    netdev = told.memory.host.devices[0].netdev
    assert netdev is not None
    assert netdev.carrier_changes == 3


def test_of_a_pf_that_is_missing_nothing_else_is_told() -> None:
    told = _Told(_wired())
    other = _changed(_wired("ens2"), PF, card_serial_number="x")
    assert len(told(_changed(other, PF, sriov_numvfs=2))) == 1
    (said, more) = told(_wired("ens2"))
    assert "is back" in said or "are back" in said
    assert "was ens1 and is ens2" in more


def test_links_of_vfs_and_plain_devices_are_no_news() -> None:
    down = pci_device.NetDev("eth9", link=_Link.DOWN)
    told = _Told(_changed(_HOST, VF0, netdevs=(down,)))
    up = dataclasses.replace(down, name="eth8", link=_Link.UP)
    assert told(_changed(_HOST, VF0, netdevs=(up,))) == ()


# Laws


_SLOTS = range(changing_host.PFS)
_ADDRESSES = [each.address for each in changing_host.ALL.devices]


@st.composite
def _hardware(draw: st.DrawFn) -> pci_host.Host:
    """Draw what a host may look like at one moment."""
    some = st.sets(st.sampled_from(_ADDRESSES), max_size=2)
    host = changing_host.Hardware(
        vfs={slot: draw(st.integers(0, changing_host.VFS)) for slot in _SLOTS},
        boards={slot: draw(st.integers(0, 1)) for slot in _SLOTS},
        away=draw(st.sets(st.sampled_from(_SLOTS), max_size=1)),
        hidden=draw(some),
        others=draw(some),
    ).host()
    for address in _ADDRESSES[:: changing_host.VFS + 1]:
        name = draw(st.sampled_from(["ens1", "ens2"]))
        link = draw(st.none() | st.sampled_from(_Link))
        netdevs = draw(
            st.sampled_from(
                [None, (), (pci_device.NetDev(name, link=link, mac=name),)]
            )
        )
        host = _changed(host, address, netdevs=netdevs)
        if draw(st.booleans()):
            host = _changed(host, address, card_serial_number=None)
    return host


def _again(host: pci_host.Host) -> pci_host.Host:
    """The same hardware, not the same object, and another name."""
    return dataclasses.replace(host, name="again")


@hypothesis.given(st.lists(_hardware(), min_size=1, max_size=6))
def test_after_any_looks_what_is_missing_is_what_is_not_whole(
    looks: list[pci_host.Host],
) -> None:
    memory: sights.Memory | None = None
    for host in looks:
        memory, news = sights.compare(memory, host)
        assert len(set(news)) == len(news)
        # While nothing changes, nothing is said again.
        memory, silence = sights.compare(memory, _again(host))
        assert silence == ()
        seen = {each.address: each for each in host.devices}
        for address, record in memory.records.items():
            is_there = address in seen and not identity.difference(
                record, claim_inventory.Record.of(seen[address])
            )
            assert is_there or address in memory.missing
        assert memory.missing.keys() <= memory.records.keys()
        assert all(
            address in memory.records or device.root in memory.missing
            for address, device in seen.items()
        )
        assert all(memory.missing.values())


@hypothesis.given(_hardware(), st.lists(_hardware(), min_size=1, max_size=4))
def test_whatever_happens_the_same_hardware_is_whole_again(
    first: pci_host.Host, others: list[pci_host.Host]
) -> None:
    known = {each.address for each in first.devices}
    memory, _ = sights.compare(None, first)
    for host in others:
        memory, _ = sights.compare(memory, host)
    was = set(memory.missing)
    memory, news = sights.compare(memory, first)
    # Cards are told apart by serial numbers, and by MAC addresses where
    # those cannot be read; what was seen of others meanwhile may be neither.
    serials = {
        each.address
        for each in first.devices
        if each.card_serial_number is not None or each.parent_addr is not None
    }
    heads = {each.root for each in first.devices}
    if heads <= serials | {each for each in heads if each not in known}:
        assert memory.missing.keys().isdisjoint(known)
        if was & known:
            assert news


@hypothesis.given(st.lists(_hardware(), min_size=1, max_size=6))
def test_a_device_becomes_missing_only_with_a_word(
    looks: list[pci_host.Host],
) -> None:
    memory, _ = sights.compare(None, looks[0])
    for host in looks[1:]:
        before = memory.missing
        memory, news = sights.compare(memory, host)
        assert bool(before.keys() ^ memory.missing.keys()) <= bool(news)
