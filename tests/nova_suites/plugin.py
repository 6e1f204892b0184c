# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin with which Nova's own tests are run.

It fails a run in which our code was never called or had an error, and one in
which tests are missing.
"""

import pathlib
import shutil
import tempfile
from typing import Any, Final

import pytest

from tests.nova_suites import heard, nova_tests, selection

#: Under which name an xdist worker hands over what it has heard.
_HANDED_OVER: Final = "pci_sched"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what can be switched."""
    group = parser.getgroup("nova suites")
    group.addoption("--nova-set", choices=tuple(selection.SETS))
    group.addoption(
        "--without-hook", action="store_true", help="stock, to compare with"
    )
    group.addoption(
        "--in-place",
        action="store_true",
        help="our tracker and count also where a test makes Nova's itself",
    )
    group.addoption(
        "--with-filter", action="store_true", help="enable VnicTypeFilter"
    )
    group.addoption(
        "--with-matcher", action="store_true", help="scheduler_matcher = true"
    )
    group.addoption(
        "--device-choice",
        default="nova",
        choices=("nova", "best", "pack", "spread"),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run."""
    config.pluginmanager.register(Run(config), "pci-sched-run")


class Run:
    """One run: in the process that reports, or in an xdist worker of it."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        self._config = config
        self._set: str = option.nova_set
        self._settings = nova_tests.Settings(
            hook=not option.without_hook,
            in_place=option.in_place,
            filter=option.with_filter,
            options={
                "device_choice": option.device_choice,
                "scheduler_matcher": option.with_matcher,
            },
        )
        #: Whether the tests are run by this process, and not by workers.
        self._runs_tests = getattr(option, "dist", "no") == "no"
        self._errors = heard.listen()
        self._heard = heard.Heard()
        self._scratch: pathlib.Path | None = None
        self._ran = 0
        self._complaints: list[str] = []

    def pytest_report_header(self) -> list[str]:
        """Say what is tested."""
        lacking = ", ".join(selection.missing(self._set))
        return [
            f"Nova {selection.nova_version()}, set {self._set}",
            str(self._settings),
            *([f"not in this release: {lacking}"] if lacking else []),
        ]

    def pytest_sessionstart(self) -> None:
        """Prepare Nova's tests."""
        if self._runs_tests:
            self._scratch = pathlib.Path(tempfile.mkdtemp(prefix="nova-"))
            nova_tests.prepare(self._settings, self._scratch)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark the tests that have to fail."""
        known = dict(selection.differences(self._circumstances()))
        for item in items:
            why = known.get(_name_of(item))
            if why is not None:
                item.add_marker(pytest.mark.xfail(reason=why, strict=True))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test, in the process that reports."""
        self._ran += report.when == "setup"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker has heard."""
        handed_over = getattr(node, "workeroutput", {}).get(_HANDED_OVER)
        if handed_over:
            self._heard.take(**handed_over)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that did not test what it says."""
        if self._runs_tests:
            self._heard.take(heard.CALLS, self._errors.found)
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[_HANDED_OVER] = self._heard.pack()
            return
        if self._config.option.collectonly:
            return
        self._complaints = [*self._missing(), *self._heard.complaints()]
        if self._complaints and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Say how often our code was called, and what is wrong."""
        terminalreporter.write_line(
            f"{self._ran} tests; {self._heard.describe()}"
        )
        for complaint in self._complaints:
            terminalreporter.write_line(f"ERROR: {complaint}", red=True)

    def _missing(self) -> list[str]:
        """Say which tests and which calls a whole run lacks."""
        if self._config.option.keyword or self._config.option.markexpr:
            return []
        found, expected = [], selection.count(self._set)
        if expected != self._ran:
            found.append(
                f"{self._ran} tests have run, and suites.toml knows of"
                f" {expected}"
            )
        needed = {*selection.calls(self._set)} if self._settings.hook else ()
        filters = {"filter"} if self._settings.filter else ()
        found += [
            f"nothing of Nova's has called ours: {name}"
            for name in sorted({*needed, *filters} - {*self._heard.calls})
        ]
        return found

    def _circumstances(self) -> frozenset[str]:
        """Name what decides which tests have to fail."""
        settings = self._settings
        switched = {
            "hook": settings.hook,
            "in place": settings.in_place,
            "filter": settings.filter,
            "matcher": self._config.option.with_matcher,
            self._config.option.device_choice: settings.hook,
            selection.nova_version(): True,
        }
        return frozenset(name for name, on in switched.items() if on)


def _name_of(item: pytest.Item) -> str:
    """Name a test as Nova does, with its module and class."""
    homes = getattr(item, "module", None), getattr(item, "cls", None)
    names = [home.__name__ for home in homes if home is not None]
    return ".".join([*names, item.name])
