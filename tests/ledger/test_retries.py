# SPDX-License-Identifier: Apache-2.0
"""Whatever fails on the way, an act has its effect once or not at all."""

import pathlib
import time
from typing import Any
import uuid

import pytest
import sqlalchemy as sa

import commit_faults
import ledger_cases
import ledger_operations
from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine, ledger
from pci_sched.db import store as sql_store
import plain_ledger
import plain_rows

_HOST = ledger_cases.host()
_KEY = pci_claim.HostKey.named("compute1")
_VF = ledger_cases.ask(ledger_cases.VF)


def _perform(
    name: str, url: str, faults: commit_faults.Faults
) -> tuple[Any, plain_ledger.Ledger]:
    """Do an operation on a host of its own; tell how the host stands."""
    node_uuid = str(uuid.uuid4())
    claim_id = ledger_operations.prepare(name, url, node_uuid)
    ledger_operations.perform(name, url, node_uuid, claim_id, faults.watch)
    rows = plain_ledger.read(url, node_uuid)
    return plain_ledger.standing(rows), rows


def _is_as_if_nothing_happened(
    name: str, url: str, *planned: Any
) -> commit_faults.Faults:
    wanted, _ = _perform(name, url, commit_faults.Faults())
    faults = commit_faults.Faults(*planned)
    found, rows = _perform(name, url, faults)
    assert found == wanted
    assert plain_ledger.faults(rows) == []
    assert faults.planned == []
    return faults


def test_each_act_is_done_once_though_its_commit_fails_first(
    kind: str, url: str
) -> None:
    """As a Galera node refuses at COMMIT what another node was faster in."""
    conflicts = commit_faults.CONFLICTS[kind]
    for number, name in enumerate(ledger_operations.OPERATIONS):
        error = conflicts[number % len(conflicts)]
        fail = commit_faults.refused(error)
        _is_as_if_nothing_happened(name, url, fail)


def test_each_conflict_is_overcome_however_often(kind: str, url: str) -> None:
    for error in commit_faults.CONFLICTS[kind]:
        fail = commit_faults.refused(error)
        faults = _is_as_if_nothing_happened("claim", url, *[fail] * 3)
        assert faults.commits == 4


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_each_act_is_done_once_though_the_answer_to_its_commit_is_lost(
    kind: str, url: str, is_done: bool
) -> None:
    """Whether the COMMIT was done is found out, and it is not done again."""
    for name in ledger_operations.OPERATIONS:
        fail = commit_faults.lost(kind, is_done=is_done)
        _is_as_if_nothing_happened(name, url, fail)


def _tracker(url: str, faults: commit_faults.Faults, **options: Any) -> Any:
    database = engine.connect(url, timeout_s=options.pop("timeout_s", 30))
    faults.watch(database)
    store = sql_store.SqlClaimStore(database, "test:1", **options)
    return store, claim_tracker.ClaimTracker(store, _KEY)


def test_tries_are_bounded_and_what_is_remembered_then_is_true(
    kind: str, url: str
) -> None:
    error = commit_faults.CONFLICTS[kind][0]
    faults = commit_faults.Faults()
    store, tracker = _tracker(url, faults, attempts=4)
    tracker.sync(_HOST)
    tracker.claim("before", _VF)
    faults.planned = [commit_faults.refused(error)] * 9
    before, faults.commits = plain_ledger.read(url), 0
    with pytest.raises(exception.LedgerBusy, match="others were always"):
        tracker.claim("never", _VF)
    assert faults.commits == 4
    assert plain_ledger.read(url) == before
    faults.planned = []
    assert {each.instance_uuid for each in tracker.snapshot().claims.values()}
    assert len(tracker.holdings()) == 1
    tracker.claim("after", _VF)
    assert len(tracker.holdings()) == 2
    store.close()


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_what_was_done_unheard_is_known_afterwards(
    kind: str, url: str
) -> None:
    """One try only: nobody asks again, so the error tells and no more."""
    faults = commit_faults.Faults()
    store, tracker = _tracker(url, faults, attempts=1)
    tracker.sync(_HOST)
    for is_done, count in ((True, 1), (False, 1)):
        faults.planned = [commit_faults.lost(kind, is_done=is_done)]
        with pytest.raises(exception.LedgerAway, match="does not answer"):
            tracker.claim(f"server-{is_done}", _VF)
        assert len(tracker.holdings()) == count
    tracker.claim("server-True", _VF)
    tracker.claim("server-False", _VF)
    assert len(tracker.holdings()) == 2
    store.close()


@pytest.mark.parametrize(
    "words", ["connection refused", "database is locked", "(2013, 1213,"]
)
def test_what_somebody_wrote_is_no_word_of_the_database(
    words: str, tmp_path: pathlib.Path
) -> None:
    """Parameters are in the text of an error, too."""
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    ledger.open_store(url).close()
    with ledger_cases.tracking(url) as tracker:
        tracker.sync(_HOST)
        plain_ledger.write(
            url,
            "CREATE TRIGGER full BEFORE INSERT ON history BEGIN"
            " SELECT RAISE(ABORT, 'database or disk is full'); END",
        )
        with pytest.raises(exception.LedgerRefused, match="make room"):
            tracker.claim("server", _VF, reason=words)


def test_what_is_no_text_is_refused_in_words_of_ours(
    url: str, track: ledger_cases.Track
) -> None:
    r"""As of ``$'\xff'`` in a shell."""
    tracker = track()
    tracker.sync(_HOST)
    before = plain_ledger.read(url)
    with pytest.raises(exception.LedgerRefused, match="is not all UTF-8"):
        tracker.claim("server", _VF, reason="bad \udcff")
    assert plain_ledger.read(url) == before
    store = ledger.open_store(url, tracks=False)
    with pytest.raises(exception.LedgerRefused, match="is not all UTF-8"):
        store.history(tracker.host, instance_uuid="bad \udcff")
    store.close()


def test_what_is_refused_writes_nothing(
    url: str, track: ledger_cases.Track
) -> None:
    tracker = track()
    tracker.sync(ledger_cases.host(pfs=1, vfs=1))
    claim = tracker.claim("server", _VF)
    tracker.confirm(claim.claim_id)
    before = plain_ledger.read(url)
    twice = ledger_cases.ask(ledger_cases.VF, count=2)
    for error, act in (
        (exception.ClaimRefused, lambda: tracker.claim("other", _VF)),
        (exception.ClaimConflict, lambda: tracker.claim("server", twice)),
        (exception.ClaimConflict, lambda: tracker.abort(claim.claim_id)),
        (exception.ClaimUnknown, lambda: tracker.abort("nobody")),
        (exception.ClaimUnknown, lambda: tracker.confirm("nobody")),
        (exception.RequestInvalid, lambda: tracker.claim("", _VF)),
        (exception.RequestInvalid, lambda: tracker.finish_move("server", "")),
    ):
        with pytest.raises(error):
            act()
    assert plain_ledger.read(url) == before


def test_rows_that_were_changed_without_a_generation_are_noticed(
    url: str, track: ledger_cases.Track
) -> None:
    """Somebody held what we thought free; the next best is taken."""
    tracker = track()
    tracker.sync(ledger_cases.host(pfs=2, vfs=1))
    tracker.claim("first", _VF)
    root = {each.root for each in tracker.holdings()}
    free = next(
        each.device
        for each in tracker.snapshot().inventory.records.values()
        if each.device.vf_index == 0 and each.device.root not in root
    )
    database = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with database.begin() as connection:
        for statement in (
            plain_rows.claim("liar", "liar"),
            "UPDATE roots SET mode = 'split'",
            plain_rows.hold(
                str(free.address), str(free.root), "split", claim_id="liar"
            ),
        ):
            connection.exec_driver_sql(statement)
    with pytest.raises(exception.ClaimRefused):
        tracker.claim("second", _VF)
    assert len(tracker.holdings()) == 2


def test_a_locked_file_is_waited_for_within_patience(
    track: ledger_cases.Track, kind: str, url: str
) -> None:
    """Whoever holds a lock for good is told of, on each database."""
    track().sync(_HOST)
    store, tracker = _tracker(
        url, commit_faults.Faults(), patience_s=1.0, timeout_s=1.0
    )
    other = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with other.connect() as connection:
        if kind == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("UPDATE hosts SET tracker = tracker")
        began = time.monotonic()
        with pytest.raises(exception.LedgerBusy) as caught:
            tracker.claim("server", _VF)
        assert time.monotonic() - began < 8
        connection.rollback()
    words = {
        "sqlite": "database is locked",
        "mariadb": "Lock wait timeout exceeded",
        "postgresql": "timeout",
    }
    assert words[kind] in str(caught.value)
    assert "SELECT" not in str(caught.value)
    tracker.claim("server", _VF)
    store.close()


@pytest.mark.parametrize(
    "away",
    [
        "mysql+pymysql://root@127.0.0.1:1/none",
        "postgresql+psycopg://root@127.0.0.1:1/none",
    ],
)
def test_a_database_that_is_away_is_given_up_soon(away: str) -> None:
    store = sql_store.SqlClaimStore(
        engine.connect(away, timeout_s=1), "test:1", attempts=3
    )
    began = time.monotonic()
    for act in (
        lambda: store.read(_KEY),
        store.hosts,
        lambda: store.history(_KEY),
        lambda: store.change(_KEY, lambda _: None),
    ):
        with pytest.raises(exception.LedgerAway, match="does not answer"):
            act()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_connection_that_died_idle_is_made_anew(
    kind: str, url: str, track: ledger_cases.Track
) -> None:
    tracker = track()
    tracker.sync(_HOST)
    other = sa.create_engine(
        url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT"
    )
    with other.connect() as connection:
        if kind == "postgresql":
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
        else:
            rows = connection.exec_driver_sql(
                "SELECT id FROM information_schema.processlist"
                " WHERE db = database() AND id <> connection_id()"
            )
            for (number,) in rows.all():
                connection.exec_driver_sql(f"KILL {number}")
    tracker.claim("server", _VF)
    assert len(tracker.holdings()) == 1


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("postgresql", "SHOW lock_timeout", "SHOW search_path"),
        (
            "mariadb",
            "SELECT @@innodb_lock_wait_timeout",
            "SELECT @@group_concat_max_len",
        ),
    ],
)
def test_what_the_url_says_itself_is_kept(
    url: str, ours: str, theirs: str
) -> None:
    said = {
        "options": "-c search_path=led",
        "init_command": "SET group_concat_max_len=4711",
    }
    parsed = engine.parse(url)
    key = "options" if "postgres" in url else "init_command"
    whole = parsed.update_query_dict({key: said[key]})
    database = engine.connect(whole, timeout_s=7)
    with database.connect() as connection:
        found = [
            str(connection.exec_driver_sql(each).scalar_one())
            for each in (ours, theirs)
        ]
    database.dispose()
    assert found[0] in ("7s", "7")
    assert found[1] in ("led", "4711")


@pytest.mark.parametrize("said", ["retries=3", "ssl=true", "port=x"])
def test_what_the_driver_does_not_take_of_a_url_is_named(said: str) -> None:
    database = engine.connect(f"mysql+pymysql://u@h/d?{said}")
    key = said.partition("=")[0]
    message = rf"driver pymysql does not take .* after its \? \({key}\): "
    with pytest.raises(exception.LedgerUnusable, match=message):
        database.connect()


def test_a_command_that_cannot_be_added_to_is_refused() -> None:
    with pytest.raises(exception.LedgerUnusable, match="one SET statement"):
        engine.connect("mysql+pymysql://u@h/d?init_command=SELECT 1")
