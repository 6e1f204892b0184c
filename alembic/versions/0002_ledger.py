# SPDX-License-Identifier: Apache-2.0
"""The ledger: hosts, their devices, who holds them, and the history.

The triggers are of two kinds. Some say what keys cannot say, on every
database. On SQLite, where each connection decides for itself whether foreign
keys hold, others say the same as the keys.
"""

import re
from typing import Any, NamedTuple

from alembic import op
import sqlalchemy as sa

from pci_sched.db import leftovers

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

#: What a downgrade drops.
loses = ("history", "holdings", "claims", "devices", "roots", "hosts")

_ADDRESS = sa.String(16)
_UUID = sa.String(36)
_MODE = sa.String(5)

_EXACT: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}

#: In the order in which they can be dropped. Without the first one nobody
#: writes any more.
_TABLES = ("compatibility", *loses)


def _needs(name: str, table: str, *columns: str) -> sa.ForeignKeyConstraint:
    targets = [f"{table}.{each}" for each in columns]
    return sa.ForeignKeyConstraint(columns, targets, name=name)


def upgrade() -> None:
    """Create the tables, empty, and what guards them."""
    if leftovers.may_be_there(op.get_bind()):
        # Nobody has written to them without the revision, but look.
        leftovers.require_ours(op.get_bind(), loses, "host_id")
        leftovers.require_ours(
            op.get_bind(), ("compatibility",), "oldest_writer", rows=1
        )
        _drop()
    _create_hosts()
    _create_devices()
    _create_claims()
    _create_history()
    op.execute("INSERT INTO compatibility (id, oldest_writer) VALUES (1, 1)")
    for statement in _guards(op.get_bind().dialect.name):
        op.execute(sa.text(statement))


def downgrade() -> None:
    """Drop the ledger and all its history."""
    _drop()
    if op.get_bind().dialect.name == "postgresql":
        for guard in (*_GUARDS, *_AGAINST_TRUNCATE):
            op.execute(sa.text(f"DROP FUNCTION pci_sched_{guard.name}()"))


def _drop() -> None:
    """Drop what is there: MariaDB may have been interrupted before."""
    for table in _TABLES:
        op.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))


def _create_hosts() -> None:
    op.create_table(
        "compatibility",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("oldest_writer", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_compatibility"),
        sa.CheckConstraint("id = 1", name=op.f("ck_compatibility_one_row")),
        **_EXACT,
    )
    op.create_table(
        "hosts",
        sa.Column("host_id", sa.Integer),
        sa.Column("node_uuid", _UUID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("inventory_generation", sa.BigInteger, nullable=False),
        sa.Column("tracker", sa.String(255), nullable=False),
        sa.Column("numa", sa.Text, nullable=False),
        sa.Column("history_from", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("host_id", name="pk_hosts"),
        sa.UniqueConstraint("node_uuid", name="uq_hosts_node_uuid"),
        **_EXACT,
    )
    op.create_index("ix_hosts_name", "hosts", ["name"])


def _create_devices() -> None:
    op.create_table(
        "roots",
        sa.Column("host_id", sa.Integer, autoincrement=False),
        sa.Column("root", _ADDRESS),
        sa.Column("mode", _MODE, nullable=False),
        sa.Column("domains", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("host_id", "root", name="pk_roots"),
        sa.UniqueConstraint(
            "host_id", "root", "mode", name="uq_roots_host_id_root_mode"
        ),
        sa.CheckConstraint(
            "mode IN ('whole', 'split')", name=op.f("ck_roots_mode")
        ),
        _needs("fk_roots_hosts", "hosts", "host_id"),
        **_EXACT,
    )
    op.create_table(
        "devices",
        sa.Column("host_id", sa.Integer, autoincrement=False),
        sa.Column("address", _ADDRESS),
        sa.Column("root", _ADDRESS, nullable=False),
        sa.Column("mode", _MODE, nullable=False),
        sa.Column("dev_type", sa.String(8), nullable=False),
        sa.Column("vendor_id", sa.String(4)),
        sa.Column("product_id", sa.String(4)),
        sa.Column("numa_node", sa.Integer),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("present", sa.Boolean, nullable=False),
        sa.Column("quarantine", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("host_id", "address", name="pk_devices"),
        sa.UniqueConstraint(
            "host_id",
            "address",
            "root",
            "mode",
            name="uq_devices_host_id_address_root_mode",
        ),
        sa.CheckConstraint(
            "(mode = 'whole' AND address = root)"
            " OR (mode = 'split' AND address <> root)",
            name=op.f("ck_devices_mode"),
        ),
        _needs("fk_devices_roots", "roots", "host_id", "root"),
        **_EXACT,
    )


def _create_claims() -> None:
    op.create_table(
        "claims",
        sa.Column("host_id", sa.Integer, autoincrement=False),
        sa.Column("claim_id", _UUID),
        sa.Column("claim_key", sa.String(64), nullable=False),
        sa.Column("instance_uuid", _UUID, nullable=False),
        sa.Column("migration", _UUID, nullable=False),
        sa.Column("is_moving", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("host_id", "claim_id", name="pk_claims"),
        sa.UniqueConstraint(
            "host_id", "claim_key", name="uq_claims_host_id_claim_key"
        ),
        sa.CheckConstraint(
            "state IN ('claimed', 'allocated')", name=op.f("ck_claims_state")
        ),
        _needs("fk_claims_hosts", "hosts", "host_id"),
        **_EXACT,
    )
    keys = ("host_id", "address", "root", "mode")
    op.create_table(
        "holdings",
        sa.Column("host_id", sa.Integer, autoincrement=False),
        sa.Column("address", _ADDRESS),
        sa.Column("root", _ADDRESS, nullable=False),
        sa.Column("mode", _MODE, nullable=False),
        sa.Column("claim_id", _UUID, nullable=False),
        sa.Column("request_id", sa.String(255), nullable=False),
        sa.Column("port_id", _UUID),
        sa.PrimaryKeyConstraint("host_id", "address", name="pk_holdings"),
        _needs("fk_holdings_devices", "devices", *keys),
        _needs("fk_holdings_roots", "roots", "host_id", "root", "mode"),
        _needs("fk_holdings_claims", "claims", "host_id", "claim_id"),
        **_EXACT,
    )


def _create_history() -> None:
    op.create_table(
        "history",
        sa.Column("host_id", sa.Integer, autoincrement=False),
        sa.Column("generation", sa.BigInteger, autoincrement=False),
        sa.Column("number", sa.Integer, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("claim_id", _UUID, nullable=False),
        sa.Column("instance_uuid", _UUID, nullable=False),
        sa.Column("migration", _UUID, nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("is_moving", sa.Boolean, nullable=False),
        sa.Column("holdings", sa.Text, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "host_id", "generation", "number", name="pk_history"
        ),
        _needs("fk_history_hosts", "hosts", "host_id"),
        **_EXACT,
    )
    for column in ("claim_id", "instance_uuid"):
        op.create_index(
            f"ix_history_host_id_{column}", "history", ["host_id", column]
        )


class _Guard(NamedTuple):
    """What must not happen to a row, and what is said then.

    :ivar when: A condition on the rows OLD and NEW.
    """

    name: str
    verb: str
    table: str
    when: str
    message: str


_IS_IN_QUARANTINE = (
    "EXISTS (SELECT 1 FROM devices WHERE host_id = NEW.host_id"
    " AND address = NEW.address AND quarantine <> '')"
)
_STAYS = "the history is never changed"

_IS_HISTORY_OF_TODAY = (
    "EXISTS (SELECT 1 FROM claims WHERE host_id = OLD.host_id"
    " AND claim_id = OLD.claim_id)"
    " OR NOT EXISTS (SELECT 1 FROM hosts WHERE host_id = OLD.host_id"
    " AND history_from > OLD.at)"
)

_GUARDS = (
    _Guard("history_no_update", "UPDATE", "history", "1 = 1", _STAYS),
    _Guard(
        "history_no_delete",
        "DELETE",
        "history",
        _IS_HISTORY_OF_TODAY,
        "the history goes only of what has ended, and is purged by its date",
    ),
    _Guard(
        "holdings_no_update",
        "UPDATE",
        "holdings",
        "1 = 1",
        "a holding is never changed, it ends and another one begins",
    ),
    _Guard(
        "holdings_quarantine",
        "INSERT",
        "holdings",
        _IS_IN_QUARANTINE,
        "a device in quarantine is never handed out",
    ),
    _Guard(
        "hosts_forward",
        "UPDATE",
        "hosts",
        "NEW.generation < OLD.generation"
        " OR NEW.history_from < OLD.history_from",
        "a generation never comes again, and nor does history",
    ),
)

#: Rows are taken away at once; only PostgreSQL can say no to that.
_AGAINST_TRUNCATE = (
    _Guard("history_no_truncate", "TRUNCATE", "history", "1 = 1", _STAYS),
    _Guard(
        "holdings_no_truncate",
        "TRUNCATE",
        "holdings",
        "1 = 1",
        "holdings end one by one",
    ),
)


def _once(verb: str, table: str, *columns: str) -> _Guard:
    """Refuse a second row before it can take the place of the first."""
    same = " AND ".join(f"{each} = NEW.{each}" for each in columns)
    when = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"
    name = f"{table}_one_{columns[-1]}"
    message = f"{table} have a row of that {columns[-1]}"
    if verb == "INSERT":
        return _Guard(name, verb, table, when, message)
    moves = " OR ".join(f"OLD.{each} <> NEW.{each}" for each in columns)
    verb = f"{verb} OF {', '.join(columns)}"
    return _Guard(
        f"{name}_moved", verb, table, f"({moves}) AND {when}", message
    )


#: SQLite and MariaDB know REPLACE, which takes a row away without a word.
_AGAINST_REPLACE = (
    _once("INSERT", "holdings", "host_id", "address"),
    _once("INSERT", "history", "host_id", "generation", "number"),
)

#: On SQLite it does not even run the triggers of that row, and without
#: foreign keys it would take what others need.
_AGAINST_SQLITE_REPLACE = tuple(
    _once(verb, *key)
    for key in (
        ("hosts", "host_id"),
        ("hosts", "node_uuid"),
        ("roots", "host_id", "root"),
        ("devices", "host_id", "address"),
        ("claims", "host_id", "claim_id"),
        ("claims", "host_id", "claim_key"),
    )
    for verb in ("INSERT", "UPDATE")
)


def triggers(dialect: str) -> frozenset[str]:
    """Name the triggers that come with this revision."""
    statements = "\n".join(_guards(dialect))
    return frozenset(re.findall(r"CREATE TRIGGER (\w+)", statements))


def _guards(dialect: str) -> list[str]:
    """List what keys cannot say, in the words of one database."""
    if dialect == "postgresql":
        return [
            statement
            for guard in (*_GUARDS, *_AGAINST_TRUNCATE)
            for statement in _postgresql_guard(guard)
        ]
    if dialect == "sqlite":
        guards = (*_GUARDS, *_AGAINST_REPLACE, *_AGAINST_SQLITE_REPLACE)
        return [*map(_sqlite_guard, guards), *_sqlite_keys()]
    return [_mysql_guard(guard) for guard in (*_GUARDS, *_AGAINST_REPLACE)]


def _sqlite_guard(guard: _Guard) -> str:
    return (
        f"CREATE TRIGGER {guard.name} BEFORE {guard.verb} ON {guard.table}"
        f" WHEN {guard.when}"
        f" BEGIN SELECT RAISE(ABORT, '{guard.message}'); END"
    )


def _mysql_guard(guard: _Guard) -> str:
    return (
        f"CREATE TRIGGER {guard.name} BEFORE {guard.verb} ON {guard.table}"
        f" FOR EACH ROW IF {guard.when} THEN SIGNAL SQLSTATE '45000'"
        f" SET MESSAGE_TEXT = '{guard.message}'; END IF"
    )


def _postgresql_guard(guard: _Guard) -> tuple[str, str]:
    row = {"DELETE": "OLD", "TRUNCATE": "NULL"}.get(guard.verb, "NEW")
    each = "STATEMENT" if guard.verb == "TRUNCATE" else "ROW"
    return (
        f"CREATE FUNCTION pci_sched_{guard.name}() RETURNS trigger AS $$"
        f" BEGIN IF {guard.when} THEN RAISE EXCEPTION '{guard.message}'"
        f" USING ERRCODE = 'check_violation'; END IF; RETURN {row}; END"
        " $$ LANGUAGE plpgsql",
        f"CREATE TRIGGER {guard.name} BEFORE {guard.verb} ON {guard.table}"
        f" FOR EACH {each} EXECUTE FUNCTION pci_sched_{guard.name}()",
    )


#: Child table, parent table and the columns that both have.
_KEYS = (
    ("roots", "hosts", ("host_id",)),
    ("devices", "roots", ("host_id", "root")),
    ("claims", "hosts", ("host_id",)),
    ("holdings", "devices", ("host_id", "address", "root", "mode")),
    ("holdings", "roots", ("host_id", "root", "mode")),
    ("holdings", "claims", ("host_id", "claim_id")),
    ("history", "hosts", ("host_id",)),
)


def _sqlite_keys() -> list[str]:
    """Say every foreign key again, to connections that ask for none."""
    statements = []
    for child, parent, columns in _KEYS:
        name = f"{child}_of_{parent}"
        wanted = " AND ".join(f"{each} = NEW.{each}" for each in columns)
        used = " AND ".join(f"{each} = OLD.{each}" for each in columns)
        moved = " OR ".join(f"OLD.{each} <> NEW.{each}" for each in columns)
        lacks = f"NOT EXISTS (SELECT 1 FROM {parent} WHERE {wanted})"
        needed = f"EXISTS (SELECT 1 FROM {child} WHERE {used})"
        no_parent = f"SELECT RAISE(ABORT, '{child} need a row of {parent}')"
        in_use = f"SELECT RAISE(ABORT, '{parent} are needed by {child}')"
        listed = ", ".join(columns)
        statements += [
            f"CREATE TRIGGER {name}_insert BEFORE INSERT ON {child}"
            f" WHEN {lacks} BEGIN {no_parent}; END",
            f"CREATE TRIGGER {name}_update BEFORE UPDATE OF {listed}"
            f" ON {child} WHEN {lacks} BEGIN {no_parent}; END",
            f"CREATE TRIGGER {name}_leave BEFORE DELETE ON {parent}"
            f" WHEN {needed} BEGIN {in_use}; END",
            f"CREATE TRIGGER {name}_move BEFORE UPDATE OF {listed}"
            f" ON {parent} WHEN ({moved}) AND {needed} BEGIN {in_use}; END",
        ]
    return statements
