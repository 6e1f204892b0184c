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


class Meddled(Exception):
    """Somebody changed rows of the ledger without taking a generation."""


#: Somebody had what we wanted, or changed it without taking a generation.
_CONTESTED: Final = (
    LostRace,
    Meddled,
    db_exception.DBDeadlock,
    db_exception.DBDuplicateEntry,
    db_exception.DBReferenceError,
    db_exception.DBConstraintError,
    db_exception.DBConsistencyError,
    # Other threads of the process have all the connections.
    sa.exc.TimeoutError,
)

#: What oslo.db passes on as it comes, and means that somebody else writes:
#: SQLite's lock; PostgreSQL's time-outs and serialization failure.
_LOCKED: Final = re.compile(
    r"database is locked|(?:lock|statement) timeout|could not serialize"
)

#: What the triggers say, where it concerns the rows and not the writer.
_GUARDED: Final = re.compile(
    r"holdings have a row of that address|are needed by holdings"
    r"|a device in quarantine is never handed out"
    r"|(?:devices|holdings) need a row of"
)

#: What says that the database is not there, or going: psycopg 3 and
#: PostgreSQL, MariaDB.
_AWAY: Final = re.compile(
    r"connection (?:failed|refused|timeout)|could not connect"
    r"|terminating connection|the database system is"
    r"|server closed the connection|connection is (?:lost|closed)"
    r"|\((?:1053|1152|1158|1159|1160|1161|1927|2002|2003|2006|2013|2055),",
    re.IGNORECASE,
)


#: SQLite on a disk without room; on some writes it says but the second.
_NO_ROOM: Final = re.compile("disk is full|disk I/O error")

#: A table that is not there; oslo.db knows it of SQLite only.
_MISSING: Final = re.compile(
    r"no such table|\(1146,|relation \S+ does not exist"
)

#: MariaDB and MySQL: binary logging without trust, no right, no SUPER.
_TRIGGER_DENIED: Final = re.compile(
    r"\(1419,|\(1142, .TRIGGER command|\(1227,"
)

#: What a database may raise, through oslo.db or past it.
DATABASE: Final = (db_exception.DBError, sa.exc.SQLAlchemyError)

#: What reading and writing may raise besides what the caller's part does.
RAISED: Final = (LostRace, Meddled, *DATABASE)


def is_table_missing(error: BaseException) -> bool:
    """Tell whether a table was asked for that is not there."""
    return _reads(error, _MISSING)


def is_trigger_denied(error: BaseException) -> bool:
    """Tell whether the user may not create triggers."""
    return _reads(error, _TRIGGER_DENIED)


def is_worth_retrying(error: BaseException) -> bool:
    """Tell whether the same may succeed when it is tried again."""
    return is_contested(error) or is_away(error)


def is_contested(error: BaseException) -> bool:
    """Tell whether a newer look at the ledger may help."""
    return isinstance(error, _CONTESTED) or any(
        _reads(error, pattern) for pattern in (_LOCKED, _GUARDED)
    )


def is_away(error: BaseException) -> bool:
    """Tell whether the database does not answer (any more)."""
    return isinstance(error, db_exception.DBConnectionError) or _reads(
        error, _AWAY
    )


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Say what is wrong with the database in words of our own.

    :raises exception.LedgerBusy: Others were always faster.
    :raises exception.LedgerAway: The database does not answer.
    :raises exception.LedgerRefused: It refused what it was given.
    """
    try:
        yield
    except (LostRace, Meddled) as error:
        raise exception.LedgerBusy(
            "others changed the ledger of this host each time; try again"
        ) from error
    except db_exception.DBInvalidUnicodeParameter as error:
        # Its own words are of an encoding directive.
        raise exception.LedgerRefused(
            "the database refused it: a text is not all UTF-8"
        ) from error
    except DATABASE as error:
        if is_away(error):
            raise exception.LedgerAway(
                f"the database does not answer: {cause(error)}"
            ) from error
        if is_contested(error):
            raise exception.LedgerBusy(
                f"others were always faster: {cause(error)}"
            ) from error
        hint = ""
        if _reads(error, _NO_ROOM):
            hint = "; its disk is full or broken: make room and do it again"
        raise exception.LedgerRefused(
            f"the database refused it: {cause(error)}{hint}"
        ) from error


def _reads(error: BaseException, pattern: re.Pattern[str]) -> bool:
    # The statement's parameters are anybody's words.
    return isinstance(
        error, sa.exc.DBAPIError | db_exception.DBError
    ) and bool(pattern.search(cause(error)))


def cause(error: BaseException) -> str:
    """Give the driver's own words, without the statement."""
    inner = getattr(error, "inner_exception", None) or error
    return str(getattr(inner, "orig", None) or inner)
