# SPDX-License-Identifier: Apache-2.0
"""``pci-pool record``: a host as a document that says all the tree says."""

import collections
from collections.abc import Callable, Iterator
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
from typing import Any

import pytest

from fake_sysfs import FakeSysfs
from pci_pool import FORMATS, PCI_IDS, PciPool
import privilege
import recorded

Tree = Callable[[str], pathlib.Path]

MAC = "52:54:00:b0:00:01"
SERIAL = "MT1234X56789"
UUID = "3a3d6c40-5c1e-4f3b-9a43-1f0f3f6f2b11"


@pytest.fixture(params=recorded.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def secret(tmp_path: pathlib.Path) -> pathlib.Path:
    """The document of a host with all that must not be told."""
    pf = {
        "address": "0000:41:00.0",
        "dev_type": "type-PF",
        "netdev": f"enx{MAC.replace(':', '')}",
        "mac": MAC,
        "phys_switch_id": MAC.replace(":", ""),
        "card_serial_number": SERIAL,
        "tags": {"note": f"card {SERIAL}, {MAC.upper()}, for {UUID.upper()}"},
    }
    vfs = [
        {
            "address": f"0000:41:10.{number}",
            "dev_type": "type-VF",
            "parent_addr": "0000:41:00.0",
            "vf_index": number,
            "netdev": f"ens1v{number}",
            "card_serial_number": SERIAL,
            "phys_switch_id": MAC.replace(":", ""),
            "instance_uuid": uuid,
            "status": "allocated",
        }
        for number, uuid in enumerate([UUID, UUID.upper(), None])
    ]
    agent = {
        "agent_type": "NIC Switch agent",
        "alive": True,
        "configurations": {MAC: [SERIAL, UUID, 7, None]},
    }
    document = {
        "schema": "pci-sched/host/1",
        "host": "compute1",
        "devices": [pf, *vfs],
        "agents": [agent],
    }
    file = tmp_path / "secret.json"
    file.write_text(json.dumps(document))
    return file


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield str(value)


class TestLaw:
    def test_a_document_says_what_the_tree_says(
        self,
        name: str,
        pci_pool: PciPool,
        tree: Tree,
        tmp_path: pathlib.Path,
    ) -> None:
        """In every format; the name of the host is recorded too."""
        file = tmp_path / "host.json"
        pci_pool.text("record", "--root", tree(name), "--output", file)
        for form in FORMATS:
            argv = ("-f", form, "--pci-ids", PCI_IDS)
            live = pci_pool.text("dump", "--root", tree(name), *argv)
            assert pci_pool.text("dump", "--from", file, *argv) == live

    def test_a_document_says_all_that_the_tree_says(
        self,
        name: str,
        pci_pool: PciPool,
        tree: Tree,
        tmp_path: pathlib.Path,
    ) -> None:
        file = tmp_path / "host.json"
        file.write_text(pci_pool.text("record", "--root", tree(name)))
        argv = ("--all", "--devices", "-f", "json")
        live = pci_pool.text("dump", "--root", tree(name), *argv)
        assert pci_pool.text("dump", "--from", file, *argv) == live

    def test_a_record_of_a_record_is_the_same(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        file = tmp_path / "host.json"
        text = pci_pool.text("record", "--root", tree("two-numa"))
        file.write_text(text)
        assert pci_pool.text("record", "--from", file) == text

    def test_the_device_spec_is_recorded_with_the_host(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        config, file = tmp_path / "nova.conf", tmp_path / "host.json"
        config.write_text(
            '[pci]\ndevice_spec = {"product_id": "10ca",'
            ' "physical_network": "physnet1"}\n'
        )
        live = ("--root", tree("two-numa"), "--config-file", config)
        pci_pool.text("record", *live, "--output", file)
        argv = ("-f", "json")
        assert pci_pool.text("dump", "--from", file, *argv) == pci_pool.text(
            "dump", *live, *argv
        )

    def test_any_name_can_be_recorded_and_read_again(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        FakeSysfs(tmp_path)
        file = tmp_path / "host.json"
        argv = ("--root", tmp_path, "--host", "a\x1b\udcff")
        pci_pool.text("record", *argv, "--output", file)
        text = pci_pool.text("dump", "--from", file, "-f", "tree")
        assert text == "a\\x1b\\xff  no SR-IOV\n"


class TestRedaction:
    def test_nothing_secret_is_left(
        self, pci_pool: PciPool, secret: pathlib.Path
    ) -> None:
        text = pci_pool.text("record", "--from", secret, "--redact").lower()
        for original in (MAC, MAC.replace(":", ""), SERIAL, UUID):
            assert original.lower() not in text

    def test_what_was_equal_stays_equal(
        self, pci_pool: PciPool, secret: pathlib.Path
    ) -> None:
        text = pci_pool.text("record", "--from", secret, "--redact")
        document = json.loads(text)
        pf, *vfs = document["devices"]
        (serial,) = {each["card_serial_number"] for each in (pf, *vfs)}
        (_switch,) = {each["phys_switch_id"] for each in (pf, *vfs)}
        (uuid,) = {vf["instance_uuid"] for vf in vfs[:2]}
        assert vfs[2]["instance_uuid"] is None
        assert pf["netdev"] == f"enx{pf['mac'].replace(':', '')}"
        assert pf["tags"]["note"] == f"card {serial}, {pf['mac']}, for {uuid}"
        (agent,) = document["agents"]
        expected = {pf["mac"]: [serial, uuid, 7, None]}
        assert agent["configurations"] == expected

    def test_a_redacted_document_is_a_document(
        self, pci_pool: PciPool, secret: pathlib.Path, tmp_path: pathlib.Path
    ) -> None:
        file = tmp_path / "host.json"
        argv = ("--from", secret, "--redact", "--output", file)
        pci_pool.text("record", *argv)
        shown = pci_pool.text("dump", "--from", file, "-f", "tree")
        assert "PF 0000:41:00.0" in shown
        assert pci_pool.text("record", "--from", file) == file.read_text()

    def test_recorded_hosts_lose_their_macs_and_nothing_else(
        self, name: str, pci_pool: PciPool, tree: Tree
    ) -> None:
        argv = ("record", "--root", tree(name))
        text, redacted = pci_pool.text(*argv), pci_pool.text(*argv, "--redact")
        before, after = json.loads(text), json.loads(redacted)
        macs = [
            device["mac"] for device in before["devices"] if "mac" in device
        ]
        for mac in macs:
            assert mac not in redacted
        substitutes: dict[str, set[str]] = collections.defaultdict(set)
        pairs = zip(before["devices"], after["devices"], strict=True)
        for old, new in pairs:
            substitutes[old.get("mac")].add(new.get("mac"))
            assert _without_mac(old) == _without_mac(new)
        assert all(len(each) == 1 for each in substitutes.values())
        assert len(set(map(frozenset, substitutes.values()))) == len(
            substitutes
        )


def _without_mac(device: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in device.items() if key != "mac"}


def _names(directory: pathlib.Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


class TestOutput:
    @pytest.mark.parametrize(
        ("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)]
    )
    def test_a_new_file_has_the_mode_of_the_umask(
        self,
        pci_pool: PciPool,
        tree: Tree,
        tmp_path: pathlib.Path,
        mask: int,
        mode: int,
    ) -> None:
        file = tmp_path / "host.json"
        own = os.umask(mask)
        try:
            pci_pool.text(
                "record", "--root", tree("non-sriov"), "--output", file
            )
            assert os.umask(mask) == mask
        finally:
            os.umask(own)
        assert file.stat().st_mode & 0o777 == mode
        assert _names(tmp_path) == ["host.json"]

    def test_an_old_file_is_replaced(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        file = tmp_path / "host.json"
        file.write_text("old" * 10_000)
        argv = ("record", "--root", tree("non-sriov"))
        assert pci_pool.text(*argv, "--output", file) == ""
        assert file.read_text() == pci_pool.text(*argv)

    def test_a_link_keeps_leading_to_the_file(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        file, link = tmp_path / "host.json", tmp_path / "latest.json"
        link.symlink_to(file.name)
        argv = ("record", "--root", tree("non-sriov"), "--output", link)
        pci_pool.text(*argv)
        assert link.is_symlink()
        assert json.loads(file.read_text())["host"] == "non-sriov"

    def test_a_pipe_is_written_to_and_not_replaced(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            argv = ("record", "--root", tree("non-sriov"), "--output", pipe)
            pci_pool.text(*argv)
            text = os.read(reader, 1 << 16)
        finally:
            os.close(reader)
        assert json.loads(text)["host"] == "non-sriov"
        assert pipe.is_fifo()

    def test_a_full_disk_leaves_the_old_file_as_it_was(
        self, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        """A document that fits a buffer is written when that is flushed."""
        file = tmp_path / "host.json"
        file.write_text("old")
        argv = ("record", "--root", str(tree("non-sriov")), "--output")
        done = subprocess.run(
            [sys.executable, "-m", "pci_sched.cli", *argv, str(file)],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (1000, 1000)
            ),
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"{file}: cannot be written: File too large\n"
        assert file.read_text() == "old"
        assert _names(tmp_path) == ["host.json"]

    def test_a_closed_directory_keeps_the_old_file(
        self, pci_pool: PciPool
    ) -> None:
        # Not tmp_path: only root may enter that.
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            FakeSysfs(directory)
            file = directory / "host.json"
            file.write_text("old")
            directory.chmod(0o555)
            argv = ("record", "--root", directory, "--output", file)
            with privilege.ordinary_user():
                ran = pci_pool(*argv)
            directory.chmod(0o755)
            assert ran == (
                1,
                "",
                f"{file}: cannot be written: Permission denied\n",
            )
            assert file.read_text() == "old"
            assert _names(directory) == ["host.json", "sys"]

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("missing/host.json", "No such file or directory"),
            (".", "Is a directory"),
        ],
    )
    def test_a_place_that_cannot_be_is_an_error(
        self,
        pci_pool: PciPool,
        tree: Tree,
        tmp_path: pathlib.Path,
        name: str,
        problem: str,
    ) -> None:
        file = tmp_path / name
        argv = ("record", "--root", tree("non-sriov"), "--output", file)
        assert pci_pool(*argv) == (
            1,
            "",
            f"{file}: cannot be written: {problem}\n",
        )
        assert _names(tmp_path) == []
