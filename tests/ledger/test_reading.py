# SPDX-License-Identifier: Apache-2.0
"""What is read is one moment, and is what was written."""

import dataclasses
import threading

import pytest

import ledger_cases
from pci_sched import exception
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.model import device as pci_device
import plain_ledger

_HOST = ledger_cases.host()
_VF = ledger_cases.ask(ledger_cases.VF)


def _plain(snapshot: claim_snapshot.Snapshot) -> claim_snapshot.Snapshot:
    return dataclasses.replace(snapshot, rival="")


def test_another_reads_what_one_remembers(track: ledger_cases.Track) -> None:
    """Nothing is lost on the way into the tables and back."""
    tracker = track()
    pf, vf, *_ = _HOST.devices
    odd = dataclasses.replace(
        vf,
        vendor_id=None,
        product_id=None,
        class_id="020000",
        numa_node=None,
        path=None,
        tags=(("a", 1), ("b", True), ("c", None), ("d", "\u00e9'\"\\")),
        netdevs=(pci_device.NetDev("eth0", mac="00:11:22:33:44:55"),),
    )
    far = dataclasses.replace(
        pf,
        address=pf.address._replace(domain=0x10000001),
        card_serial_number=None,
        dev_type=pci_device.DevType.PCI,
    )
    tracker.sync(
        dataclasses.replace(_HOST, devices=(*_HOST.devices[2:], pf, odd, far))
    )
    tracker.claim(ledger_cases.uid(), _VF, migration="move")
    tracker.confirm(tracker.claim(ledger_cases.uid(), _VF).claim_id)
    fresh = track(tracks="test:2").snapshot()
    assert _plain(tracker.snapshot()) == fresh
    assert fresh.inventory.records[vf.address].device.tags == odd.tags
    assert fresh.inventory.records[vf.address].mac == "00:11:22:33:44:55"


#: As who writes tells that the inventory is new.
_RENEWED = (
    "UPDATE hosts SET inventory_generation = generation + 1,"
    " generation = generation + 1"
)


def test_facts_of_a_newer_library_are_left_out(
    url: str, track: ledger_cases.Track
) -> None:
    tracker = track()
    tracker.sync(_HOST)
    before = tracker.snapshot().inventory
    plain_ledger.write(
        url,
        _RENEWED,
        "UPDATE devices SET facts ="
        " REPLACE(facts, '{', '{\"iommu_group\":12,')",
        'UPDATE roots SET domains = \'["a", "b", "c", "d", "e"]\'',
    )
    found = track(tracks="").snapshot().inventory
    assert found.records == before.records
    assert {each[:4] for each in found.domains.values()} == {
        ("a", "b", "c", "d")
    }


def test_words_of_a_newer_library_are_named(
    url: str, track: ledger_cases.Track
) -> None:
    tracker = track()
    tracker.sync(_HOST)
    plain_ledger.write(
        url, _RENEWED, "UPDATE devices SET dev_type = 'type-SF'"
    )
    with pytest.raises(exception.SchemaUnfit, match=r"'type-SF'.*type-VF"):
        tracker.claim("server", _VF)
    with pytest.raises(exception.SchemaUnfit, match="use the pci_sched that"):
        track(tracks="").snapshot()


def test_a_pf_that_is_not_seen_with_its_vfs_is_read_alike(
    track: ledger_cases.Track,
) -> None:
    """Of its fault domains only the address tells then."""
    tracker = track()
    pf = _HOST.devices[0]
    tracker.sync(_HOST)
    tracker.sync(dataclasses.replace(_HOST, devices=()))
    tracker.sync(ledger_cases.without(_HOST, pf.address))
    assert _plain(tracker.snapshot()) == track(tracks="").snapshot()


def test_what_one_wrote_the_other_one_sees(track: ledger_cases.Track) -> None:
    one, two = track(tracks="one:1"), track(tracks="two:2")
    one.sync(_HOST)
    assert two.holdings() == ()
    instance = ledger_cases.uid()
    one.claim(instance, _VF)
    assert two.holdings(instance) == one.holdings(instance) != ()
    assert two.holdings("nobody") == ()
    two.release(instance)
    assert one.holdings() == ()


def test_a_host_gets_its_new_name_and_keeps_its_ledger(
    url: str, track: ledger_cases.Track
) -> None:
    tracker = track()
    tracker.sync(_HOST)
    tracker.claim(ledger_cases.uid(), _VF)
    tracker.host = dataclasses.replace(tracker.host, name="renamed")
    assert len(tracker.holdings()) == 1
    (row,) = plain_ledger.read(url)["hosts"]
    assert row["name"] == "renamed"


def test_the_history_is_read_in_order_and_in_parts(
    track: ledger_cases.Track,
) -> None:
    tracker = track()
    store, host = tracker._store, tracker.host  # noqa: SLF001
    assert store.history(host) == ()
    tracker.sync(_HOST)
    instance = ledger_cases.uid()
    claim = tracker.claim(instance, _VF, reason="a boot")
    tracker.confirm(claim.claim_id)
    tracker.claim(ledger_cases.uid(), _VF)
    tracker.finish_move(instance, "move")
    acts = [each.act for each in store.history(host)]
    assert acts == ["sync", "claim", "confirm", "claim", "finish_move"]
    found = store.history(host, claim_id=claim.claim_id)
    assert [each.act for each in found] == ["claim", "confirm", "finish_move"]
    assert found[0].reason == "a boot"
    assert found[0].holdings == claim.holdings == found[-1].holdings
    assert found[0].actor == "test"
    assert store.history(host, claim_id=claim.claim_id, last=1) == found[-1:]
    assert store.history(host, migration="move") == found[-1:]
    assert store.history(host, instance_uuid="nobody") == ()


def test_a_reader_sees_one_moment_while_others_write(
    track: ledger_cases.Track,
) -> None:
    """A claim and its holdings, a device and its root: all or none."""
    writer, reader = track(tracks="one:1"), track(tracks="")
    writer.sync(_HOST)
    is_over = threading.Event()

    def write() -> None:
        try:
            for _ in range(25):
                instance = ledger_cases.uid()
                writer.claim(instance, _VF)
                writer.sync(ledger_cases.host(pfs=3))
                writer.release(instance)
                writer.sync(_HOST)
        finally:
            is_over.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = set()
    while not is_over.is_set():
        now = reader.snapshot()
        seen.add(now.generation)
        for claim in now.claims.values():
            assert claim.holdings
        sizes = len(now.inventory.records), len(now.claims)
        assert sizes in ((10, 0), (10, 1), (15, 1), (15, 0))
        # The writer claims, adds a card, releases, takes the card away.
        assert (
            sizes
            == ((10, 0), (10, 1), (15, 1), (15, 0))[(now.generation - 1) % 4]
        )
    thread.join()
    assert len(seen) > 1
