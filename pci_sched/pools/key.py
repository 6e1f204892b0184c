# SPDX-License-Identifier: Apache-2.0
"""What makes two devices the same to a scheduler."""

from typing import NamedTuple

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

#: Classes of functions that clouds pass through whole, as prefixes of the
#: class id: NVMe, network, display, Fibre Channel, co-processor, accelerator.
#: Shown where no device_spec says what is assignable.
PASSTHROUGH_CLASSES = ("0108", "02", "03", "0c04", "0b40", "12")


class PoolKey(NamedTuple):
    """The properties a pool's devices share.

    As Nova's pools (``nova.pci.stats.PciDeviceStats``): the type and ids, the
    NUMA node, the tags, and the PF's address, so that a pool never spans two
    PFs and a PF can be related to the pool of its VFs.
    """

    #: The PF of VFs and vdpa devices, else the device's own address.
    root: pci_address.PciAddress
    dev_type: pci_device.DevType
    vendor_id: str | None
    product_id: str | None
    numa_node: int | None
    tags: pci_device.Tags

    @classmethod
    def of(cls, device: pci_device.Device) -> "PoolKey":
        """Tell which pool a device belongs to."""
        return cls(
            device.root,
            device.dev_type,
            device.vendor_id,
            device.product_id,
            device.numa_node,
            device.tags,
        )


def is_poolable(device: pci_device.Device) -> bool:
    """Tell whether a device belongs into a pool at all.

    Where a device_spec was given it decides. Otherwise SR-IOV functions do,
    and the classes that clouds pass through whole.
    """
    if device.assignable is not None:
        return device.assignable
    if device.dev_type is not pci_device.DevType.PCI:
        return True
    return (device.class_id or "").startswith(PASSTHROUGH_CLASSES)
