# SPDX-License-Identifier: Apache-2.0
"""nova-compute's ledger on databases that are slow, stuck, full or gone.

Nobody who tells the bookkeeper something ever speaks to a database: all that
is seen there comes from one thread. And one audit puts everything right.
"""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import pathlib
import random
import socket
import threading
import time
from typing import Any, Final

import pytest
import sqlalchemy as sa

import audit_cases
from audit_cases import HOST, KEY, PF, VF1, VF2, VF3, A, B
import databases
import disks
import ledger_cases
from mirror_cases import ALLOCATED, CLAIMED
from pci_sched.claims import mirror, replay
from pci_sched.claims.mirror import Use
from pci_sched.db import engine, ledger, store
from pci_sched.nova.compute import bookkeeping
import servers

_PATIENCE_S: Final = 120.0
_THREAD: Final = "pci_sched ledger"
_USES: Final = {VF1: Use(A, ALLOCATED, "r"), VF2: Use(B, CLAIMED, "r")}


@dataclasses.dataclass
class _Desk:
    """A bookkeeper, and who spoke to its database.

    :ivar url: Of the database; may change, as if a server came back.
    """

    url: str
    threads: set[str] = dataclasses.field(default_factory=set)
    opened: list[store.SqlClaimStore] = dataclasses.field(default_factory=list)
    books: bookkeeping.Bookkeeper = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.books = bookkeeping.Bookkeeper(self._open, KEY, slow_s=0.5)

    def _open(self) -> store.SqlClaimStore:
        self._here()
        database = engine.connect(self.url, timeout_s=1.0)
        for name in ("do_connect", "before_cursor_execute"):
            sa.event.listen(database, name, self._here)
        self.opened.append(store.SqlClaimStore(database, "test:1", attempts=1))
        return self.opened[-1]

    def _here(self, *_args: Any) -> None:
        self.threads.add(threading.current_thread().name)

    def close(self) -> None:
        """Close what was opened."""
        for each in self.opened:
            each.close()

    def note(self, uses: mirror.Uses) -> None:
        """Tell something, and wait until it is written or given up."""
        self.books.note(uses, "note")
        assert self.books.wait(_PATIENCE_S)

    def audit(self, uses: dict[audit_cases.Address, Use]) -> None:
        """Tell everything."""
        self.books.rebuild(HOST, uses, "audit")
        assert self.books.wait(_PATIENCE_S)

    def check(self, uses: dict[audit_cases.Address, Use]) -> None:
        """See that all is right, by another look at the database."""
        assert self.books.trouble == ""
        assert self.threads == {_THREAD}
        with contextlib.closing(ledger.open_store(self.url)) as opened:
            now = opened.read(KEY)
            history = opened.history(KEY)
        assert now.held.keys() == uses.keys()
        for address, use in uses.items():
            claim = now.held[address]
            assert claim.instance_uuid == use.instance_uuid
            assert claim.state is use.state
        assert replay.replay(history) == {
            claim_id: replay.Played.of(claim)
            for claim_id, claim in now.claims.items()
        }


@pytest.fixture
def desk(url: str) -> Iterator[_Desk]:
    """A bookkeeper of an empty ledger."""
    with contextlib.closing(_Desk(url)) as made:
        yield made


def test_a_ledger_is_kept(desk: _Desk) -> None:
    desk.audit({})
    desk.note({**_USES, VF3: None})
    desk.check(_USES)
    desk.note({VF1: None, VF2: Use(B, ALLOCATED, "r")})
    desk.check({VF2: Use(B, ALLOCATED, "r")})
    whole = {PF: Use(A, ALLOCATED)}
    desk.note({VF2: None, **whole})
    desk.check(whole)


def test_whatever_happens_the_ledger_says_it(desk: _Desk) -> None:
    rng = random.Random(7)  # noqa: S311
    desk.audit({})
    now: dict[audit_cases.Address, Use] = {}
    addresses = [each.address for each in HOST.devices if each.parent_addr]
    for _ in range(60):
        changes: dict[audit_cases.Address, Use | None] = {}
        for address in rng.sample(addresses, 3):
            instance = rng.choice(("", *audit_cases.INSTANCES))
            state = rng.choice((CLAIMED, ALLOCATED))
            changes[address] = Use(instance, state) if instance else None
        desk.books.note(changes, "note")
        now = {each: use for each, use in {**now, **changes}.items() if use}
    assert desk.books.wait(_PATIENCE_S)
    desk.check(now)


def test_a_rebuild_of_what_is_right_writes_nothing(desk: _Desk) -> None:
    desk.audit(_USES)
    with contextlib.closing(ledger.open_store(desk.url)) as opened:
        before = opened.read(KEY).generation
        desk.audit(_USES)
        assert opened.read(KEY).generation == before
    desk.check(_USES)


def test_what_others_wrote_meanwhile_is_seen(desk: _Desk) -> None:
    desk.audit(_USES)
    with ledger_cases.tracking(desk.url) as tracker:
        tracker.release(A)
    desk.note({VF3: Use(A, ALLOCATED)})
    desk.audit({**_USES, VF3: Use(A, ALLOCATED)})
    desk.check({**_USES, VF3: Use(A, ALLOCATED)})


@contextlib.contextmanager
def _locked(url: str) -> Iterator[None]:
    """Hold what every writer needs."""
    database = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with database.connect() as connection:
        if connection.dialect.name == "sqlite":
            raw: Any = connection.connection.driver_connection
            raw.isolation_level = None
            raw.execute("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT * FROM hosts FOR UPDATE")
        yield


def test_a_ledger_that_is_locked_catches_up(desk: _Desk) -> None:
    desk.audit({})
    with _locked(desk.url):
        desk.note(_USES)
        assert "others were always faster" in desk.books.trouble
        desk.note({VF3: Use(A, ALLOCATED)})
        desk.audit(_USES)
        assert desk.books.trouble
    desk.audit(_USES)
    desk.check(_USES)


@pytest.fixture(params=servers.KINDS)
def server_kind(request: pytest.FixtureRequest) -> str:
    """Name each kind of server in turn."""
    return str(request.param)


@contextlib.contextmanager
def _deaf() -> Iterator[int]:
    """Listen on a port, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def _at(url: str, port: int) -> str:
    made = sa.make_url(url).set(host="127.0.0.1", port=port)
    return made.render_as_string(hide_password=False)


@pytest.mark.parametrize("is_deaf", [True, False], ids=["deaf", "refused"])
def test_a_server_that_is_not_there_is_found_when_it_is(
    server_kind: str, tmp_path: pathlib.Path, *, is_deaf: bool
) -> None:
    with (
        databases.ready(server_kind, tmp_path) as url,
        _deaf() as port,
        contextlib.closing(_Desk(_at(url, port if is_deaf else 1))) as desk,
    ):
        desk.note(_USES)
        assert "the database does not answer" in desk.books.trouble
        desk.note({VF1: None})
        desk.audit(_USES)
        assert "the database does not answer" in desk.books.trouble
        desk.url = url
        desk.audit(_USES)
        desk.check(_USES)


def _until(is_so: Callable[[], bool], desk: _Desk) -> None:
    """Audit until something is so."""
    until = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < until, desk.books.trouble
        desk.books.rebuild(HOST, _USES, "audit")
        desk.books.wait(0.2)


def test_a_server_that_hangs_or_dies_holds_up_nobody(
    server_kind: str,
) -> None:
    with (
        servers.private(server_kind) as server,
        contextlib.closing(_Desk(server.url)) as desk,
    ):
        desk.audit({})
        server.freeze()
        desk.books.note(_USES, "note")
        _until(lambda: desk.books.trouble != "", desk)
        server.thaw()
        _until(lambda: desk.books.trouble == "", desk)
        assert desk.books.wait(_PATIENCE_S)
        desk.check(_USES)
        server.kill()
        desk.note({VF1: None})
        assert desk.books.trouble
        server.start()
        server.wait()
        desk.audit(_USES)
        desk.check(_USES)


def test_a_directory_that_cannot_be_made_is_tried_again(
    tmp_path: pathlib.Path,
) -> None:
    directory = tmp_path / "state"
    directory.write_text("a file is in the way")
    url = f"sqlite:///{directory}/ledger.sqlite"
    books = bookkeeping.Bookkeeper(lambda: ledger.open_store(url), KEY)
    books.note(_USES, "note")
    assert books.wait(_PATIENCE_S)
    assert "[pci_sched]connection has to name a file" in books.trouble
    directory.unlink()
    books.rebuild(HOST, _USES, "audit")
    assert books.wait(_PATIENCE_S)
    assert books.trouble == ""


@pytest.mark.parametrize("kind", disks.KINDS)
def test_a_disk_that_is_full_is_written_when_there_is_room(
    kind: str, tmp_path: pathlib.Path
) -> None:
    with (
        disks.made(kind, tmp_path) as disk,
        databases.ready("sqlite", disk.directory) as url,
        contextlib.closing(_Desk(url)) as desk,
    ):
        desk.audit({})
        with disk.full(0):
            desk.note(_USES)
            trouble = desk.books.trouble
            desk.note({VF1: None})
        assert "its disk is full or broken: make room" in trouble
        desk.audit(_USES)
        desk.check(_USES)
