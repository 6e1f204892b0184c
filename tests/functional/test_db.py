# SPDX-License-Identifier: Apache-2.0
"""``pci-pool db``: what it does, what it says, and what it never says."""

import argparse
from collections.abc import Iterator
import datetime
import json
import pathlib
import re
import shlex
import stat
import textwrap

from cliff import command as cliff_command
import pytest
import sqlalchemy as sa

import ledger_cases
import pci_pool as pci_pool_helper
from pci_pool import PciPool
from pci_sched.cli import (
    db_check,
    db_current,
    db_downgrade,
    db_purge,
    db_upgrade,
    ledger_source,
    main,
)
from pci_sched.db import drift, ledger

VERBS: dict[str, type[cliff_command.Command]] = {
    "check": db_check.Check,
    "current": db_current.Current,
    "downgrade": db_downgrade.Downgrade,
    "purge": db_purge.Purge,
    "upgrade": db_upgrade.Upgrade,
}

PAGE = pathlib.Path(__file__).parents[2] / "doc/source/cli/db.rst"


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where a ledger may be; the path is as bad as a URL can have it."""
    return tmp_path / "50% off, (really)" / "ledger.sqlite"


@pytest.fixture
def url(path: pathlib.Path) -> str:
    """Name the ledger."""
    return f"sqlite:///{path}"


def _fill(url: str) -> None:
    with ledger_cases.tracking(url) as tracker:
        tracker.sync(ledger_cases.host())
        tracker.claim(ledger_cases.uid(), ledger_cases.ask(ledger_cases.VF))


def _mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_upgrade_makes_a_file_for_its_owner_only(
    pci_pool: PciPool, path: pathlib.Path, url: str
) -> None:
    assert pci_pool.text("db", "upgrade", "--db", url) == (
        f"{path}: 0002, was base\n"
    )
    assert (_mode(path.parent), _mode(path)) == (0o700, 0o600)
    assert pci_pool.text("db", "upgrade", "--db", url) == f"{path}: 0002\n"
    assert pci_pool.text("db", "check", "--db", url) == "\n"


def test_a_single_step_can_be_made_in_both_directions(
    pci_pool: PciPool, path: pathlib.Path, url: str
) -> None:
    steps = [
        ("upgrade", "0001", "0001, was base"),
        ("upgrade", "0002", "0002, was 0001"),
        ("downgrade", "0001", "0001, was 0002"),
        ("downgrade", "base", "base, was 0001"),
        ("downgrade", "base", "base, was base"),
    ]
    for verb, revision, said in steps:
        out = pci_pool.text("db", verb, revision, "--db", url)
        assert out == f"{path}: {said}\n"


def test_the_current_revision_is_shown(pci_pool: PciPool, url: str) -> None:
    pci_pool.text("db", "upgrade", "0001", "--db", url)
    out = pci_pool.text("db", "current", "--db", url, "-f", "json")
    (row,) = json.loads(out)
    assert row["revision"] == "0001"
    assert row["newest"] == "0002"
    assert row["oldest_writer"] is None
    pci_pool.text("db", "upgrade", "--db", url)
    argv = ("-f", "value", "-c", "revision", "-c", "oldest_writer")
    out = pci_pool.text("db", "current", "--db", url, *argv)
    assert out == "0002 1\n"


def test_what_a_downgrade_drops_is_named_and_wants_a_yes(
    pci_pool: PciPool, path: pathlib.Path, url: str
) -> None:
    pci_pool.text("db", "upgrade", "--db", url)
    _fill(url)
    lost = (
        "claims (rows: 1), devices (rows: 10), history (rows: 2), holdings"
        " (rows: 1), hosts (rows: 1), roots (rows: 2)"
    )
    ran = pci_pool("db", "downgrade", "base", "--db", url)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[0] == (
        f"{path}: going back from 0002 to base drops {lost}. Nothing was"
        " changed. Stop all that writes to it, keep a copy, and say --yes"
    )
    assert pci_pool.text("db", "check", "--db", url) == "\n"
    out = pci_pool.text("db", "downgrade", "base", "--yes", "--db", url)
    assert out == f"{path}: base, was 0002\ndropped: {lost}\n"


def test_a_downgrade_is_done_as_a_whole_or_not_at_all(
    pci_pool: PciPool, url: str
) -> None:
    """Nobody claims between the question and the end, either."""
    pci_pool.text("db", "upgrade", "--db", url)
    _fill(url)
    database = sa.create_engine(url)
    with database.begin() as connection:
        # alembic cannot write down that it is done.
        connection.exec_driver_sql(
            "CREATE TRIGGER stop BEFORE UPDATE ON alembic_version BEGIN"
            " SELECT RAISE(ABORT, 'stopped'); END"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER stop_too BEFORE DELETE ON alembic_version BEGIN"
            " SELECT RAISE(ABORT, 'stopped'); END"
        )
    ran = pci_pool("db", "downgrade", "0001", "--yes", "--db", url)
    assert (ran.code, ran.out) == (1, "")
    assert "stopped" in ran.err
    with database.connect() as connection:
        assert sa.inspect(connection).has_table("holdings")
    database.dispose()
    out = pci_pool.text("db", "current", "--db", url, "-f", "value")
    assert " 0002 0002 1 1" in out


def test_a_check_ends_with_3_if_anything_is_wrong(
    pci_pool: PciPool, path: pathlib.Path, url: str
) -> None:
    pci_pool.text("db", "upgrade", "--db", url)
    database = sa.create_engine(url)
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER history_no_delete")
    database.dispose()
    path.chmod(0o644)
    ran = pci_pool("db", "check", "--db", url, "-f", "json")
    assert ran.code == 3
    assert [
        (each["code"], each["where"], each["message"])
        for each in json.loads(ran.out)
    ] == [
        (
            "TRIGGER_MISSING",
            "history_no_delete",
            "trigger history_no_delete is missing",
        ),
        ("FILE_READABLE", str(path), "its mode is 0644, others may use it"),
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ("check",),
        ("current",),
        ("downgrade", "base"),
        ("purge", "--days", "90"),
    ],
)
def test_a_verb_that_only_looks_makes_no_file(
    argv: tuple[str, ...], pci_pool: PciPool, path: pathlib.Path, url: str
) -> None:
    ran = pci_pool("db", *argv, "--db", url)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"{path}: there is no ledger; ")
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("[pci_sched]\nstate_path = {dir}/a\n", "a/ledger.sqlite"),
        ("[DEFAULT]\nstate_path = {dir}/n\n", "n/pci_sched/ledger.sqlite"),
        (
            "[DEFAULT]\nstate_path = {dir}/n\n"
            "[pci_sched]\nstate_path = {dir}/a\n",
            "a/ledger.sqlite",
        ),
        (
            "[pci_sched]\nstate_path = {dir}/a\n"
            "connection = sqlite:///{dir}/c.sqlite\n",
            "c.sqlite",
        ),
    ],
)
def test_the_configuration_says_where_the_ledger_is(
    lines: str, place: str, pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(lines.format(dir=tmp_path))
    out = pci_pool.text("db", "upgrade", "--config-file", conf)
    assert out == f"{tmp_path / place}: 0002, was base\n"
    assert (tmp_path / place).is_file()


def test_the_configuration_of_nova_is_read_where_no_other_is_named(
    pci_pool: PciPool,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conf = tmp_path / "nova.conf"
    monkeypatch.setattr(ledger_source, "NOVA_CONF", conf)
    ran = pci_pool("db", "current")
    assert ran.err.startswith("/var/lib/pci_sched/ledger.sqlite: there is no")
    conf.write_text(f"[pci_sched]\nstate_path = {tmp_path}\n")
    ran = pci_pool("db", "current")
    assert ran.err.startswith(f"{tmp_path}/ledger.sqlite: there is no")


def test_the_default_place_that_help_names_is_the_one_that_is_used() -> None:
    assert str(ledger.url_of(None, None).database) == ledger_source.DEFAULT


def test_an_url_goes_before_the_configuration(
    pci_pool: PciPool, tmp_path: pathlib.Path, path: pathlib.Path, url: str
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[pci_sched]\nconnection = nonsense\n")
    argv = ("--config-file", conf, "--db", url)
    assert pci_pool.text("db", "upgrade", *argv).startswith(str(path))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql+pymysql://nova:{}@127.0.0.1:1/x", "does not answer"),
        ("postgresql+psycopg://nova:{}@127.0.0.1:1/x", "does not answer"),
        ("mysql+pymysql://nova:{}@127.0.0.1:1/x?ssl={}", "after its ? (ssl)"),
        ("oracle://nova:{}@127.0.0.1/x", "oracle is not supported"),
        ("mysql+nosuch://nova:{}@127.0.0.1/x", "install the driver"),
        ("mysql+pymysql:nova:{}", "not the form of a database URL"),
    ],
)
def test_a_password_is_never_seen(
    verb: str,
    url: str,
    said: str,
    pci_pool: PciPool,
    tmp_path: pathlib.Path,
) -> None:
    whole = url.replace("{}", "hush-hush")
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[pci_sched]\nconnection = {whole}\nledger_timeout = 2\n")
    needed = {"downgrade": ["base"], "purge": ["--days", "90"]}.get(verb, [])
    for argv in (["--db", whole], ["--config-file", str(conf)]):
        ran = pci_pool("db", verb, *argv, *needed)
        assert ran.code == 1
        assert said in ran.err
        assert "hush" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("connection = mysql://u:pa$hush@h/d", "a dollar sign is written $$"),
        ("connection = mysql://u:hush@h/d\nnonsense", "nova.conf"),
        ("= mysql://u:pa-hush@h/d", "nova.conf"),
        ("ledger_timeout = soon", "ledger_timeout"),
    ],
)
def test_a_wrong_line_is_named_without_its_password(
    line: str, said: str, pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[pci_sched]\n{line}\n")
    ran = pci_pool("db", "current", "--config-file", conf)
    assert ran.code == 1
    assert said in ran.err
    assert "hush" not in ran.err


def test_what_a_library_logs_is_kept_back(url: str) -> None:
    ran = pci_pool_helper.process("db", "upgrade", "--db", url)
    assert (ran.code, ran.err) == (0, "")
    ran = pci_pool_helper.process("-v", "db", "current", "--db", url)
    assert "Context impl SQLiteImpl" in ran.err


def test_a_purge_forgets_what_ended_long_ago_and_says_of_whom(
    pci_pool: PciPool, url: str
) -> None:
    pci_pool.text("db", "upgrade", "--db", url)
    _fill(url)
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(90)
    with ledger_cases.tracking(url, "compute2", clock=lambda: long_ago) as old:
        old.sync(ledger_cases.host())
        instance = ledger_cases.uid()
        old.claim(instance, ledger_cases.ask(ledger_cases.VF))
        old.release(instance)
    shown = ("--db", url, "-f", "value", "-c", "host", "-c", "claims")
    gone = "compute2 1\n"
    argv = ("db", "purge", "--days", "30", *shown)
    assert pci_pool.text(*argv, "--dry-run") == gone
    assert pci_pool.text(*argv) == gone
    assert not pci_pool.text(*argv)
    ran = pci_pool(
        "claims", "show", instance, "--host", "compute2", *shown[:2]
    )
    assert (ran.code, ran.out) == (1, "")


@pytest.mark.parametrize("days", ["0", "-1", "36501", "many"])
def test_an_age_that_makes_no_sense_is_refused(
    days: str, pci_pool: PciPool, url: str
) -> None:
    ran = pci_pool("db", "purge", "--days", days, "--db", url)
    assert ran.code == 2
    assert "invalid number of days from 1 to 36500 value" in ran.err


def _parser(verb: str) -> argparse.ArgumentParser:
    return VERBS[verb](main.PciPool(), None).get_parser(verb)


def _options() -> set[str]:
    return {
        option
        for verb in VERBS
        for action in _parser(verb)._actions  # noqa: SLF001 - no other way
        for option in action.option_strings
    }


#: cliff's own, which the page leaves to --help.
_OF_CLIFF = {"-h", "--help", "--sort-column", "--sort-ascending"}


def test_the_page_has_a_row_for_every_option_of_ours() -> None:
    rows = re.findall(r"^   \* - (``-.*)$", PAGE.read_text(), re.M)
    named = {each for row in rows for each in re.findall(r"``(-[\w-]+)", row)}
    assert named <= _options()
    ours = {"--db", "--config-file", "--config-dir", "--yes", "--days"}
    ours |= {"-f", "--format", "-c", "--column", "--dry-run"}
    assert ours <= named


def test_the_page_has_a_row_for_every_code_and_column() -> None:
    for word in (*drift.Code, *db_current.COLUMNS, *db_purge.COLUMNS):
        assert f"   * - ``{word}``" in PAGE.read_text()


def _examples() -> Iterator[tuple[str, str]]:
    """The commands of the page, with what they print, in their order."""
    for block in re.findall(
        r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)",
        PAGE.read_text(),
        re.M,
    ):
        text = textwrap.dedent(block).strip("\n")
        first, _, output = text.partition("\n")
        yield first.removeprefix("$ pci-pool "), output + "\n"


def test_the_examples_of_the_page_show_what_is_printed(
    pci_pool: PciPool,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = list(_examples())
    assert len(examples) == 7
    for command_line, shown in examples:
        ran = pci_pool(*shlex.split(command_line))
        assert (ran.out, ran.err) == (shown, "")


def test_a_directory_that_cannot_be_written_is_named(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path}/file/ledger.sqlite"
    ran = pci_pool("db", "upgrade", "--db", url)
    assert ran.code == 1
    assert ran.err.startswith(f"{tmp_path}/file/ledger.sqlite: ")
    assert "has to name a file that this user may write" in ran.err
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
