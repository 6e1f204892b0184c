# SPDX-License-Identifier: Apache-2.0
"""Builds real /sys trees of directories, files and links for tests."""

import os
import pathlib


class FakeSysfs:
    """A tree under construction; every method adds to it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.sys = root / "sys"
        self.devices = self.sys / "bus/pci/devices"
        self.devices.mkdir(parents=True)
        (self.sys / "class/net").mkdir(parents=True)

    def directory(self, address: str) -> pathlib.Path:
        """Where the attributes of a function are."""
        return self.devices / address

    def function(
        self,
        address: str,
        *,
        above: str = "pci0000:00",
        driver: str = "",
        **attributes: str | bytes,
    ) -> pathlib.Path:
        """Add a function: its directory, usual attributes and links."""
        place = self.sys / "devices" / above / address
        place.mkdir(parents=True)
        link = os.path.relpath(place, self.devices)
        self.directory(address).symlink_to(link)
        usual: dict[str, str | bytes] = {
            "vendor": "0x8086",
            "device": "0x10c9",
            "class": "0x020000",
            "numa_node": "-1",
        }
        for name, value in (usual | attributes).items():
            self.write(address, name, value)
        if driver:
            target = f"../../../bus/pci/drivers/{driver}"
            (place / "driver").symlink_to(target)
        return place

    def group(self, address: str, number: int) -> None:
        """Put a function into an IOMMU group."""
        target = f"../../../kernel/iommu_groups/{number}"
        (self.directory(address) / "iommu_group").symlink_to(target)

    def write(self, address: str, name: str, value: str | bytes) -> None:
        """Write an attribute as the kernel does, with a line end."""
        raw = value.encode() if isinstance(value, str) else value
        (self.directory(address) / name).write_bytes(raw + b"\n")

    def card(
        self,
        pf: str,
        vfs: list[str],
        above: str = "pci0000:00",
        drivers: tuple[str, str] = ("", ""),
    ) -> None:
        """Add a PF with these VFs, linked in both directions."""
        self.function(
            pf,
            above=above,
            driver=drivers[0],
            sriov_totalvfs=str(len(vfs) + 1),
            sriov_numvfs=str(len(vfs)),
            sriov_vf_device="10ca",
        )
        for index, vf in enumerate(vfs):
            self.function(vf, above=above, driver=drivers[1], device="0x10ca")
            self.relate(pf, vf, index)

    def relate(self, pf: str, vf: str, index: int) -> None:
        """Link a VF and its PF to each other."""
        (self.directory(vf) / "physfn").symlink_to(f"../{pf}")
        (self.directory(pf) / f"virtfn{index}").symlink_to(f"../{vf}")

    def netdev(
        self,
        function: str,
        name: str | bytes,
        between: str = "",
        **attributes: str,
    ) -> pathlib.Path:
        """Add a network device below a function."""
        text = os.fsdecode(name)
        place = self.directory(function).resolve()
        place = place.joinpath(*filter(None, [between, "net", text]))
        place.mkdir(parents=True)
        usual = {"flags": "0x1003", "carrier": "1", "operstate": "up"}
        for key, value in (usual | attributes).items():
            (place / key).write_text(value + "\n")
        classes = self.sys / "class/net"
        (classes / text).symlink_to(os.path.relpath(place, classes))
        return place
