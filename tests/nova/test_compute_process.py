# SPDX-License-Identifier: Apache-2.0
"""The compute hook in processes of its own, found through os_vif alone."""

from collections.abc import Iterable
import importlib.util
import os
import pathlib
import subprocess
import sys
import textwrap
import time

import pytest

#: What ``nova-compute`` on the path does.
_MAIN = """
    import sys, warnings
    warnings.simplefilter("ignore")
    from nova.cmd import compute
    sys.exit(compute.main())
"""

#: The same until the service would be made, and then what was imported.
_UNTIL_SERVICE = """
    import sys, warnings
    warnings.simplefilter("ignore")
    from nova.cmd import compute
    from nova import service

    def create(**_):
        ours = [name for name in sys.modules if name.startswith("pci_sched")]
        print("imported", *ours)
        sys.exit()

    service.Service.create = create
    compute.main()
"""

#: Such as an agent of Neutron's.
_WITHOUT_NOVA = """
    import logging, sys, warnings
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.DEBUG)
    import os_vif
    os_vif.initialize()
    print("nova" in sys.modules)
    print("pci_sched.conf" in sys.modules)
"""

#: Nobody answers there.
_NOBODY = "http://127.0.0.1:9"

#: As each process of nova-compute says after its plugins.
_LOADED = "Loaded VIF plugins:"

_PACKAGE = "pci_sched"

_PATIENCE_S = 120.0


def _configure(tmp_path: pathlib.Path, *ours: str) -> str:
    """Write a nova.conf and give its name."""
    lines = [
        "[DEFAULT]",
        "compute_driver = fake.FakeDriver",
        # A message bus within the process, on which nobody answers.
        "transport_url = fake://",
        "debug = true",
        f"state_path = {tmp_path}",
        "[oslo_concurrency]",
        f"lock_path = {tmp_path}",
        "[neutron]",
        "auth_type = none",
        f"endpoint_override = {_NOBODY}",
        "[placement]",
        "auth_type = none",
        f"endpoint_override = {_NOBODY}",
        *ours,
    ]
    file = tmp_path / "nova.conf"
    file.write_text("\n".join(lines))
    return str(file)


def _command(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script), *arguments]


def _run(script: str, *arguments: str) -> list[str]:
    """Run a script to its end; gives what it printed and logged."""
    done = subprocess.run(
        _command(script, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def _ours(lines: Iterable[str]) -> list[list[str]]:
    """Select the words of what our loggers wrote.

    Date, time and process come first, then level and logger.
    """
    words = [line.split()[3:] for line in lines]
    return [each for each in words if "".join(each[1:2]).startswith(_PACKAGE)]


def _loaded(lines: Iterable[str]) -> set[str]:
    """Name the plugins that os_vif loaded."""
    (line,) = [line for line in lines if _LOADED in line]
    return set(line.partition(_LOADED)[2].replace(",", " ").split())


@pytest.mark.parametrize("green", [False, True])
def test_the_option_is_all_that_a_nova_compute_needs(
    tmp_path: pathlib.Path, *, green: bool
) -> None:
    """The process itself: nothing is patched, it waits for its conductor."""
    if green and importlib.util.find_spec("eventlet") is None:
        pytest.skip("this Nova has no eventlet")
    file = _configure(tmp_path, "[pci_sched]", "compute_hook = true")
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            _command(_MAIN, "--config-file", file),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "OS_NOVA_DISABLE_EVENTLET_PATCHING": str(not green).lower(),
            },
        )
        try:
            end = time.monotonic() + _PATIENCE_S
            while _LOADED not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
    lines = log.read_text().splitlines()
    ((level, logger, *words),) = _ours(lines)
    assert (level, logger) == ("INFO", "pci_sched.nova.compute.hook")
    assert f"sqlite:///{tmp_path}/pci_sched/ledger.sqlite;" in words
    # What we brought along says nothing.
    assert not [line for line in lines if " INFO alembic" in line]


def test_without_the_option_nothing_of_the_hook_is_there(
    tmp_path: pathlib.Path,
) -> None:
    """Nothing but the plugin and our options is imported."""
    file = _configure(tmp_path)
    lines = _run(_UNTIL_SERVICE, "--config-file", file)
    assert _PACKAGE in _loaded(lines)
    assert not _ours(lines[:-1])
    word, *imported = lines[-1].split()
    assert word == "imported"
    assert {
        name
        for name in imported
        if not name.startswith(("pci_sched.conf", "pci_sched.nova.os_vif"))
    } == {"pci_sched", "pci_sched.nova"}


def test_a_wrong_word_in_our_group_stops_no_nova_compute(
    tmp_path: pathlib.Path,
) -> None:
    file = _configure(tmp_path, "[pci_sched]", "compute_hook = perhaps")
    lines = _run(_UNTIL_SERVICE, "--config-file", file)
    assert lines[-1].startswith("imported")
    level, _logger, *words = _ours(lines)[0]
    assert level == "ERROR"
    assert "perhaps" in " ".join(words)
    assert "compute_hook to false" in " ".join(words)


def test_a_process_without_nova_is_left_alone() -> None:
    lines = _run(_WITHOUT_NOVA)
    assert lines[-2:] == ["False", "False"]
    assert _PACKAGE in _loaded(lines)
    assert not [line for line in lines if "ERROR" in line]
    assert not [line for line in lines if f":{_PACKAGE}" in line]
