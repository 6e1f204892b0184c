# SPDX-License-Identifier: Apache-2.0
"""Between the values of the ledger and the rows of its tables."""

from collections.abc import Iterable, Mapping
import datetime
import enum
import json
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from pci_sched import exception
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import states
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import domains as pool_domains

_Word = TypeVar("_Word", bound=enum.Enum)

#: One row to write.
Row = dict[str, Any]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)

#: What is read of a device as it was written.
_PLAIN: Final = (
    "class_id",
    "vf_index",
    "sriov_numvfs",
    "card_serial_number",
    "assignable",
)

#: Without blanks, and made once.
_write_json = json.JSONEncoder(separators=(",", ":")).encode

#: The longest reason that a column of 255 characters takes.
_LONGEST = 255


def mode_of(is_whole: bool) -> str:
    """Write a mode."""
    return "whole" if is_whole else "split"


def to_us(moment: datetime.datetime) -> int:
    """Write a moment, as microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(moment: int) -> datetime.datetime:
    """Read a moment."""
    return _EPOCH + moment * _MICROSECOND


def write_record(record: claim_inventory.Record) -> Row:
    """Write a device; what no statement asks for goes into one text."""
    device = record.device
    facts = {
        **{name: getattr(device, name) for name in _PLAIN},
        "path": device.path,
        "tags": device.tags,
        "mac": record.mac,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return {
        "address": str(device.address),
        "root": str(device.root),
        "mode": mode_of(device.address == device.root),
        "dev_type": device.dev_type.value,
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "numa_node": device.numa_node,
        "facts": _write_json(known),
        "present": record.present,
        "quarantine": record.quarantine[:_LONGEST],
    }


def read_record(row: sa.Row[Any]) -> claim_inventory.Record:
    """Read a device; facts that only a newer library knows are left out."""
    facts: dict[str, Any] = json.loads(row.facts)
    tags = tuple((key, value) for key, value in facts.get("tags", ()))
    path = facts.get("path")
    address = pci_address.PciAddress.parse(row.address)
    root = pci_address.PciAddress.parse(row.root)
    device = pci_device.Device(
        address=address,
        dev_type=_word(pci_device.DevType, row.dev_type),
        vendor_id=row.vendor_id,
        product_id=row.product_id,
        parent_addr=None if root == address else root,
        numa_node=row.numa_node,
        path=None if path is None else tuple(path),
        tags=tags,
        **{name: facts[name] for name in _PLAIN if name in facts},
    )
    return claim_inventory.Record(
        device, facts.get("mac"), bool(row.present), row.quarantine
    )


def write_domains(domains: pool_domains.FaultDomains | None) -> str:
    """Write the fault domains of a root."""
    return json.dumps(domains or pool_domains.FaultDomains())


def read_domains(text: str) -> pool_domains.FaultDomains:
    """Read the fault domains of a root; a newer library may know more."""
    known = len(pool_domains.FaultDomains._fields)
    return pool_domains.FaultDomains(*json.loads(text)[:known])


def write_numa(numa: Iterable[pci_host.NumaNode]) -> str:
    """Write the NUMA nodes of a host."""
    return json.dumps([[each.node, each.socket] for each in numa])


def read_numa(text: str) -> tuple[pci_host.NumaNode, ...]:
    """Read the NUMA nodes of a host."""
    return tuple(pci_host.NumaNode(*each) for each in json.loads(text))


def write_claim(claim: pci_claim.Claim) -> Row:
    """Write a live claim, without its holdings."""
    expires_at = claim.expires_at
    return {
        "claim_id": claim.claim_id,
        "claim_key": claim.key,
        "instance_uuid": claim.instance_uuid,
        "migration": claim.migration,
        "is_moving": claim.is_moving,
        "state": claim.state.value,
        "created_at": to_us(claim.created_at),
        "expires_at": None if expires_at is None else to_us(expires_at),
    }


def read_claim(
    row: sa.Row[Any], holdings: Iterable[pci_claim.Holding]
) -> pci_claim.Claim:
    """Read a live claim.

    :param row: Of the claim.
    :param holdings: Its holdings, in any order.
    :returns: The claim.
    """
    return pci_claim.Claim(
        claim_id=row.claim_id,
        key=row.claim_key,
        instance_uuid=row.instance_uuid,
        migration=row.migration,
        is_moving=bool(row.is_moving),
        state=_word(states.ClaimState, row.state),
        holdings=tuple(sorted(holdings)),
        created_at=from_us(row.created_at),
        expires_at=(
            None if row.expires_at is None else from_us(row.expires_at)
        ),
    )


def write_holding(claim_id: str, holding: pci_claim.Holding) -> Row:
    """Write a holding."""
    return {
        "address": str(holding.address),
        "root": str(holding.root),
        "mode": mode_of(holding.is_whole),
        "claim_id": claim_id,
        "request_id": holding.request_id,
        "port_id": holding.port_id,
    }


def read_holding(row: sa.Row[Any]) -> pci_claim.Holding:
    """Read a holding."""
    return _holding([row.address, row.root, row.request_id, row.port_id])


def write_step(step: claim_change.Step) -> Row:
    """Write a line of the history."""
    return {
        "at": to_us(step.at),
        "act": step.act.value,
        "claim_id": step.claim_id,
        "instance_uuid": step.instance_uuid,
        "migration": step.migration,
        "state": step.state.value if step.state else "",
        "is_moving": step.is_moving,
        "holdings": _write_json(
            [
                [str(address), str(root), *rest]
                for address, root, *rest in step.holdings
            ]
        ),
        "actor": step.actor[:_LONGEST],
        "reason": step.reason,
    }


def read_step(row: sa.Row[Any]) -> claim_change.Step:
    """Read a line of the history."""
    return claim_change.Step(
        at=from_us(row.at),
        act=_word(states.Act, row.act),
        claim_id=row.claim_id,
        instance_uuid=row.instance_uuid,
        migration=row.migration,
        state=_word(states.ClaimState, row.state) if row.state else None,
        is_moving=bool(row.is_moving),
        holdings=tuple(_holding(each) for each in json.loads(row.holdings)),
        actor=row.actor,
        reason=row.reason,
    )


def _word(kind: type[_Word], text: str) -> _Word:
    """Read a word of ours; refuse one that only a newer library knows."""
    try:
        return kind(text)
    except ValueError:
        raise exception.SchemaUnfit(
            f"the ledger says {text!r}, and this library knows"
            f" {', '.join(str(each.value) for each in kind)}: use the"
            " pci_sched that wrote it"
        ) from None


def with_host(host_id: int, rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Say of each row which host's it is."""
    return [{"host_id": host_id, **row} for row in rows]


def _holding(fields: list[Any]) -> pci_claim.Holding:
    address, root, request_id, port_id = fields
    return pci_claim.Holding(
        pci_address.PciAddress.parse(address),
        pci_address.PciAddress.parse(root),
        request_id,
        port_id,
    )
