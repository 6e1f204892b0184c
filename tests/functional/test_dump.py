# SPDX-License-Identifier: Apache-2.0
"""``pci-pool dump``: what is shown, and what is left out."""

from collections.abc import Callable, Mapping
import json
import pathlib
import socket
import tempfile
from typing import Any

import pytest

from fake_sysfs import FakeSysfs
from pci_pool import PCI_IDS, PciPool
import privilege
import recorded

Tree = Callable[[str], pathlib.Path]
Rows = list[dict[str, Any]]

PICTURES = ("tree", "dot", "svg")

#: Of the recorded host two-numa.
PF = "0000:41:00.0"
VFS = [
    "0000:41:10.0",
    "0000:41:10.2",
    "0000:41:10.4",
    "0000:41:10.6",
    "0000:41:11.0",
    "0000:41:11.2",
    "0000:41:11.4",
]

CONFIG = """\
[pci]
device_spec = {"address": "0000:41:10.0", "physical_network": "physnet1",
    "trusted": "true"}
device_spec = {"product_id": "10ca", "address": "0000:41:*",
    "physical_network": null}
device_spec = {"address": "0000:81:10.0", "physical_network": "physnet1"}
device_spec = {"vendor_id": "8086", "product_id": "10d3"}
"""


@pytest.fixture
def rows(pci_pool: PciPool, tree: Tree) -> Callable[..., Rows]:
    """The rows of two-numa with some options."""

    def read(*argv: str | pathlib.Path) -> Rows:
        source = () if "--from" in argv else ("--root", tree("two-numa"))
        found: Rows = json.loads(
            pci_pool.text("dump", "-f", "json", *source, *argv)
        )
        return found

    return read


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    """A nova.conf for two-numa."""
    file = tmp_path / "nova.conf"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def document(
    tree: Tree, pci_pool: PciPool, tmp_path: pathlib.Path
) -> Callable[[Mapping[str, str]], pathlib.Path]:
    """Two-numa as a document, some devices with a status."""

    def write(statuses: Mapping[str, str]) -> pathlib.Path:
        text = pci_pool.text("record", "--root", tree("two-numa"))
        host = json.loads(text)
        for device in host["devices"]:
            if device["address"] in statuses:
                device["status"] = statuses[device["address"]]
        file = tmp_path / "host.json"
        file.write_text(json.dumps(host))
        return file

    return write


def _addresses(rows: Rows) -> list[str]:
    return [row["address"] for row in rows]


def _counts(row: dict[str, Any]) -> list[Any]:
    names = ("free", "claimed", "allocated", "unusable")
    return [row[name] for name in names]


class TestPools:
    def test_a_live_tree_knows_no_count_and_no_network(
        self, rows: Callable[..., Rows]
    ) -> None:
        for row in rows():
            assert _counts(row) == [None] * 4
            assert row["physical_network"] is None

    def test_vfs_are_a_pool_beside_that_of_their_pf(
        self, rows: Callable[..., Rows]
    ) -> None:
        pf, vfs = (row for row in rows() if row["address"] == PF)
        assert (pf["dev_type"], vfs["dev_type"]) == ("type-PF", "type-VF")
        assert (vfs["total"], vfs["enabled"]) == (7, 7)
        assert vfs["driver"] == ["igbvf", "vfio-pci"]
        assert (vfs["netdev"], vfs["link"], vfs["numa"]) == ("ens1", "up", 0)

    def test_names_come_from_the_file(self, rows: Callable[..., Rows]) -> None:
        (vfs,) = rows("--type", "type-VF", "--pf", PF, "--pci-ids", PCI_IDS)
        assert vfs["name"] == "82576 Virtual Function"

    def test_a_file_of_names_that_is_not_there_is_an_error(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        missing = tmp_path / "pci.ids"
        ran = pci_pool(
            "dump", "--root", tree("two-numa"), "--pci-ids", missing
        )
        assert ran == (
            1,
            "",
            f"{missing}: cannot be read: No such file or directory\n",
        )

    def test_columns_can_be_chosen_and_sorted(
        self, pci_pool: PciPool, tree: Tree
    ) -> None:
        argv = ("--root", tree("two-numa"), "--devices", "--pf", "ens4")
        text = pci_pool.text(
            *("dump", *argv, "-f", "value", "-c", "vf", "-c", "driver"),
            *("--sort-column", "vf", "--sort-descending"),
        )
        assert text.splitlines() == [
            "- igb",
            "3 vfio-pci",
            "2 -",
            "1 igbvf",
            "0 igbvf",
        ]


class TestSelection:
    def test_by_default_only_what_clouds_pass_through(
        self, rows: Callable[..., Rows]
    ) -> None:
        shown = _addresses(rows("--devices"))
        assert PF in shown
        assert "0000:83:00.0" in shown
        assert "0000:00:1f.2" not in shown

    def test_all_shows_every_function(self, rows: Callable[..., Rows]) -> None:
        assert "0000:00:1f.2" in _addresses(rows("--devices", "--all"))
        assert "0000:00:1f.2" in _addresses(rows("--all"))

    @pytest.mark.parametrize("name", [PF, "ens1", "0000:41:10.4", "ens1v2"])
    def test_a_pf_is_found_by_address_or_netdev_its_own_or_of_a_vf(
        self, rows: Callable[..., Rows], name: str
    ) -> None:
        assert _addresses(rows("--devices", "--pf", name)) == [PF, *VFS]

    def test_several_pfs_add_up(self, rows: Callable[..., Rows]) -> None:
        shown = rows("--pf", "ens1", "--pf", "0000:42:00.0")
        assert set(_addresses(shown)) == {PF, "0000:42:00.0"}

    def test_a_pf_that_is_not_there_is_an_error(
        self, pci_pool: PciPool, tree: Tree
    ) -> None:
        ran = pci_pool("dump", "--root", tree("two-numa"), "--pf", "eth9")
        assert ran == (
            1,
            "",
            "--pf eth9: host two-numa has no such PCI function or network"
            " device\n",
        )

    def test_an_address_may_be_written_in_upper_case(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        FakeSysfs(tmp_path).function("0000:af:00.0")
        argv = ("dump", "--root", tmp_path, "--pf", "0000:AF:00.0")
        assert "0000:af:00.0" in pci_pool.text(*argv)

    def test_a_pf_known_only_from_its_vfs_is_found(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        tree = FakeSysfs(tmp_path)
        tree.card(PF, VFS[:2])
        tree.directory(PF).unlink()
        argv = ("dump", "--root", tmp_path, "-f", "value", "--pf", PF)
        assert pci_pool.text(*argv, "-c", "enabled") == "2\n"

    def test_types_add_up(self, rows: Callable[..., Rows]) -> None:
        shown = rows("--type", "type-PCI", "--type", "type-PF")
        assert {row["dev_type"] for row in shown} == {"type-PCI", "type-PF"}
        assert rows("--type", "vdpa") == []

    def test_every_device_of_a_live_tree_is_in_state_unknown(
        self, rows: Callable[..., Rows]
    ) -> None:
        assert rows("--state", "unknown") == rows()
        assert rows("--state", "available") == []

    def test_states_are_those_of_the_document(
        self,
        rows: Callable[..., Rows],
        document: Callable[[Mapping[str, str]], pathlib.Path],
    ) -> None:
        file = document({VFS[0]: "allocated", VFS[1]: "claimed"})
        argv = ("--from", file, "--devices", "--state")
        assert _addresses(rows(*argv, "allocated")) == VFS[:1]
        both = rows(*argv, "allocated", "--state", "claimed")
        assert _addresses(both) == VFS[:2]
        assert VFS[0] not in _addresses(rows(*argv, "unknown"))

    def test_networks_are_those_of_the_configuration(
        self, rows: Callable[..., Rows], config: pathlib.Path
    ) -> None:
        argv = ("--config-file", config, "--devices", "--physical-network")
        assert _addresses(rows(*argv, "physnet1")) == [VFS[0], "0000:81:10.0"]
        assert _addresses(rows(*argv, "(tunnelled)")) == VFS[1:]
        assert rows(*argv, "physnet9") == []

    def test_a_device_has_to_pass_every_filter(
        self, rows: Callable[..., Rows], config: pathlib.Path
    ) -> None:
        source = ("--config-file", config, "--devices", "--pf", "ens1")
        argv = (*source, "--type", "type-VF", "--physical-network", "physnet1")
        assert _addresses(rows(*argv)) == VFS[:1]
        assert rows(*argv, "--state", "available") == []

    @pytest.mark.parametrize("picture", PICTURES)
    def test_a_picture_keeps_the_pf_as_the_way_to_its_vf(
        self, pci_pool: PciPool, tree: Tree, picture: str
    ) -> None:
        argv = ("--type", "type-VF", "--pf", "ens4", "-f", picture)
        text = pci_pool.text("dump", "--root", tree("two-numa"), *argv)
        assert "0000:82:00.0" in text
        assert "ens4" in text
        assert PF not in text
        assert "0000:83:00.0" not in text

    def test_without_collapse_each_vf_has_a_line(
        self, pci_pool: PciPool, tree: Tree
    ) -> None:
        argv = ("dump", "--root", tree("two-numa"), "-f", "tree")
        assert VFS[4] not in pci_pool.text(*argv)
        lines = pci_pool.text(*argv, "--no-collapse").splitlines()
        for vf in VFS:
            assert sum(vf in line for line in lines) == 1

    @pytest.mark.parametrize("picture", PICTURES)
    def test_all_draws_every_function(
        self, pci_pool: PciPool, tree: Tree, picture: str
    ) -> None:
        argv = ("dump", "--root", tree("two-numa"), "-f", picture)
        assert "0000:00:1f.2" not in pci_pool.text(*argv)
        assert "0000:00:1f.2" in pci_pool.text(*argv, "--all")


class TestConfiguration:
    def test_rows_show_networks_and_only_what_is_selected(
        self, rows: Callable[..., Rows], config: pathlib.Path
    ) -> None:
        shown = [
            (row["address"], row["physical_network"], row["enabled"])
            for row in rows("--config-file", config)
        ]
        assert shown == [
            (PF, "physnet1", 1),
            (PF, "(tunnelled)", 6),
            ("0000:81:00.0", "physnet1", 1),
            ("0000:83:00.0", "-", 0),
        ]

    def test_device_rows_show_networks_and_tags(
        self, rows: Callable[..., Rows], config: pathlib.Path
    ) -> None:
        argv = ("--devices", "--pf", "ens1", "--config-file", config)
        first, second = rows(*argv)[:2]
        assert first["physical_network"] == "physnet1"
        assert first["tags"] == ["trusted=true"]
        assert second["physical_network"] == "(tunnelled)"
        assert second["tags"] == []

    def test_a_tag_that_is_no_text_is_written_as_in_json(
        self,
        rows: Callable[..., Rows],
        document: Callable[[Mapping[str, str]], pathlib.Path],
    ) -> None:
        file = document({})
        host = json.loads(file.read_text())
        host["devices"][0] |= {
            "tags": {"a": True, "b": None, "c": 1.5, "d": "x"},
            "assignable": True,
        }
        file.write_text(json.dumps(host))
        (row,) = rows("--from", file, "--devices")[:1]
        assert row["tags"] == ["a=true", "b=null", "c=1.5", "d=x"]

    def test_files_of_a_directory_are_read_too(
        self,
        rows: Callable[..., Rows],
        config: pathlib.Path,
        tmp_path: pathlib.Path,
    ) -> None:
        directory = tmp_path / "conf.d"
        directory.mkdir()
        config.rename(directory / "pci.conf")
        assert rows("--config-dir", directory)[0]["address"] == PF

    def test_a_wrong_device_spec_is_an_error_that_names_the_entry(
        self, pci_pool: PciPool, tree: Tree, config: pathlib.Path
    ) -> None:
        config.write_text('[pci]\ndevice_spec = {"vendor_id": "zz"}\n')
        ran = pci_pool(
            "dump", "--root", tree("two-numa"), "--config-file", config
        )
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith('[pci]device_spec[0], "vendor_id": "zz": ')
        assert ran.err.count("\n") == 1

    def test_a_configuration_that_is_not_there_is_an_error(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        missing = tmp_path / "nova.conf"
        ran = pci_pool(
            "dump", "--root", tree("two-numa"), "--config-file", missing
        )
        assert ran == (1, "", f"{missing}: No such file or directory\n")


class TestCounts:
    def test_each_status_is_counted_where_it_belongs(
        self,
        rows: Callable[..., Rows],
        document: Callable[[Mapping[str, str]], pathlib.Path],
    ) -> None:
        statuses = (
            "available",
            "claimed",
            "allocated",
            "unclaimable",
            "unavailable",
            "removed",
            "quarantined",
        )
        file = document(dict(zip(VFS, statuses, strict=True)))
        (pool,) = rows("--from", file, "--pf", "ens1", "--type", "type-VF")
        assert _counts(pool) == [1, 1, 1, 4]
        assert pool["enabled"] == 7

    def test_one_unknown_status_makes_every_count_unknown(
        self,
        rows: Callable[..., Rows],
        pci_pool: PciPool,
        document: Callable[[Mapping[str, str]], pathlib.Path],
    ) -> None:
        file = document(dict.fromkeys(VFS[1:], "available"))
        argv = ("--from", file, "--pf", "ens1", "--type", "type-VF")
        (pool,) = rows(*argv)
        assert _counts(pool) == [None] * 4
        text = pci_pool.text("dump", *argv, "-f", "csv", "-c", "free")
        assert text == '"free"\n"?"\n'

    def test_the_tree_says_who_has_a_device(
        self,
        pci_pool: PciPool,
        document: Callable[[Mapping[str, str]], pathlib.Path],
    ) -> None:
        file = document({VFS[2]: "allocated", "0000:83:00.0": "available"})
        lines = pci_pool.text("dump", "--from", file, "-f", "tree").split("\n")
        (vf,) = (line for line in lines if VFS[2] in line)
        (pci,) = (line for line in lines if "0000:83:00.0" in line)
        assert vf.endswith("  allocated")
        assert pci.endswith("  free")

    def test_prometheus_counts_what_the_table_counts(
        self,
        pci_pool: PciPool,
        document: Callable[[Mapping[str, str]], pathlib.Path],
    ) -> None:
        file = document(dict.fromkeys(VFS, "available"))
        text = pci_pool.text("dump", "--from", file, "-f", "prometheus")
        pool = (
            'pci_pool_devices{host="two-numa",physical_network="",'
            f'pf="{PF}",numa_node="0",dev_type="type-VF",vendor_id="8086",'
            'product_id="10ca",state='
        )
        shown = [
            line.removeprefix(pool)
            for line in text.splitlines()
            if line.startswith(pool)
        ]
        assert shown == [
            '"free"} 7',
            '"claimed"} 0',
            '"allocated"} 0',
            '"unusable"} 0',
            '"unknown"} 0',
        ]


class TestTrees:
    def test_a_host_without_sriov_is_shown_to_an_ordinary_user(
        self, pci_pool: PciPool
    ) -> None:
        # Not tmp_path: only root may enter that.
        with tempfile.TemporaryDirectory() as name:
            pathlib.Path(name).chmod(0o755)
            root = recorded.unpack("non-sriov", pathlib.Path(name))
            argv = ("dump", "--root", root, "-f", "tree")
            expected = pci_pool.text(*argv)
            with privilege.ordinary_user():
                text = pci_pool.text(*argv)
        assert text == expected
        assert text.startswith("non-sriov  no SR-IOV\n")
        assert "type-PF" not in text

    def test_a_device_beyond_domain_ffff_is_marked(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        tree = FakeSysfs(tmp_path)
        tree.function("10000:01:00.0", above="pci10000:00")
        tree.function("0000:01:00.0")
        argv = ("dump", "--root", tmp_path)
        for rows in ((), ("--devices",)):
            text = pci_pool.text(*argv, *rows, "-f", "json")
            notes = {row["address"]: row["note"] for row in json.loads(text)}
            assert notes == {
                "10000:01:00.0": "ignored by Nova",
                "0000:01:00.0": "",
            }
        for picture in PICTURES:
            text = pci_pool.text(*argv, "-f", picture)
            assert text.count("ignored by Nova") == 1

    def test_a_device_beyond_domain_ffff_is_never_selected(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        tree = FakeSysfs(tmp_path)
        tree.function("10000:01:00.0", above="pci10000:00")
        config = tmp_path / "nova.conf"
        config.write_text('[pci]\ndevice_spec = {"vendor_id": "8086"}\n')
        argv = ("dump", "--root", tmp_path, "--config-file", config)
        assert pci_pool.text(*argv, "-f", "json") == "[]\n"

    def test_a_root_without_sysfs_is_an_error_of_one_line(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        ran = pci_pool("dump", "--root", tmp_path)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            f"{tmp_path}: no sys/bus/pci/devices there; give the directory"
            " that holds a copy of /sys under the name sys\n"
        )

    def test_a_function_that_cannot_be_entered_is_a_warning(
        self, pci_pool: PciPool
    ) -> None:
        with tempfile.TemporaryDirectory() as name:
            pathlib.Path(name).chmod(0o755)
            tree = FakeSysfs(pathlib.Path(name))
            tree.function("0000:01:00.0").chmod(0)
            tree.function("0000:02:00.0")
            argv = ("dump", "--root", name, "-f", "value", "-c", "address")
            with privilege.ordinary_user():
                ran = pci_pool(*argv)
        assert ran == (
            0,
            "0000:02:00.0\n",
            "left out 0000:01:00.0: gone, or not to be entered\n",
        )

    def test_the_host_is_named_by_its_hostname_file_or_its_directory(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        root = tmp_path / "compute-7"
        FakeSysfs(root)
        argv = ("dump", "--root", root, "-f", "tree")
        assert pci_pool.text(*argv) == "compute-7  no SR-IOV\n"
        (root / "etc").mkdir()
        (root / "etc/hostname").write_text("compute-8\n")
        assert pci_pool.text(*argv) == "compute-8  no SR-IOV\n"
        named = pci_pool.text(*argv, "--host", "compute-9")
        assert named == "compute-9  no SR-IOV\n"

    def test_a_document_can_be_given_another_name(
        self, pci_pool: PciPool, tree: Tree, tmp_path: pathlib.Path
    ) -> None:
        file = tmp_path / "host.json"
        file.write_text(pci_pool.text("record", "--root", tree("non-sriov")))
        argv = ("dump", "--from", file, "-f", "tree", "--host", "compute-9")
        assert pci_pool.text(*argv).startswith("compute-9  no SR-IOV\n")

    def test_without_a_source_this_machine_is_shown(
        self, pci_pool: PciPool
    ) -> None:
        if not pathlib.Path("/sys/bus").is_dir():
            pytest.skip("there is no sysfs here")
        for live in ((), ("--live",)):
            text = pci_pool.text("dump", "-f", "tree", *live)
            assert text.startswith(f"{socket.gethostname()}  ")

    def test_a_name_that_steers_a_terminal_is_written_out(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        FakeSysfs(tmp_path)
        name = "evil\x1b[2J"
        argv = ("dump", "--root", tmp_path, "-f", "tree", "--host", name)
        assert pci_pool.text(*argv) == "evil\\x1b[2J  no SR-IOV\n"

    def test_an_empty_host_is_shown_in_every_format(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        FakeSysfs(tmp_path)
        for each in ("table", "json", "yaml", "csv", "value"):
            pci_pool.text("dump", "--root", tmp_path, "-f", each)
        for each in (*PICTURES, "prometheus"):
            pci_pool.text("dump", "--root", tmp_path, "-f", each)

    def test_a_document_that_is_none_is_an_error_that_names_the_file(
        self, pci_pool: PciPool, tmp_path: pathlib.Path
    ) -> None:
        file = tmp_path / "host.json"
        file.write_text('{"schema": "pci-sched/host/2"}')
        ran = pci_pool("dump", "--from", file)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"{file}: $.schema: ")
        assert ran.err.count("\n") == 1
