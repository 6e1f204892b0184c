# SPDX-License-Identifier: Apache-2.0
"""The devices of a host, as they leave the process."""

from oslo_versionedobjects import base, fields

from pci_sched.claims import inventory as claim_inventory
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.objects import base as pci_base
from pci_sched.objects import fields as pci_fields
from pci_sched.pools import domains as pool_domains

_DEV_TYPES = tuple(each.value for each in pci_device.DevType)


@base.VersionedObjectRegistry.register
class Device(pci_base.PciSchedObject):
    """One device, as it was seen last."""

    VERSION = "1.0"

    fields = {
        "address": pci_fields.AddressField(),
        "dev_type": fields.EnumField(_DEV_TYPES),
        "vendor_id": fields.StringField(nullable=True),
        "product_id": fields.StringField(nullable=True),
        "class_id": fields.StringField(nullable=True),
        "parent_addr": pci_fields.AddressField(nullable=True),
        "vf_index": fields.IntegerField(nullable=True),
        "sriov_numvfs": fields.IntegerField(nullable=True),
        "numa_node": fields.IntegerField(nullable=True),
        "card_serial_number": fields.StringField(nullable=True),
        "path": fields.ListOfStringsField(nullable=True),
        "assignable": fields.BooleanField(nullable=True),
        "tags": pci_fields.TagsField(),
        "mac": fields.StringField(nullable=True),
        "present": fields.BooleanField(),
        "quarantine": fields.StringField(),
    }

    @classmethod
    def from_model(cls, record: claim_inventory.Record) -> "Device":
        """Take a device of an inventory."""
        device = record.device
        parent, path = device.parent_addr, device.path
        return cls(
            address=str(device.address),
            dev_type=device.dev_type.value,
            vendor_id=device.vendor_id,
            product_id=device.product_id,
            class_id=device.class_id,
            parent_addr=None if parent is None else str(parent),
            vf_index=device.vf_index,
            sriov_numvfs=device.sriov_numvfs,
            numa_node=device.numa_node,
            card_serial_number=device.card_serial_number,
            path=None if path is None else list(path),
            assignable=device.assignable,
            tags=dict(device.tags),
            mac=record.mac,
            present=record.present,
            quarantine=record.quarantine,
        )

    def to_model(self) -> claim_inventory.Record:
        """Give the device of an inventory."""
        parse = pci_address.PciAddress.parse
        parent = self.parent_addr
        device = pci_device.Device(
            address=parse(self.address),
            dev_type=pci_device.DevType(self.dev_type),
            vendor_id=self.vendor_id,
            product_id=self.product_id,
            class_id=self.class_id,
            parent_addr=None if parent is None else parse(parent),
            vf_index=self.vf_index,
            sriov_numvfs=self.sriov_numvfs,
            numa_node=self.numa_node,
            card_serial_number=self.card_serial_number,
            path=None if self.path is None else tuple(self.path),
            assignable=self.assignable,
            tags=tuple(sorted(self.tags.items())),
        )
        return claim_inventory.Record(
            device, self.mac, self.present, self.quarantine
        )


@base.VersionedObjectRegistry.register
class NumaNode(pci_base.PciSchedObject):
    """One NUMA node of a host."""

    VERSION = "1.0"

    fields = {
        "node": fields.IntegerField(),
        "socket": fields.IntegerField(nullable=True),
    }

    @classmethod
    def from_model(cls, node: pci_host.NumaNode) -> "NumaNode":
        """Take a node of a host."""
        return cls(node=node.node, socket=node.socket)

    def to_model(self) -> pci_host.NumaNode:
        """Give the node of a host."""
        return pci_host.NumaNode(self.node, self.socket)


@base.VersionedObjectRegistry.register
class FaultDomains(pci_base.PciSchedObject):
    """What a PF, or a plain device, fails with."""

    VERSION = "1.0"

    fields = {
        "root": fields.StringField(),
        "pf": fields.StringField(nullable=True),
        "card": fields.StringField(nullable=True),
        "root_port": fields.StringField(nullable=True),
        "switch": fields.StringField(nullable=True),
    }

    @classmethod
    def from_model(
        cls, root: str, domains: pool_domains.FaultDomains
    ) -> "FaultDomains":
        """Take the fault domains of a root."""
        return cls(root=root, **domains._asdict())

    def to_model(self) -> pool_domains.FaultDomains:
        """Give the fault domains, without the root."""
        return pool_domains.FaultDomains(
            self.pf, self.card, self.root_port, self.switch
        )


@base.VersionedObjectRegistry.register
class HostInventory(pci_base.PciSchedObject):
    """The devices of one host, and where they sit.

    1.1 has the fault domains. A reader of 1.0 goes by addresses instead.
    """

    VERSION = "1.1"

    fields = {
        "devices": fields.ListOfObjectsField("PciSchedDevice"),
        "numa": fields.ListOfObjectsField("PciSchedNumaNode"),
        "domains": fields.ListOfObjectsField("PciSchedFaultDomains"),
    }
    since = {"domains": "1.1"}
    obj_relationships = {
        "devices": [("1.0", "1.0"), ("1.1", "1.0")],
        "numa": [("1.0", "1.0"), ("1.1", "1.0")],
        "domains": [("1.1", "1.0")],
    }

    @classmethod
    def from_model(
        cls, inventory: claim_inventory.Inventory
    ) -> "HostInventory":
        """Take an inventory, its devices sorted by address."""
        records = sorted(
            inventory.records.values(), key=lambda each: each.device.address
        )
        return cls(
            devices=[Device.from_model(each) for each in records],
            numa=[NumaNode.from_model(each) for each in inventory.numa],
            domains=[
                FaultDomains.from_model(root, domains)
                for root, domains in sorted(inventory.domains.items())
            ],
        )

    def to_model(self) -> claim_inventory.Inventory:
        """Give the inventory."""
        records = [each.to_model() for each in self.devices]
        domains = self.domains if self.obj_attr_is_set("domains") else []
        return claim_inventory.Inventory(
            records={each.device.address: each for each in records},
            domains={each.root: each.to_model() for each in domains},
            numa=tuple(each.to_model() for each in self.numa),
        )
