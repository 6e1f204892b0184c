# SPDX-License-Identifier: Apache-2.0
"""Threads of ours in a process of Nova's."""

from collections.abc import Callable
import threading


def start(function: Callable[[], None]) -> None:
    """Run a function beside the caller.

    The process does not wait for it when it ends. Under eventlet it is a
    green thread, as all threads are there.

    :param function: Has to take care of its own errors.
    :raises RuntimeError: If the process can have no more threads.
    """
    threading.Thread(
        target=function, name="pci_sched look-up", daemon=True
    ).start()
