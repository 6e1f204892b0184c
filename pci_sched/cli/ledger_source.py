# SPDX-License-Identifier: Apache-2.0
"""Which ledger a verb looks at, and opening it.

A verb opens only what is there: a file made by whoever happens to look could
not be written by nova-compute.

SQLAlchemy, alembic and oslo.config are slow to import, and many a verb that
has these options is used without them. So they are imported where needed.
"""

import argparse
from collections.abc import Iterator
import contextlib
import dataclasses
import pathlib
from typing import TYPE_CHECKING, NamedTuple

from cliff import app as cliff_app

from pci_sched import exception
from pci_sched.cli import main, secret_urls, source

if TYPE_CHECKING:
    from oslo_config import cfg
    import sqlalchemy as sa

    from pci_sched.db import store

#: Read where no other is named.
NOVA_CONF = source.NOVA_CONF

#: Where a ledger is of which nobody says anything.
DEFAULT = "/var/lib/pci_sched/ledger.sqlite"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger is.

    :ivar url: Of the database, with its password: never to be shown.
    :ivar timeout_s: How long to wait for a connection, and for a lock.
    """

    url: "sa.URL"
    timeout_s: float

    @property
    def path(self) -> pathlib.Path | None:
        """The file, if it is one."""
        is_file = self.url.get_backend_name() == "sqlite"
        return pathlib.Path(self.url.database or "") if is_file else None

    def __str__(self) -> str:
        """Name the place without anything secret."""
        if self.path is not None:
            return str(self.path)
        return self.url.set(query={}).render_as_string(hide_password=True)


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add the options of a verb that looks at a ledger and no hardware.

    :param parser: The verb's parser.
    """
    group = parser.add_argument_group("ledger")
    add_url(group)
    source.add_configuration(
        group,
        "a nova.conf; its options of [pci_sched] say where the ledger is (can"
        f" be repeated; by default {NOVA_CONF} if it is there)",
    )


def add_url(group: argparse._ArgumentGroup) -> None:
    """Add ``--db`` alone, for verbs that have a nova.conf already.

    :param group: Where it belongs.
    """
    group.add_argument(
        "--db",
        metavar="URL",
        help="the database of the ledger (by default the one of the"
        f" configuration, else the file {DEFAULT})",
    )


def find(parsed_args: argparse.Namespace, app: cliff_app.App) -> Place:
    """Tell where the ledger is; nothing is opened.

    :param parsed_args: The options of :func:`add_argument`; ``db`` may be
        the path of a file, too.
    :param app: Knows the password that no parser has seen.
    :returns: The place.
    """
    from pci_sched.db import ledger

    said = _read(parsed_args)
    if parsed_args.db is not None:
        made = _named(parsed_args.db, app)
    else:
        made = ledger.url_of(
            said.connection, said.state_path, said.nova_state_path
        )
    return Place(made, said.timeout_s)


def _named(given: str | pathlib.Path, app: cliff_app.App) -> "sa.URL":
    """Read ``--db``; in a path, no character means what it does in a URL."""
    import sqlalchemy as sa

    from pci_sched.db import engine

    if isinstance(given, pathlib.Path):
        return sa.URL.create("sqlite", database=str(given))
    return engine.parse(main.whole(app, given))


@contextlib.contextmanager
def connected(
    parsed_args: argparse.Namespace,
    app: cliff_app.App,
    *,
    for_migration: bool = False,
    makes: bool = False,
) -> Iterator["sa.Connection"]:
    """Connect to the ledger, and close it in the end.

    :param parsed_args: The options of :func:`add_argument`.
    :param app: The application.
    :param for_migration: Whether a statement may take as long as it needs,
        and whatever is done is done at once or not at all, where that can be.
    :param makes: Whether a SQLite file may be made.
    :yields: The connection; nothing is begun.
    """
    from pci_sched.db import engine, errors

    place = find(parsed_args, app)
    if not makes:
        _require(place)
    made = engine.connect(
        place.url, timeout_s=place.timeout_s, for_migration=for_migration
    )
    try:
        with errors.translated(), made.connect() as connection:
            yield connection
    finally:
        made.dispose()


def open_store(
    parsed_args: argparse.Namespace,
    app: cliff_app.App,
    *,
    tracks: bool = False,
) -> "store.SqlClaimStore":
    """Open the ledger.

    :param parsed_args: The options of :func:`add_argument`.
    :param app: The application.
    :param tracks: Whether the process tracks hosts, and does not only look or
        repair.
    :returns: The store.
    """
    from pci_sched.db import ledger

    place = find(parsed_args, app)
    _require(place)
    return ledger.open_store(
        place.url, tracks=tracks, timeout_s=place.timeout_s
    )


def _require(place: Place) -> None:
    """Make sure that the ledger, if it is a file, is there."""
    if place.path is not None and not source.is_there(place.path):
        raise exception.LedgerUnusable(
            f"{place}: there is no ledger; name another one by --db or"
            " --config-file, or make this one with `pci-pool db upgrade` as"
            " the user that nova-compute runs as"
        )


class _Said(NamedTuple):
    """What a configuration says of a ledger."""

    connection: str | None
    state_path: str | None
    nova_state_path: str | None
    timeout_s: float


def _read(parsed_args: argparse.Namespace) -> _Said:
    """Read the options out of the files that are named, or Nova's own."""
    from oslo_config import cfg

    from pci_sched import conf as pci_conf

    files: list[pathlib.Path] = parsed_args.config_file
    directories: list[pathlib.Path] = parsed_args.config_dir
    if not (files or directories or parsed_args.db is not None):
        files = [NOVA_CONF] if source.is_there(NOVA_CONF) else []
    conf = cfg.ConfigOpts()
    pci_conf.register_opts(conf)
    conf.register_opt(cfg.StrOpt("state_path"))
    try:
        conf(
            args=[],
            project="nova",
            default_config_files=list(map(str, files)),
            default_config_dirs=list(map(str, directories)),
            use_env=False,
        )
        group = conf.pci_sched
        return _Said(
            None if parsed_args.db is not None else _connection(conf),
            group.state_path,
            conf.state_path,
            group.ledger_timeout,
        )
    except (cfg.Error, ValueError) as err:
        names = ", ".join(map(str, (*files, *directories)))
        # A line that cannot be read may be the one with the password.
        problem = secret_urls.hide(str(err))
        raise exception.ConfigInvalid(names, problem) from None


def _connection(conf: "cfg.ConfigOpts") -> str | None:
    """Read the URL; a part of the password may look like an option."""
    from oslo_config import cfg

    try:
        url: str | None = conf.pci_sched.connection
    except cfg.Error:
        raise exception.LedgerUnusable(
            "[pci_sched]connection refers to an option that is not there; a"
            " dollar sign is written $$"
        ) from None
    return url
