# SPDX-License-Identifier: Apache-2.0
"""Doing again what failed because of others, for a while."""

from collections.abc import Callable
import time
from typing import Any, Final, TypeVar

from oslo_db import api as oslo_db_api

from pci_sched.db import errors

_T = TypeVar("_T")

#: How often something is tried while others are faster, and for how long. One
#: try may take as long as a connection waits for a lock.
ATTEMPTS: Final = 100
PATIENCE_S: Final = 30.0

#: How often, while the database does not answer; it may be starting.
_ATTEMPTS_AWAY = 10

#: How long is waited before it is tried again, at first and at most. Who lost
#: a race must not wait longer than it takes, or it loses the next one too.
_WAITS_S = (0.001, 0.02)
_WAITS_AWAY_S = (0.05, 1.0)


class Retries:
    """How often something is tried, and for how long.

    :param attempts: How often in all.
    :param patience_s: For how long; what has begun by then is ended.
    """

    def __init__(self, attempts: int, patience_s: float) -> None:
        self._attempts = attempts
        self._patience_s = patience_s

    def run(self, work: Callable[[], _T]) -> _T:
        """Do something as often as it takes.

        :param work: What to do; the same again each time.
        :returns: What it returns.
        :raises exception.LedgerBusy: Others were always faster.
        :raises exception.LedgerAway: The database does not answer.
        :raises exception.LedgerRefused: It refused what it was given.
        """
        with errors.translated():
            try:
                return work()
            except errors.RAISED as error:
                # Nearly always there is nothing to be tried again.
                if self._attempts == 1 or not errors.is_worth_retrying(error):
                    raise
            return self._run_again(work)

    def _run_again(self, work: Callable[[], _T]) -> _T:
        """Do what failed once as often as is left."""
        ends_at = time.monotonic() + self._patience_s

        def retry(
            check: Callable[[BaseException], bool],
            attempts: int,
            waits_s: tuple[float, float],
        ) -> Any:
            return oslo_db_api.wrap_db_retry(
                max_retries=attempts - 2,
                retry_interval=waits_s[0],
                max_retry_interval=waits_s[1],
                inc_retry_interval=True,
                jitter=True,
                exception_checker=lambda error: (
                    check(error) and time.monotonic() < ends_at
                ),
            )

        away = min(self._attempts, _ATTEMPTS_AWAY)
        contested = retry(errors.is_contested, self._attempts, _WAITS_S)
        waiting = retry(errors.is_away, away, _WAITS_AWAY_S)
        time.sleep(_WAITS_S[0])
        done: _T = waiting(contested(work))()
        return done
