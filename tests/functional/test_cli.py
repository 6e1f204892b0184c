# SPDX-License-Identifier: Apache-2.0
"""``pci-pool`` as a program: exit codes, streams, terminals, imports."""

from collections.abc import Callable
import os
import pathlib
import pty
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

from fake_sysfs import FakeSysfs
from pci_pool import PciPool, process, shell_environment
import pci_sched.cli.main
import recorded

Tree = Callable[[str], pathlib.Path]

VERBS = ("check", "dump", "record")


def _redirected(
    how: str, *argv: str | pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """Run Python with its streams as a shell redirects them."""
    command = shlex.join([sys.executable, *map(str, argv)])
    return subprocess.run(
        ["/bin/sh", "-c", f"{command} {how}"],
        capture_output=True,
        env=shell_environment(),
        text=True,
        check=False,
    )


class TestVerbs:
    @pytest.mark.parametrize("argv", [(), ("help",), ("--help",)])
    def test_help_names_every_verb(
        self, pci_pool: PciPool, argv: tuple[str, ...]
    ) -> None:
        text = pci_pool.text(*argv)
        assert text.startswith("usage: pci-pool [")
        for verb in pci_sched.cli.main.VERBS:
            assert f"\n  {verb} " in text

    @pytest.mark.parametrize("verb", VERBS)
    def test_help_of_a_verb_names_its_options(
        self, pci_pool: PciPool, verb: str
    ) -> None:
        text = pci_pool.text("help", verb)
        assert text.startswith(f"usage: pci-pool {verb} [-h]")
        assert "--config-file FILE" in text

    @pytest.mark.parametrize("verb", VERBS)
    def test_a_verb_shows_its_own_help(
        self, pci_pool: PciPool, verb: str
    ) -> None:
        assert pci_pool.text(verb, "--help") == pci_pool.text("help", verb)

    def test_the_version_is_printed_with_the_name(
        self, pci_pool: PciPool
    ) -> None:
        assert pci_pool.text("--version") == "pci-pool 0.1.0\n"

    def test_an_unknown_verb_is_a_usage_error(self, pci_pool: PciPool) -> None:
        ran = pci_pool("dumb")
        assert ran.code == 2
        assert "'dumb' is not a pci-pool command" in ran.out + ran.err
        assert "  dump\n" in ran.out + ran.err

    @pytest.mark.parametrize(
        "argv",
        [
            ("dump", "--no-such-option"),
            ("dump", "-f", "xml"),
            ("dump", "--state", "free"),
            ("dump", "--type", "VF"),
            ("dump", "--root", "a", "--from", "b"),
            ("dump", "--live", "--root", "a"),
            ("dump", "--pf"),
            ("dump", "surplus"),
            ("record", "--output"),
            ("record", "-f", "json"),
        ],
    )
    def test_a_usage_error_is_2_and_shows_the_usage(
        self, pci_pool: PciPool, argv: tuple[str, ...]
    ) -> None:
        ran = pci_pool(*argv)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"usage: pci-pool {argv[0]} [-h]")

    def test_an_error_has_a_traceback_only_on_demand(
        self, tmp_path: pathlib.Path
    ) -> None:
        argv = ("dump", "--root", tmp_path)
        assert process(*argv).err.count("\n") == 1
        assert "Traceback" in process("--debug", *argv).err


class TestStreams:
    @pytest.mark.parametrize("form", ["table", "tree", "json", "svg"])
    def test_nothing_is_said_in_a_pipe(self, tree: Tree, form: str) -> None:
        ran = process("dump", "--root", tree("two-numa"), "-f", form)
        assert (ran.code, ran.err) == (0, "")

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize(
        ("name", "form"), [("two-numa", "table"), ("many", "json")]
    )
    def test_a_reader_that_goes_away_is_no_accident(
        self, tree: Tree, name: str, form: str, unbuffered: str
    ) -> None:
        """As in a pipe to head: what fits a buffer, and what does not."""
        argv = ("dump", "--devices", "--root", str(tree(name)), "-f", form)
        with subprocess.Popen(
            [sys.executable, "-m", "pci_sched.cli", *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=shell_environment() | {"PYTHONUNBUFFERED": unbuffered},
        ) as started:
            assert started.stdout is not None
            assert started.stderr is not None
            started.stdout.close()
            assert started.stderr.read() == b""
        # What a shell says of a process that a signal PIPE ended.
        assert started.returncode == 128 + signal.SIGPIPE

    @pytest.mark.parametrize(
        "env",
        [
            {"PYTHONIOENCODING": "ascii"},
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        ],
    )
    def test_a_stream_of_ascii_gets_a_tree_of_ascii(
        self, tree: Tree, env: dict[str, str]
    ) -> None:
        argv = ("dump", "--root", tree("two-numa"), "-f")
        ran = process(*argv, "tree", env=env)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.isascii()
        assert "\n|-- NUMA node 0 (socket 0)\n" in ran.out

    @pytest.mark.parametrize("form", ["table", "csv", "yaml", "dot", "svg"])
    def test_a_name_that_a_stream_cannot_hold_is_written_out(
        self, tmp_path: pathlib.Path, form: str
    ) -> None:
        """Whatever the locale; no format may end in a traceback."""
        tree = FakeSysfs(tmp_path)
        tree.function("0000:01:00.0")
        tree.netdev("0000:01:00.0", "ü0")
        for env in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
            argv = ("dump", "--root", tmp_path, "-f", form)
            ran = process(*argv, env=env)
            assert (ran.code, ran.err) == (0, "")

    def test_a_stream_of_unicode_gets_a_tree_of_lines(
        self, tree: Tree
    ) -> None:
        env = {"PYTHONIOENCODING": "utf-8"}
        argv = ("dump", "--root", tree("two-numa"), "-f", "tree")
        assert "\n├─ NUMA node 0 (socket 0)\n" in process(*argv, env=env).out

    @pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
    def test_nobody_minds_a_stream_that_is_closed(
        self, tree: Tree, closed: str
    ) -> None:
        argv = ("-m", "pci_sched.cli", "dump", "--root", tree("two-numa"))
        done = _redirected(closed, *argv)
        assert done.returncode == 0
        assert done.stderr == ""
        assert bool(done.stdout) is (closed == "2>&-")

    def test_an_input_that_is_closed_is_an_empty_one(self) -> None:
        host = recorded.HOSTS / "two-numa.json"
        argv = ("-m", "pci_sched.cli", "explain", "-", "--from", host)
        closed, empty = (
            _redirected(each, *argv) for each in ("<&-", "</dev/null")
        )
        assert closed.returncode == empty.returncode == 1
        assert closed.stderr == empty.stderr != ""

    def test_no_file_is_taken_for_a_stream_that_is_closed(self) -> None:
        """What a driver complains of would get into it."""
        code = (
            "import os; from pci_sched.cli import __main__ as process;"
            " process._open_streams();"
            " print(os.open(os.devnull, os.O_RDONLY))"
        )
        done = _redirected("<&- 2>&-", "-c", code)
        assert int(done.stdout) > 2

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_full_disk_is_an_error(
        self, tree: Tree, unbuffered: str
    ) -> None:
        full = pathlib.Path("/dev/full")
        if not full.exists():
            pytest.skip("there is no such device here")
        with full.open("w") as stdout:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pci_sched.cli", "dump"),
                    *("--root", str(tree("two-numa"))),
                ],
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=shell_environment() | {"PYTHONUNBUFFERED": unbuffered},
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr


def _drain(handle: int) -> bytes:
    """Read a terminal until nobody writes to it any more."""
    found = b""
    while True:
        try:
            read = os.read(handle, 4096)
        except OSError:
            return found
        if not read:
            return found
        found += read


class TestProgress:
    def test_a_long_read_is_shown_on_a_terminal_and_erased(
        self, tmp_path: pathlib.Path
    ) -> None:
        """A real terminal, and no patience at all."""
        tree = FakeSysfs(tmp_path)
        for bus in range(3):
            for slot in range(32):
                tree.function(f"0000:{bus:02x}:{slot:02x}.0")
        impatient = (
            "import sys\n"
            "from pci_sched.cli import main, progress\n"
            "progress.PATIENCE_S = 0.0\n"
            "sys.exit(main.main(sys.argv[1:]))\n"
        )
        argv = ["dump", "--root", str(tmp_path), "-f", "value", "-c", "id"]
        terminal, slave = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-c", impatient, *argv],
            stdout=subprocess.PIPE,
            stderr=slave,
        ) as started:
            os.close(slave)
            assert started.stdout is not None
            printed = started.stdout.read()
            shown = _drain(terminal)
        os.close(terminal)
        assert started.returncode == 0
        assert printed == b"8086:10c9\n" * 96
        assert b"64 of 96 PCI functions read" in shown
        assert shown.endswith(b"\r\x1b[K")

    def test_a_slow_read_says_nothing_in_a_pipe(
        self,
        pci_pool: PciPool,
        tmp_path: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        FakeSysfs(tmp_path).function("0000:01:00.0")
        monkeypatch.setattr("pci_sched.cli.progress.PATIENCE_S", 0.0)
        assert "0000:01:00.0" in pci_pool.text("dump", "--root", tmp_path)


class TestCompletion:
    @pytest.fixture
    def bash(self) -> str:
        found = shutil.which("bash")
        if found is None:
            pytest.skip("there is no bash here")
        return found

    def _complete(
        self, bash: str, script: pathlib.Path, words: str, place: int
    ) -> list[str]:
        """Ask bash what it would propose for the word at a place."""
        # What the bash-completion package would bring along.
        asked = (
            "_get_comp_words_by_ref() {\n"
            '  words=("${COMP_WORDS[@]}"); cur="${COMP_WORDS[COMP_CWORD]}"\n'
            '  prev="${COMP_WORDS[COMP_CWORD-1]}"\n'
            "}\n"
            f'source "{script}"\n'
            f"COMP_WORDS=({words}); COMP_CWORD={place}\n"
            "_pci_pool\n"
            'printf "%s\\n" "${COMPREPLY[@]}"\n'
            "complete -p pci-pool\n"
        )
        done = subprocess.run(
            [bash, "--norc", "-c", asked],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        *proposed, registered = done.stdout.splitlines()
        assert registered == "complete -F _pci_pool pci-pool"
        return proposed

    def test_bash_completes_verbs_and_options(
        self, bash: str, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        script = tmp_path / "pci-pool.bash"
        script.write_text(pci_pool.text("complete"))
        assert self._complete(bash, script, "pci-pool du", 1) == ["dump"]
        verbs = self._complete(bash, script, 'pci-pool ""', 1)
        assert set(verbs) >= {*VERBS, "help", "complete"}
        options = self._complete(bash, script, "pci-pool dump --ph", 2)
        assert options == ["--physical-network"]


#: What only some verbs and formats need, and is slow to import.
HEAVY = (
    "alembic",
    "jsonschema",
    "networkx",
    "oslo_config",
    "oslo_versionedobjects",
    "sqlalchemy",
    "yaml",
)

_IMPORTS = f"""
import sys
from pci_sched.cli import main
code = main.main(sys.argv[1:])
print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


def _imports(*argv: str | pathlib.Path) -> set[str]:
    """What a run imports of all that is heavy."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *map(str, argv)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


class TestImports:
    def test_json_needs_nothing_heavy(self, tree: Tree) -> None:
        argv = ("dump", "--root", tree("two-numa"), "-f", "json")
        assert _imports(*argv) == set()

    @pytest.mark.parametrize(
        ("form", "needed"),
        [
            ("table", set()),
            ("csv", set()),
            ("value", set()),
            ("prometheus", set()),
            ("yaml", {"yaml"}),
            ("tree", {"networkx"}),
            ("dot", {"networkx"}),
            ("svg", {"networkx"}),
        ],
    )
    def test_a_format_needs_only_its_own_library(
        self, tree: Tree, form: str, needed: set[str]
    ) -> None:
        argv = ("dump", "--root", tree("non-sriov"), "-f", form)
        assert _imports(*argv) == needed

    def test_a_document_needs_the_schema_and_a_configuration_oslo(
        self, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        file, config = tmp_path / "host.json", tmp_path / "nova.conf"
        config.write_text("[pci]\n")
        live = ("--root", tree("non-sriov"))
        recording = {"jsonschema"}
        assert _imports("record", *live, "--output", file) <= recording
        read = _imports("dump", "--from", file)
        assert read == {"jsonschema"}
        read = _imports("dump", *live, "--config-file", config)
        assert "oslo_config" in read
        assert not read & {"alembic", "networkx", "sqlalchemy"}
