# SPDX-License-Identifier: Apache-2.0
"""Releases that are not there yet, made out of the present one.

The next one expands: it adds a column that older libraries do not see. The
one after it contracts: it drops what only this one uses, and lets this one
write no more.
"""

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Final

_REPOSITORY: Final = pathlib.Path(__file__).parents[2]

_HELPERS: Final = pathlib.Path(__file__).parent

_SCRIPT = '''"""{what}."""

from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
loses = {loses}


def upgrade():
    {up}


def downgrade():
    {down}


def triggers(_dialect):
    return frozenset()
'''

_EXPAND = _SCRIPT.format(
    what="A rack for each host",
    revision="0003",
    before="0002",
    loses=("hosts.rack",),
    up='op.add_column("hosts", sa.Column("rack", sa.String(255)))',
    down='op.execute("ALTER TABLE hosts DROP COLUMN rack")',
)

_CONTRACT = _SCRIPT.format(
    what="No index of names any more, and no writer of number 1",
    revision="0004",
    before="0003",
    loses=(),
    up='op.execute("UPDATE compatibility SET oldest_writer = 2")'
    '\n    op.drop_index("ix_hosts_name", "hosts")',
    down='op.create_index("ix_hosts_name", "hosts", ["name"])'
    '\n    op.execute("UPDATE compatibility SET oldest_writer = 1")',
)


class Release:
    """One version of the library, and processes that run it.

    :ivar place: The directory that has it.
    """

    def __init__(self, place: pathlib.Path) -> None:
        """Take a library that is there."""
        self.place = place

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(map(str, (self.place, _HELPERS)))
        return os.environ | {"PYTHONPATH": path}

    def db(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run ``pci-pool db``, whatever the exit code."""
        return subprocess.run(
            [sys.executable, "-m", "pci_sched.cli", "db", *argv],
            env=self._environment(),
            cwd=self.place,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def work(self, url: str, stop: pathlib.Path) -> subprocess.Popen[str]:
        """Start a process that claims until *stop* is there."""
        return subprocess.Popen(
            [sys.executable, "-m", "ledger_worker", url, str(stop)],
            env=self._environment(),
            cwd=self.place,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )


def present() -> Release:
    """Give the present release."""
    return Release(_REPOSITORY)


def build_next(place: pathlib.Path) -> Release:
    """Make the next release, which expands.

    :param place: A directory that is not there yet.
    :returns: The release.
    """
    _copy(place)
    (place / "alembic/versions/0003_rack.py").write_text(_EXPAND)
    _edit(
        place / "pci_sched/db/compatibility.py",
        ("WRITER: Final = 1", "WRITER: Final = 2"),
        ('"0002")', '"0002", "0003")'),
    )
    _edit(
        place / "pci_sched/db/tables.py",
        (
            '    sa.Column("numa", sa.Text, nullable=False),\n',
            '    sa.Column("numa", sa.Text, nullable=False),\n'
            '    sa.Column("rack", sa.String(255)),\n',
        ),
    )
    return Release(place)


def build_after_next(place: pathlib.Path) -> Release:
    """Make the release after the next one, which contracts.

    :param place: A directory that is not there yet.
    :returns: The release.
    """
    build_next(place)
    (place / "alembic/versions/0004_contract.py").write_text(_CONTRACT)
    _edit(
        place / "pci_sched/db/compatibility.py",
        ('"0003")', '"0003", "0004")'),
    )
    _edit(
        place / "pci_sched/db/tables.py", ('    sa.Index(None, "name"),\n', "")
    )
    return Release(place)


def _copy(place: pathlib.Path) -> None:
    for name in ("pci_sched", "alembic"):
        shutil.copytree(
            _REPOSITORY / name,
            place / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )


def _edit(path: pathlib.Path, *changes: tuple[str, str]) -> None:
    """Replace texts, each of which is there once."""
    text = path.read_text()
    for old, new in changes:
        assert text.count(old) == 1, (path, old)
        text = text.replace(old, new)
    path.write_text(text)
