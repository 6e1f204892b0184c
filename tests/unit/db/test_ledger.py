# SPDX-License-Identifier: Apache-2.0
"""The ledger in a SQLite file: where it is, who may read it, who makes it."""

import contextlib
import functools
import os
import pathlib
import sqlite3
import stat
import subprocess
import sys
import tempfile
from typing import Any

import pytest

import ledger_cases
from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import drift, engine, ledger, migration
import privilege

HOST = pci_claim.HostKey.named("compute1")


@pytest.mark.parametrize(
    ("connection", "state_path", "nova", "url"),
    [
        (None, None, None, "sqlite:////var/lib/pci_sched/ledger.sqlite"),
        ("", "", "", "sqlite:////var/lib/pci_sched/ledger.sqlite"),
        (None, None, "/n", "sqlite:////n/pci_sched/ledger.sqlite"),
        (None, "/a", "/n", "sqlite:////a/ledger.sqlite"),
        ("mysql+pymysql://u:p@h/d", "/a", "/n", "mysql+pymysql://u:p@h/d"),
        # What oslo.db knows of errors, it knows by that name.
        ("mariadb+pymysql://u:p@h/d", "", "", "mysql+pymysql://u:p@h/d"),
    ],
)
def test_the_options_say_which_database(
    connection: str | None, state_path: str | None, nova: str | None, url: str
) -> None:
    made = ledger.url_of(connection, state_path, nova)
    assert made.render_as_string(hide_password=False) == url


@pytest.mark.parametrize("name", ["50% off", "a b", "what?", "a#b", "a@b:c"])
def test_a_directory_may_have_any_name(
    name: str, tmp_path: pathlib.Path
) -> None:
    url = ledger.url_of(None, str(tmp_path / name))
    store = ledger.open_store(url)
    claim_tracker.ClaimTracker(store, HOST).sync(ledger_cases.host())
    store.close()
    assert (tmp_path / name / "ledger.sqlite").is_file()
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_the_file_is_made_for_its_owner_whatever_the_umask(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "state" / "ledger.sqlite"
    before = os.umask(0)
    try:
        store = ledger.open_store(ledger.url_of(None, str(path.parent)))
        tracker = claim_tracker.ClaimTracker(store, HOST)
        tracker.sync(ledger_cases.host())
        modes = {
            each.name: stat.S_IMODE(each.stat().st_mode)
            for each in (path.parent, *path.parent.iterdir())
        }
        assert drift.look_at_file(path) == ()
        store.close()
    finally:
        os.umask(before)
    assert modes == {
        "state": 0o700,
        "ledger.sqlite": 0o600,
        "ledger.sqlite-wal": 0o600,
        "ledger.sqlite-shm": 0o600,
    }


#: Opens the ledger once a line comes in, and writes.
_WORKER = """
import sys

import ledger_cases
from pci_sched.claims import claim, tracker
from pci_sched.db import ledger

print("ready", flush=True)
sys.stdin.readline()
store = ledger.open_store(ledger.url_of(None, sys.argv[1]))
key = claim.HostKey.named("compute1")
tracker.ClaimTracker(store, key).sync(ledger_cases.host())
store.close()
"""


def _start(place: pathlib.Path) -> subprocess.Popen[str]:
    helpers = str(pathlib.Path(ledger_cases.__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(place)],
        env=os.environ | {"PYTHONPATH": helpers},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


class _Contested(sqlite3.Connection):
    """Another process says of the file at the same time how it is kept."""

    refusals = 2

    def execute(self, text: str, *args: Any) -> sqlite3.Cursor:
        if "journal_mode=" in text and _Contested.refusals:
            _Contested.refusals -= 1
            raise sqlite3.OperationalError("database is locked")
        return super().execute(text, *args)


def test_who_makes_the_file_with_others_waits_for_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses one of two at once, and waits for nobody."""
    connect = functools.partial(sqlite3.connect, factory=_Contested)
    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect)
    monkeypatch.setattr(_Contested, "refusals", 2)
    database = engine.connect(f"sqlite:///{tmp_path}/ledger.sqlite")
    with database.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    database.dispose()
    assert mode == "wal"
    assert _Contested.refusals == 0


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_of_processes_that_make_the_file_at_once_each_finds_it_whole(
    name: str, tmp_path: pathlib.Path
) -> None:
    place = tmp_path / name
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(_start(place)) for _number in range(4)]
        for each in started:
            assert each.stdin
            each.stdin.write("\n")
            each.stdin.flush()
        ends = [each.communicate(timeout=60) for each in started]
    assert [each.returncode for each in started] == [0] * 4, ends
    database = engine.connect(ledger.url_of(None, str(place)))
    with database.connect() as connection:
        assert drift.look(connection) == ()
    database.dispose()


def test_a_directory_that_cannot_be_written_is_named() -> None:
    # Not tmp_path: only root may enter that.
    with tempfile.TemporaryDirectory() as name:
        pathlib.Path(name).chmod(0o755)
        place = pathlib.Path(name, "state")
        with (
            privilege.ordinary_user(),
            pytest.raises(exception.LedgerUnusable) as caught,
        ):
            ledger.open_store(ledger.url_of(None, str(place)))
        assert not place.exists()
    assert str(caught.value) == (
        f"{place}/ledger.sqlite: Permission denied; [pci_sched]connection has"
        " to name a file that this user may write"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "a ledger in memory is lost with its process"),
        ("sqlite:///:memory:", "a ledger in memory is lost with its process"),
        ("oracle://u:hush@h/d", "oracle is not supported; allowed: sqlite"),
        ("mysql+nosuch://u:hush@h/d", "install the driver of mysql+nosuch"),
        ("u:hush@h", "not the form of a database URL"),
        ("mysql://u:hush@h:port/d", "not the form of a database URL"),
    ],
)
def test_an_url_that_cannot_be_is_refused_without_its_password(
    url: str, said: str
) -> None:
    with pytest.raises(exception.LedgerUnusable) as caught:
        ledger.open_store(url)
    assert said in str(caught.value)
    assert "hush" not in f"{caught.value} {caught.value.__cause__}"


def test_a_file_that_lost_its_tables_is_not_made_anew(
    tmp_path: pathlib.Path,
) -> None:
    """Somebody went back on purpose; only a new file gets its tables."""
    url = ledger.url_of(None, str(tmp_path))
    ledger.open_store(url).close()
    database = engine.connect(url, for_migration=True)
    with database.begin() as connection:
        migration.downgrade(connection, "base")
    database.dispose()
    store = ledger.open_store(url)
    with pytest.raises(exception.SchemaUnfit, match="has no tables yet"):
        store.read(HOST)
    store.close()
