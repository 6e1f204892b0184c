# SPDX-License-Identifier: Apache-2.0
"""Writing one change of a host's ledger, in the one order that is safe.

First the generation, which only one of several writers gets; then what
others refer to; then what refers to it. Rows of a kind are written in the
order of their keys, so that two writers never wait for each other.
"""

from collections.abc import Iterator, Mapping
import functools
from typing import Any

import sqlalchemy as sa

from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.db import (
    compatibility,
    errors,
    reading,
    rows,
    statements,
    tables,
)

#: Names of columns.
_Columns = tuple[str, ...]


def _at(table: sa.Table, columns: _Columns) -> list[sa.ColumnElement[bool]]:
    """Say which row is meant, by parameters named ``at_`` and the column."""
    return [
        table.c[name] == sa.bindparam(f"at_{name}", type_=table.c[name].type)
        for name in ("host_id", *columns)
    ]


def _ats(host_id: int, at: Mapping[str, object]) -> rows.Row:
    return {
        "at_host_id": host_id,
        **{f"at_{name}": value for name, value in at.items()},
    }


# Making a statement costs more than running it, so each is made once.


@functools.cache
def _insert_into(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@functools.cache
def _update_of(table: sa.Table, at: _Columns, values: _Columns) -> sa.Update:
    return (
        sa.update(table)
        .where(*_at(table, at))
        .values({name: sa.bindparam(name) for name in values})
    )


@functools.cache
def _delete_from(table: sa.Table, at: _Columns) -> sa.Delete:
    return sa.delete(table).where(*_at(table, at))


@functools.cache
def _take(changed: _Columns) -> sa.Update:
    """Take the next generation, if the last one is the one we know."""
    hosts = tables.HOSTS
    return (
        sa.update(hosts)
        .where(*_at(hosts, ("generation",)), compatibility.MAY_WRITE)
        .values(
            {
                "generation": hosts.c.generation + 1,
                **{name: sa.bindparam(name) for name in changed},
            }
        )
    )


def write(
    connection: sa.Connection,
    known: reading.Known,
    change: claim_change.Change,
    tracker: str,
) -> reading.Stand:
    """Write a change; the caller commits.

    :param connection: In a transaction that has done nothing yet.
    :param known: The ledger that the change was made from.
    :param change: What to write.
    :param tracker: Who tracks the host; "" for somebody who only repairs.
    :returns: Where the ledger stands afterwards.
    :raises errors.LostRace: If the ledger is no longer the one that is
        known, or this library may no longer write.
    :raises errors.Meddled: If a row is not as it was known.
    """
    after = _stand_after(known, change, tracker)
    before = known.snapshot
    host_id = known.stand.host_id
    missed = statements.run(
        connection,
        [
            _take_generation(known.stand, after),
            *_drop_holdings(before, host_id, change),
            *_drop_claims(host_id, change),
            *_write_inventory(before, host_id, change),
            *_write_claims(before, host_id, change),
            *_write_holdings(host_id, change),
            *_write_history(after, change),
        ],
    )
    if missed == 0:
        raise errors.LostRace
    if missed is not None:
        raise errors.Meddled
    return after


def _stand_after(
    known: reading.Known, change: claim_change.Change, tracker: str
) -> reading.Stand:
    before = known.stand
    generation = before.generation + 1
    after = before._replace(
        generation=generation, tracker=tracker or before.tracker
    )
    if change.inventory is None:
        return after
    numa = rows.write_numa(change.inventory.numa)
    return after._replace(inventory_generation=generation, numa=numa)


def _take_generation(
    before: reading.Stand, after: reading.Stand
) -> statements.Write:
    changed = {
        name: getattr(after, name)
        for name in ("inventory_generation", "tracker", "numa")
        if getattr(after, name) != getattr(before, name)
    }
    at = _ats(before.host_id, {"generation": before.generation})
    return statements.Write(_take(tuple(changed)), [{**at, **changed}], 1)


def _drop_holdings(
    before: claim_snapshot.Snapshot, host_id: int, change: claim_change.Change
) -> Iterator[statements.Write]:
    """Drop what is given back: of a claim that ends, all in one statement.

    The same change may take devices from it before it ends.
    """
    whole: set[pci_claim.Holding] = set()
    for claim_id in sorted(claim.claim_id for claim in change.ended):
        holdings = before.claims[claim_id].holdings
        whole.update(holdings)
        at = {"claim_id": claim_id}
        yield _drop(tables.HOLDINGS, at, host_id, len(holdings))
    for holding in sorted(set(change.freed) - whole):
        owner = before.held[holding.address]
        at = {"address": str(holding.address), "claim_id": owner.claim_id}
        yield _drop(tables.HOLDINGS, at, host_id)


def _drop_claims(
    host_id: int, change: claim_change.Change
) -> Iterator[statements.Write]:
    for claim in sorted(change.ended, key=lambda each: each.claim_id):
        yield _drop(tables.CLAIMS, {"claim_id": claim.claim_id}, host_id)


def _write_inventory(
    before: claim_snapshot.Snapshot, host_id: int, change: claim_change.Change
) -> Iterator[statements.Write]:
    if change.inventory is None and not change.modes:
        return
    modes = dict(change.modes)
    domains = change.inventory.domains if change.inventory else {}
    yield from _insert(
        tables.ROOTS,
        [
            {
                "host_id": host_id,
                "root": str(root),
                "mode": rows.mode_of(modes.get(root, True)),
                "domains": rows.write_domains(domains.get(str(root))),
            }
            for root in change.roots
            if root not in before.whole_roots
        ],
    )
    for root in change.roots:
        if root in before.whole_roots:
            now = {"domains": rows.write_domains(domains.get(str(root)))}
            yield _set(tables.ROOTS, {"root": str(root)}, host_id, now)
    for address in sorted(change.gone):
        yield _drop(tables.DEVICES, {"address": str(address)}, host_id)
    yield from _write_records(before, host_id, change)
    for root, is_whole in change.modes:
        if root in before.whole_roots:
            at = {"root": str(root), "mode": rows.mode_of(not is_whole)}
            mode = {"mode": rows.mode_of(is_whole)}
            yield _set(tables.ROOTS, at, host_id, mode)


def _write_records(
    before: claim_snapshot.Snapshot, host_id: int, change: claim_change.Change
) -> Iterator[statements.Write]:
    known = before.inventory.records
    written = sorted(change.put, key=lambda record: record.device.address)
    new = (each for each in written if each.device.address not in known)
    yield from _insert(
        tables.DEVICES, rows.with_host(host_id, map(rows.write_record, new))
    )
    for record in written:
        if record.device.address in known:
            row = rows.write_record(record)
            at = {"address": row.pop("address")}
            yield _set(tables.DEVICES, at, host_id, row)


def _write_claims(
    before: claim_snapshot.Snapshot, host_id: int, change: claim_change.Change
) -> Iterator[statements.Write]:
    for claim in sorted(change.claims, key=lambda each: each.claim_id):
        row = rows.write_claim(claim)
        if claim.claim_id not in before.claims:
            yield from _insert(tables.CLAIMS, rows.with_host(host_id, [row]))
            continue
        was = rows.write_claim(before.claims[claim.claim_id])
        changed = {key: row[key] for key in row if row[key] != was[key]}
        if changed:
            at = {"claim_id": claim.claim_id}
            yield _set(tables.CLAIMS, at, host_id, changed)


def _write_holdings(
    host_id: int, change: claim_change.Change
) -> Iterator[statements.Write]:
    held = sorted(change.held, key=lambda pair: pair[1])
    new = (rows.write_holding(claim_id, each) for claim_id, each in held)
    return _insert(tables.HOLDINGS, rows.with_host(host_id, new))


def _write_history(
    after: reading.Stand, change: claim_change.Change
) -> Iterator[statements.Write]:
    return _insert(
        tables.HISTORY,
        [
            {
                "host_id": after.host_id,
                "generation": after.generation,
                "number": number,
                **rows.write_step(step),
            }
            for number, step in enumerate(change.steps)
        ],
    )


def _insert(
    table: sa.Table, new: list[rows.Row]
) -> Iterator[statements.Write]:
    if new:
        yield statements.Write(_insert_into(table), new)


def _set(
    table: sa.Table, at: dict[str, str], host_id: int, values: dict[str, Any]
) -> statements.Write:
    """Change one row, which has to be as it was known."""
    statement = _update_of(table, tuple(at), tuple(values))
    return statements.Write(statement, [{**_ats(host_id, at), **values}], 1)


def _drop(
    table: sa.Table, at: dict[str, str], host_id: int, count: int = 1
) -> statements.Write:
    """Drop rows, which have to be there."""
    statement = _delete_from(table, tuple(at))
    return statements.Write(statement, [_ats(host_id, at)], count)
