# SPDX-License-Identifier: Apache-2.0
"""``pci-pool check`` as an operator runs it, on a recorded host."""

from collections.abc import Iterator, Sequence
import fcntl
import json
import logging
import os
import pathlib
import pty
import struct
import subprocess
import sys
import termios

import pytest

import made_hosts
from pci_sched.cli import check, source
from pci_sched.cli import main as pci_pool
from pci_sched.cli.lint import finding
import recorded

Capture = pytest.CaptureFixture[str]

CLEAN = (
    'device_spec = {"address": "0000:04:00.0", "product_id": "10ca",'
    ' "physical_network": "physnet1", "trusted": "true"}',
    'alias = {"name": "vf", "vendor_id": "8086", "product_id": "10ca",'
    ' "device_type": "type-VF"}',
)

WRONG = (
    'device_spec = {"devname": "enp4s0", "trusted": true}',
    'device_spec = [{"vendor_id": "1b36", "foo": "x"},'
    ' {"address": "0000:99:00.0"}]',
    'device_spec = {"vendor_id": "zz"}',
    'alias = {"name": "a", "vendor_id": "8086", "product_id": "10ca",'
    ' "device_type": "type-PF"}',
)

FOUND = [
    ("SPEC_INVALID", "[pci]device_spec[2]"),
    ("SPEC_MATCHES_NOTHING", "[pci]device_spec[1][1]"),
    ("DEVNAME_FRAGILE", "[pci]device_spec[0]"),
    ("TAG_NOT_STRING", "[pci]device_spec[0]"),
    ("TAG_UNKNOWN", "[pci]device_spec[1][0]"),
    ("PF_AND_VF_ASSIGNABLE", "0000:04:00.0"),
    ("PF_AND_VF_ASSIGNABLE", "0000:05:00.0"),
    ("UNTAGGED_VF_TUNNEL", "0000:04:00.0"),
    ("UNTAGGED_VF_TUNNEL", "0000:05:00.0"),
    ("ALIAS_WRONG_TYPE", "[pci]alias[0]"),
]


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Take back what the application does to the process's log."""
    log = logging.getLogger()
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return recorded.unpack("switch-nvme", tmp_path_factory.mktemp("host"))


def _write(path: pathlib.Path, *lines: str) -> pathlib.Path:
    path.write_text("\n".join(["[pci]", *lines]) + "\n")
    return path


def _run(*args: str | pathlib.Path) -> int:
    return pci_pool.main(["check", *map(str, args)])


def _findings(capsys: Capture) -> list[tuple[str, str]]:
    rows: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    for row in rows:
        assert set(row) == set(check.COLUMNS)
        assert row["message"]
        assert row["advice"]
    return [(row["code"], row["where"]) for row in rows]


def test_a_clean_configuration_is_exit_code_0(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    conf = _write(tmp_path / "nova.conf", *CLEAN)
    assert _run("--root", root, "--config-file", conf, "-f", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert captured.err == ""


def test_findings_are_exit_code_3(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    conf = _write(tmp_path / "nova.conf", *WRONG)
    assert _run("--root", root, "--config-file", conf, "-f", "json") == 3
    assert _findings(capsys) == FOUND


@pytest.mark.parametrize("form", ["csv", "table", "value", "yaml"])
def test_every_format_names_every_finding(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture, form: str
) -> None:
    conf = _write(tmp_path / "nova.conf", *WRONG)
    assert _run("--root", root, "--config-file", conf, "-f", form) == 3
    out = capsys.readouterr().out
    for code, where in FOUND:
        assert code in out
        assert where in out


def test_a_copied_tree_and_its_document_give_the_same_findings(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    conf = _write(tmp_path / "nova.conf", *WRONG)
    document = tmp_path / "host.json"
    record = ["record", "--root", str(root), "--output", str(document)]
    assert pci_pool.main(record) == 0
    outputs = []
    for place in (("--root", root), ("--from", document)):
        assert _run(*place, "--config-file", conf, "-f", "json") == 3
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_repeated_options_add_up_over_files_and_directories(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    first = _write(tmp_path / "nova.conf", *CLEAN)
    second = _write(
        tmp_path / "pci.conf",
        'device_spec = [{"address": "0000:98:00.0"}, {"foo": "x",'
        ' "address": "0000:03:00.0"}]',
    )
    directory = tmp_path / "nova.conf.d"
    directory.mkdir()
    _write(directory / "b.conf", 'device_spec = {"address": "0000:99:00.0"}')
    _write(directory / "a.conf", 'alias = {"name": "b"}')
    _write(directory / "c.ignored", "device_spec = {")
    files = ("--config-file", first, "--config-file", second)
    code = _run(
        "--root", root, *files, "--config-dir", directory, "-f", "json"
    )
    assert code == 3
    assert sorted(_findings(capsys)) == [
        ("ALIAS_INVALID", "[pci]alias[1]"),
        ("SPEC_MATCHES_NOTHING", "[pci]device_spec[1][0]"),
        ("SPEC_MATCHES_NOTHING", "[pci]device_spec[2]"),
        ("TAG_UNKNOWN", "[pci]device_spec[1][1]"),
    ]


def test_a_directory_alone_will_do(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    _write(tmp_path / "nova.conf", *WRONG)
    assert _run("--root", root, "--config-dir", tmp_path, "-f", "json") == 3
    assert _findings(capsys) == FOUND


@pytest.mark.parametrize(
    ("spec", "alias"),
    [
        ("[pci]\npassthrough_whitelist", "[pci]\nalias"),
        ("[DEFAULT]\npci_passthrough_whitelist", "[DEFAULT]\npci_alias"),
    ],
)
def test_the_older_names_of_the_options_are_read_and_pointed_out(
    root: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: Capture,
    spec: str,
    alias: str,
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(
        f'{spec} = {{"address": "0000:99:00.0"}}\n{alias} = {{"name": "a"}}\n'
    )
    assert _run("--root", root, "--config-file", conf, "-f", "json") == 3
    captured = capsys.readouterr()
    assert [row["where"] for row in json.loads(captured.out)] == [
        "[pci]device_spec[0]",
        "[pci]alias[0]",
    ]
    assert 'Use option "device_spec" from group "pci"' in captured.err


def test_the_options_of_placement_count(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    conf = _write(
        tmp_path / "nova.conf",
        'device_spec = {"address": "0000:03:00.0", "one_time_use": "true"}',
        'alias = {"name": "a", "resource_class": "CUSTOM_A"}',
        "report_in_placement = true",
        "[filter_scheduler]",
        "pci_in_placement = true",
    )
    assert _run("--root", root, "--config-file", conf) == 0
    assert "INVALID" not in capsys.readouterr().out


def test_a_configuration_without_pci_options_is_clean(
    root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[DEFAULT]\ndebug = true\n")
    assert _run("--root", root, "--config-file", conf) == 0


def _could_not_run(capsys: Capture, *args: str | pathlib.Path) -> str:
    """Run into exit code 1; returns the one message."""
    assert _run(*args) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_a_file_that_is_not_there_is_exit_code_1(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    missing = tmp_path / "nova.conf"
    said = _could_not_run(capsys, "--root", root, "--config-file", missing)
    assert said == f"{missing}: No such file or directory\n"


def test_a_directory_that_is_not_there_is_exit_code_1(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    missing = tmp_path / "nova.conf.d"
    said = _could_not_run(capsys, "--root", root, "--config-dir", missing)
    assert said == f"{missing}: No such file or directory\n"


def test_no_nova_conf_for_another_machine_is_exit_code_1(
    root: pathlib.Path, capsys: Capture
) -> None:
    said = _could_not_run(capsys, "--root", root)
    assert "which nova.conf?" in said
    assert "--config-file" in said


def test_no_nova_conf_on_this_machine_is_exit_code_1(
    tmp_path: pathlib.Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "NOVA_CONF", tmp_path / "nova.conf")
    assert "which nova.conf?" in _could_not_run(capsys)


def test_this_machines_nova_conf_that_cannot_be_reached_is_named(
    tmp_path: pathlib.Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for a user without the right to look into /etc/nova."""
    (tmp_path / "nova").write_text("")
    place = tmp_path / "nova" / "nova.conf"
    monkeypatch.setattr(check, "NOVA_CONF", place)
    assert _could_not_run(capsys) == f"{place}: Not a directory\n"


def test_this_machines_nova_conf_is_taken_if_none_is_named(
    tmp_path: pathlib.Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conf = _write(tmp_path / "nova.conf", "device_spec = {")
    monkeypatch.setattr(check, "NOVA_CONF", conf)
    # What this machine has is not for a test to say.
    monkeypatch.setattr(
        source, "read_hardware", lambda *_: made_hosts.host([])
    )
    assert _run("-f", "json") == 3
    assert _findings(capsys) == [("SPEC_INVALID", "[pci]device_spec[0]")]


def test_a_broken_ini_file_is_exit_code_1(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[pci\ndevice_spec = {}\n")
    said = _could_not_run(capsys, "--root", root, "--config-file", conf)
    assert said.startswith(f"{conf}: ")


@pytest.mark.parametrize("text", ["", "{", '{"version": 99}', "[1]", "\0"])
def test_a_document_that_cannot_be_read_is_exit_code_1(
    tmp_path: pathlib.Path, capsys: Capture, text: str
) -> None:
    conf = _write(tmp_path / "nova.conf", *CLEAN)
    document = tmp_path / "host.json"
    document.write_text(text)
    assert _could_not_run(capsys, "--from", document, "--config-file", conf)


def test_a_root_without_a_tree_is_exit_code_1(
    tmp_path: pathlib.Path, capsys: Capture
) -> None:
    conf = _write(tmp_path / "nova.conf", *CLEAN)
    said = _could_not_run(capsys, "--root", tmp_path, "--config-file", conf)
    assert str(tmp_path) in said


@pytest.mark.parametrize(
    "args",
    [
        ["--bogus"],
        ["-f", "bogus"],
        ["--config-file"],
        ["--live", "--root", "/"],
        ["stray"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_exit_code_2(
    capsys: Capture, args: Sequence[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        _run(*args)
    assert exit_info.value.code == 2
    assert "usage: pci-pool check" in capsys.readouterr().err


def _start(*args: str | pathlib.Path) -> list[str]:
    return [sys.executable, "-m", "pci_sched.cli", *map(str, args)]


@pytest.mark.parametrize(
    ("lines", "code"), [(CLEAN, 0), (WRONG, 3), (["broken"], 1)]
)
def test_a_shell_sees_the_exit_code_and_clean_json(
    root: pathlib.Path, tmp_path: pathlib.Path, lines: Sequence[str], code: int
) -> None:
    conf = _write(tmp_path / "nova.conf", *lines)
    command = _start("check", "--root", root, "--config-file", conf)
    ran = subprocess.run(
        [*command, "-f", "json"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == code
    assert bool(ran.stderr) == (code == 1)
    if code != 1:
        codes = [row["code"] for row in json.loads(ran.stdout)]
        assert bool(codes) == (code == 3)
        assert set(codes) <= set(finding.Code)


def test_a_shell_sees_2_for_a_usage_error() -> None:
    ran = subprocess.run(
        _start("check", "--bogus"), capture_output=True, check=False
    )
    assert ran.returncode == 2


def _on_a_terminal(command: Sequence[str], columns: int) -> tuple[int, str]:
    """Run on a terminal of that many columns."""
    ours, its = pty.openpty()
    size = struct.pack("HHHH", 40, columns, 0, 0)
    fcntl.ioctl(its, termios.TIOCSWINSZ, size)
    environment = {
        key: value for key, value in os.environ.items() if key != "COLUMNS"
    }
    with subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, env=environment
    ) as process:
        os.close(its)
        chunks = []
        # Linux ends a pty whose other side is closed with an error.
        try:
            while chunk := os.read(ours, 4096):
                chunks.append(chunk)
        except OSError:
            pass
        finally:
            os.close(ours)
    return process.returncode, b"".join(chunks).decode()


def test_the_table_fits_a_terminal_of_100_columns(
    root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Codes and places stay whole there, so that they can be looked up."""
    conf = _write(tmp_path / "nova.conf", *WRONG)
    command = _start("check", "--root", root, "--config-file", conf)
    code, text = _on_a_terminal(command, 100)
    assert code == 3
    # The progress line before the table is erased.
    lines = text[text.index("+--") :].splitlines()
    assert max(len(line) for line in lines) <= 100
    rows = [line.split("|")[1:3] for line in lines if line.startswith("|")]
    named = [(code.strip(), where.strip()) for code, where in rows]
    assert [each for each in named if each[0]][1:] == FOUND
