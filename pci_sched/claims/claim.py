# SPDX-License-Identifier: Apache-2.0
"""A claim: devices of one host that one instance holds."""

from collections.abc import Iterable
import dataclasses
import datetime
import hashlib
import json
from typing import NamedTuple
import uuid

from pci_sched.claims import states
from pci_sched.model import address as pci_address


@dataclasses.dataclass(frozen=True, slots=True)
class HostKey:
    """Which host, under its changing names.

    :ivar name: As Nova's ``compute_nodes.hypervisor_hostname``, 1 to 255
        characters; may change.
    :ivar node_uuid: As Nova's ``compute_nodes.uuid``; never changes.
    """

    name: str
    node_uuid: str

    @classmethod
    def named(cls, name: str) -> "HostKey":
        """Make a key of a name alone, for hosts that are no Nova computes.

        :param name: Which then must never change.
        :returns: The same for the same name.
        """
        return cls(name, str(uuid.uuid5(uuid.NAMESPACE_DNS, name)))


class Holding(NamedTuple):
    """One device that is held.

    :ivar root: Its PF, or its own address.
    :ivar request_id: Of the request that it serves.
    :ivar port_id: Of the port that it is for, if it is for one.
    """

    address: pci_address.PciAddress
    root: pci_address.PciAddress
    request_id: str
    port_id: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the device is held as a whole, and not a part of a PF."""
        return self.address == self.root


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The devices that one instance holds, or held, by one request.

    :ivar claim_id: A UUID.
    :ivar key: The same for the same instance, migration and requests; one
        host never has two live claims of one key.
    :ivar migration: The move that brought the instance here; "" for none.
    :ivar is_moving: Whether that move has still to be finished or reverted.
    :ivar holdings: Sorted by address.
    :ivar expires_at: When the claim ends by itself, if nobody confirms it.
    """

    claim_id: str
    key: str
    instance_uuid: str
    migration: str = ""
    is_moving: bool = False
    state: states.ClaimState = states.ClaimState.CLAIMED
    holdings: tuple[Holding, ...] = ()
    created_at: datetime.datetime
    expires_at: datetime.datetime | None = None

    @property
    def addresses(self) -> tuple[pci_address.PciAddress, ...]:
        """The devices, sorted."""
        return tuple(holding.address for holding in self.holdings)

    def is_expired(self, now: datetime.datetime) -> bool:
        """Tell whether the claim should end, nobody having confirmed it.

        :param now: With a time zone.
        :returns: Whether its time is over.
        """
        return (
            self.state is states.ClaimState.CLAIMED
            and self.expires_at is not None
            and self.expires_at <= now
        )


def key_of(
    instance_uuid: str, migration: str, request_ids: Iterable[str]
) -> str:
    """Make the key by which a claim that is asked for again is known.

    :param instance_uuid: Of the instance.
    :param migration: "" for none.
    :param request_ids: In any order.
    :returns: 64 hex digits.
    """
    parts = json.dumps([instance_uuid, migration, sorted(request_ids)])
    return hashlib.sha256(parts.encode()).hexdigest()
