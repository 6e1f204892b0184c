# SPDX-License-Identifier: Apache-2.0
"""Captured trees, read by us, against what other tools said of the kernel."""

import functools
import pathlib
import re
from typing import Any

import pytest

from pci_sched.inputs import sysfs
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
import recorded

_LINKS = {
    "LINK-UP": pci_device.Link.UP,
    "down": pci_device.Link.DOWN,
    "admin-up-no-carrier": pci_device.Link.NO_CARRIER,
}

_BRIDGES = {"0604"}


@pytest.fixture(scope="module", params=recorded.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def host(name: str, tmp_path_factory: pytest.TempPathFactory) -> pci_host.Host:
    root = recorded.unpack(name, tmp_path_factory.mktemp("host"))
    return sysfs.read_host(root, name=name)


@pytest.fixture(scope="module")
def truth(name: str) -> dict[str, Any]:
    return recorded.truth(name)


@functools.cache
def _tables(name: str) -> dict[str, list[str]]:
    """The rows of the truth's tables, by the address they begin with."""
    text = (recorded.HOSTS / f"{name}.md").read_text()
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[0-9a-f]{4}:\S+", cells[0]):
            rows[cells[0]] = cells
    return rows


def _is_bridge(function: dict[str, Any]) -> bool:
    return function["config_class"][:4] in _BRIDGES


def test_every_function_but_bridges_is_a_device(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    expected = {
        address
        for address, function in truth["pci"].items()
        if not _is_bridge(function)
    }
    assert {str(each.address) for each in host.devices} == expected
    assert {str(each.address) for each in host.bridges} == (
        set(truth["pci"]) - expected
    )


def test_bridges_are_of_the_kind_that_configuration_space_says(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    for bridge in host.bridges:
        pcie = truth["pci"][str(bridge.address)].get("pcie", {})
        assert bridge.kind == pcie.get("type", "bridge")


def test_pfs_are_those_of_configuration_space(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    pfs = {
        str(device.address): device
        for device in host.devices
        if device.dev_type is pci_device.DevType.PF
    }
    assert set(pfs) == set(truth["pfs"])
    for address, pf in truth["pfs"].items():
        assert pfs[address].sriov_totalvfs == pf["total_vfs_sysfs"]
        assert pfs[address].sriov_numvfs == pf["num_vfs"]


def test_vfs_have_the_pf_and_number_of_configuration_space(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    expected = {
        vf: (address, index)
        for address, pf in truth["pfs"].items()
        for index, vf in enumerate(pf["vfs"])
    }
    found = {
        str(device.address): (str(device.parent_addr), device.vf_index)
        for device in host.devices
        if device.dev_type is pci_device.DevType.VF
    }
    assert found == expected


def test_drivers_are_those_of_lspci(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    for device in host.devices:
        expected = truth["pci"][str(device.address)]["driver"]
        assert device.driver == (expected or "")


def test_ids_are_those_of_configuration_space(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    for device in host.devices:
        function = truth["pci"][str(device.address)]
        assert device.class_id == function["config_class"]
        # A VF has no ids of its own there; lspci knows better.
        expected = re.findall(
            r"\[([0-9a-f]{4}:[0-9a-f]{4})\]", function["desc"]
        )
        assert f"{device.vendor_id}:{device.product_id}" == expected[-1]


def test_numa_nodes_are_those_of_the_machine(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    for device in host.devices:
        node = truth["pci"][str(device.address)]["numa_node_expected"]
        assert device.numa_node == (node if node >= 0 else None)
    nodes = re.findall(r"^node (\d+) cpus", "\n".join(truth["numa"]), re.M)
    assert [each.node for each in host.numa] == [int(each) for each in nodes]


def test_paths_are_the_bridges_above(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    everything: list[pci_device.Device | pci_host.Bridge]
    everything = [*host.devices, *host.bridges]
    for each in everything:
        chain = truth["pci"][str(each.address)]["upstream_chain"]
        assert each.path is not None
        root, *bridges = each.path
        assert root.startswith("pci")
        assert bridges == chain[::-1]


def test_netdevs_and_macs_are_those_of_netlink(
    host: pci_host.Host, truth: dict[str, Any]
) -> None:
    expected = {
        name: netdev["address"]
        for name, netdev in truth["netdevs"].items()
        if name != "lo"
    }
    found = {
        netdev.name: netdev.mac
        for device in host.devices
        for netdev in device.netdevs or ()
    }
    assert found == expected


def test_links_and_iommu_groups_are_those_of_the_tables(
    host: pci_host.Host, name: str
) -> None:
    for device in host.devices:
        # The tables leave out the middle of a long run of VFs.
        cells = _tables(name).get(str(device.address))
        if cells is None:
            continue
        words = cells[-1].replace("`", "").split()
        netdev = device.netdev
        assert (netdev.name if netdev else "-") == words[0]
        if netdev:
            assert netdev.link is _LINKS[words[1]]
        if device.dev_type is not pci_device.DevType.PCI:
            assert (device.iommu_group or "-") == cells[-2]


@pytest.mark.parametrize("name", ["switch-nvme", "two-numa"], scope="function")
def test_an_ordinary_user_reads_the_same(
    name: str, tmp_path: pathlib.Path
) -> None:
    """Kinds of ports then come from services, or from where they stand."""
    root = recorded.unpack(name, tmp_path)
    expected = sysfs.read_host(root, name=name)
    for config in root.glob("sys/devices/**/config"):
        head = config.read_bytes()[:64]
        config.chmod(0o600)
        config.write_bytes(head)
    found = sysfs.read_host(root, name=name)
    assert found == expected
