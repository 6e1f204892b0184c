# SPDX-License-Identifier: Apache-2.0
"""A ledger read by plain SQL, and what must be true of it at any moment."""

from collections import Counter
from collections.abc import Iterable, Iterator
import functools
import json
from typing import Any, NamedTuple

import sqlalchemy as sa

#: The rows of each table; columns by their names.
Rows = list[dict[str, Any]]
Ledger = dict[str, Rows]

_TABLES = ("hosts", "roots", "devices", "claims", "holdings", "history")

#: Acts of the history after which a claim holds what the line lists.
_OPENING = ("claim", "attach", "adopt")

#: Acts that say something of devices and not of a claim.
_OF_DEVICES = ("sync", "quarantine", "clear")


class Live(NamedTuple):
    """A live claim, as the rows or the history tell of it."""

    instance_uuid: str
    state: str
    is_moving: bool
    holdings: frozenset[tuple[str, ...]]


def read(url: str, node_uuid: str = "") -> Ledger:
    """Read a ledger over a new connection, at one moment.

    :param url: Of the database.
    :param node_uuid: Only of this host.
    :returns: All rows.
    """
    only = " WHERE host_id IN (SELECT host_id FROM hosts WHERE node_uuid = :n)"
    with _database(url).connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        found: Ledger = {}
        for table in _TABLES:
            query = f"SELECT * FROM {table}"  # noqa: S608
            rows = connection.execute(
                sa.text(query + only * bool(node_uuid)),
                {"n": node_uuid} if node_uuid else {},
            )
            found[table] = [dict(row) for row in rows.mappings()]
    return found


def write(url: str, *statements: str) -> None:
    """Write by other means than the library, which would refuse.

    :param url: Of the database.
    :param statements: In the words of the driver.
    """
    database = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with database.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def doubles(ledger: Ledger) -> list[str]:
    """List the devices that two hold: each as such, or a PF and its VFs."""
    holdings = ledger["holdings"]
    held = Counter((row["host_id"], row["address"]) for row in holdings)
    parts = {
        (row["host_id"], row["root"])
        for row in holdings
        if row["root"] != row["address"]
    }
    found = [f"{key} has {n} owners" for key, n in held.items() if n > 1]
    return found + [
        f"{key} is held, and parts of it" for key in parts & held.keys()
    ]


def faults(ledger: Ledger) -> list[str]:
    """List everything that must not be, whoever wrote and was killed."""
    return [
        *doubles(ledger),
        *_misfits(ledger),
        *_gaps(ledger),
        *_untold(ledger),
    ]


def live(ledger: Ledger) -> dict[tuple[int, str], Live]:
    """Put the live claims together, by host and id, as the rows say."""
    held: dict[tuple[int, str], set[tuple[str, ...]]] = {}
    for row in ledger["holdings"]:
        fields = (row["address"], row["root"], row["request_id"])
        held.setdefault((row["host_id"], row["claim_id"]), set()).add(
            (*fields, row["port_id"])
        )
    return {
        key: Live(
            row["instance_uuid"],
            row["state"],
            bool(row["is_moving"]),
            frozenset(held.get(key, ())),
        )
        for row in ledger["claims"]
        for key in [(row["host_id"], row["claim_id"])]
    }


def devices_of_instances(ledger: Ledger) -> dict[str, set[str]]:
    """List the addresses that each instance holds, as the rows say."""
    instances = {
        row["claim_id"]: row["instance_uuid"] for row in ledger["claims"]
    }
    held: dict[str, set[str]] = {}
    for row in ledger["holdings"]:
        owner = instances[row["claim_id"]]
        held.setdefault(owner, set()).add(row["address"])
    return held


def replay(history: Rows) -> dict[tuple[int, str], Live]:
    """Put the live claims together as the history tells of them."""
    found: dict[tuple[int, str], Live] = {}
    for row in _in_order(history):
        if row["act"] in _OF_DEVICES or not row["claim_id"]:
            continue
        key = (row["host_id"], row["claim_id"])
        listed = frozenset(map(tuple, json.loads(row["holdings"])))
        before = found.pop(key, None)
        holdings = before.holdings if before else frozenset()
        if row["act"] in _OPENING or before is None:
            holdings |= listed
        else:
            holdings -= listed
        if row["state"] in ("claimed", "allocated") or holdings:
            found[key] = Live(
                row["instance_uuid"],
                row["state"],
                bool(row["is_moving"]),
                holdings,
            )
    return found


def standing(ledger: Ledger) -> dict[str, Any]:
    """Say how the ledger of one host stands, without what chance decides.

    Ids of claims become their rank in the history, and the uuid of the host
    goes, so that two hosts with the same past compare equal.

    :param ledger: Of one host.
    :returns: Comparable with ``==``.
    """
    ids = dict.fromkeys(
        row["claim_id"]
        for row in _in_order(ledger["history"])
        if row["claim_id"]
    )
    ranks = {each: f"claim {rank}" for rank, each in enumerate(ids)}
    node_uuids = {row["node_uuid"] for row in ledger["hosts"]}

    def plain(column: str, value: Any) -> Any:
        if column == "claim_id":
            return ranks.get(value, value)
        if column in ("host_id", "node_uuid", "claim_key", "number"):
            return None
        for each in node_uuids if isinstance(value, str) else ():
            value = value.replace(each, "")
        return value

    return {
        table: sorted(
            repr({name: plain(name, value) for name, value in row.items()})
            for row in rows
        )
        for table, rows in ledger.items()
    }


def _in_order(history: Rows) -> Rows:
    return sorted(
        history,
        key=lambda row: (row["host_id"], row["generation"], row["number"]),
    )


def _misfits(ledger: Ledger) -> Iterator[str]:
    """List rows that refer to what is not there, or is in another mode."""
    claims = {(row["host_id"], row["claim_id"]) for row in ledger["claims"]}
    roots = _keyed(ledger["roots"], "root")
    devices = _keyed(ledger["devices"], "address")
    for row in ledger["holdings"]:
        host_id, mode = row["host_id"], row["mode"]
        where = f"holding of {row['address']} on host {host_id}"
        if (host_id, row["claim_id"]) not in claims:
            yield f"{where}: claim {row['claim_id']} is not live"
        device = devices.get((host_id, row["address"]), {})
        if (device.get("mode"), device.get("root")) != (mode, row["root"]):
            yield f"{where}: its device says {device}"
        if roots.get((host_id, row["root"]), {}).get("mode") != mode:
            yield f"{where}: its root stands in another mode"
    for row in ledger["devices"]:
        if (row["host_id"], row["root"]) not in roots:
            yield f"device {row['address']}: it has no root"


def _gaps(ledger: Ledger) -> Iterator[str]:
    """List hosts whose history is not one of every generation."""
    for host in ledger["hosts"]:
        told = {
            row["generation"]
            for row in ledger["history"]
            if row["host_id"] == host["host_id"]
        }
        if told != set(range(1, host["generation"] + 1)):
            yield (
                f"host {host['host_id']} is at generation"
                f" {host['generation']} and has a history of {len(told)}"
            )


def _untold(ledger: Ledger) -> Iterator[str]:
    """List what the history tells otherwise than the rows."""
    told, found = replay(ledger["history"]), live(ledger)
    for key in told.keys() | found.keys():
        if told.get(key) != found.get(key):
            yield f"{key}: told {told.get(key)}, found {found.get(key)}"
    for key, claim in found.items():
        if not claim.holdings:
            yield f"{key}: a live claim that holds nothing"
    quarantined = {
        (row["host_id"], each[0])
        for row in ledger["history"]
        if row["act"] == "quarantine"
        for each in json.loads(row["holdings"])
    }
    for row in ledger["devices"]:
        key = (row["host_id"], row["address"])
        if row["quarantine"] and key not in quarantined:
            yield f"{key}: the history knows no quarantine"


def _keyed(
    rows: Iterable[dict[str, Any]], column: str
) -> dict[tuple[int, str], dict[str, Any]]:
    return {(row["host_id"], row[column]): row for row in rows}


@functools.cache
def _database(url: str) -> sa.Engine:
    level = "SERIALIZABLE" if url.startswith("sqlite") else "REPEATABLE READ"
    return sa.create_engine(
        url, poolclass=sa.pool.NullPool, isolation_level=level
    )
