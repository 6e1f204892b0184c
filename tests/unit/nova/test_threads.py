# SPDX-License-Identifier: Apache-2.0
"""Threads beside those of Nova's, with eventlet and without."""

import subprocess
import sys
import threading

import pytest

from pci_sched.nova import threads

#: A driver that waits in C for a lock, beside something that ticks.
_UNDER_EVENTLET = """
import eventlet
eventlet.monkey_patch()
import sqlite3
import sys
import threading
import time
from pci_sched.nova import threads

path = sys.argv[1]
holder = sqlite3.connect(path, isolation_level=None)
holder.execute("BEGIN IMMEDIATE")
ticks, told = [], []

def tick():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)

def block():
    other = sqlite3.connect(path, isolation_level=None, timeout=1.0)
    try:
        other.execute("BEGIN IMMEDIATE")
    finally:
        other.close()

def work():
    try:
        threads.natively(block)
    except sqlite3.OperationalError as error:
        told.append(str(error))

threads.start(tick)
threads.start(work, "work")
until = time.monotonic() + 30
while not told and time.monotonic() < until:
    time.sleep(0.01)
print(*told)
longest = max(b - a for a, b in zip(ticks, ticks[1:]))
sys.exit(0 if longest < 0.8 else f"all stood still for {longest:.2f} s")
"""


def test_a_thread_has_a_name_and_does_not_hold_up_the_end() -> None:
    seen: list[threading.Thread] = []
    done = threading.Event()

    def look() -> None:
        seen.append(threading.current_thread())
        done.set()

    threads.start(look, "a name")
    assert done.wait(30)
    assert seen[0].name == "a name"
    assert seen[0].daemon


def test_without_eventlet_a_function_is_called_where_it_is() -> None:
    assert threads.natively(threading.get_ident) == threading.get_ident()
    nothing: list[int] = []
    with pytest.raises(IndexError):
        threads.natively(nothing.pop)


def test_under_eventlet_a_driver_that_blocks_holds_up_its_caller_only(
    tmp_path: object,
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _UNDER_EVENTLET]
    ran = subprocess.run(
        [*command, f"{tmp_path}/ledger.sqlite"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "database is locked\n"
