# SPDX-License-Identifier: Apache-2.0
"""What an error of the database means for a ledger."""

from collections.abc import Iterator
import contextlib
import re
from typing import Final

from oslo_db import exception as db_exception
import sqlalchemy as sa

from pci_sched import exception


class LostRace(Exception):
    """Somebody else changed the ledger since it was read."""


#: Somebody had what we wanted, or changed it without taking a generation.
_CONTESTED: Final = (
    LostRace,
    db_exception.DBDeadlock,
    db_exception.DBDuplicateEntry,
    db_exception.DBReferenceError,
    db_exception.DBConstraintError,
    db_exception.DBConsistencyError,
)

#: What oslo.db passes on as it comes, and means that somebody else writes:
#: SQLite's lock; PostgreSQL's lock time-out and serialization failure.
_LOCKED: Final = re.compile(
    r"database is locked|lock timeout|could not serialize"
)

#: The same for a database that is not there, or going: psycopg 3 and
#: PostgreSQL, MariaDB.
_AWAY: Final = re.compile(
    r"connection (?:failed|refused|timeout)|could not connect"
    r"|terminating connection|the database system is"
    r"|server closed the connection|connection is (?:lost|closed)"
    r"|\((?:1053|1152|1158|1159|1160|1161|1927|2002|2003|2006|2013|2055),",
    re.IGNORECASE,
)


def is_contested(error: BaseException) -> bool:
    """Tell whether a newer look at the ledger may help."""
    return isinstance(error, _CONTESTED) or _reads(error, _LOCKED)


def is_away(error: BaseException) -> bool:
    """Tell whether the database does not answer (any more)."""
    return isinstance(error, db_exception.DBConnectionError) or _reads(
        error, _AWAY
    )


def is_worth_retrying(error: BaseException) -> bool:
    """Tell whether the same may succeed when it is tried again."""
    return is_contested(error) or is_away(error)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Say what is wrong with the database in words of our own.

    :raises exception.LedgerBusy: Others were always faster.
    :raises exception.LedgerAway: The database does not answer.
    :raises exception.LedgerRefused: It refused what it was given.
    """
    try:
        yield
    except LostRace as error:
        raise exception.LedgerBusy(
            "others changed the ledger of this host each time; try again"
        ) from error
    except (db_exception.DBError, sa.exc.SQLAlchemyError) as error:
        if is_away(error):
            raise exception.LedgerAway(
                f"the database does not answer: {_cause(error)}"
            ) from error
        if is_contested(error):
            raise exception.LedgerBusy(
                f"others were always faster: {_cause(error)}"
            ) from error
        raise exception.LedgerRefused(
            f"the database refused it: {_cause(error)}"
        ) from error


def _reads(error: BaseException, pattern: re.Pattern[str]) -> bool:
    return isinstance(
        error, sa.exc.DBAPIError | db_exception.DBError
    ) and bool(pattern.search(str(error)))


def _cause(error: BaseException) -> str:
    """Give the driver's own words, without the statement."""
    inner = getattr(error, "inner_exception", None) or error
    return str(getattr(inner, "orig", None) or inner)
