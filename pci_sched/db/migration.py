# SPDX-License-Identifier: Apache-2.0
"""Bring a database to a revision, from wherever the scripts are installed."""

import pathlib

from alembic import command
from alembic import config as alembic_config
from alembic.runtime import migration as alembic_migration
from sqlalchemy import engine

from pci_sched import exception

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


def upgrade(connection: engine.Connection, revision: str = "head") -> None:
    """Run every migration up to a revision.

    :param connection: Open and inside a transaction, which the caller
        commits.
    :param revision: A revision, or ``head`` for the newest.
    """
    command.upgrade(_config(connection), revision)


def downgrade(connection: engine.Connection, revision: str) -> None:
    """Take migrations back down to a revision.

    :param connection: Open and inside a transaction, which the caller
        commits.
    :param revision: A revision, or ``base`` for none.
    """
    command.downgrade(_config(connection), revision)


def current(connection: engine.Connection) -> str | None:
    """Read the revision that a database is at.

    :param connection: An open connection.
    :returns: The revision; ``None`` if no migration ever ran.
    """
    context = alembic_migration.MigrationContext.configure(connection)
    return context.get_current_revision()


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
