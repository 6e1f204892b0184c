# SPDX-License-Identifier: Apache-2.0
"""PCI cards of fake hosts, and which ports each card has a device for."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nova.tests.fixtures import libvirt as fake_libvirt

from tests.nova_functional import l2_agents

#: Kinds of card. All are on the physical network of the VLAN.
SRIOV, VDPA, DPU = "sriov", "vdpa", "dpu"

_MELLANOX = "15b3"

#: The bus, the product of the PF and that of the VFs.
_PRODUCTS: Mapping[str, tuple[int, str, str]] = {
    SRIOV: (0x81, fake_libvirt.PF_PROD_ID, fake_libvirt.VF_PROD_ID),
    VDPA: (0x06, "101d", "101e"),
    DPU: (0x82, "a2dc", "1021"),
}

#: Nova reports a VF as remote-managed only with a serial in its VPD.
_VPD = {"name": "DPU", "readonly": {"serial_number": "MT0000X00001"}}

#: What Nova asks a device for, by vnic_type; nothing for the others.
_SERVED_BY: Mapping[str, str] = {
    "direct": SRIOV,
    "macvtap": SRIOV,
    "virtio-forwarder": SRIOV,
    "direct-physical": SRIOV,
    "vdpa": VDPA,
    "remote-managed": DPU,
}


def spec() -> tuple[Mapping[str, object], ...]:
    """Write ``[pci]device_spec`` for all kinds of card."""
    specs: list[Mapping[str, object]] = []
    for card, (_bus, pf_product, vf_product) in _PRODUCTS.items():
        vendor = fake_libvirt.PCI_VEND_ID if card == SRIOV else _MELLANOX
        common = {
            "vendor_id": vendor,
            "physical_network": l2_agents.PHYSICAL_NETWORK,
        }
        remote = {"remote_managed": "true"} if card == DPU else {}
        # Only the PFs of plain cards are for guests.
        if card == SRIOV:
            specs.append(common | {"product_id": pf_product})
        specs.append(common | {"product_id": vf_product} | remote)
    return tuple(specs)


def wanted(vnic_type: str) -> str | None:
    """Name the kind of card that has what Nova asks for; None for nothing."""
    return _SERVED_BY.get(vnic_type)


def serve(cards: Collection[str], vnic_type: str) -> bool:
    """Tell whether such cards, all free, have what Nova asks for."""
    return wanted(vnic_type) in {None, *cards}


def build(
    cards: Sequence[str], *, pfs: int = 1, vfs: int = 4
) -> tuple[Any, Any]:
    """Build a host's devices for libvirt.

    :param pfs: How many plain PFs there are.
    :param vfs: How many VFs a PF is split into.
    :returns: ``HostPCIDevicesInfo`` and ``HostVDPADevicesInfo``.
    """
    plain = pfs if SRIOV in cards else 0
    pci = fake_libvirt.HostPCIDevicesInfo(
        num_pfs=plain, num_vfs=vfs * plain, numa_node=0
    )
    vdpa = fake_libvirt.HostVDPADevicesInfo()
    for card in cards:
        if card != SRIOV:
            _add_card(card, vfs, pci, vdpa)
    return pci, vdpa


def _add_card(card: str, vfs: int, pci: Any, vdpa: Any) -> None:
    bus, pf_product, vf_product = _PRODUCTS[card]
    common: dict[str, Any] = {
        "bus": bus,
        "slot": 0,
        "numa_node": 0,
        "vf_ratio": vfs,
        "vend_id": _MELLANOX,
        "vend_name": "Mellanox Technologies",
        "driver_name": "mlx5_core",
        "vpd_fields": _VPD if card == DPU else None,
    }
    pci.add_device(
        dev_type="PF",
        function=0,
        iommu_group=bus,
        prod_id=pf_product,
        prod_name="PF",
        **common,
    )
    for number in range(1, vfs + 1):
        vf = pci.add_device(
            dev_type="VF",
            function=number,
            iommu_group=bus + number,
            parent=(bus, 0, 0),
            prod_id=vf_product,
            prod_name="VF",
            **common,
        )
        if card == VDPA:
            vdpa.add_device(f"vdpa_vdpa{number}", number, vf)
