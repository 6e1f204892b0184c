# SPDX-License-Identifier: Apache-2.0
"""Two filters of the tests, one before and one after the filter under test.

They keep which hosts it was given and which it passed, and what it asked of
Neutron; and they can stop the request there, so that nothing is built.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import time
from typing import Any, ClassVar

from nova.scheduler import filters

from tests.nova_functional import neutron_client

#: Names under which Nova loads them.
PATHS = (f"{__name__}.BeforeFilter", f"{__name__}.AfterFilter")

#: Of these Nova asks for some by itself, at the same time as a filter.
_BULK = {"list_agents", "list_networks"}


@dataclasses.dataclass
class Run:
    """One run of the filter under test."""

    given: frozenset[str]
    #: Stays False if the filter passed no host: Nova then stops.
    is_over: bool = False
    passed: frozenset[str] = frozenset()
    calls: tuple[str, ...] = ()
    #: How long the filter took.
    seconds: float = 0.0


class Recorder:
    """What both filters share; one for each test."""

    def __init__(self, log: neutron_client.Log, *, stops: bool) -> None:
        self._log = log
        self._start = 0
        self._started_at = 0.0
        #: Whether no host gets any further.
        self.stops = stops
        self.runs: list[Run] = []

    def enter(self, hosts: Sequence[Any]) -> None:
        """Start a run."""
        self.runs.append(Run(frozenset(host.host for host in hosts)))
        self._start = len(self._log.calls)
        self._started_at = time.monotonic()
        self._log.in_filter = True

    def leave(self, hosts: Sequence[Any]) -> None:
        """End it."""
        self._log.in_filter = False
        run = self.runs[-1]
        run.passed = frozenset(host.host for host in hosts)
        run.calls = tuple(
            call.name
            for call in self._log.calls[self._start :]
            if call.name in _BULK
            or (call.name == "list_ports" and "id" in call.params)
        )
        run.seconds = time.monotonic() - self._started_at
        run.is_over = True


class _Recording(filters.BaseHostFilter):  # type: ignore[misc]
    """Nova makes a filter anew as it likes, so nothing is kept in it."""

    RUN_ON_REBUILD = True
    recorder: ClassVar[Recorder | None] = None


class BeforeFilter(_Recording):
    """Keeps what the filter after it is given."""

    def filter_all(
        self, filter_obj_list: Sequence[Any], _spec_obj: Any
    ) -> Iterator[Any]:
        """Pass all hosts."""
        hosts = list(filter_obj_list)
        if self.recorder:
            self.recorder.enter(hosts)
        return iter(hosts)


class AfterFilter(_Recording):
    """Keeps what the filter before it passed."""

    def filter_all(
        self, filter_obj_list: Sequence[Any], _spec_obj: Any
    ) -> Iterator[Any]:
        """Pass all hosts, or none."""
        hosts = list(filter_obj_list)
        if self.recorder:
            self.recorder.leave(hosts)
            if self.recorder.stops:
                return iter(())
        return iter(hosts)


def install(recorder: Recorder | None) -> None:
    """Let both filters write to *recorder*; None to nobody."""
    _Recording.recorder = recorder
