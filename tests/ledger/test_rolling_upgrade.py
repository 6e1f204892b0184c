# SPDX-License-Identifier: Apache-2.0
"""Two versions of the library on one database, as processes.

The present release is the older one; the newer ones are made out of it.
"""

from collections.abc import Callable, Iterator
import contextlib
import pathlib
import re
import subprocess

import pytest
import sqlalchemy as sa

import ledger_cases
import ledger_worker
import next_release
from pci_sched import exception
from pci_sched.claims import states
from pci_sched.db import engine, tables

#: How many claims a process has to make before we believe that it works.
ENOUGH = 10

Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def releases(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, next_release.Release]:
    """Make the releases to come, once."""
    place = tmp_path_factory.mktemp("releases")
    return {
        "present": next_release.present(),
        "next": next_release.build_next(place / "next"),
        "after next": next_release.build_after_next(place / "after"),
    }


@pytest.fixture
def host_url(url: str) -> str:
    """Give a database that the present release made, with a host in it."""
    with ledger_cases.tracking(url) as tracker:
        tracker.sync(ledger_cases.host())
    return url


class Workers:
    """Processes that claim at the same time."""

    def __init__(
        self, url: str, place: pathlib.Path, stack: contextlib.ExitStack
    ) -> None:
        self._url = url
        self._place = place
        self._stack = stack
        self._started: list[tuple[subprocess.Popen[str], pathlib.Path]] = []

    def start(self, release: next_release.Release) -> subprocess.Popen[str]:
        """Start one, and wait until it works."""
        stop = self._place / f"stop-{len(self._started)}"
        process = release.work(self._url, stop)
        self._stack.callback(process.kill)
        self._stack.enter_context(process)
        self._started.append((process, stop))
        self.wait(process)
        return process

    def wait(self, process: subprocess.Popen[str]) -> None:
        """Wait until a process has made some more claims."""
        assert process.stdout
        for _number in range(ENOUGH):
            line = process.stdout.readline()
            if line.strip() != ledger_worker.CLAIMED:
                assert process.stderr
                pytest.fail(line + process.stderr.read())

    def last_word(self, process: subprocess.Popen[str]) -> str:
        """Tell a process to stop, if it still runs, and hear its end."""
        for each, stop in self._started:
            if each is process:
                stop.touch()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.strip().splitlines()[-1]


@pytest.fixture
def workers(host_url: str, tmp_path: pathlib.Path) -> Iterator[Workers]:
    """Give processes that are ended with the test."""
    with contextlib.ExitStack() as stack:
        yield Workers(host_url, tmp_path, stack)


def _read(url: str) -> Rows:
    """Read every row of every table."""
    database = engine.connect(url)
    with database.connect() as connection:
        rows = {
            name: sorted(
                (tuple(row) for row in connection.execute(sa.select(table))),
                key=repr,
            )
            for name, table in tables.METADATA.tables.items()
        }
    database.dispose()
    return rows


def _replay(url: str) -> None:
    """Follow the history: nothing is taken twice, all of it is given back."""
    held: dict[object, str] = {}
    with ledger_cases.tracking(url) as tracker:
        snapshot = tracker.snapshot()
        steps = tracker._store.history(tracker.host)  # noqa: SLF001
    for step in steps:
        for each in step.holdings:
            if step.act is states.Act.CLAIM:
                assert each.address not in held
                held[each.address] = step.claim_id
            elif step.act is states.Act.RELEASE:
                assert held.pop(each.address) == step.claim_id
    assert held == {
        address: claim.claim_id for address, claim in snapshot.held.items()
    }


def _refuses(write: Callable[[], object], url: str, said: str) -> None:
    """Make sure that a write is refused and leaves no trace."""
    before = _read(url)
    with pytest.raises(exception.SchemaUnfit, match=said):
        write()
    assert _read(url) == before


def test_a_newer_library_writes_nothing_before_the_upgrade(
    host_url: str,
    releases: dict[str, next_release.Release],
    tmp_path: pathlib.Path,
) -> None:
    before = _read(host_url)
    process = releases["next"].work(host_url, tmp_path / "stop")
    out, _err = process.communicate(timeout=60)
    assert out.startswith(
        "unfit the database is at revision 0002 and this library writes to"
        " 0003: nothing is written"
    )
    assert _read(host_url) == before


def test_two_versions_write_at_once_after_the_expansion(
    host_url: str,
    workers: Workers,
    releases: dict[str, next_release.Release],
) -> None:
    old = workers.start(releases["present"])
    done = releases["next"].db("upgrade", "--db", host_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(": 0003, was 0002\n")
    new = workers.start(releases["next"])
    workers.wait(old)
    workers.wait(new)
    assert workers.last_word(old) == ledger_worker.STOPPED
    assert workers.last_word(new) == ledger_worker.STOPPED
    _replay(host_url)
    checked = releases["next"].db(
        "check", "--db", host_url, "-f", "value", "-c", "code"
    )
    # A file that a test made is open to anybody.
    assert set(checked.stdout.split()) <= {"FILE_READABLE"}
    assert checked.stderr == ""


def test_after_the_contraction_the_old_version_stops_and_the_new_ones_go_on(
    host_url: str,
    workers: Workers,
    releases: dict[str, next_release.Release],
) -> None:
    assert releases["next"].db("upgrade", "--db", host_url).returncode == 0
    old = workers.start(releases["present"])
    new = workers.start(releases["next"])
    done = releases["after next"].db("upgrade", "--db", host_url)
    assert done.returncode == 0, done.stderr
    newest = workers.start(releases["after next"])
    workers.wait(new)
    # MariaDB commits the first statement of the revision by itself.
    assert re.fullmatch(
        "unfit the database, at revision 000[34], asks for a writer of number"
        " 2 or newer and this library is of number 1: nothing is written;"
        " upgrade pci_sched here",
        workers.last_word(old),
    )
    for each in (new, newest):
        assert workers.last_word(each) == ledger_worker.STOPPED
    _replay_without_checks(host_url, releases)


def _replay_without_checks(
    url: str, releases: dict[str, next_release.Release]
) -> None:
    """Go back to what this library may read, and follow the history."""
    back = releases["after next"].db("downgrade", "0002", "--yes", "--db", url)
    assert back.returncode == 0, back.stderr
    _replay(url)


def test_after_the_contraction_the_old_version_writes_nothing(
    host_url: str, releases: dict[str, next_release.Release]
) -> None:
    request = ledger_cases.ask(ledger_cases.VF)
    with ledger_cases.tracking(host_url) as tracker:
        claim = tracker.claim(ledger_cases.uid(), request)
        done = releases["after next"].db("upgrade", "--db", host_url)
        assert done.returncode == 0, done.stderr
        for write in (
            lambda: tracker.claim(ledger_cases.uid(), request),
            lambda: tracker.confirm(claim.claim_id),
            lambda: tracker.abort(claim.claim_id),
            lambda: tracker.sync(ledger_cases.host(3)),
            lambda: tracker.release(claim.instance_uuid),
        ):
            _refuses(write, host_url, "asks for a writer of number 2")


def test_a_downgrade_names_the_column_that_it_drops(
    host_url: str, releases: dict[str, next_release.Release]
) -> None:
    assert releases["next"].db("upgrade", "--db", host_url).returncode == 0
    refused = releases["next"].db("downgrade", "0002", "--db", host_url)
    assert refused.returncode == 1
    assert "drops hosts.rack (rows: 1). Nothing was changed" in refused.stderr
    old = releases["present"].db("downgrade", "base", "--db", host_url)
    assert old.returncode == 1
    assert "at revision 0003, and this library knows base, 0001" in old.stderr
