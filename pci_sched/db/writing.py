# SPDX-License-Identifier: Apache-2.0
"""Writing one change of a host's ledger, in the one order that is safe.

First the generation, which only one of several writers gets; then what
others refer to; then what refers to it. Rows of a kind are written in the
order of their keys, so that two writers never wait for each other.
"""

from collections.abc import Mapping
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
    """
    after = _stand_after(known, change, tracker)
    _take_generation(connection, known.stand, after)
    host_id = known.stand.host_id
    _drop_holdings(connection, known.snapshot, host_id, change)
    for claim in sorted(change.ended, key=lambda each: each.claim_id):
        at = {"claim_id": claim.claim_id}
        _drop(connection, tables.CLAIMS, at, host_id)
    if change.modes or change.inventory is not None:
        _write_inventory(connection, known.snapshot, host_id, change)
    _write_claims(connection, known.snapshot, host_id, change)
    _insert(
        connection,
        tables.HOLDINGS,
        rows.with_host(
            host_id,
            (
                rows.write_holding(claim_id, holding)
                for claim_id, holding in sorted(
                    change.held, key=lambda pair: pair[1]
                )
            ),
        ),
    )
    _write_history(connection, after, change)
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
    connection: sa.Connection, before: reading.Stand, after: reading.Stand
) -> None:
    changed = {
        name: getattr(after, name)
        for name in ("inventory_generation", "tracker", "numa")
        if getattr(after, name) != getattr(before, name)
    }
    taken = statements.run(
        connection,
        _take(tuple(changed)),
        {
            **_ats(before.host_id, {"generation": before.generation}),
            **changed,
        },
    )
    if taken != 1:
        raise errors.LostRace


def _drop_holdings(
    connection: sa.Connection,
    before: claim_snapshot.Snapshot,
    host_id: int,
    change: claim_change.Change,
) -> None:
    """Drop what is given back: of a claim that ends, all in one statement.

    The same change may take devices from it before it ends.
    """
    whole: set[pci_claim.Holding] = set()
    for claim_id in sorted(claim.claim_id for claim in change.ended):
        holdings = before.claims[claim_id].holdings
        whole.update(holdings)
        at = {"claim_id": claim_id}
        _drop(connection, tables.HOLDINGS, at, host_id, len(holdings))
    for holding in sorted(set(change.freed) - whole):
        owner = before.held[holding.address]
        at = {"address": str(holding.address), "claim_id": owner.claim_id}
        _drop(connection, tables.HOLDINGS, at, host_id)


def _write_inventory(
    connection: sa.Connection,
    before: claim_snapshot.Snapshot,
    host_id: int,
    change: claim_change.Change,
) -> None:
    modes = dict(change.modes)
    domains = change.inventory.domains if change.inventory else {}
    new = [root for root in change.roots if root not in before.whole_roots]
    _insert(
        connection,
        tables.ROOTS,
        [
            {
                "host_id": host_id,
                "root": str(root),
                "mode": rows.mode_of(modes.get(root, True)),
                "domains": rows.write_domains(domains.get(str(root))),
            }
            for root in new
        ],
    )
    for root in change.roots:
        if root in before.whole_roots:
            _set(
                connection,
                tables.ROOTS,
                {"root": str(root)},
                host_id,
                {"domains": rows.write_domains(domains.get(str(root)))},
            )
    for address in sorted(change.gone):
        _drop(connection, tables.DEVICES, {"address": str(address)}, host_id)
    _write_records(connection, before, host_id, change)
    for root, is_whole in change.modes:
        if root in before.whole_roots:
            _set(
                connection,
                tables.ROOTS,
                {"root": str(root), "mode": rows.mode_of(not is_whole)},
                host_id,
                {"mode": rows.mode_of(is_whole)},
            )


def _write_records(
    connection: sa.Connection,
    before: claim_snapshot.Snapshot,
    host_id: int,
    change: claim_change.Change,
) -> None:
    known = before.inventory.records
    written = sorted(change.put, key=lambda record: record.device.address)
    _insert(
        connection,
        tables.DEVICES,
        rows.with_host(
            host_id,
            (
                rows.write_record(record)
                for record in written
                if record.device.address not in known
            ),
        ),
    )
    for record in written:
        if record.device.address in known:
            row = rows.write_record(record)
            _set(
                connection,
                tables.DEVICES,
                {"address": row.pop("address")},
                host_id,
                row,
            )


def _write_claims(
    connection: sa.Connection,
    before: claim_snapshot.Snapshot,
    host_id: int,
    change: claim_change.Change,
) -> None:
    for claim in sorted(change.claims, key=lambda each: each.claim_id):
        row = rows.write_claim(claim)
        if claim.claim_id not in before.claims:
            _insert(connection, tables.CLAIMS, rows.with_host(host_id, [row]))
            continue
        was = rows.write_claim(before.claims[claim.claim_id])
        changed = {key: row[key] for key in row if row[key] != was[key]}
        if changed:
            at = {"claim_id": claim.claim_id}
            _set(connection, tables.CLAIMS, at, host_id, changed)


def _write_history(
    connection: sa.Connection,
    after: reading.Stand,
    change: claim_change.Change,
) -> None:
    _insert(
        connection,
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
    connection: sa.Connection, table: sa.Table, new: list[rows.Row]
) -> None:
    if len(new) == 1:
        statements.run(connection, _insert_into(table), new[0])
    elif new:
        statements.run_each(connection, _insert_into(table), new)


def _set(
    connection: sa.Connection,
    table: sa.Table,
    at: dict[str, str],
    host_id: int,
    values: dict[str, Any],
) -> None:
    """Change one row; a row that is not as it was known is meddled with."""
    statement = _update_of(table, tuple(at), tuple(values))
    given = {**_ats(host_id, at), **values}
    if statements.run(connection, statement, given) != 1:
        raise errors.Meddled


def _drop(
    connection: sa.Connection,
    table: sa.Table,
    at: dict[str, str],
    host_id: int,
    count: int = 1,
) -> None:
    """Drop rows that are there; if they are not, somebody meddled."""
    statement = _delete_from(table, tuple(at))
    if statements.run(connection, statement, _ats(host_id, at)) != count:
        raise errors.Meddled
