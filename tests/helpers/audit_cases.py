# SPDX-License-Identifier: Apache-2.0
"""Ledgers and truths for tests of the audit and the repair."""

from collections.abc import Iterable, Mapping
import dataclasses
import datetime

from hypothesis import strategies as st

import ledger_cases
from pci_sched.claims import acts, states
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import sync as claim_sync
from pci_sched.claims import truths as claim_truths
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

Address = pci_address.PciAddress

NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
READ_AT = NOW - datetime.timedelta(minutes=5)
LONG_AGO = NOW - datetime.timedelta(days=1)

CAUSE = acts.Cause(NOW, "test")

HOST = ledger_cases.host(pfs=2, vfs=3)
KEY = pci_claim.HostKey.named("compute1")

#: The addresses of that host: two PFs, each with three VFs.
PF, VF1, VF2, VF3, PF_B, VF_B1, VF_B2, VF_B3 = (
    device.address for device in HOST.devices
)

INSTANCES = tuple(f"{letter * 8}-0000" for letter in "abcd")
A, B, C, D = INSTANCES


def truths(
    *,
    hardware: pci_host.Host | None = None,
    nova: Mapping[Address, str] | None = None,
    nova_instances: Iterable[str] | None = None,
    hypervisor: Mapping[str, Iterable[Address] | None] | None = None,
    read_at: datetime.datetime = READ_AT,
    grace: datetime.timedelta = claim_truths.GRACE,
) -> claim_truths.Truths:
    """Make truths; *nova* gives each device's holder, "" for none."""
    return claim_truths.Truths(
        read_at=read_at,
        grace=grace,
        hardware=hardware,
        nova=None if nova is None else tuple(rows(nova)),
        nova_instances=(
            None if nova_instances is None else frozenset(nova_instances)
        ),
        hypervisor=None
        if hypervisor is None
        else {
            instance: None if held is None else frozenset(held)
            for instance, held in hypervisor.items()
        },
    )


def rows(
    holders: Mapping[Address, str],
) -> Iterable[claim_truths.NovaDevice]:
    """Make Nova's records."""
    for address, holder in holders.items():
        status = pci_device.DeviceStatus.AVAILABLE
        if holder:
            status = pci_device.DeviceStatus.ALLOCATED
        root = root_of(address)
        yield claim_truths.NovaDevice(
            address=address,
            status=status,
            instance_uuid=holder,
            parent_addr=None if root == address else root,
        )


def ledger(
    *claims: pci_claim.Claim, host: pci_host.Host = HOST
) -> claim_snapshot.Snapshot:
    """Make a ledger with some claims in it."""
    empty = claim_snapshot.Snapshot(KEY)
    _drifts, change = claim_sync.compare(empty, host, CAUSE)
    assert change is not None
    found = empty.after(change)
    for claim in claims:
        found = apply(
            found,
            acts.open_claim(found, claim, states.Act.CLAIM, CAUSE),
        )
    return found


def claim(
    instance: str,
    *addresses: Address,
    state: states.ClaimState = states.ClaimState.ALLOCATED,
    created_at: datetime.datetime = LONG_AGO,
    expires_at: datetime.datetime | None = None,
    number: int = 0,
    port_id: str | None = None,
) -> pci_claim.Claim:
    """Make a claim of some devices of that host."""
    holdings = tuple(
        pci_claim.Holding(each, root_of(each), "request", port_id)
        for each in sorted(addresses)
    )
    return pci_claim.Claim(
        claim_id=f"claim-{instance[:1]}{number}",
        key=pci_claim.key_of(instance, "", [f"request-{number}"]),
        instance_uuid=instance,
        state=state,
        holdings=holdings,
        created_at=created_at,
        expires_at=expires_at,
    )


def root_of(address: Address) -> Address:
    """Tell the PF of a device of that host."""
    return PF if address.bus == PF.bus else PF_B


def with_device(
    host: pci_host.Host, address: Address, **changes: object
) -> pci_host.Host:
    """Change one device of a host."""
    return dataclasses.replace(
        host,
        devices=tuple(
            dataclasses.replace(each, **changes)  # type: ignore[arg-type]
            if each.address == address
            else each
            for each in host.devices
        ),
    )


def with_quarantine(
    snapshot: claim_snapshot.Snapshot, *addresses: Address
) -> claim_snapshot.Snapshot:
    """Put devices of a ledger into quarantine."""
    records = snapshot.inventory.records
    return dataclasses.replace(
        snapshot,
        inventory=snapshot.inventory.with_records(
            dataclasses.replace(records[each], quarantine="broken")
            for each in addresses
        ),
    )


def apply(
    snapshot: claim_snapshot.Snapshot, change: claim_change.Change
) -> claim_snapshot.Snapshot:
    """Write a change as a database does that keeps its promises."""
    held = {
        address: claim.claim_id for address, claim in snapshot.held.items()
    }
    for holding in change.freed:
        assert held.pop(holding.address)
    ended = {each.claim_id for each in change.ended}
    assert ended <= snapshot.claims.keys()
    after = snapshot.after(change)
    assert change.gone == tuple(sorted(change.gone))
    assert {*change.gone} <= snapshot.inventory.records.keys()
    for claim_id, holding in change.held:
        assert holding.address not in held
        record = after.inventory.records[holding.address]
        assert not record.quarantine
        assert record.device.root == holding.root
        held[holding.address] = claim_id
    assert held == {
        address: claim.claim_id for address, claim in after.held.items()
    }
    assert len(held) == sum(
        len(claim.holdings) for claim in after.claims.values()
    )
    for one in after.claims.values():
        assert one.holdings
        for holding in one.holdings:
            assert after.whole_roots[holding.root] is holding.is_whole
            assert holding.address in after.inventory.records
    for root, is_whole in change.modes:
        assert snapshot.whole_roots.get(root) is not is_whole
    keys = [each.key for each in after.claims.values()]
    assert len(keys) == len(set(keys))
    assert change.steps
    return after


def available(snapshot: claim_snapshot.Snapshot) -> frozenset[Address]:
    """List what a claim could take."""
    return frozenset(
        address
        for pool in snapshot.supply().pools
        for address in pool.addresses or ()
    )


_TIMES = (LONG_AGO, READ_AT - datetime.timedelta(minutes=10), NOW)


@st.composite
def _claims(draw: st.DrawFn) -> tuple[pci_claim.Claim, ...]:
    """Draw claims that a ledger may hold together."""
    owners: dict[tuple[str, int], list[Address]] = {}
    for pf, *vfs in ((PF, VF1, VF2, VF3), (PF_B, VF_B1, VF_B2, VF_B3)):
        devices = draw(st.sampled_from(([], [pf], vfs, vfs, vfs)))
        for address in devices:
            owner = draw(st.sampled_from((None, *INSTANCES[:3])))
            if owner:
                number = draw(st.integers(0, 1))
                owners.setdefault((owner, number), []).append(address)
    return tuple(
        claim(
            instance,
            *addresses,
            number=number,
            state=draw(
                st.sampled_from(
                    (states.ClaimState.CLAIMED, states.ClaimState.ALLOCATED)
                )
            ),
            created_at=draw(st.sampled_from(_TIMES)),
            expires_at=draw(st.sampled_from((None, READ_AT))),
        )
        for (instance, number), addresses in owners.items()
    )


@st.composite
def ledgers(draw: st.DrawFn) -> claim_snapshot.Snapshot:
    """Draw ledgers of that host, some devices unknown or in quarantine."""
    claims = draw(_claims())
    held = {each for one in claims for each in one.addresses}
    free = [each.address for each in HOST.devices if each.address not in held]
    unknown = draw(st.sets(st.sampled_from(free))) if free else set()
    found = ledger(*claims, host=ledger_cases.without(HOST, *unknown))
    known = sorted(found.inventory.records)
    bad = draw(st.sets(st.sampled_from(known), max_size=2)) if known else ()
    return with_quarantine(found, *bad)


@st.composite
def _hardware(draw: st.DrawFn) -> pci_host.Host | None:
    """Draw what the hardware may have become."""
    if draw(st.booleans()):
        return None
    addresses = [each.address for each in HOST.devices]
    some = st.sets(st.sampled_from(addresses), max_size=2)
    host = ledger_cases.without(HOST, *draw(some))
    for address in draw(some):
        host = with_device(host, address, product_id="ffff")
    if draw(st.booleans()):
        host = with_device(host, PF, sriov_numvfs=2)
    if draw(st.booleans()):
        host = dataclasses.replace(
            host,
            devices=tuple(
                dataclasses.replace(each, assignable=None, tags=())
                for each in host.devices
            ),
        )
    return host


@st.composite
def _holders(
    draw: st.DrawFn, snapshot: claim_snapshot.Snapshot
) -> dict[Address, str]:
    """Draw who has each device, mostly as the ledger says."""
    found = {}
    for device in HOST.devices:
        owner = snapshot.held.get(device.address)
        same = owner.instance_uuid if owner else ""
        found[device.address] = draw(
            st.sampled_from((same, same, same, "", *INSTANCES))
        )
    return found


@st.composite
def all_truths(
    draw: st.DrawFn, snapshot: claim_snapshot.Snapshot
) -> claim_truths.Truths:
    """Draw what others may say of a ledger."""
    nova = draw(_holders(snapshot)) if draw(st.booleans()) else None
    if nova is not None:
        some = draw(st.sets(st.sampled_from(sorted(nova)), max_size=2))
        nova = {each: nova[each] for each in nova if each not in some}
    hypervisor: dict[str, set[Address] | None] | None = None
    if draw(st.booleans()):
        hypervisor = {
            each: set() if draw(st.booleans()) else None
            for each in draw(st.sets(st.sampled_from(INSTANCES)))
        }
        for address, holder in draw(_holders(snapshot)).items():
            given = hypervisor.get(holder)
            if given is not None:
                given.add(address)
    instances = st.none() | st.sets(st.sampled_from(INSTANCES))
    return truths(
        hardware=draw(_hardware()),
        nova=nova,
        nova_instances=draw(instances),
        hypervisor=hypervisor,
    )


def cases_of(
    snapshot: claim_snapshot.Snapshot,
) -> st.SearchStrategy[tuple[claim_snapshot.Snapshot, claim_truths.Truths]]:
    """Draw truths for a ledger."""
    return st.tuples(st.just(snapshot), all_truths(snapshot))
