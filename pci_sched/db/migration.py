# SPDX-License-Identifier: Apache-2.0
"""Bring a database to a revision, from wherever the scripts are installed."""

import collections
from collections.abc import Iterator
import contextlib
import pathlib
import time
from typing import Final, NamedTuple

from alembic import command, script, util
from alembic import config as alembic_config
from alembic.runtime import migration as alembic_migration
import sqlalchemy as sa
from sqlalchemy import engine

from pci_sched import exception
from pci_sched.db import compatibility, errors

#: Alembic's word for a database at no revision.
BASE: Final = "base"

#: The number of PostgreSQL's lock; any, but always the same.
_LOCK: Final = 0x7063695F73636864

#: Who takes out what is in it may migrate, and puts it back.
_TURN: Final = collections.deque([object()])

_LOOK_AGAIN_S: Final = 0.01

_HERE = pathlib.Path(__file__).resolve().parent

#: Where a wheel puts the scripts, then where a source tree keeps them.
PLACES = (_HERE / "migrations", _HERE.parents[1] / "alembic")


def script_location() -> pathlib.Path:
    """Find the directory of the migration scripts.

    They are found as files and not as a package: an editable install cannot
    import a namespace package that ``package_dir`` puts elsewhere.

    :returns: The first of :data:`PLACES` that holds an ``env.py``.
    :raises exception.MigrationsMissing: If none of them does.
    """
    for place in PLACES:
        if (place / "env.py").is_file():
            return place
    looked = " nor in ".join(str(place) for place in PLACES)
    raise exception.MigrationsMissing(
        f"the migration scripts are neither in {looked}"
    )


class Loss(NamedTuple):
    """Something that goes with a downgrade.

    :ivar what: A table, or a column as ``table.column``.
    :ivar rows: How many rows the table has.
    """

    what: str
    rows: int


def newest() -> str:
    """Name the revision that this library upgrades to.

    :returns: The one head of the scripts.
    """
    (head,) = _scripts().get_heads()
    return head


def upgrade(connection: engine.Connection, revision: str = "head") -> None:
    """Run every migration up to a revision.

    Of several that do so at once one goes first, and the others find it done.
    MariaDB and MySQL commit after each statement: there, an upgrade that was
    interrupted is begun again by the next one.

    :param connection: Open and inside a transaction, which the caller
        commits.
    :param revision: A revision, or ``head`` for the newest.
    """
    with alone(connection), _explained():
        steps = _steps(connection, revision)
        if steps < 0:
            _refuse_direction(connection, revision, "newer", "downgrade")
        if steps > 0:
            with _in_turn():
                command.upgrade(_config(connection), revision)
        elif current(connection) == newest():
            _require_whole(connection)


def downgrade(connection: engine.Connection, revision: str) -> None:
    """Take migrations back down to a revision.

    :param connection: Open and inside a transaction, which the caller
        commits.
    :param revision: A revision, or ``base`` for none.
    """
    with alone(connection), _explained():
        steps = _steps(connection, revision)
        if steps > 0:
            _refuse_direction(connection, revision, "older", "upgrade")
        if steps < 0:
            with _in_turn():
                command.downgrade(_config(connection), revision)


def triggers(dialect: str) -> frozenset[str]:
    """Name the triggers that a database of the newest revision has.

    :param dialect: Its kind: sqlite, mysql or postgresql.
    :returns: The names.
    """
    names: set[str] = set()
    for each in _scripts().walk_revisions():
        names |= each.module.triggers(dialect)
    return frozenset(names)


def losses(connection: engine.Connection, revision: str) -> tuple[Loss, ...]:
    """Tell what a downgrade would drop that has rows.

    :param connection: An open connection.
    :param revision: A revision, or ``base`` for none.
    :returns: In the order of the tables' names; empty if nothing is lost.
    """
    steps = _steps(connection, revision)
    if steps >= 0:
        return ()
    chain = _chain()
    first = chain.index(revision) + 1
    scripts = _scripts()
    undone = [
        scripts.get_revision(each) for each in chain[first : first - steps]
    ]
    there = set(sa.inspect(connection).get_table_names())
    found = []
    for what in sorted({each for one in undone for each in one.module.loses}):
        table = what.partition(".")[0]
        if table in there:
            count = sa.select(sa.func.count()).select_from(sa.table(table))
            found.append(Loss(what, connection.execute(count).scalar_one()))
    return tuple(loss for loss in found if loss.rows)


def current(connection: engine.Connection) -> str | None:
    """Read the revision that a database is at.

    :param connection: An open connection.
    :returns: The revision; ``None`` if no migration ever ran.
    """
    context = alembic_migration.MigrationContext.configure(connection)
    return context.get_current_revision()


def _chain() -> list[str]:
    """List all revisions that this library knows, the oldest first."""
    known = [each.revision for each in _scripts().walk_revisions()]
    return [BASE, *reversed(known)]


def _steps(connection: engine.Connection, revision: str) -> int:
    """Count the steps from where a database is; below 0 they lead back."""
    chain = _chain()
    now = current(connection) or BASE
    if now not in chain:
        raise exception.SchemaUnfit(
            f"the database is at revision {now}, and this library knows"
            f" {', '.join(chain)}: use the pci_sched that made it"
        )
    wanted = chain[-1] if revision == "head" else revision
    if wanted not in chain:
        raise exception.LedgerUnusable(
            f"there is no revision {revision}; there are {', '.join(chain)}"
        )
    return chain.index(wanted) - chain.index(now)


def _require_whole(connection: engine.Connection) -> None:
    """Tell of a downgrade that MariaDB or MySQL did not end."""
    if compatibility.oldest_writer(connection) is None:
        raise exception.LedgerRefused(
            "a downgrade was interrupted: end it with `pci-pool db downgrade"
            " base --yes`, or restore the database; then upgrade"
        )


def _refuse_direction(
    connection: engine.Connection, revision: str, is_how: str, verb: str
) -> None:
    """Say which verb is meant."""
    raise exception.LedgerUnusable(
        f"the database is at revision {current(connection)}, {is_how} than"
        f" {revision}; that takes `pci-pool db {verb}`"
    )


@contextlib.contextmanager
def alone(connection: engine.Connection) -> Iterator[None]:
    """Keep other migrations out; SQLite's writers are alone anyway.

    :param connection: Inside a transaction.
    :yields: Nothing.
    :raises exception.LedgerBusy: If another one does not end in time.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        # It is given back with the end of the transaction.
        lock = sa.func.pg_advisory_xact_lock(_LOCK)
        connection.execute(sa.select(lock))
        yield
    elif dialect in ("mysql", "mariadb"):
        # Commits do not end it, and there is one after each statement.
        name = sa.func.concat("pci_sched.", sa.func.md5(sa.func.database()))
        wait = sa.text("@@innodb_lock_wait_timeout")
        got = connection.execute(sa.select(sa.func.get_lock(name, wait)))
        if not got.scalar():
            raise exception.LedgerBusy(
                "somebody else is upgrading or downgrading the database"
            )
        try:
            yield
            # Whoever comes next has to see the revision, too.
            connection.exec_driver_sql("COMMIT")
        finally:
            # It ends with the connection, if that is lost.
            with contextlib.suppress(*errors.DATABASE):
                connection.execute(sa.select(sa.func.release_lock(name)))
    else:
        yield


@contextlib.contextmanager
def _in_turn() -> Iterator[None]:
    """Let one thread of the process go at a time.

    Alembic keeps what it does in modules, so that of two threads one would
    migrate the database of the other. No lock of ``threading`` will do: under
    eventlet it does not keep native threads apart, and a ledger is opened in
    those.

    :yields: Nothing.
    """
    while True:
        with contextlib.suppress(IndexError):
            turn = _TURN.pop()
            break
        time.sleep(_LOOK_AGAIN_S)
    try:
        yield
    finally:
        _TURN.append(turn)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Say what an operator can do about what stops a migration."""
    try:
        yield
    except util.CommandError as error:
        raise exception.LedgerUnusable(f"migration: {error}") from error
    except errors.DATABASE as error:
        if not errors.is_trigger_denied(error):
            raise
        raise exception.LedgerRefused(
            "the user of [pci_sched]connection may not create triggers, which"
            " the ledger needs. Grant TRIGGER on the database to that user;"
            " where binary logging is on (error 1419), also set"
            " log_bin_trust_function_creators=1 on the server, or upgrade as"
            " a user with SUPER. Then run `pci-pool db upgrade` again: it"
            " begins anew what was interrupted, and until"
            f" then nobody writes. The server said: {errors.cause(error)}"
        ) from error


def _scripts() -> script.ScriptDirectory:
    return script.ScriptDirectory(str(script_location()))


def _config(connection: engine.Connection) -> alembic_config.Config:
    """Say to alembic where the scripts are and which connection to use.

    :param connection: An open connection.
    :returns: A configuration that no ini file stands behind.
    """
    config = alembic_config.Config()
    # A % in the path would be read as an interpolation.
    location = str(script_location()).replace("%", "%%")
    config.set_main_option("script_location", location)
    config.set_main_option("path_separator", "os")
    # The connection itself: no URL to escape, one transaction.
    config.attributes["connection"] = connection
    return config
