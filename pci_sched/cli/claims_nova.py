# SPDX-License-Identifier: Apache-2.0
"""Nova's records as one of the truths, and judged by themselves."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, NamedTuple

from cliff import app as cliff_app

from pci_sched import exception
from pci_sched.claims import audit_nova, finding
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.claims import truths as claim_truths
from pci_sched.cli import claims_truths, ledger_source, nova_records, source
from pci_sched.model import nova_record

if TYPE_CHECKING:
    # Slow to import, and not needed without a ledger.
    from pci_sched.db import store as db_store

#: The column before all others.
COLUMN = "host"

#: Seconds until what was found is looked for again: nova-compute writes its
#: pools, its rows and its instances one after the other.
PAUSE_S = 3.0

_Computes = Sequence[nova_record.Compute]
_Findings = tuple[finding.Finding, ...]

#: What tells compute nodes apart.
_Key = tuple[str, str, str]
_Found = Mapping[_Key, _Findings]
_Ledgers = Mapping[_Key, pci_claim.HostKey]


class Judged(NamedTuple):
    """The hosts of an audit.

    :ivar found: Each finding with the name of its host.
    :ivar said: What was compared with what, for a person.
    """

    found: tuple[tuple[str, finding.Finding], ...]
    said: tuple[str, ...]


def add(
    truths: claim_truths.Truths, compute: nova_record.Compute
) -> claim_truths.Truths:
    """Add Nova's records to what others say of a host.

    :param truths: What others say.
    :param compute: The records of the host.
    :returns: Both.
    """
    return dataclasses.replace(
        truths,
        read_at=min(truths.read_at, compute.read_at),
        nova=tuple(
            claim_truths.NovaDevice(
                address=row.address,
                status=row.device.status,
                instance_uuid=row.device.instance_uuid or "",
                parent_addr=row.device.parent_addr,
                request_id=row.request_id,
            )
            for row in compute.devices
            if row.device.status is not None
        ),
        nova_instances=compute.known,
    )


def find(
    parsed_args: argparse.Namespace,
    app: cliff_app.App,
    host: pci_claim.HostKey,
) -> nova_record.Compute:
    """Find Nova's records of the host of a ledger.

    :param parsed_args: The options.
    :param app: The application.
    :param host: The host.
    :returns: The records.
    :raises exception.InputInvalid: If it is not exactly one node of Nova's.
    """
    places = nova_records.urls(parsed_args, app)
    for wanted in (host.node_uuid, host.name):
        found = nova_records.search(places, wanted)
        if len(found) == 1:
            return found[0]
        if found:
            break
    raise exception.InputInvalid(
        f"--nova-db: Nova has {len(found) or 'no'} compute nodes of the name"
        f" of the ledger's host {host.name}"
    )


def audit(parsed_args: argparse.Namespace, app: cliff_app.App) -> Judged:
    """Judge Nova's records of hosts, and the ledgers of those that have any.

    :param parsed_args: The options of ``claims audit``.
    :param app: The application.
    :returns: What was found.
    :raises exception.PciSchedException: If it could not be judged.
    """
    computes, own = _judge_twice(parsed_args, app)
    said: list[str] = []
    found: list[tuple[str, finding.Finding]] = []
    names = nova_records.names(computes)
    with _ledger(parsed_args, app) as store:
        ledgers = _pair(computes, store.hosts() if store else ())
        _check(parsed_args, ledgers)
        for compute, name in zip(computes, names, strict=True):
            said += [f"{name}: {note}" for note in compute.notes]
            each = own[_key(compute)]
            key = ledgers.get(_key(compute))
            if store is not None and key is not None:
                read = claims_truths.read(parsed_args, store, key, app.stderr)
                truths = add(read, compute)
                if len(ledgers) == 1:
                    said.append(claims_truths.describe(truths))
                tracker = claim_tracker.ClaimTracker(store, key)
                each = _merge(tracker.audit(truths), each)
            found += [(name, one) for one in each]
    return Judged(tuple(found), (_say(computes, ledgers), *said))


def _judge_twice(
    parsed_args: argparse.Namespace, app: cliff_app.App
) -> tuple[_Computes, _Found]:
    """Judge Nova's records, and believe what is found a second time."""
    places = nova_records.urls(parsed_args, app)
    computes = nova_records.read(places, parsed_args.host)
    found = _judge(computes, parsed_args)
    if any(found.values()):
        time.sleep(PAUSE_S)
        computes = nova_records.read(places, parsed_args.host)
        found = {
            key: audit_nova.steady(found.get(key, ()), now)
            for key, now in _judge(computes, parsed_args).items()
        }
    return computes, found


def _key(compute: nova_record.Compute) -> _Key:
    return compute.uuid, compute.host, compute.node


def _judge(computes: _Computes, parsed_args: argparse.Namespace) -> _Found:
    return {
        _key(each): audit_nova.audit(each, parsed_args.grace)
        for each in computes
    }


def _merge(ledger: _Findings, own: _Findings) -> _Findings:
    """Put the findings together; both sides know some of them."""
    known = {each.key for each in ledger}
    more = [each for each in own if each.key not in known]
    return tuple(sorted((*ledger, *more), key=lambda each: each.rank))


@contextlib.contextmanager
def _ledger(
    parsed_args: argparse.Namespace, app: cliff_app.App
) -> Iterator["db_store.SqlClaimStore | None"]:
    """Open the ledger, if there is one."""
    if parsed_args.db is None:
        path = ledger_source.find(parsed_args, app).path
        if path is not None and not source.is_there(path):
            yield None
            return
    store = ledger_source.open_store(parsed_args, app)
    try:
        yield store
    finally:
        store.close()


def _pair(computes: _Computes, hosts: Sequence[pci_claim.HostKey]) -> _Ledgers:
    """Find the ledger of each compute node that has one."""
    pairs = ((_key(each), _match(hosts, each)) for each in computes)
    return {key: host for key, host in pairs if host is not None}


def _match(
    hosts: Sequence[pci_claim.HostKey], compute: nova_record.Compute
) -> pci_claim.HostKey | None:
    exact = [each for each in hosts if each.node_uuid == compute.uuid]
    named = [each for each in hosts if each.name == compute.node] or [
        each for each in hosts if each.name == compute.host
    ]
    found = exact or named
    return found[0] if len(found) == 1 else None


def _check(parsed_args: argparse.Namespace, ledgers: _Ledgers) -> None:
    """Refuse to hold what is of one host against several, or none."""
    given = claims_truths.of_one_host(parsed_args)
    if given and not ledgers:
        raise exception.InputInvalid(
            f"{given} is held against a ledger, and there is none of a host"
            " that Nova has; name it by --db"
        )
    if given and len(ledgers) > 1:
        names = [key.name for key in ledgers.values()]
        raise exception.InputInvalid(
            f"{given} is of one host; choose it by --host:"
            f" {nova_records.list_names(names)}"
        )


def _say(computes: _Computes, ledgers: _Ledgers) -> str:
    number = len(computes)
    hosts = "1 compute node" if number == 1 else f"{number} compute nodes"
    line = f"Nova's records of {hosts} were held against each other"
    if not ledgers:
        return f"{line}; there is no ledger of them here (--db)"
    return f"{line}, and {len(ledgers)} with a ledger"
