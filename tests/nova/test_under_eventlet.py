# SPDX-License-Identifier: Apache-2.0
"""Threads of ours in a process whose threads are green."""

import importlib.util
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("eventlet") is None,
    reason="this Nova has no eventlet",
)


def _run(script: str) -> str:
    """Run a script after eventlet has patched the standard library."""
    first = "import warnings; warnings.simplefilter('ignore')\n"
    patch = "import eventlet; eventlet.monkey_patch()\n"
    done = subprocess.run(
        [sys.executable, "-c", first + patch + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_list_of_agents_is_read_beside_the_request() -> None:
    script = """
        import os
        import time
        from pci_sched.nova import agents_list

        def fetch():
            time.sleep(0.2)
            return {f"process {os.getpid() == parent}": ()}

        parent = os.getpid()
        hosts = agents_list.AgentsList(fetch)
        print(hosts.read(60, 0.01).hosts)
        print(hosts.read(60, 10).hosts)
        child = os.fork()
        if child == 0:
            found = list(hosts.read(60, 10).hosts)
            os._exit(0 if found == ["process False"] else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        time.sleep(0.5)
        print(list(hosts.read(60, 10).hosts))
    """
    assert _run(script).splitlines() == [
        "None",
        "None",
        "0",
        "['process True']",
    ]


def test_a_slow_call_is_waited_for_no_longer_than_told() -> None:
    script = """
        import time
        from pci_sched import exception
        from pci_sched.nova import patience

        waiting = patience.Patience()
        print(waiting.call(lambda: time.sleep(0.1) or "answer", 10))
        started = time.monotonic()
        try:
            waiting.call(lambda: time.sleep(30), 0.2)
        except exception.NoAnswer as err:
            print(err)
        print(time.monotonic() - started < 10)
    """
    assert _run(script).splitlines() == [
        "answer",
        "no answer in 0.2 s",
        "True",
    ]
