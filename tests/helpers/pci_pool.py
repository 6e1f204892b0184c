# SPDX-License-Identifier: Apache-2.0
"""Runs ``pci-pool``: within the test, or as a process of its own."""

from collections.abc import Mapping
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

import pytest

from pci_sched.cli import main
import recorded

#: Names of vendors and products, the same on every machine.
PCI_IDS = str(recorded.HOSTS / "pci.ids")

#: Every format of dump.
FORMATS = (
    "table",
    "json",
    "yaml",
    "csv",
    "value",
    "tree",
    "dot",
    "svg",
    "prometheus",
)


class Ran(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str


class PciPool:
    """``pci-pool`` within this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *argv: str | pathlib.Path) -> Ran:
        """Run it, whatever the exit code."""
        self._capsys.readouterr()
        try:
            code = main.main([str(each) for each in argv])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ran(code, *self._capsys.readouterr())

    def text(self, *argv: str | pathlib.Path) -> str:
        """Run it without any complaint; returns what it printed."""
        ran = self(*argv)
        assert ran[0::2] == (0, "")
        return ran.out


def shell_environment() -> dict[str, str]:
    """The environment, without what test tools say of Python's streams."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONIOENCODING", "PYTHONUNBUFFERED")
    }


def process(
    *argv: str | pathlib.Path, env: Mapping[str, str] | None = None
) -> Ran:
    """Run it as a process; the streams are pipes."""
    done = subprocess.run(
        [sys.executable, "-m", "pci_sched.cli", *map(str, argv)],
        capture_output=True,
        encoding="utf-8",
        env=shell_environment() | dict(env or {}),
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
