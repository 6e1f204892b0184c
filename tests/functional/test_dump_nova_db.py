# SPDX-License-Identifier: Apache-2.0
"""``pci-pool dump`` on databases of Nova's."""

from collections.abc import Iterator
import json
import pathlib
from typing import Any

import pytest

import databases
from nova_cases import GPU, PF, PF_B, VFS, VFS_B, A, B, Cell
from pci_pool import PciPool

_COLUMNS = [
    *("-c", "host", "-c", "physical_network", "-c", "dev_type"),
    *("-c", "address", "-c", "free", "-c", "claimed", "-c", "allocated"),
]


@pytest.fixture
def url(tmp_path: pathlib.Path) -> str:
    """The URL of a cell with two hosts."""
    cell = Cell()
    cell.add_host(2)
    return cell.write(f"sqlite:///{tmp_path}/cell1.db")


@pytest.fixture(params=databases.KINDS)
def any_url(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    with databases.empty(request.param, tmp_path) as made:
        yield made


def _rows(
    pci_pool: PciPool, url: str, *argv: str | pathlib.Path
) -> list[dict[str, Any]]:
    text = pci_pool.text("dump", "--nova-db", url, "-f", "json", *argv)
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def test_the_pools_of_a_host_are_shown(
    pci_pool: PciPool, any_url: str
) -> None:
    rows = _rows(pci_pool, Cell().write(any_url), *_COLUMNS)
    assert [tuple(row.values()) for row in rows] == [
        ("compute1", None, "type-PF", PF, 0, 0, 0),
        ("compute1", "physnet1", "type-VF", PF, 2, 1, 1),
        ("compute1", "physnet1", "type-PF", PF_B, 1, 0, 0),
        ("compute1", "physnet1", "type-VF", PF_B, 2, 0, 0),
        ("compute1", "physnet1", "type-PCI", GPU, 1, 0, 0),
    ]


def test_a_device_is_shown_with_its_holder(
    pci_pool: PciPool, url: str
) -> None:
    rows = _rows(pci_pool, url, "--devices", "--host", "compute1")
    assert [row["address"] for row in rows] == [PF, *VFS, PF_B, *VFS_B, GPU]
    assert {
        (row["address"], row["status"], row["instance_uuid"])
        for row in rows
        if row["status"] != "available"
    } == {
        (PF, "unavailable", "-"),
        (VFS[0], "allocated", A),
        (VFS[1], "claimed", B),
    }
    assert {row["parent_addr"] for row in rows} == {"-", PF, PF_B}
    assert {row["numa"] for row in rows} == {0}
    # What only the hardware knows is not known.
    for name in ("driver", "netdev", "link", "mac", "iommu_group"):
        assert {row[name] for row in rows} == {None}


def test_every_host_of_every_cell_is_shown(
    pci_pool: PciPool, url: str, tmp_path: pathlib.Path
) -> None:
    other = Cell(3).write(f"sqlite:///{tmp_path}/cell2.db")
    rows = _rows(pci_pool, url, "--nova-db", other)
    assert [row["host"] for row in rows] == [
        *("compute1",) * 5,
        *("compute2",) * 5,
        *("compute3",) * 5,
    ]


def test_several_nodes_of_a_host_are_named_by_both(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    cell = Cell()
    cell.add_host(2)
    cell.nodes[1] |= {"host": "compute1", "hypervisor_hostname": "n2"}
    url = cell.write(f"sqlite:///{tmp_path}/cell1.db")
    rows = _rows(pci_pool, url)
    assert {row["host"] for row in rows} == {
        "compute1 (compute1.example.org)",
        "compute1 (n2)",
    }


@pytest.mark.parametrize(
    ("argv", "addresses"),
    [
        (("--type", "type-PCI"), {GPU}),
        (("--pf", PF_B), {PF_B, *VFS_B}),
        (("--state", "claimed"), {VFS[1]}),
        (("--physical-network", "physnet1"), {*VFS, PF_B, *VFS_B, GPU}),
        (("--all",), {PF, *VFS, PF_B, *VFS_B, GPU}),
    ],
)
def test_devices_can_be_selected(
    pci_pool: PciPool, url: str, argv: tuple[str, ...], addresses: set[str]
) -> None:
    rows = _rows(pci_pool, url, "--devices", "--host", "compute1", *argv)
    assert {row["address"] for row in rows} == addresses


def test_a_pf_has_to_be_on_one_of_the_hosts(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    cell = Cell()
    cell.add_host(2)
    cell.device(PF, 2)["address"] = "0000:43:00.0"
    url = cell.write(f"sqlite:///{tmp_path}/cell1.db")
    rows = _rows(pci_pool, url, "--pf", "0000:43:00.0")
    assert {row["host"] for row in rows} == {"compute2"}
    ran = pci_pool("dump", "--nova-db", url, "--pf", "0000:99:00.0")
    assert ran.code == 1
    assert "has no such PCI function" in ran.err


def test_tags_that_pools_of_a_kind_do_not_share_are_not_known(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    cell = Cell()
    pools = cell.pools()
    (vfs,) = [
        pool
        for pool in pools
        if (pool["address"], pool["dev_type"]) == (PF_B, "type-VF")
    ]
    vfs["count"] = 1
    pools.append(vfs | {"physical_network": "physnet2"})
    pools[-2] |= {"trusted": "true"}
    cell.set_pools(pools)
    rows = _rows(
        pci_pool, cell.write(f"sqlite:///{tmp_path}/cell1.db"), "--devices"
    )
    known = {row["address"]: row["physical_network"] for row in rows}
    assert {known[each] for each in VFS_B} == {None}
    assert known[PF_B] == "physnet1"
    (gpu,) = [row for row in rows if row["address"] == GPU]
    assert gpu["tags"] == ["trusted=true"]


@pytest.mark.parametrize("form", ["tree", "dot", "svg", "prometheus"])
def test_a_picture_is_of_one_host(
    pci_pool: PciPool, url: str, form: str
) -> None:
    ran = pci_pool("dump", "--nova-db", url, "-f", form)
    assert ran == (
        1,
        "",
        "this format shows one host; choose it by --host: compute1,"
        " compute2\n",
    )
    argv = ("--nova-db", url, "-f", form, "--host", "compute2")
    text = pci_pool.text("dump", *argv)
    assert "compute2" in text
    assert "compute1" not in text
    assert PF_B in text


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--db", "sqlite:////x"), 1, "choose one (`pci-pool claims audit`"),
        (("--config-file", "x"), 1, "--nova-db goes without --config-file"),
        (("--config-dir", "x"), 1, "--nova-db goes without --config-file"),
        (("--host", "x"), 1, "Nova has no such host; it has compute1, comp"),
        (("--live",), 2, "not allowed with argument"),
        (("--from", "x"), 2, "not allowed with argument"),
    ],
)
def test_an_option_without_a_meaning_is_refused(
    pci_pool: PciPool,
    url: str,
    argv: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    ran = pci_pool("dump", "--nova-db", url, *argv)
    assert ran.code == code
    assert said in ran.err


def test_a_cell_without_hosts_is_said(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    cell = Cell()
    cell.nodes.clear()
    url = cell.write(f"sqlite:///{tmp_path}/cell1.db")
    ran = pci_pool("dump", "--nova-db", url)
    assert ran == (1, "", "--nova-db: there is no compute node\n")


def test_a_message_names_some_of_many_hosts(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    cell = Cell(10)
    for number in range(11, 23):
        cell.add_host(number)
    url = cell.write(f"sqlite:///{tmp_path}/cell1.db")
    ran = pci_pool("dump", "--nova-db", url, "--host", "x")
    assert "compute18, compute19 and 3 more\n" in ran.err


def test_what_cannot_be_read_is_said(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    cell = Cell()
    cell.device(GPU)["dev_type"] = "type-GPU"
    cell.nodes[0] |= {"pci_stats": None, "numa_topology": "{"}
    url = cell.write(f"sqlite:///{tmp_path}/cell1.db")
    ran = pci_pool("dump", "--nova-db", url, "-f", "json", "--devices")
    assert ran.code == 0
    assert len(json.loads(ran.out)) == len((PF, *VFS, PF_B, *VFS_B))
    assert "compute1: numa_topology: is no JSON" in ran.err
    assert f"compute1: pci_devices {GPU}: 'type-GPU'" in ran.err


def test_odd_values_of_old_releases_are_read(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    cell = Cell()
    cell.device(GPU)["numa_node"] = -1
    # Nova has it of every device, and it means something for a VF alone.
    cell.device(GPU)["parent_addr"] = PF
    url = cell.write(f"sqlite:///{tmp_path}/cell1.db")
    rows = _rows(pci_pool, url, "--devices", "--type", "type-PCI")
    assert [(row["numa"], row["parent_addr"]) for row in rows] == [(None, "-")]
