# SPDX-License-Identifier: Apache-2.0
"""The pools of a host, as they leave the process."""

from collections.abc import Iterator

from oslo_versionedobjects import base, fields

from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.objects import base as pci_base
from pci_sched.objects import fields as pci_fields
from pci_sched.pools import key as pool_key

_DEV_TYPES = tuple(each.value for each in pci_device.DevType)


@base.VersionedObjectRegistry.register
class Pool(pci_base.PciSchedObject):
    """Devices that a scheduler cannot tell apart, and how many are left.

    A pool follows from the inventory and the claims: it is for readers that
    cannot work it out themselves, and ours does.
    """

    VERSION = "1.0"

    fields = {
        "root": pci_fields.AddressField(),
        "dev_type": fields.EnumField(_DEV_TYPES),
        "vendor_id": fields.StringField(nullable=True),
        "product_id": fields.StringField(nullable=True),
        "numa_node": fields.IntegerField(nullable=True),
        "tags": pci_fields.TagsField(),
        "total": fields.NonNegativeIntegerField(),
        "free": fields.NonNegativeIntegerField(),
    }

    @classmethod
    def from_model(
        cls, key: pool_key.PoolKey, total: int, free: int
    ) -> "Pool":
        """Take the pool of a key, and its counts."""
        return cls(
            root=str(key.root),
            dev_type=key.dev_type.value,
            vendor_id=key.vendor_id,
            product_id=key.product_id,
            numa_node=key.numa_node,
            tags=dict(key.tags),
            total=total,
            free=free,
        )

    def to_model(self) -> tuple[pool_key.PoolKey, int, int]:
        """Give the key and the counts: of all, and of what is free."""
        key = pool_key.PoolKey(
            pci_address.PciAddress.parse(self.root),
            pci_device.DevType(self.dev_type),
            self.vendor_id,
            self.product_id,
            self.numa_node,
            tuple(sorted(self.tags.items())),
        )
        return key, self.total, self.free


def of_snapshot(snapshot: claim_snapshot.Snapshot) -> Iterator[Pool]:
    """Count what is in each pool of a host, and what is left.

    :param snapshot: Of the host's ledger.
    :yields: The pools, by the address of their first device.
    """
    counts: dict[pool_key.PoolKey, list[int]] = {}
    for address, record in sorted(snapshot.inventory.records.items()):
        if record.is_usable:
            count = counts.setdefault(
                pool_key.PoolKey.of(record.device), [0, 0]
            )
            status = snapshot.status_of(address)
            count[0] += 1
            count[1] += status is pci_device.DeviceStatus.AVAILABLE
    for key, (total, free) in counts.items():
        yield Pool.from_model(key, total, free)
