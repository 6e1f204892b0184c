# SPDX-License-Identifier: Apache-2.0
"""The tables of the ledger.

The keys say what must not be, whoever writes: a device is held once, a PF
is held whole or in parts, a holding belongs to a live claim. What keys cannot
say is in the triggers of the migrations.

A root (a PF, or a plain device) has one permanent row that stands in one
mode, whole or split. It is only ever updated: where such rows came and went,
writers of MariaDB ended in deadlocks a hundred times as often. A holding
names the mode twice, as its device's and as its root's, so that neither can
change below it.
"""

from typing import Any

import sqlalchemy as sa

#: The longest address, ``dddddddd:bb:ss.f``.
_ADDRESS = sa.String(16)
_UUID = sa.String(36)
_MODE = sa.String(5)
_MODE_IS_ONE = "mode IN ('whole', 'split')"

#: Names of constraints, the same on every database.
METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

#: Text is compared byte by byte, and rows are locked and not tables.
_EXACT: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def _table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, METADATA, *parts, **_EXACT)


def _needs(*columns: str, table: str) -> sa.ForeignKeyConstraint:
    """Say that a row needs another one, which then must stay."""
    return sa.ForeignKeyConstraint(
        columns, [f"{table}.{each}" for each in columns]
    )


#: One row: the oldest library that may write. Every library knows its own
#: number, and does not write where a higher one is asked for.
COMPATIBILITY = _table(
    "compatibility",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("oldest_writer", sa.Integer, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)

#: Hosts. Whoever changes anything of a host first takes its next generation.
#: What ended before ``history_from`` may be gone from the history.
HOSTS = _table(
    "hosts",
    sa.Column("host_id", sa.Integer, primary_key=True),
    sa.Column("node_uuid", _UUID, nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("inventory_generation", sa.BigInteger, nullable=False),
    sa.Column("tracker", sa.String(255), nullable=False),
    sa.Column("numa", sa.Text, nullable=False),
    sa.Column("history_from", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("node_uuid"),
    sa.Index(None, "name"),
)

ROOTS = _table(
    "roots",
    sa.Column("host_id", sa.Integer, primary_key=True),
    sa.Column("root", _ADDRESS, primary_key=True),
    sa.Column("mode", _MODE, nullable=False),
    sa.Column("domains", sa.Text, nullable=False),
    sa.UniqueConstraint("host_id", "root", "mode"),
    sa.CheckConstraint(_MODE_IS_ONE, name="mode"),
    _needs("host_id", table="hosts"),
)

DEVICES = _table(
    "devices",
    sa.Column("host_id", sa.Integer, primary_key=True),
    sa.Column("address", _ADDRESS, primary_key=True),
    sa.Column("root", _ADDRESS, nullable=False),
    sa.Column("mode", _MODE, nullable=False),
    sa.Column("dev_type", sa.String(8), nullable=False),
    sa.Column("vendor_id", sa.String(4)),
    sa.Column("product_id", sa.String(4)),
    sa.Column("numa_node", sa.Integer),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("present", sa.Boolean, nullable=False),
    sa.Column("quarantine", sa.String(255), nullable=False),
    sa.UniqueConstraint("host_id", "address", "root", "mode"),
    sa.CheckConstraint(
        "(mode = 'whole' AND address = root)"
        " OR (mode = 'split' AND address <> root)",
        name="mode",
    ),
    _needs("host_id", "root", table="roots"),
)

#: Live claims only; of those that ended the history tells.
CLAIMS = _table(
    "claims",
    sa.Column("host_id", sa.Integer, primary_key=True),
    sa.Column("claim_id", _UUID, primary_key=True),
    sa.Column("claim_key", sa.String(64), nullable=False),
    sa.Column("instance_uuid", _UUID, nullable=False),
    sa.Column("migration", _UUID, nullable=False),
    sa.Column("is_moving", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.UniqueConstraint("host_id", "claim_key"),
    sa.CheckConstraint("state IN ('claimed', 'allocated')", name="state"),
    _needs("host_id", table="hosts"),
)

#: Who holds a device now; there is no row for one that nobody holds.
HOLDINGS = _table(
    "holdings",
    sa.Column("host_id", sa.Integer, primary_key=True),
    sa.Column("address", _ADDRESS, primary_key=True),
    sa.Column("root", _ADDRESS, nullable=False),
    sa.Column("mode", _MODE, nullable=False),
    sa.Column("claim_id", _UUID, nullable=False),
    sa.Column("request_id", sa.String(255), nullable=False),
    sa.Column("port_id", _UUID),
    _needs("host_id", "address", "root", "mode", table="devices"),
    _needs("host_id", "root", "mode", table="roots"),
    _needs("host_id", "claim_id", table="claims"),
)

#: What was done, in the order of generations. Rows never change, and go only
#: with all others of their claim, when that has ended long ago.
HISTORY = _table(
    "history",
    sa.Column("host_id", sa.Integer, primary_key=True),
    sa.Column("generation", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
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
    _needs("host_id", table="hosts"),
    sa.Index(None, "host_id", "claim_id"),
    sa.Index(None, "host_id", "instance_uuid"),
)
