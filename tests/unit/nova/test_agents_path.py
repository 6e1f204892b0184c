# SPDX-License-Identifier: Apache-2.0
"""The file of agents is read when it changes, and survives a bad edit."""

import logging
import os
import pathlib

import pytest

from pci_sched.nova import agents_path

_GOOD = '{"agents": [], "hosts": ["a"]}'


def _names(file: agents_path.AgentsFile, path: pathlib.Path) -> object:
    hosts = file.read(str(path)).hosts
    return None if hosts is None else set(hosts)


def test_it_is_read_once_and_again_when_it_changes(
    tmp_path: pathlib.Path,
) -> None:
    path, file = tmp_path / "agents.json", agents_path.AgentsFile()
    path.write_text(_GOOD)
    first = file.read(str(path))
    assert file.read(str(path)) is first
    path.write_text('{"agents": [], "hosts": ["a", "b"]}')
    assert _names(file, path) == {"a", "b"}


def test_a_file_put_in_its_place_is_seen_however_alike(
    tmp_path: pathlib.Path,
) -> None:
    path, file = tmp_path / "agents.json", agents_path.AgentsFile()
    path.write_text(_GOOD)
    assert _names(file, path) == {"a"}
    times = path.stat()
    other = tmp_path / "other"
    other.write_text(_GOOD.replace('"a"', '"b"'))
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    assert _names(file, path) == {"b"}


@pytest.mark.parametrize("text", ["{", '{"agents": 5}', "\udcff"])
def test_a_bad_edit_leaves_the_last_hosts_and_is_said_once(
    tmp_path: pathlib.Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, file = tmp_path / "agents.json", agents_path.AgentsFile()
    path.write_text(_GOOD)
    assert _names(file, path) == {"a"}
    path.write_text(text, errors="surrogateescape")
    with caplog.at_level(logging.WARNING, "pci_sched"):
        for _ in range(3):
            assert _names(file, path) == {"a"}
    (line,) = caplog.messages
    assert str(path) in line
    assert "the last are kept" in line
    path.write_text(_GOOD.replace('"a"', '"c"'))
    assert _names(file, path) == {"c"}


def test_a_missing_file_knows_nothing(tmp_path: pathlib.Path) -> None:
    path, file = tmp_path / "agents.json", agents_path.AgentsFile()
    assert _names(file, path) is None
    assert "No such file" in file.read(str(path)).note
    path.write_text(_GOOD)
    assert _names(file, path) == {"a"}


def test_another_file_does_not_inherit_hosts(tmp_path: pathlib.Path) -> None:
    path, file = tmp_path / "agents.json", agents_path.AgentsFile()
    path.write_text(_GOOD)
    assert _names(file, path) == {"a"}
    assert _names(file, tmp_path / "none.json") is None


def test_no_file_is_set(caplog: pytest.LogCaptureFixture) -> None:
    file = agents_path.AgentsFile()
    for _ in range(2):
        assert file.read("") == (None, None, "agents_file is not set")
    (record,) = caplog.records
    assert "agents_file is not set" in record.getMessage()
