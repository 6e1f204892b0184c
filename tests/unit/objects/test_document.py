# SPDX-License-Identifier: Apache-2.0
"""Ledgers as documents: nothing is lost, and what is wrong is named."""

import contextlib
import dataclasses
import datetime
import json
import pathlib
import textwrap
from typing import Any
import uuid

import hypothesis
from hypothesis import strategies as st
from oslo_versionedobjects import base as ovo_base
import pytest

import host_strategies
import ledger_cases
from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import states
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import ledger
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.objects import base, document
from pci_sched.pools import domains as pool_domains

GOLDEN = pathlib.Path(__file__).parents[2] / "golden"

_KEY = "pci_sched_object"

_UUIDS = st.uuids().map(str)

_MOMENTS = st.datetimes(
    min_value=datetime.datetime(1970, 1, 1),  # noqa: DTZ001 - given below
    timezones=st.just(datetime.UTC),
)

_LIVE = [each for each in states.ClaimState if each.is_live]


@st.composite
def snapshots(draw: st.DrawFn) -> claim_snapshot.Snapshot:
    """Draw a ledger whose claims hold some of its devices."""
    records = {
        each.address: claim_inventory.Record(
            claim_inventory.kept(each),
            draw(st.none() | st.just("52:54:00:b0:00:00")),
            draw(st.booleans()),
            draw(st.just("") | host_strategies.TEXTS),
        )
        for each in draw(host_strategies.devices())
    }
    inventory = claim_inventory.Inventory(
        records, numa=draw(host_strategies.hosts()).numa
    )
    names = st.none() | host_strategies.TEXTS
    domains = st.builds(pool_domains.FaultDomains, names, names, names, names)
    roots = sorted(inventory.roots)
    inventory = dataclasses.replace(
        inventory,
        domains={str(root): draw(domains) for root in roots},
    )
    claims = [
        _claim(draw, record.device)
        for record in records.values()
        if draw(st.booleans())
    ]
    return claim_snapshot.Snapshot(
        host=pci_claim.HostKey(draw(host_strategies.TEXTS), draw(_UUIDS)),
        generation=draw(st.integers(0, 2**62)),
        inventory=inventory,
        whole_roots={root: draw(st.booleans()) for root in roots},
        claims={each.claim_id: each for each in claims},
    )


def _claim(draw: st.DrawFn, device: pci_device.Device) -> pci_claim.Claim:
    holding = pci_claim.Holding(
        device.address,
        device.root,
        draw(host_strategies.TEXTS),
        draw(st.none() | _UUIDS),
    )
    return pci_claim.Claim(
        claim_id=str(uuid.uuid5(uuid.NAMESPACE_OID, str(device.address))),
        key=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
        instance_uuid=draw(_UUIDS),
        migration=draw(st.just("") | _UUIDS),
        is_moving=draw(st.booleans()),
        state=draw(st.sampled_from(_LIVE)),
        holdings=(holding,),
        created_at=draw(_MOMENTS),
        expires_at=draw(st.none() | _MOMENTS),
    )


def _as_of_1_0(snapshot: claim_snapshot.Snapshot) -> claim_snapshot.Snapshot:
    """Leave out what 1.0 does not have."""
    claims = {
        key: dataclasses.replace(each, expires_at=None)
        for key, each in snapshot.claims.items()
    }
    inventory = dataclasses.replace(snapshot.inventory, domains={})
    return dataclasses.replace(snapshot, inventory=inventory, claims=claims)


def _through_text(value: object) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


@hypothesis.given(snapshots())
def test_what_is_written_is_read_again(
    snapshot: claim_snapshot.Snapshot,
) -> None:
    written = _through_text(document.write(snapshot))
    assert document.read(written) == snapshot


@hypothesis.given(snapshots())
def test_an_older_reader_gets_what_it_knows_and_nothing_else(
    snapshot: claim_snapshot.Snapshot,
) -> None:
    written = _through_text(document.write(snapshot, "1.0"))
    assert document.read(written) == _as_of_1_0(snapshot)
    newer = {"expires_at", "domains"}
    assert newer.isdisjoint(_fields(written))
    if snapshot.claims:
        assert newer <= _fields(_through_text(document.write(snapshot)))
    assert f'"{_KEY}.version": "1.1"' not in json.dumps(written)


def _fields(written: object) -> set[str]:
    """Name the fields of all objects; texts may say anything."""
    found: set[str] = set()
    parts: list[object] = []
    if isinstance(written, dict):
        found |= set(written.get(f"{_KEY}.data", ()))
        parts = list(written.values())
    elif isinstance(written, list):
        parts = written
    return found.union(*map(_fields, parts))


def _example() -> claim_snapshot.Snapshot:
    """Make a small ledger: a VF is held, and its claim may expire."""
    host = ledger_cases.host(1, 2)
    inventory = claim_inventory.Inventory(
        {
            each.address: claim_inventory.Record.of(each)
            for each in host.devices
        },
        {
            "0000:10:00.0": pool_domains.FaultDomains(
                "0000:10:00.0", "serial-0", "0000:00:01.0", None
            )
        },
        host.numa,
    )
    root = pci_address.PciAddress.parse("0000:10:00.0")
    held = root._replace(slot=1)
    claim = pci_claim.Claim(
        claim_id="5ac1a3c5-1a52-4b0c-8b39-8f3b1ae0d7f0",
        key="0" * 64,
        instance_uuid="0e1b1f0a-6a43-4b8a-a6a5-4b6cf1f0a9b1",
        holdings=(pci_claim.Holding(held, root, "request-0", None),),
        created_at=datetime.datetime(2026, 5, 4, 3, 2, 1, 5, datetime.UTC),
        expires_at=datetime.datetime(2026, 5, 4, 4, 2, 1, 5, datetime.UTC),
    )
    return claim_snapshot.Snapshot(
        host=pci_claim.HostKey.named("compute1"),
        generation=7,
        inventory=inventory,
        whole_roots={root: False},
        claims={claim.claim_id: claim},
    )


@pytest.mark.parametrize("version", document.VERSIONS)
def test_a_document_of_every_version_can_still_be_read(
    version: str, request: pytest.FixtureRequest
) -> None:
    """The files are as each version wrote them; they never change."""
    path = GOLDEN / f"ledger-{version}.json"
    written = document.write(_example(), version)
    if request.config.getoption("--update-golden") and not path.exists():
        path.write_text(json.dumps(written, indent=1) + "\n")
    kept = json.loads(path.read_text())
    assert written == kept
    example = _example()
    wanted = _as_of_1_0(example) if version == "1.0" else example
    assert document.read(kept) == wanted


def test_the_pools_say_what_is_there_and_what_is_left() -> None:
    data = document.write(_example())[f"{_KEY}.data"]
    counts = [
        (pool["dev_type"], pool["total"], pool["free"])
        for pool in (each[f"{_KEY}.data"] for each in data["pools"])
    ]
    assert counts == [("type-PF", 1, 0), ("type-VF", 2, 1)]


def test_a_version_that_is_not_there_is_not_written() -> None:
    with pytest.raises(
        exception.RequestInvalid,
        match=r"no version 2\.0 of a ledger's document; there are 1\.0, 1\.1",
    ):
        document.write(_example(), "2.0")


def _change(*path: str | int, value: object) -> dict[str, Any]:
    """Write the example with another value at a place."""
    written: dict[str, Any] = _through_text(document.write(_example()))
    place: Any = written
    for step in path[:-1]:
        place = place[step]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return written


_DATA = f"{_KEY}.data"
_VERSION = f"{_KEY}.version"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            (_VERSION,),
            "1.2",
            "$: is a PciSchedHostLedger of version 1.2, and this library reads"
            " 1.0, 1.1; have it written for one of these, or upgrade pci_sched"
            " here",
        ),
        (
            (_DATA, "claims", 0, _VERSION),
            "2.0",
            "$.claims[0]: is a PciSchedClaim of version 2.0, and this library"
            " reads 1.0, 1.1; have it written for one of these, or upgrade"
            " pci_sched here",
        ),
        (
            (_DATA, "inventory", _DATA, "devices", 1, _VERSION),
            None,
            "$.inventory.devices[1]: is a PciSchedDevice of version None, and"
            " this library reads 1.0; have it written for one of these, or"
            " upgrade pci_sched here",
        ),
        (
            (f"{_KEY}.namespace",),
            "nova",
            "$: pci_sched_object.namespace is 'nova', and has to be"
            " 'pci_sched'",
        ),
        (
            (f"{_KEY}.name",),
            "PciSchedClaim",
            "$: pci_sched_object.name is 'PciSchedClaim', and has to be"
            " 'PciSchedHostLedger'",
        ),
        ((_DATA,), 5, "$: has no pci_sched_object.data"),
        (
            (f"{_KEY}.changes",),
            5,
            "$: pci_sched_object.changes is no list of names",
        ),
        (
            (_DATA, "claims", 0, _DATA, "created_at"),
            "9999-12-31T23:59:59-12:00",
            "$.claims[0].created_at: date value out of range",
        ),
        ((_DATA, "generation"), KeyError, "$: lacks generation"),
        (
            (_DATA, "claims", 0, _DATA, "expires_at"),
            KeyError,
            "$.claims[0]: lacks expires_at",
        ),
        ((_DATA, "claims"), {}, "$.claims: is no list"),
        (
            (_DATA, "claims", 0),
            "x",
            "$.claims[0]: is no object of PciSchedClaim",
        ),
        (
            (_DATA, "claims", 0, _DATA, "state"),
            "taken",
            "$.claims[0].state: Field value taken is invalid",
        ),
        (
            (_DATA, "claims", 0, _DATA, "created_at"),
            "2026-05-04",
            "$.claims[0].created_at: datetime.datetime(2026, 5, 4, 0, 0) is no"
            " moment with a time zone",
        ),
        (
            (_DATA, "claims", 0, _DATA, "created_at"),
            "soon",
            "$.claims[0].created_at: Invalid isoformat string: 'soon'",
        ),
        (
            (_DATA, "inventory", _DATA, "devices", 0, _DATA, "address"),
            "10:00",
            "$.inventory.devices[0].address: '10:00' is no PCI address; the"
            " form is domain:bus:slot.function in hex, like 0000:41:10.2",
        ),
        (
            (_DATA, "inventory", _DATA, "devices", 0, _DATA, "tags"),
            {"a": [1]},
            "$.inventory.devices[0].tags: [1] is no text, number, true, false"
            " or null",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    path: tuple[str | int, ...], value: object, said: str
) -> None:
    with pytest.raises(exception.DocumentInvalid) as caught:
        document.read(_change(*path, value=value))
    assert str(caught.value) == said


@pytest.mark.parametrize("value", [None, [], "ledger", {}, 5])
def test_what_is_no_ledger_at_all_is_refused(value: object) -> None:
    with pytest.raises(exception.DocumentInvalid, match=r"^\$: "):
        document.read(value)


@hypothesis.given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=5,
    ),
    st.data(),
)
def test_whatever_stands_in_a_field_is_read_or_refused(
    value: object, data: st.DataObject
) -> None:
    """No other error than ours comes out."""
    place = data.draw(
        st.sampled_from(
            [
                (f"{_KEY}.changes",),
                (_DATA, "host"),
                (_DATA, "generation"),
                (_DATA, "modes"),
                (_DATA, "inventory"),
                (_DATA, "claims"),
                (_DATA, "claims", 0, _DATA, "holdings"),
                (_DATA, "claims", 0, _DATA, "expires_at"),
                (_DATA, "inventory", _DATA, "numa"),
                (_DATA, "inventory", _DATA, "devices", 0, _DATA, "path"),
                (_DATA, "inventory", _DATA, "devices", 0, _DATA, "tags"),
                (_DATA, "inventory", _DATA, "devices", 0, _DATA, "numa_node"),
            ]
        )
    )
    with contextlib.suppress(exception.DocumentInvalid):
        document.read(_change(*place, value=value))


def test_the_example_of_the_page_does_what_it_says(
    tmp_path: pathlib.Path,
) -> None:
    page = GOLDEN.parents[1] / "doc/source/reference/objects.rst"
    example = page.read_text().split(".. code-block:: python\n\n")[1]
    example = textwrap.dedent(example.split("\n``tracker``")[0])
    store = ledger.open_store(ledger.url_of(None, str(tmp_path)))
    tracker = claim_tracker.ClaimTracker(
        store, pci_claim.HostKey.named("compute1")
    )
    tracker.sync(ledger_cases.host())
    names: dict[str, Any] = {"tracker": tracker}
    exec(example, names)  # noqa: S102 - is our own page
    assert names["snapshot"] == tracker.snapshot()
    store.close()


def test_the_page_names_every_field_of_every_object() -> None:
    page = GOLDEN.parents[1] / "doc/source/reference/objects.rst"
    text = page.read_text()
    registry = ovo_base.VersionedObjectRegistry.obj_classes()
    for name, classes in registry.items():
        if name.startswith(base.PREFIX):
            assert f"   * - ``{name}``\n     - 1.0\n" in text
            for field in classes[0].fields:
                assert f"``{field}``" in text, (name, field)
