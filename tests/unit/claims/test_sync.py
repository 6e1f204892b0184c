# SPDX-License-Identifier: Apache-2.0
"""What becomes of a ledger when the hardware is not as it was."""

import dataclasses
import datetime
from typing import Any

import pytest

import ledger_cases
from pci_sched.claims import acts, snapshot, sync
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
_CAUSE = acts.Cause(_NOW, "me", "because")
_HOST = ledger_cases.host(pfs=2, vfs=2)
_PF, _VF, _VF2, _PF2, *_ = (each.address for each in _HOST.devices)
_EMPTY = snapshot.Snapshot(pci_claim.HostKey.named("h"))


def _see(
    ledger: snapshot.Snapshot, host: pci_host.Host, **options: Any
) -> tuple[list[tuple[Any, str]], snapshot.Snapshot]:
    """Look once; tell what was said, and the ledger afterwards."""
    drifts, change = sync.compare(ledger, host, _CAUSE, **options)
    said = [(each.address, str(each.kind)) for each in drifts]
    assert drifts == tuple(sorted(drifts))
    return said, ledger if change is None else ledger.after(change)


def _holding(*addresses: pci_address.PciAddress) -> snapshot.Snapshot:
    """Have a ledger of the host in which somebody holds devices."""
    _, ledger = _see(_EMPTY, _HOST)
    records = ledger.inventory.records
    claim = pci_claim.Claim(
        claim_id="c",
        key="k",
        instance_uuid="server",
        created_at=_NOW,
        holdings=tuple(
            pci_claim.Holding(each, records[each].device.root, "r")
            for each in addresses
        ),
    )
    return dataclasses.replace(ledger, claims={"c": claim})


def _with(
    address: pci_address.PciAddress,
    host: pci_host.Host = _HOST,
    **changes: Any,
) -> pci_host.Host:
    return dataclasses.replace(
        host,
        devices=tuple(
            dataclasses.replace(each, **changes)
            if each.address == address
            else each
            for each in host.devices
        ),
    )


def _record(
    ledger: snapshot.Snapshot, address: pci_address.PciAddress
) -> claim_inventory.Record:
    return ledger.inventory.records[address]


def test_what_is_seen_first_is_new() -> None:
    said, ledger = _see(_EMPTY, _HOST)
    assert said == sorted((each.address, "new") for each in _HOST.devices)
    assert ledger.generation == 1
    assert ledger.inventory.numa == _HOST.numa
    assert ledger.whole_roots == {_PF: True, _PF2: True}


@pytest.mark.parametrize("held", [(), (_VF,), (_PF,)])
def test_what_is_seen_again_is_not_written(
    held: tuple[pci_address.PciAddress, ...],
) -> None:
    assert sync.compare(_holding(*held), _HOST, _CAUSE) == ((), None)


def test_what_does_not_belong_into_a_pool_is_left_out() -> None:
    host = _with(_VF, assignable=False)
    _, ledger = _see(_EMPTY, host)
    assert _VF not in ledger.inventory.records
    # A PF stays for the sake of its VFs.
    _, ledger = _see(_EMPTY, _with(_PF, assignable=False))
    assert not _record(ledger, _PF).is_usable


_FREE_CASES = {
    "gone": (ledger_cases.without(_HOST, _VF), [(_VF, "vanished")]),
    "changed": (_with(_VF, numa_node=1), [(_VF, "changed")]),
    "replaced": (_with(_VF, product_id="1889"), [(_VF, "replaced")]),
    "another card": (
        _with(_PF, card_serial_number="other"),
        [(_PF, "replaced")],
    ),
    "other VFs": (_with(_PF, sriov_numvfs=1), [(_PF, "changed")]),
}


@pytest.mark.parametrize("case", _FREE_CASES)
def test_a_free_device_is_as_the_hardware_is(case: str) -> None:
    host, wanted = _FREE_CASES[case]
    said, ledger = _see(_holding(), host)
    assert said == wanted
    assert _see(ledger, host) == ([], ledger)
    _, fresh = _see(_EMPTY, host)
    assert ledger.inventory.records == fresh.inventory.records


_HELD_CASES = {
    "gone": (ledger_cases.without(_HOST, _VF), "it vanished", False),
    "another product": (
        _with(_VF, product_id="1889"),
        "its product was 154c and is 1889",
        True,
    ),
    "another card": (
        _with(_PF, card_serial_number="other"),
        "its serial number was serial-0 and is other",
        True,
    ),
    "other VFs": (
        _with(_PF, sriov_numvfs=1),
        "its PF 0000:10:00.0 had 2 VFs and has 1",
        True,
    ),
}


@pytest.mark.parametrize("case", _HELD_CASES)
def test_a_held_device_is_quarantined_until_it_is_free_and_whole(
    case: str,
) -> None:
    host, why, is_present = _HELD_CASES[case]
    said, ledger = _see(_holding(_VF), host)
    assert (_VF, "quarantined") in said
    record = _record(ledger, _VF)
    assert (record.quarantine, record.present) == (why, is_present)
    assert record.device.product_id == "154c"
    # Held, it stays so, whatever is seen.
    assert _see(ledger, host) == ([], ledger)
    _, back = _see(ledger, _HOST)
    assert _record(back, _VF).quarantine == why
    assert _record(back, _VF).present
    # Free, and not seen: it goes. Free, and seen: it is whole.
    free = dataclasses.replace(ledger, claims={})
    said, gone = _see(free, ledger_cases.without(_HOST, _VF))
    assert (_VF, "vanished") in said
    assert _VF not in gone.inventory.records
    said, whole = _see(dataclasses.replace(back, claims={}), _HOST)
    assert (_VF, "cleared") in said
    assert _record(whole, _VF) == _record(_holding(), _VF)


def test_a_second_cause_is_noted_beside_the_first() -> None:
    _, ledger = _see(_holding(_VF), ledger_cases.without(_HOST, _VF))
    said, ledger = _see(ledger, _with(_VF, product_id="1889"))
    assert said == [(_VF, "changed")]
    assert _record(ledger, _VF).quarantine == "it vanished"
    assert _record(ledger, _VF).present


def test_a_held_device_may_change_in_small_things() -> None:
    said, ledger = _see(_holding(_VF), _with(_VF, numa_node=1))
    assert said == [(_VF, "changed")]
    assert _record(ledger, _VF).device.numa_node == 1
    assert _record(ledger, _VF).quarantine == ""


def test_a_mac_address_that_a_serial_number_outweighs_is_followed() -> None:
    netdevs = (pci_device.NetDev("eth0", mac="02:00:00:00:00:01"),)
    said, ledger = _see(_holding(_VF), _with(_PF, netdevs=netdevs))
    assert said == [(_PF, "changed")]
    assert _record(ledger, _PF).mac == "02:00:00:00:00:01"


def test_a_held_pf_with_other_vfs_is_quarantined() -> None:
    said, ledger = _see(_holding(_PF), _with(_PF, sriov_numvfs=0))
    assert said == [(_PF, "quarantined")]
    assert _record(ledger, _PF).device.sriov_numvfs == 0


def test_a_number_of_vfs_that_nobody_can_read_says_nothing() -> None:
    host = _with(_PF, sriov_numvfs=None)
    said, ledger = _see(_holding(_VF), host)
    assert said == [(_PF, "changed")]
    assert _see(ledger, _HOST)[0] == [(_PF, "changed")]


def test_vfs_without_their_pf_are_still_known() -> None:
    host = ledger_cases.without(_HOST, _PF)
    said, ledger = _see(_holding(_VF), host)
    assert said == [(_PF, "vanished")]
    assert _record(ledger, _VF).quarantine == ""
    assert str(_PF) in ledger.inventory.domains
    _, ledger = _see(_EMPTY, host)
    assert str(_PF) in ledger.inventory.domains


def test_a_serial_number_that_could_not_be_read_is_remembered() -> None:
    said, ledger = _see(_holding(), _with(_PF, card_serial_number=None))
    assert said == []
    assert _record(ledger, _PF).device.card_serial_number == "serial-0"


def test_nodes_alone_are_written_too() -> None:
    host = dataclasses.replace(_HOST, numa=())
    drifts, change = sync.compare(_holding(), host, _CAUSE)
    assert drifts == ()
    assert change is not None
    assert (change.put, change.gone, change.roots) == ((), (), ())
    assert [each.act for each in change.steps] == ["sync"]


def test_what_somebody_uses_unheld_becomes_free_by_no_look() -> None:
    empty = ledger_cases.without(_HOST, _VF)
    _, ledger = _see(_EMPTY, empty)
    assert _see(ledger, _HOST, in_use={_VF}) == ([], ledger)
    quarantined = _see(_holding(_VF), empty)[1]
    free = dataclasses.replace(quarantined, claims={})
    said, after = _see(free, _HOST, in_use={_VF})
    assert said == [(_VF, "changed")]
    assert _record(after, _VF).quarantine == "it vanished"


def test_the_history_tells_of_each_device_that_is_not_to_be_given() -> None:
    gone = ledger_cases.without(_HOST, _VF)
    _, change = sync.compare(_holding(_VF, _VF2), gone, _CAUSE)
    assert change is not None
    first, second = change.steps
    assert (first.act, second.act) == ("sync", "quarantine")
    assert (second.claim_id, second.instance_uuid) == ("c", "server")
    assert second.holdings == (pci_claim.Holding(_VF, _PF, ""),)
    assert second.reason == "it vanished"
    assert (second.at, second.actor) == (_NOW, "me")
    ledger = dataclasses.replace(_holding(_VF, _VF2).after(change), claims={})
    _, change = sync.compare(ledger, _HOST, _CAUSE)
    assert change is not None
    assert [each.act for each in change.steps] == ["sync", "clear"]
    assert change.steps[1].claim_id == ""


def test_many_devices_are_counted_and_not_listed() -> None:
    _, few = sync.compare(_EMPTY, _HOST, _CAUSE)
    _, many = sync.compare(_EMPTY, ledger_cases.host(pfs=9), _CAUSE)
    assert few is not None
    assert many is not None
    assert str(_VF) in few.steps[0].reason
    assert len(many.steps[0].reason) < 400


@pytest.mark.parametrize(
    ("host", "why"),
    [
        (_HOST, ""),
        (ledger_cases.without(_HOST, _VF), "it vanished"),
        (_with(_VF, vendor_id="10de"), "its vendor was 8086 and is 10de"),
        (
            _with(_PF, sriov_numvfs=1),
            "its PF 0000:10:00.0 had 2 VFs and has 1",
        ),
        (ledger_cases.without(_HOST, _PF), ""),
    ],
)
def test_trouble_is_what_would_quarantine_a_held_device(
    host: pci_host.Host, why: str
) -> None:
    known = _holding().inventory.records
    assert sync.trouble(known, sync.wanted(host), _VF) == why
