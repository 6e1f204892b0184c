# SPDX-License-Identifier: Apache-2.0
"""A thread that keeps the ledger, so that nothing of Nova's waits for it.

Who tells it something holds locks of Nova's and must go on at once. What is
told waits in a queue; one thread alone speaks to the database. Where that
fails, or is too slow, nothing is asked of it until the next audit, which
tells everything again.
"""

import collections
from collections.abc import Callable, Mapping
import datetime
import os
import threading
import time
from typing import Final

from oslo_log import log as logging

from pci_sched import exception
from pci_sched.claims import acts, mirror
from pci_sched.claims import claim as pci_claim
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host
from pci_sched.nova import per_process, threads
from pci_sched.nova.compute import keeping

_LOG = logging.getLogger(__name__)

#: How many changes may wait.
MOST: Final = 1000

#: After how many seconds of writing one change there is something wrong.
SLOW_S: Final = 60.0


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _start(function: Callable[[], None]) -> None:
    threads.start(function, "pci_sched ledger")


class _State:
    """What one process has to write, and how that goes.

    :ivar changed: Guards all of it.
    :ivar follows: Whether the ledger says all, once all that waits is done.
    :ivar trouble: Why it does not, or did not; "" for none.
    :ivar error: What that came from, if it was an error.
    """

    def __init__(self, keeper: keeping.Keeper, actor: str) -> None:
        self.keeper = keeper
        self.actor = actor
        self.changed = threading.Condition()
        self.jobs: collections.deque[keeping.Job] = collections.deque()
        self.has_thread = False
        self.working_since: float | None = None
        self.follows = True
        self.trouble = ""
        self.error: Exception | None = None
        self.has_told = False

    def settle(self, job: keeping.Job, error: Exception | None) -> None:
        """Draw the conclusions from a job that was tried.

        What comes after one that was not written makes no sense without it.
        """
        if error is not None:
            while self.jobs and self.jobs[0].host is None:
                self.jobs.popleft()
            self.follows = bool(self.jobs)
            self.error = error
            self.trouble = keeping.describe(error)
        elif job.host is not None and self.follows:
            self.error = None
            self.trouble = ""

    def look_for_hanging(self, slow_s: float) -> None:
        """See whether the thread can still say itself how it goes."""
        if self.working_since is None:
            return
        since_s = time.monotonic() - self.working_since
        if since_s > slow_s:
            self.error = None
            self.trouble = f"the database has not answered for {since_s:.0f} s"

    def drop_from_rebuild(self) -> None:
        """Drop what the next picture of all says again."""
        waiting = list(self.jobs)
        first = next(
            (at for at, job in enumerate(waiting) if job.host is not None),
            len(waiting),
        )
        self.jobs = collections.deque(waiting[:first])


class Bookkeeper:
    """Takes down who has which device of one host.

    It never raises and never waits for a database. Any thread may use it.
    """

    def __init__(
        self,
        open_store: keeping.OpenStore,
        host: pci_claim.HostKey,
        *,
        actor: str = "",
        most: int = MOST,
        slow_s: float = SLOW_S,
        clock: Callable[[], datetime.datetime] = _utc_now,
        spawn: Callable[[Callable[[], None]], object] = _start,
    ) -> None:
        """Prepare; the thread starts when there is something to do.

        :param open_store: Opens the ledger; called in the thread.
        :param host: Whose ledger.
        :param actor: Who acts, for the history; by default nova-compute and
            the process.
        :param most: How many changes may wait.
        :param slow_s: After how many seconds a database is told to hang.
        :param clock: Tells the time, with a time zone.
        :param spawn: Runs a function beside the caller.
        """
        self._host = host
        self._most = most
        self._slow_s = slow_s
        self._clock = clock
        self._spawn = spawn
        self._states = per_process.PerProcess[_State](
            lambda _: _State(
                keeping.Keeper(open_store, host),
                actor or f"nova-compute:{os.getpid()}",
            )
        )

    @property
    def trouble(self) -> str:
        """Why the ledger is not kept now; "" if it is."""
        return self._states.get().trouble

    def note(self, uses: mirror.Uses, reason: str) -> None:
        """Take down what one operation changed.

        :param uses: Who has each of the devices concerned now; ``None`` for
            nobody.
        :param reason: For the history.
        """
        state = self._states.get()
        cause = acts.Cause(self._clock(), state.actor, reason)
        with state.changed:
            if not (uses and state.follows):
                return
            if len(state.jobs) < self._most:
                self._put(state, keeping.Job(dict(uses), cause))
            else:
                state.follows = False
                state.error = None
                state.trouble = (
                    f"more than {self._most} changes wait to be written"
                )

    def rebuild(
        self,
        host: pci_host.Host,
        uses: Mapping[pci_address.PciAddress, mirror.Use],
        reason: str,
    ) -> None:
        """Take down everything: what there is, and who has what of it.

        :param host: The hardware, with all its devices.
        :param uses: Who has each device that anybody has.
        :param reason: For the history.
        """
        state = self._states.get()
        cause = acts.Cause(self._clock(), state.actor, reason)
        with state.changed:
            state.drop_from_rebuild()
            state.follows = True
            self._put(state, keeping.Job(dict(uses), cause, host))
            state.look_for_hanging(self._slow_s)
        self._tell(state)

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing waits any more; for a shutdown and for tests.

        :param timeout_s: How many seconds at most.
        :returns: Whether all is written, or given up.
        """
        state = self._states.get()
        with state.changed:
            return state.changed.wait_for(
                lambda: not state.jobs and state.working_since is None,
                timeout_s,
            )

    def _put(self, state: _State, job: keeping.Job) -> None:
        """Queue a job; who calls it holds the lock."""
        state.jobs.append(job)
        state.changed.notify_all()
        if state.has_thread:
            return
        try:
            self._spawn(lambda: self._run(state))
        except RuntimeError as error:
            state.jobs.clear()
            state.follows = False
            state.trouble = f"no thread can be started: {error}"
            self._tell(state)
        else:
            state.has_thread = True

    def _run(self, state: _State) -> None:
        """Do what waits, for ever."""
        try:
            while True:
                with state.changed:
                    state.changed.wait_for(lambda: state.jobs)
                    job = state.jobs.popleft()
                    state.working_since = time.monotonic()
                self._do(state, job)
        finally:
            with state.changed:
                state.has_thread = False

    def _do(self, state: _State, job: keeping.Job) -> None:
        error: Exception | None = RuntimeError("the thread was stopped")
        try:
            error = threads.natively(lambda: state.keeper.work(job))
        finally:
            with state.changed:
                state.settle(job, error)
            # Not while callers have to wait for it.
            self._tell(state)
            with state.changed:
                state.working_since = None
                state.changed.notify_all()

    def _tell(self, state: _State) -> None:
        """Say when the ledger is not kept any more, and when it is again."""
        with state.changed:
            trouble, error = state.trouble, state.error
            if bool(trouble) is state.has_told:
                return
            state.has_told = bool(trouble)
        if not trouble:
            _LOG.info(
                "The ledger of %s says again what Nova's records say.",
                self._host.name,
            )
            return
        is_ours = isinstance(error, exception.PciSchedException)
        _LOG.error(
            "The ledger of %(host)s is not kept: %(trouble)s. Nova does not"
            " need it and goes on. Each audit tries again, and then the"
            " ledger catches up; see that the database answers that"
            " [pci_sched]connection or state_path names.",
            {"host": self._host.name, "trouble": trouble},
            exc_info=None if is_ours else error,
        )
