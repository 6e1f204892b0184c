# SPDX-License-Identifier: Apache-2.0
"""Whether a database is as the migrations left it, and this library fits."""

from collections.abc import Iterator
import enum
import pathlib
import stat
from typing import Any, Final, NamedTuple

from alembic import autogenerate
from alembic.runtime import migration as alembic_migration
import sqlalchemy as sa

from pci_sched import exception
from pci_sched.db import compatibility, migration, tables


class Code(enum.StrEnum):
    """What may be wrong with a database."""

    SCHEMA_UNFIT = "SCHEMA_UNFIT"
    TABLES_DIFFER = "TABLES_DIFFER"
    CHECK_MISSING = "CHECK_MISSING"
    TRIGGER_MISSING = "TRIGGER_MISSING"
    FILE_READABLE = "FILE_READABLE"


class Finding(NamedTuple):
    """One thing that is wrong.

    :ivar where: A table, a trigger or a file.
    :ivar advice: What to do.
    """

    code: Code
    where: str
    message: str
    advice: str


_GUARD: Final = (
    "restore the database, or make a new one: the ledger is not guarded by"
    " what is missing"
)
_ALTER: Final = (
    "restore the database, or alter it by hand until it is as a new one"
)

#: The query for the names of triggers, on each kind of database.
_NAMES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers"
    " WHERE trigger_schema = DATABASE()",
    # The catalogue of the standard has no word for TRUNCATE.
    "postgresql": "SELECT tgname FROM pg_trigger"
    " JOIN pg_class ON pg_class.oid = tgrelid"
    " WHERE relnamespace = current_schema()::regnamespace"
    " AND NOT tgisinternal AND tgenabled <> 'D'",
}


#: What SQLite keeps beside a database.
_BESIDE: Final = ("-wal", "-shm")


def look(connection: sa.Connection) -> tuple[Finding, ...]:
    """Look for all that is wrong with a database.

    :param connection: Open; of no use any more afterwards.
    :returns: The findings. Where the revision is another one than this
        library's, nothing is compared.
    """
    try:
        compatibility.check(connection)
    except exception.SchemaUnfit as unfit:
        connection.rollback()
        advice = "upgrade what is older: the database, or pci_sched"
        revision = migration.current(connection) or "none"
        return (Finding(Code.SCHEMA_UNFIT, revision, str(unfit), advice),)
    if migration.current(connection) != compatibility.REVISIONS[-1]:
        return ()
    return (
        *_differences(connection),
        *_missing_checks(connection),
        *_missing_triggers(connection),
    )


def look_at_file(path: pathlib.Path) -> tuple[Finding, ...]:
    """Tell whether others than its owner may look into a ledger's file.

    :param path: Of the file; those beside it belong to it.
    :returns: The findings.
    """
    found = []
    for each in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
        if each.exists():
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                message = f"its mode is {mode:04o}, others may use it"
                advice = "chmod 0600"
                found.append(
                    Finding(Code.FILE_READABLE, str(each), message, advice)
                )
    return tuple(found)


def _differences(connection: sa.Connection) -> Iterator[Finding]:
    """Compare the tables with those that this library writes to."""
    context = alembic_migration.MigrationContext.configure(
        connection, opts={"compare_type": True, "include_name": _is_compared}
    )
    for each in autogenerate.compare_metadata(context, tables.METADATA):
        # Changes of one column come as a list of them.
        for change in each if isinstance(each, list) else [each]:
            yield Finding(
                Code.TABLES_DIFFER, _table_of(change), _say(change), _ALTER
            )


def _is_compared(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out tables that are not ours."""
    return kind != "table" or name in tables.METADATA.tables


def _table_of(change: tuple[Any, ...]) -> str:
    """Name the table that alembic wants to change."""
    for part in change[1:]:
        if isinstance(part, str) and part in tables.METADATA.tables:
            return part
        table = getattr(part, "table", part)
        if isinstance(table, sa.Table):
            return table.name
    return "?"


def _say(change: tuple[Any, ...]) -> str:
    """Say what alembic would do to make the tables fit."""
    verb = str(change[0]).replace("_", " ")
    names = [
        str(getattr(part, "name", None) or part)
        for part in change[1:]
        if part is not None and not isinstance(part, dict)
    ]
    return f"to fit, it would take: {verb} {', '.join(names)}"


def _missing_checks(connection: sa.Connection) -> Iterator[Finding]:
    inspector = sa.inspect(connection)
    for table in tables.METADATA.sorted_tables:
        if not inspector.has_table(table.name):
            continue
        there = {
            each["name"]
            for each in inspector.get_check_constraints(table.name)
        }
        wanted = {
            str(each.name)
            for each in table.constraints
            if isinstance(each, sa.CheckConstraint)
        }
        for name in sorted(wanted - there):
            message = f"constraint {name} is missing"
            yield Finding(Code.CHECK_MISSING, table.name, message, _GUARD)


def _missing_triggers(connection: sa.Connection) -> Iterator[Finding]:
    dialect: Any = connection.dialect
    kind = "mysql" if dialect.name == "mariadb" else dialect.name
    there = set(connection.exec_driver_sql(_NAMES[kind]).scalars())
    for name in sorted(migration.triggers(kind) - there):
        message = f"trigger {name} is missing"
        if kind == "mysql" and not dialect.is_mariadb:
            message += ", or this user lacks the right TRIGGER to see it"
        yield Finding(Code.TRIGGER_MISSING, name, message, _GUARD)
