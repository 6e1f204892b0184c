# SPDX-License-Identifier: Apache-2.0
"""The ledger of a host, as it leaves the process."""

from oslo_versionedobjects import base, fields

from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.model import address as pci_address
from pci_sched.objects import base as pci_base
from pci_sched.objects import claim as object_claim
from pci_sched.objects import fields as pci_fields
from pci_sched.objects import inventory as object_inventory
from pci_sched.objects import pool as object_pool

#: The modes of a root.
_WHOLE, _SPLIT = "whole", "split"


@base.VersionedObjectRegistry.register
class HostLedger(pci_base.PciSchedObject):
    """All that the ledger of a host says at one generation.

    1.1 has the inventory and the claims of 1.1.
    """

    VERSION = "1.1"

    fields = {
        "host": fields.StringField(),
        "node_uuid": fields.StringField(),
        "generation": fields.NonNegativeIntegerField(),
        "inventory": fields.ObjectField("PciSchedHostInventory"),
        "modes": pci_fields.ModesField(),
        "claims": fields.ListOfObjectsField("PciSchedClaim"),
        "pools": fields.ListOfObjectsField("PciSchedPool"),
    }
    obj_relationships = {
        "inventory": [("1.0", "1.0"), ("1.1", "1.1")],
        "claims": [("1.0", "1.0"), ("1.1", "1.1")],
        "pools": [("1.0", "1.0"), ("1.1", "1.0")],
    }

    @classmethod
    def from_model(cls, snapshot: claim_snapshot.Snapshot) -> "HostLedger":
        """Take a ledger; whoever else tracks the host is left out."""
        claims = sorted(
            snapshot.claims.values(), key=lambda each: each.claim_id
        )
        return cls(
            host=snapshot.host.name,
            node_uuid=snapshot.host.node_uuid,
            generation=snapshot.generation,
            inventory=object_inventory.HostInventory.from_model(
                snapshot.inventory
            ),
            modes={
                str(root): _WHOLE if is_whole else _SPLIT
                for root, is_whole in sorted(snapshot.whole_roots.items())
            },
            claims=[object_claim.Claim.from_model(each) for each in claims],
            pools=list(object_pool.of_snapshot(snapshot)),
        )

    def to_model(self) -> claim_snapshot.Snapshot:
        """Give the ledger; the pools follow from the rest."""
        claims = [each.to_model() for each in self.claims]
        return claim_snapshot.Snapshot(
            host=pci_claim.HostKey(self.host, self.node_uuid),
            generation=self.generation,
            inventory=self.inventory.to_model(),
            whole_roots={
                pci_address.PciAddress.parse(root): mode == _WHOLE
                for root, mode in self.modes.items()
            },
            claims={each.claim_id: each for each in claims},
        )
