# SPDX-License-Identifier: Apache-2.0
"""Trees that are strange, broken or hostile."""

import dataclasses
import os
import pathlib
import tempfile

import pytest

from fake_sysfs import FakeSysfs
from pci_sched import exception
from pci_sched.claims import inventory
from pci_sched.inputs import sysfs
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
import privilege

PF = "0000:41:00.0"
VF0 = "0000:41:10.0"
VF1 = "0000:41:10.2"

DevType = pci_device.DevType


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> FakeSysfs:
    return FakeSysfs(tmp_path)


def read(tree: FakeSysfs) -> dict[str, pci_device.Device]:
    """Read the devices of a tree by address."""
    host = sysfs.read_host(tree.root)
    return {str(device.address): device for device in host.devices}


class TestRoot:
    def test_a_root_without_sys_is_named(self, tmp_path: pathlib.Path) -> None:
        with pytest.raises(exception.SysfsNotFound) as caught:
            sysfs.read_host(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path}: no sys/bus/pci/devices there; give the directory"
            " that holds a copy of /sys under the name sys"
        )

    def test_a_file_as_root_is_named(self, tmp_path: pathlib.Path) -> None:
        file = tmp_path / "file"
        file.touch()
        with pytest.raises(exception.SysfsNotFound, match="cannot be read"):
            sysfs.read_host(file)

    def test_a_kernel_without_a_pci_bus_has_no_devices(
        self, tmp_path: pathlib.Path
    ) -> None:
        (tmp_path / "sys/bus").mkdir(parents=True)
        assert sysfs.read_host(tmp_path).devices == ()

    def test_entries_that_are_no_addresses_are_left_out_and_said(
        self, tree: FakeSysfs
    ) -> None:
        (tree.devices / "0000:41:1f.9").mkdir()
        (tree.devices / os.fsdecode(b"\xff\x1b[2J")).mkdir()
        said: list[str] = []
        assert sysfs.read_host(tree.root, warn=said.append).devices == ()
        assert said == [
            "left out 0000:41:1f.9: that is no PCI address",
            r"left out \xff\x1b[2J: that is no PCI address",
        ]


class TestRelations:
    def test_a_card_is_told(self, tree: FakeSysfs) -> None:
        tree.card(PF, [VF0, VF1])
        devices = read(tree)
        assert devices[PF].dev_type is DevType.PF
        assert (devices[PF].sriov_totalvfs, devices[PF].sriov_numvfs) == (3, 2)
        assert devices[PF].vf_product_id == "10ca"
        assert devices[VF1].dev_type is DevType.VF
        assert str(devices[VF1].parent_addr) == PF
        assert devices[VF1].vf_index == 1

    def test_the_virtfn_link_alone_is_enough(self, tree: FakeSysfs) -> None:
        tree.card(PF, [VF0])
        (tree.directory(VF0) / "physfn").unlink()
        assert str(read(tree)[VF0].parent_addr) == PF

    def test_the_physfn_link_alone_is_enough(self, tree: FakeSysfs) -> None:
        tree.card(PF, [VF0])
        (tree.directory(PF) / "virtfn0").unlink()
        (tree.directory(PF) / "sriov_totalvfs").unlink()
        devices = read(tree)
        assert str(devices[VF0].parent_addr) == PF
        assert devices[VF0].vf_index is None
        assert devices[PF].dev_type is DevType.PF

    def test_links_that_disagree_tell_no_parent(self, tree: FakeSysfs) -> None:
        other = "0000:42:00.0"
        tree.card(PF, [VF0])
        tree.function(other, sriov_totalvfs="7")
        (tree.directory(VF0) / "physfn").unlink()
        (tree.directory(VF0) / "physfn").symlink_to(f"../{other}")
        devices = read(tree)
        assert devices[VF0].dev_type is DevType.VF
        assert devices[VF0].parent_addr is None

    @pytest.mark.parametrize(
        "target", ["../0000:41:10.0", "../nonsense", "../0000:41:10.2"]
    )
    def test_a_link_that_cannot_be_tells_no_parent(
        self, tree: FakeSysfs, target: str
    ) -> None:
        """To itself, to no address, to a function that is a child itself."""
        for vf in (VF0, VF1):
            tree.function(vf)
        (tree.directory(VF0) / "physfn").symlink_to(target)
        (tree.directory(VF1) / "physfn").symlink_to(f"../{VF0}")
        device = read(tree)[VF0]
        assert device.dev_type is DevType.VF
        assert device.parent_addr is None

    def test_a_dangling_physfn_still_names_the_pf(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(VF0)
        (tree.directory(VF0) / "physfn").symlink_to(f"../{PF}")
        assert str(read(tree)[VF0].parent_addr) == PF

    def test_a_tree_copied_without_links_keeps_the_types(
        self, tmp_path: pathlib.Path
    ) -> None:
        """As by cp -L: links became directories and point nowhere."""
        tree = FakeSysfs(tmp_path)
        vf = tree.devices / VF0
        (vf / "physfn").mkdir(parents=True)
        pf = tree.devices / PF
        pf.mkdir()
        (pf / "sriov_totalvfs").write_text("7\n")
        devices = read(tree)
        assert devices[VF0].dev_type is DevType.VF
        assert devices[VF0].parent_addr is None
        assert devices[PF].dev_type is DevType.PF
        assert devices[PF].path is None

    def test_two_numbers_for_one_vf_are_none(self, tree: FakeSysfs) -> None:
        tree.card(PF, [VF0])
        (tree.directory(PF) / "virtfn5").symlink_to(f"../{VF0}")
        assert read(tree)[VF0].vf_index is None

    @pytest.mark.parametrize("text", ["", "junk", "99999999999"])
    def test_a_pf_whose_count_says_nothing_is_a_pf(
        self, tree: FakeSysfs, text: str
    ) -> None:
        tree.function(PF, sriov_totalvfs=text)
        device = read(tree)[PF]
        assert device.dev_type is DevType.PF
        assert device.sriov_totalvfs is None

    def test_a_function_that_can_have_no_vfs_is_plain(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF, sriov_totalvfs="0")
        assert read(tree)[PF].dev_type is DevType.PCI

    def test_a_vf_with_a_vdpa_device_is_vdpa(self, tree: FakeSysfs) -> None:
        tree.card(PF, [VF0, VF1])
        buses = tree.sys / "bus/vdpa/devices"
        buses.mkdir(parents=True)
        (buses / "vdpa0").symlink_to(
            f"../../../devices/pci0000:00/{VF0}/vdpa0"
        )
        devices = read(tree)
        assert devices[VF0].dev_type is DevType.VDPA
        assert str(devices[VF0].parent_addr) == PF
        assert devices[VF1].dev_type is DevType.VF

    def test_a_pf_without_driver_keeps_its_vfs_on_another(
        self, tree: FakeSysfs
    ) -> None:
        tree.card(PF, [])
        tree.function(VF0, driver="vfio-pci")
        tree.relate(PF, VF0, 0)
        devices = read(tree)
        assert devices[PF].driver == ""
        assert devices[VF0].driver == "vfio-pci"
        assert str(devices[VF0].parent_addr) == PF


class TestAttributes:
    @pytest.mark.parametrize(
        "value", [b"", b"\x00\xff\xfe", b"0x", b"0x12345", b"-1", b"x" * 5000]
    )
    def test_garbage_is_unknown(self, tree: FakeSysfs, value: bytes) -> None:
        tree.function(PF, vendor=value, device=value, numa_node=value)
        device = read(tree)[PF]
        assert device.vendor_id is None
        assert device.product_id is None
        assert device.numa_node is None

    def test_missing_attributes_are_unknown(self, tree: FakeSysfs) -> None:
        place = tree.function(PF)
        for name in ("vendor", "device", "class", "numa_node"):
            (place / name).unlink()
        device = read(tree)[PF]
        assert (device.vendor_id, device.class_id) == (None, None)
        assert device.numa_node is None
        assert device.driver == ""
        assert device.iommu_group == ""

    def test_a_directory_in_place_of_a_file_is_unknown(
        self, tree: FakeSysfs
    ) -> None:
        place = tree.function(PF)
        (place / "vendor").unlink()
        (place / "vendor").mkdir()
        (place / "driver").mkdir()
        device = read(tree)[PF]
        assert device.vendor_id is None
        assert device.driver is None

    def test_a_fifo_does_not_hold_up_the_read(self, tree: FakeSysfs) -> None:
        place = tree.function(PF)
        (place / "vendor").unlink()
        os.mkfifo(place / "vendor")
        assert read(tree)[PF].vendor_id is None

    def test_a_dangling_driver_link_still_names_the_driver(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF, driver="igb")
        assert read(tree)[PF].driver == "igb"

    def test_domains_above_ffff_are_read(self, tree: FakeSysfs) -> None:
        vmd = "10000:01:00.0"
        above = "pci0000:00/0000:00:0e.0/pci10000:00/10000:00:02.0"
        tree.function(vmd, above=above)
        device = read(tree)[vmd]
        assert device.address.ignored_by_nova
        assert device.path == tuple(above.split("/"))

    def test_a_dangling_function_is_left_out_and_said(
        self, tree: FakeSysfs
    ) -> None:
        (tree.devices / PF).symlink_to("../../../devices/gone")
        said: list[str] = []
        assert sysfs.read_host(tree.root, warn=said.append).devices == ()
        assert said == [f"left out {PF}: gone, or not to be entered"]

    def test_a_device_that_vanishes_while_being_read_does_no_harm(
        self, tree: FakeSysfs
    ) -> None:
        """It goes after the list was made; the others are whole."""
        tree.card(PF, [VF0, VF1])

        def vanish(_done: int, _total: int) -> None:
            (tree.directory(VF1)).unlink(missing_ok=True)

        host = sysfs.read_host(tree.root, progress=vanish)
        assert [str(each.address) for each in host.devices] == [PF, VF0]

    def test_a_closed_function_is_left_out_and_said(self) -> None:
        said: list[str] = []
        # Not tmp_path: only root may enter that.
        with tempfile.TemporaryDirectory() as name:
            tree = FakeSysfs(pathlib.Path(name))
            pathlib.Path(name).chmod(0o755)
            tree.function(PF).chmod(0)
            tree.function(VF0)
            with privilege.ordinary_user():
                host = sysfs.read_host(tree.root, warn=said.append)
        assert [str(each.address) for each in host.devices] == [VF0]
        assert said == [f"left out {PF}: gone, or not to be entered"]

    def test_an_attribute_only_for_root_is_unknown(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            tree = FakeSysfs(pathlib.Path(name))
            pathlib.Path(name).chmod(0o755)
            place = tree.function(PF, numa_node="1", vpd="secret")
            for hidden in ("vpd", "numa_node"):
                (place / hidden).chmod(0o400)
            with privilege.ordinary_user():
                device = read(tree)[PF]
        assert device.card_serial_number is None
        assert device.numa_node is None

    def test_progress_ends_at_the_total(self, tree: FakeSysfs) -> None:
        tree.card(PF, [VF0, VF1])
        steps: list[tuple[int, int]] = []
        sysfs.read_host(tree.root, progress=lambda *step: steps.append(step))
        assert steps[0] == (0, 3)
        assert steps[-1] == (3, 3)


class TestNetDevs:
    def test_the_link_is_carrier_behind_the_switch(
        self, tree: FakeSysfs
    ) -> None:
        cases = {
            "up": ("0x1003", "1", "up", pci_device.Link.UP),
            "pulled": ("0x1003", "0", "down", pci_device.Link.NO_CARRIER),
            "off": ("0x1002", "1", "down", pci_device.Link.DOWN),
            "odd": ("junk", "junk", "unknown", None),
            "mute": ("0x1003", "", "up", pci_device.Link.UP),
        }
        tree.function(PF)
        for name, (flags, carrier, operstate, _link) in cases.items():
            tree.netdev(
                PF, name, flags=flags, carrier=carrier, operstate=operstate
            )
        netdevs = read(tree)[PF].netdevs or ()
        assert {each.name: each.link for each in netdevs} == {
            name: case[3] for name, case in cases.items()
        }

    @pytest.mark.parametrize(
        ("text", "count"),
        [("0", 0), ("17", 17), ("", None), ("many", None), (None, None)],
    )
    def test_changes_of_the_carrier_are_counted_and_compared_with_nothing(
        self, tree: FakeSysfs, text: str | None, count: int | None
    ) -> None:
        tree.function(PF)
        more = {} if text is None else {"carrier_changes": text}
        tree.netdev(PF, "ens1", **more)
        netdev = read(tree)[PF].netdev
        assert netdev is not None
        assert netdev.carrier_changes == count
        assert netdev == dataclasses.replace(netdev, carrier_changes=99)

    @pytest.mark.parametrize(
        ("assigned", "is_given"),
        [("0", False), ("1", True), ("3", True), (None, False)],
    )
    def test_an_address_that_somebody_gave_is_known_as_such(
        self, tree: FakeSysfs, assigned: str | None, is_given: bool
    ) -> None:
        tree.function(PF)
        attributes = {"address": "52:54:00:00:00:01"}
        if assigned is not None:
            attributes["addr_assign_type"] = assigned
        tree.netdev(PF, "one", **attributes)
        device = read(tree)[PF]
        assert device.netdev is not None
        assert device.netdev.mac_is_given is is_given
        told = inventory.Record.of(device).mac
        assert told == (None if is_given else "52:54:00:00:00:01")

    def test_a_bond_is_named_and_a_bridge_is_not(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF)
        bonding = tree.sys / "devices/virtual/net/bond0/bonding"
        bonding.mkdir(parents=True)
        (bonding / "mode").write_text("802.3ad 4\n")
        (tree.sys / "devices/virtual/net/br0").mkdir()
        for name, master in {"one": "bond0", "two": "br0", "six": ""}.items():
            place = tree.netdev(PF, name)
            if master:
                target = tree.sys / "devices/virtual/net" / master
                (place / "master").symlink_to(os.path.relpath(target, place))
        netdevs = read(tree)[PF].netdevs or ()
        assert {each.name: each.bond for each in netdevs} == {
            "one": "bond0",
            "two": "",
            "six": "",
        }

    def test_the_own_port_stands_before_representors(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF)
        tree.netdev(PF, "a_rep", phys_port_name="pf0vf0", dev_port="0")
        tree.netdev(PF, "b_far", phys_port_name="c1pf0", dev_port="0")
        tree.netdev(PF, "z_own", phys_port_name="p0", dev_port="0")
        tree.netdev(PF, "y_two", phys_port_name="p1", dev_port="1")
        netdevs = read(tree)[PF].netdevs or ()
        assert [each.name for each in netdevs] == [
            "z_own",
            "y_two",
            "a_rep",
            "b_far",
        ]

    def test_a_name_of_any_bytes_is_shown_escaped(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF)
        tree.netdev(PF, b"\x1b[31m\xff\xc3\xa4")
        netdev = read(tree)[PF].netdev
        assert netdev is not None
        assert netdev.name == "\\x1b[31m\\xffä"
        assert netdev.link is pci_device.Link.UP

    def test_a_netdev_in_another_namespace_is_unknown_not_none(
        self, tree: FakeSysfs
    ) -> None:
        """The directory net stays; what is in it cannot be seen from here."""
        tree.card(PF, [VF0, VF1])
        tree.netdev(PF, "ens1")
        (tree.directory(VF0) / "net").mkdir()
        devices = read(tree)
        assert devices[VF0].netdevs is None
        assert devices[VF1].netdevs == ()

    def test_without_class_net_every_netdev_is_unknown(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF)
        (tree.sys / "class/net").rmdir()
        assert read(tree)[PF].netdevs is None

    def test_virtio_and_auxiliary_netdevs_belong_to_the_function(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF)
        tree.function(VF0)
        tree.netdev(PF, "eth0", between="virtio0")
        tree.netdev(VF0, "eth1", between="mlx5_core.sf.2")
        devices = read(tree)
        assert [each.name for each in devices[PF].netdevs or ()] == ["eth0"]
        assert [each.name for each in devices[VF0].netdevs or ()] == ["eth1"]

    def test_a_usb_adapter_is_none_of_the_usb_controller(
        self, tree: FakeSysfs
    ) -> None:
        tree.function(PF, **{"class": "0x0c0330"})
        tree.netdev(PF, "usb0", between="usb1/1-1/1-1:1.0")
        assert read(tree)[PF].netdevs == ()

    def test_a_mac_that_is_none_is_unknown(self, tree: FakeSysfs) -> None:
        tree.function(PF)
        tree.netdev(PF, "ens1", address="not a mac")
        netdev = read(tree)[PF].netdev
        assert netdev is not None
        assert netdev.mac is None


class TestSerial:
    #: An identifier string, then read-only data with PN and SN, then the end.
    VPD = b"\x82\x04\x00card\x90\x11\x00PN\x03abcSN\x06XY1234\x78"

    def test_a_vf_without_data_of_its_own_has_the_serial_of_its_pf(
        self, tree: FakeSysfs
    ) -> None:
        tree.card(PF, [VF0])
        (tree.directory(PF) / "vpd").write_bytes(self.VPD)
        devices = read(tree)
        assert devices[PF].card_serial_number == "XY1234"
        assert devices[VF0].card_serial_number == "XY1234"

    def test_data_that_is_no_vpd_has_no_serial(self, tree: FakeSysfs) -> None:
        tree.function(PF)
        (tree.directory(PF) / "vpd").write_bytes(b"\xff" * 100)
        assert read(tree)[PF].card_serial_number == ""

    def test_only_network_cards_are_asked(self, tree: FakeSysfs) -> None:
        tree.function(PF, **{"class": "0x030000"})
        (tree.directory(PF) / "vpd").write_bytes(self.VPD)
        assert read(tree)[PF].card_serial_number is None


@pytest.mark.parametrize(
    ("state", "link"),
    [
        ("Online", pci_device.Link.UP),
        ("Linkdown", pci_device.Link.NO_CARRIER),
        ("Offline", pci_device.Link.DOWN),
        ("Unknown", None),
        ("", None),
    ],
)
def test_a_fibre_channel_port_has_a_link(
    tree: FakeSysfs, state: str, link: pci_device.Link | None
) -> None:
    adapter, other = "0000:05:00.0", "0000:05:00.1"
    tree.function(other, **{"class": "0x0c0400"})
    tree.function(adapter, **{"class": "0x0c0400"})
    place = tree.directory(adapter) / "host7/fc_host/host7"
    place.mkdir(parents=True)
    (place / "port_state").write_text(state + "\n")
    found = read(tree)
    assert found[adapter].fc_link is found[adapter].link is link
    assert found[other].link is None


def test_a_host_has_sockets_where_its_nodes_agree(tree: FakeSysfs) -> None:
    system = tree.sys / "devices/system"
    for node, cpulist in ((0, "0-1,4"), (1, "2-3"), (2, "")):
        (system / f"node/node{node}").mkdir(parents=True)
        (system / f"node/node{node}/cpulist").write_text(cpulist + "\n")
    for cpu, package in enumerate("00120"):
        topology = system / f"cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text(package + "\n")
    assert sysfs.read_host(tree.root).numa == (
        pci_host.NumaNode(0, 0),
        pci_host.NumaNode(1, None),
        pci_host.NumaNode(2, None),
    )
