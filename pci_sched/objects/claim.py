# SPDX-License-Identifier: Apache-2.0
"""Claims, as they leave the process."""

from oslo_versionedobjects import base, fields

from pci_sched.claims import claim as pci_claim
from pci_sched.claims import states
from pci_sched.model import address as pci_address
from pci_sched.objects import base as pci_base
from pci_sched.objects import fields as pci_fields

_STATES = tuple(each.value for each in states.ClaimState)


@base.VersionedObjectRegistry.register
class Holding(pci_base.PciSchedObject):
    """One device that is held."""

    VERSION = "1.0"

    fields = {
        "address": pci_fields.AddressField(),
        "root": pci_fields.AddressField(),
        "request_id": fields.StringField(),
        "port_id": fields.StringField(nullable=True),
    }

    @classmethod
    def from_model(cls, holding: pci_claim.Holding) -> "Holding":
        """Take a holding of a claim."""
        return cls(
            address=str(holding.address),
            root=str(holding.root),
            request_id=holding.request_id,
            port_id=holding.port_id,
        )

    def to_model(self) -> pci_claim.Holding:
        """Give the holding of a claim."""
        return pci_claim.Holding(
            pci_address.PciAddress.parse(self.address),
            pci_address.PciAddress.parse(self.root),
            self.request_id,
            self.port_id,
        )


@base.VersionedObjectRegistry.register
class Claim(pci_base.PciSchedObject):
    """The devices that one instance holds by one request.

    1.1 has the time at which the claim ends by itself. For a reader of 1.0 it
    never does.
    """

    VERSION = "1.1"

    fields = {
        "claim_id": fields.StringField(),
        "key": fields.StringField(),
        "instance_uuid": fields.StringField(),
        "migration": fields.StringField(),
        "is_moving": fields.BooleanField(),
        "state": fields.EnumField(_STATES),
        "holdings": fields.ListOfObjectsField("PciSchedHolding"),
        "created_at": pci_fields.MomentField(),
        "expires_at": pci_fields.MomentField(nullable=True),
    }
    since = {"expires_at": "1.1"}
    obj_relationships = {"holdings": [("1.0", "1.0"), ("1.1", "1.0")]}

    @classmethod
    def from_model(cls, claim: pci_claim.Claim) -> "Claim":
        """Take a claim."""
        return cls(
            claim_id=claim.claim_id,
            key=claim.key,
            instance_uuid=claim.instance_uuid,
            migration=claim.migration,
            is_moving=claim.is_moving,
            state=claim.state.value,
            holdings=[Holding.from_model(each) for each in claim.holdings],
            created_at=claim.created_at,
            expires_at=claim.expires_at,
        )

    def to_model(self) -> pci_claim.Claim:
        """Give the claim."""
        may_expire = self.obj_attr_is_set("expires_at")
        return pci_claim.Claim(
            claim_id=self.claim_id,
            key=self.key,
            instance_uuid=self.instance_uuid,
            migration=self.migration,
            is_moving=self.is_moving,
            state=states.ClaimState(self.state),
            holdings=tuple(sorted(each.to_model() for each in self.holdings)),
            created_at=self.created_at,
            expires_at=self.expires_at if may_expire else None,
        )
