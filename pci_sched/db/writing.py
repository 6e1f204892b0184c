# SPDX-License-Identifier: Apache-2.0
"""Writing one change of a host's ledger, in the one order that is safe.

First the generation, which only one of several writers gets; then what
others refer to; then what refers to it. Rows of a kind are written in the
order of their keys, so that two writers never wait for each other.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from pci_sched.claims import change as claim_change
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.db import compatibility, errors, reading, rows, tables


def _at(table: sa.Table, *columns: str) -> list[sa.ColumnElement[bool]]:
    """Say which row is meant, by parameters named ``at_`` and the column."""
    return [
        table.c[name] == sa.bindparam(f"at_{name}", type_=table.c[name].type)
        for name in ("host_id", *columns)
    ]


def _ats(host_id: int, **columns: object) -> rows.Row:
    return {
        "at_host_id": host_id,
        **{f"at_{name}": value for name, value in columns.items()},
    }


_HOSTS = tables.HOSTS
_TAKE = (
    sa.update(_HOSTS)
    .where(*_at(_HOSTS, "generation"), compatibility.MAY_WRITE)
    .values({"generation": _HOSTS.c.generation + 1})
)
_DROP_HOLDING = sa.delete(tables.HOLDINGS).where(
    *_at(tables.HOLDINGS, "address", "claim_id")
)
_DROP_CLAIM = sa.delete(tables.CLAIMS).where(*_at(tables.CLAIMS, "claim_id"))
_DROP_DEVICE = sa.delete(tables.DEVICES).where(*_at(tables.DEVICES, "address"))


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
    ended = sorted(change.ended, key=lambda claim: claim.claim_id)
    owners = known.snapshot.held
    _change_rows(
        connection,
        _DROP_HOLDING,
        [
            _ats(
                host_id,
                address=str(each.address),
                claim_id=owners[each.address].claim_id,
            )
            for each in sorted(change.freed)
        ],
    )
    _change_rows(
        connection,
        _DROP_CLAIM,
        [_ats(host_id, claim_id=claim.claim_id) for claim in ended],
    )
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
    inventory = change.inventory
    return reading.Stand(
        before.host_id,
        before.name,
        generation,
        before.inventory_generation if inventory is None else generation,
        tracker or before.tracker,
        before.numa if inventory is None else rows.write_numa(inventory.numa),
    )


def _take_generation(
    connection: sa.Connection, before: reading.Stand, after: reading.Stand
) -> None:
    changed = {
        name: getattr(after, name)
        for name in ("inventory_generation", "tracker", "numa")
        if getattr(after, name) != getattr(before, name)
    }
    taken = connection.execute(
        _TAKE.values(changed) if changed else _TAKE,
        _ats(before.host_id, generation=before.generation),
    )
    if taken.rowcount != 1:
        raise errors.LostRace


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
    _change_rows(
        connection,
        _DROP_DEVICE,
        [_ats(host_id, address=str(each)) for each in sorted(change.gone)],
    )
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
    if new:
        connection.execute(sa.insert(table), new)


def _set(
    connection: sa.Connection,
    table: sa.Table,
    at: dict[str, str],
    host_id: int,
    values: dict[str, Any],
) -> None:
    """Change one row; a row that is not as it was known is a lost race."""
    statement = sa.update(table).where(*_at(table, *at)).values(values)
    done = connection.execute(statement, _ats(host_id, **at))
    if done.rowcount != 1:
        raise errors.LostRace


def _change_rows(
    connection: sa.Connection,
    statement: sa.Delete,
    wanted: Iterable[rows.Row],
) -> None:
    """Run a statement once for each row, which has to be there."""
    for each in wanted:
        if connection.execute(statement, each).rowcount != 1:
            raise errors.LostRace
