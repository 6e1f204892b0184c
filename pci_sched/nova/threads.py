# SPDX-License-Identifier: Apache-2.0
"""Threads of ours in a process of Nova's."""

from collections.abc import Callable
import importlib
import sys
import threading
from typing import TypeVar

_Answer = TypeVar("_Answer")


def start(
    function: Callable[[], None], name: str = "pci_sched look-up"
) -> None:
    """Run a function beside the caller.

    The process does not wait for it when it ends. Under eventlet it is a
    green thread, as all threads are there.

    :param function: Has to take care of its own errors.
    :param name: Of the thread, for those who look at a process.
    :raises RuntimeError: If the process can have no more threads.
    """
    threading.Thread(target=function, name=name, daemon=True).start()


def natively(function: Callable[[], _Answer]) -> _Answer:
    """Call what may block a whole thread: a driver written in C.

    Under eventlet all of the process is one thread. The function is then
    called in another one, which only the caller waits for.

    :param function: What to call.
    :returns: What it returns.
    """
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is None or not patcher.is_monkey_patched("thread"):
        return function()
    answer: _Answer = importlib.import_module("eventlet.tpool").execute(
        function
    )
    return answer
