# SPDX-License-Identifier: Apache-2.0
"""State of which each process has its own, also after a fork.

nova-scheduler loads its filters and then forks its workers. A worker must not
wait for a thread that only its parent has, nor for a lock that such a thread
held at the moment of the fork.
"""

from collections.abc import Callable
import os
from typing import Generic, TypeVar

_State = TypeVar("_State")


class PerProcess(Generic[_State]):
    """Holds the state of each process.

    :param make: Makes the state of this process; gets that of the process it
        was forked from, ``None`` if there is none, and may read of it only
        what is replaced as a whole.
    """

    def __init__(self, make: Callable[[_State | None], _State]) -> None:
        self._make = make
        self._states: dict[int, _State] = {}

    def get(self) -> _State:
        """Give the state of this process.

        :returns: The same object to every thread of the process.
        """
        own = os.getpid()
        state = self._states.get(own)
        if state is None:
            before = list(self._states.values())[-1:]
            # Without a lock: of two threads that come here, one wins.
            state = self._states.setdefault(
                own, self._make(before[0] if before else None)
            )
        return state
