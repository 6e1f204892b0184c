# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed while they write to a ledger.

They are forked off a process that does nothing else: one that runs tests has
threads.
"""

from collections.abc import Callable, Iterator
import contextlib
import functools
import itertools
import mmap
import multiprocessing
from multiprocessing import context as mp_context
from multiprocessing import forkserver
from multiprocessing import process as mp_process
import os
import pathlib
import re
import signal
import sys
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import default as sa_default

import ledger_cases
import ledger_operations
import plain_ledger

#: How many workers of a test are killed on each database; from
#: :data:`FULL` on, everything that is only sampled otherwise is done.
KILLS = int(os.environ.get("PCI_SCHED_TEST_KILLS", "20"))
FULL = 200
IS_FULL = KILLS >= FULL

#: The points before a COMMIT, and after that or a ROLLBACK.
COMMITS = "before COMMIT"
ENDED = "after the end of the transaction"

#: How a worker ends that was to be killed and was not.
_SURVIVED = 3

#: What a worker needs; to load it anew for each takes longer than its work.
_PRELOADED = (
    "__main__",
    "killing",
    "ledger_load",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.postgresql.psycopg",
    "psycopg",
    "pymysql",
    "sqlite3",
)

_WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.I)


@functools.cache
def forks() -> mp_context.ForkServerContext:
    """Give what forks the workers; it has imported already what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_PRELOADED])
    # Python 3.11 preloads from its own path only, and says nothing else.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    return context


def watch(database: sa.Engine, reached: Callable[[str], None]) -> None:
    """Report every point at which a process may be killed.

    :param database: Whose connections to watch, those to come included.
    :param reached: Gets a name of each point.
    """

    watch_statements(
        database,
        lambda text: reached(f"before {text}"),
        lambda text: reached(f"after {text}"),
    )
    event.listen(database, "commit", lambda _: reached(COMMITS))
    event.listen(database, "rollback", lambda _: reached("before ROLLBACK"))
    # Nothing is sent between the answer to a COMMIT and this.
    event.listen(database, "reset", lambda *_: reached(ENDED))


def watch_statements(
    database: sa.Engine,
    before: Callable[[str], None],
    after: Callable[[str], None] = lambda _: None,
) -> None:
    """Stand between an engine and its driver.

    SQLAlchemy's events tell of the statements of a change as of one.

    :param database: Whose statements to watch; all engines' whose dialect
        does nothing of its own here, if this is the class.
    :param before: Gets each statement before the driver does.
    :param after: Gets it afterwards.
    """
    dialect: Any = getattr(database, "dialect", sa_default.DefaultDialect)
    for name in ("do_execute", "do_executemany"):
        really = getattr(dialect, name)

        def watched(
            *args: Any, _really: Callable[..., None] = really, **named: Any
        ) -> None:
            statement = args[-3]
            before(statement)
            _really(*args, **named)
            after(statement)

        setattr(dialect, name, watched)


def standing(url: str, node_uuid: str) -> dict[str, Any]:
    """Read how the ledger of a host stands, which must be without fault."""
    ledger = plain_ledger.read(url, node_uuid)
    found = plain_ledger.faults(ledger)
    assert not found, found
    return plain_ledger.standing(ledger)


class Rehearsal:
    """An operation that is done once without a kill.

    :ivar points: Their names.
    :ivar standings: What the ledger is before, and after each transaction.
    :ivar expected: For each point, which of these a kill leaves.
    """

    def __init__(self, name: str, url: str) -> None:
        self.points: list[str] = []
        self.expected: list[int] = []
        node_uuid = ledger_cases.uid()
        claim_id = ledger_operations.prepare(name, url, node_uuid)
        self.standings = [standing(url, node_uuid)]

        def reached(point: str) -> None:
            if point in (ENDED, COMMITS):
                now = standing(url, node_uuid)
                if now != self.standings[-1]:
                    assert point == ENDED, "written without a COMMIT"
                    self.standings.append(now)
            self.points.append(point)
            self.expected.append(len(self.standings) - 1)

        ledger_operations.perform(
            name,
            url,
            node_uuid,
            claim_id,
            lambda database: watch(database, reached),
        )


def killed_at(
    point: int, name: str, url: str, node_uuid: str, claim_id: str
) -> bool:
    """Let a worker do an operation and kill itself on the way.

    :param point: Which point, from 0.
    :param name: Of the operation.
    :param url: Of the database.
    :param node_uuid: Of a host prepared for it.
    :param claim_id: What preparing it gave.
    :returns: Whether it came to the point and was killed.
    """
    worker = forks().Process(
        target=_perform_until, args=(point, name, url, node_uuid, claim_id)
    )
    worker.start()
    return ended(worker) == -signal.SIGKILL


def ended(worker: mp_process.BaseProcess) -> int | None:
    """Wait for the end of a process; give its exit code."""
    worker.join(60)
    code = worker.exitcode
    if code is None:
        worker.kill()
        worker.join()
    worker.close()
    return code


def _perform_until(
    point: int, name: str, url: str, node_uuid: str, claim_id: str
) -> None:
    left = itertools.count(point, -1)

    def reached(_: str) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    ledger_operations.perform(
        name,
        url,
        node_uuid,
        claim_id,
        lambda database: watch(database, reached),
    )
    os._exit(_SURVIVED)


class Notes:
    """What a process writes down of itself for those who outlive it.

    :ivar WRITING: A phase: it is in a transaction and has written in it.
    :ivar COMMITTING: A phase: it has asked for a COMMIT.
    """

    OUTSIDE, READING, WRITING, COMMITTING = range(4)
    _PHASE, STEPS, ROLLBACKS, AWAY, STOP = range(5)
    _WORDS = 8

    def __init__(self, path: pathlib.Path, slot: int) -> None:
        size = (slot + 1) * self._WORDS * 8
        with path.open("ab") as file:
            file.truncate(max(size, file.tell()))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._map).cast("Q")
        self._first = slot * self._WORDS

    def __getitem__(self, word: int) -> int:
        return self._words[self._first + word]

    def add(self, word: int) -> None:
        """Count one more."""
        self._words[self._first + word] += 1

    @property
    def phase(self) -> int:
        """Where the process is in a transaction, or was when it died."""
        return self[self._PHASE]

    def watch(self, database: sa.Engine) -> None:
        """Note where the transactions of an engine begin and end."""

        def on_statement(statement: str) -> None:
            if _WRITES.match(statement):
                self._enter(self.WRITING)

        def on_commit(_: sa.Connection) -> None:
            if self.phase == self.WRITING:
                self._enter(self.COMMITTING)

        def on_rollback(_: sa.Connection) -> None:
            if self.phase >= self.WRITING:
                self.add(self.ROLLBACKS)

        event.listen(database, "begin", lambda _: self._enter(self.READING))
        watch_statements(database, on_statement)
        event.listen(database, "commit", on_commit)
        event.listen(database, "rollback", on_rollback)
        event.listen(database, "reset", lambda *_: self._enter(self.OUTSIDE))
        self._enter(self.OUTSIDE)

    def close(self) -> None:
        """Let go of the file."""
        self._words.release()
        self._map.close()

    def _enter(self, phase: int) -> None:
        self._words[self._first + self._PHASE] = phase


@contextlib.contextmanager
def noting(path: pathlib.Path, slots: int) -> Iterator[list[Notes]]:
    """Open the notes of several processes."""
    notes = [Notes(path, slot) for slot in reversed(range(slots))]
    try:
        yield notes[::-1]
    finally:
        for each in notes:
            each.close()
