# SPDX-License-Identifier: Apache-2.0
"""What must be true of Nova's records, of its memory and of the ledgers."""

from collections import Counter
from collections.abc import Iterator, Mapping
import datetime
import json
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from pci_sched.claims import audit, truths
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.db import ledger
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from tests.nova import rt_doubles as doubles
from tests.nova import rt_world

_HELD: Final = ("claimed", "allocated")


class Row(NamedTuple):
    """One row of ``pci_devices``, as far as it matters here."""

    address: str
    status: str
    instance_uuid: str | None
    request_id: str | None
    parent_addr: str | None

    @property
    def holder(self) -> str:
        """Who has the device; "" for nobody."""
        return self.instance_uuid or "" if self.status in _HELD else ""


def rows(world: rt_world.World, host: str) -> dict[str, Row]:
    """Read Nova's records of the devices of a host, by their addresses."""
    query = sa.text(
        f"SELECT {', '.join(Row._fields)} FROM pci_devices"  # noqa: S608
        " WHERE deleted = 0 AND compute_node_id ="
        " (SELECT id FROM compute_nodes WHERE uuid = :uuid)"
    )
    with world.engine.connect() as connection:
        found = connection.execute(query, {"uuid": doubles.node_uuid(host)})
        return {row.address: Row(*row) for row in found}


def pools(world: rt_world.World, host: str) -> Counter[tuple[str, str]]:
    """Count the free devices of ``compute_nodes``, by address and type."""
    query = sa.text("SELECT pci_stats FROM compute_nodes WHERE uuid = :uuid")
    with world.engine.connect() as connection:
        text = connection.scalar(query, {"uuid": doubles.node_uuid(host)})
    found: Counter[tuple[str, str]] = Counter()
    for each in json.loads(text)["nova_object.data"]["objects"]:
        pool = each["nova_object.data"]
        tags = pool["tags"]
        found[tags["address"], tags["dev_type"]] += pool["count"]
    return +found


def snapshot(world: rt_world.World, host: str) -> claim_snapshot.Snapshot:
    """Read the ledger of a host."""
    url = rt_world.ledger_url(world.place, host)
    store = ledger.open_store(url, tracks=False)
    try:
        return store.read(pci_claim.HostKey(host, doubles.node_uuid(host)))
    finally:
        store.close()


def faults_of_nova(world: rt_world.World) -> list[str]:
    """Say where Nova's rows, its memory and what it publishes disagree."""
    return [
        f"{host}: {fault}"
        for host in doubles.HOSTS
        for fault in _faults_of_host(world, host, rows(world, host))
    ]


def faults(world: rt_world.World) -> list[str]:
    """Say where Nova and the ledgers disagree, after an audit."""
    found = faults_of_nova(world)
    for host in doubles.HOSTS:
        found += _faults_of_ledger(world, host)
    return found


def mistakes(world: rt_world.World) -> list[str]:
    """Say where Nova's rows are not what the guests were given."""
    found = []
    for host in doubles.HOSTS:
        found += [f"{host}: {each}" for each in _doubles(world, host)]
        if given(world, host) != held(world, host):
            found.append(
                f"{host}: given {given(world, host)}, but held"
                f" {held(world, host)}"
            )
    return found


def held(world: rt_world.World, host: str) -> dict[str, set[str]]:
    """Tell what each instance has on a host, by Nova's records."""
    found: dict[str, set[str]] = {}
    for row in rows(world, host).values():
        if row.holder:
            found.setdefault(row.holder, set()).add(row.address)
    return found


def given(world: rt_world.World, host: str) -> dict[str, set[str]]:
    """Tell what each guest has really been given on a host."""
    found: dict[str, set[str]] = {}
    for (name, instance, _), devices in world.guests.items():
        if name == host and devices:
            found.setdefault(instance, set()).update(devices)
    return found


def _doubles(world: rt_world.World, host: str) -> Iterator[str]:
    """Find devices that two guests have, or a PF and a VF of it."""
    owners: dict[str, tuple[str, str, int]] = {}
    for guest, devices in world.guests.items():
        if guest[0] == host:
            for address in devices:
                if address in owners:
                    yield f"{address} is given to {owners[address]}, {guest}"
                owners[address] = guest
    yield from _families(owners)


def _families(used: Any) -> Iterator[str]:
    for pf, vfs in doubles.CARDS.items():
        if pf in used and any(vf in used for vf in vfs):
            yield f"PF {pf} is used, and so are VFs of it"


def _faults_of_host(
    world: rt_world.World, host: str, by_address: Mapping[str, Row]
) -> Iterator[str]:
    yield from _families(
        {each for each, row in by_address.items() if row.holder}
    )
    for pf, vfs in doubles.CARDS.items():
        yield from _faults_of_card(
            by_address[pf], [by_address[each] for each in vfs]
        )
    yield from _faults_of_memory(world, host, by_address)


def _faults_of_card(pf: Row, vfs: list[Row]) -> Iterator[str]:
    """A relative of a device in use is not available, all others are."""
    used = any(each.holder for each in vfs)
    for row, is_blocked in (
        (pf, used),
        *((each, bool(pf.holder)) for each in vfs),
    ):
        blocked = row.status in ("unclaimable", "unavailable")
        if not row.holder and blocked != is_blocked:
            yield f"{row.address} is {row.status}"


def _faults_of_memory(
    world: rt_world.World, host: str, by_address: Mapping[str, Row]
) -> Iterator[str]:
    tracker = world[host].rt.pci_tracker
    told = {each.address: each.status for each in tracker.pci_devs}
    saved = {row.address: row.status for row in by_address.values()}
    if told != saved:
        yield f"in memory {told}, but saved {saved}"
    kept: dict[str, set[str]] = {}
    for place in tracker.allocations, tracker.claims:
        for instance, devices in place.items():
            for each in devices:
                kept.setdefault(instance, set()).add(each.address)
    if kept != held(world, host):
        yield f"the tracker has {kept}, but rows {held(world, host)}"
    yield from _faults_of_pools(world, host, by_address)


def _faults_of_pools(
    world: rt_world.World, host: str, by_address: Mapping[str, Row]
) -> Iterator[str]:
    free = {
        row.address for row in by_address.values() if row.status == "available"
    }
    free -= world.gone(host)
    devices = world[host].rt.pci_tracker.stats.get_free_devs()
    addresses = sorted(each.address for each in devices)
    if addresses != sorted(free):
        yield f"free in memory {addresses}, but by rows {sorted(free)}"
    counts: Counter[tuple[str, str]] = Counter()
    for each in devices:
        counts[each.parent_addr or each.address, each.dev_type] += 1
    if counts != pools(world, host):
        yield f"counted {counts}, but published {pools(world, host)}"


def _faults_of_ledger(world: rt_world.World, host: str) -> Iterator[str]:
    found = snapshot(world, host)
    by_address = rows(world, host)
    says = {
        str(holding.address): (
            claim.instance_uuid,
            str(claim.state),
            holding.request_id,
        )
        for claim in found.claims.values()
        for holding in claim.holdings
    }
    nova = {
        row.address: (row.holder, row.status, row.request_id or "")
        for row in by_address.values()
        if row.holder
    }
    if says != nova:
        yield f"{host}: the ledger says {says}, but Nova {nova}"
    for each in _judge(world, host, found, by_address):
        yield f"{host}: {each}"


def _judge(
    world: rt_world.World,
    host: str,
    found: claim_snapshot.Snapshot,
    by_address: Mapping[str, Row],
) -> Iterator[str]:
    now = datetime.datetime.now(datetime.UTC)
    parse = pci_address.PciAddress.parse
    seen = truths.Truths(
        read_at=now,
        nova=tuple(
            truths.NovaDevice(
                address=parse(row.address),
                status=pci_device.DeviceStatus(row.status),
                instance_uuid=row.instance_uuid or "",
                parent_addr=(
                    parse(row.parent_addr) if row.parent_addr else None
                ),
                request_id=row.request_id or "",
            )
            for row in by_address.values()
        ),
        nova_instances=frozenset(str(each.uuid) for each in world.instances()),
        grace=datetime.timedelta(0),
    )
    for each in audit.audit(found, seen, now):
        yield f"{each.code}: {each.message}"
