# SPDX-License-Identifier: Apache-2.0
"""Which devices a new claim takes."""

import dataclasses
import datetime
import functools
import uuid

from pci_sched import exception
from pci_sched.claims import acts, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.matching import explain, matcher, refusal_code
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

#: How much further a search goes than in a scheduler, which may accept what
#: it does not know.
PATIENCE = 100

#: The longest ids that a database keeps whole.
_LONGEST_ID = 36
_LONGEST_REQUEST_ID = 255


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What somebody wants to claim.

    :ivar act: Claim or attach.
    """

    act: states.Act
    instance_uuid: str
    request: pci_request.InstanceRequest
    migration: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be found again.

        :raises exception.RequestInvalid: If an id is too long, or missing, or
            two requests have the same.
        """
        _refuse_length("instance", self.instance_uuid, 1, _LONGEST_ID)
        _refuse_length("migration", self.migration, 0, _LONGEST_ID)
        for each in self.request.devices:
            name, port = each.request_id, each.port_id or ""
            _refuse_length("request", name, 0, _LONGEST_REQUEST_ID)
            _refuse_length("port", port, 0, _LONGEST_ID)
        ids = [each.request_id for each in self.request.devices]
        if len(set(ids)) < len(ids):
            raise exception.RequestInvalid(
                f"request id {max(ids, key=ids.count)!r} is given twice"
            )

    @functools.cached_property
    def key(self) -> str:
        """The key of the claim."""
        return pci_claim.key_of(
            self.instance_uuid,
            self.migration,
            [each.request_id for each in self.request.devices],
        )


def _refuse_length(what: str, name: str, least: int, most: int) -> None:
    """Refuse an id that no database would keep whole."""
    if not least <= len(name) <= most:
        raise exception.RequestInvalid(
            f"{what} {name!r}: an id has {least} to {most} characters"
        )


def choose(
    snapshot: claim_snapshot.Snapshot,
    *,
    wanted: Wanted,
    options: pci_options.Options,
    cause: acts.Cause,
    expires_at: datetime.datetime | None = None,
) -> claim_change.Change | None:
    """Choose devices of what is free now.

    :param snapshot: The ledger now.
    :param wanted: What is wanted.
    :param options: How to choose.
    :param cause: Who and why.
    :param expires_at: When the claim ends if nobody confirms it.
    :returns: The change; ``None`` if the claim is there already.
    :raises exception.ClaimRefused: If the host cannot serve it.
    """
    late = expired(snapshot, cause.at)
    before = snapshot.claim_of_key(wanted.key)
    if before is not None and before not in late:
        _refuse_another(before, wanted.request)
        return None
    supply = _supply_without(snapshot, late).supply()
    found = _match(supply, wanted.request, options)
    if isinstance(found, pci_refusal.Refusal):
        raise exception.ClaimRefused(
            snapshot.host.name, found, explain.explain(found)
        )
    claim = pci_claim.Claim(
        claim_id=str(uuid.uuid4()),
        key=wanted.key,
        instance_uuid=wanted.instance_uuid,
        migration=wanted.migration,
        is_moving=bool(wanted.migration),
        holdings=_holdings(snapshot, found, wanted.request),
        created_at=cause.at,
        expires_at=expires_at,
    )
    return acts.open_claim(snapshot, claim, wanted.act, cause, late)


def expired(
    snapshot: claim_snapshot.Snapshot, now: datetime.datetime
) -> tuple[pci_claim.Claim, ...]:
    """List the claims that nobody confirmed in time.

    :param snapshot: The ledger now.
    :param now: With a time zone.
    :returns: The live claims that should not be.
    """
    return tuple(
        claim for claim in snapshot.claims.values() if claim.is_expired(now)
    )


def _match(
    supply: pool_supply.Supply,
    request: pci_request.InstanceRequest,
    options: pci_options.Options,
) -> pci_plan.Plan | pci_refusal.Refusal:
    found = matcher.match(supply, request, options)
    limit = refusal_code.RefusalCode.SEARCH_LIMIT
    if isinstance(found, pci_refusal.Refusal) and found.code is limit:
        patient = dataclasses.replace(
            options, node_budget=options.node_budget * PATIENCE
        )
        found = matcher.match(supply, request, patient)
    return found


def _supply_without(
    snapshot: claim_snapshot.Snapshot, claims: tuple[pci_claim.Claim, ...]
) -> claim_snapshot.Snapshot:
    """Look at a ledger as it is once some claims have ended."""
    if not claims:
        return snapshot
    return snapshot.after(claim_change.Change(ended=claims))


def _holdings(
    snapshot: claim_snapshot.Snapshot,
    plan: pci_plan.Plan,
    request: pci_request.InstanceRequest,
) -> tuple[pci_claim.Holding, ...]:
    ports = {each.request_id: each.port_id for each in request.devices}
    records = snapshot.inventory.records
    return tuple(
        sorted(
            pci_claim.Holding(
                address,
                records[address].device.root,
                serving.request_id,
                ports[serving.request_id],
            )
            for serving in plan.servings
            for address in serving.addresses or ()
        )
    )


def _refuse_another(
    claim: pci_claim.Claim, request: pci_request.InstanceRequest
) -> None:
    """Refuse to take a claim for what asks for other numbers of devices."""
    wanted = {each.request_id: each.count for each in request.devices}
    for request_id, count in wanted.items():
        has = sum(each.request_id == request_id for each in claim.holdings)
        if has != count:
            raise exception.ClaimConflict(
                claim.claim_id,
                f"it has {has} devices for request {request_id}, which now"
                f" asks for {count}; abort or release it first",
            )
