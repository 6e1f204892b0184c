# SPDX-License-Identifier: Apache-2.0
"""README.rst shows what the command really prints, and runs what CI runs."""

import pathlib
import shlex

import pytest

from pci_sched.cli import main
import recorded

ROOT = pathlib.Path(__file__).parents[2]

_PROMPT = "    $ pci-pool "


def _examples() -> list[tuple[str, str]]:
    """The commands of README.rst, each with what follows it."""
    found = []
    for block in (ROOT / "README.rst").read_text().split(_PROMPT)[1:]:
        command, *rest = block.split("\n")
        shown = []
        for line in rest:
            if not line.startswith("    "):
                break
            shown.append(line[4:] + "\n")
        found.append((command, "".join(shown)))
    return found


@pytest.mark.parametrize(("command", "shown"), _examples())
def test_the_readme_shows_what_is_printed(
    command: str,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    assert main.main(shlex.split(command)) == 0
    assert capsys.readouterr().out == shown


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (command,) = [
        line.strip()
        for line in (ROOT / "README.rst").read_text().splitlines()
        if line.endswith("/tox")
    ]
    assert command in (ROOT / ".ci/run").read_text().splitlines()


def test_the_example_is_the_recorded_host_with_its_configuration(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = recorded.unpack("two-numa", tmp_path)
    config = str(ROOT / "doc/examples/nova.conf")
    argv = ["record", "--root", str(root), "--host", "compute1"]
    assert main.main([*argv, "--config-file", config]) == 0
    example = (ROOT / "doc/examples/compute1.json").read_text()
    assert capsys.readouterr().out == example
