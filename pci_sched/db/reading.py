# SPDX-License-Identifier: Apache-2.0
"""Reading a host's ledger out of the database."""

import dataclasses
from typing import Any, NamedTuple

import sqlalchemy as sa

from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import inventory as claim_inventory
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.db import rows, tables
from pci_sched.model import address as pci_address


class Stand(NamedTuple):
    """Where a host's ledger stands, in one row.

    :ivar inventory_generation: The one at which the inventory last changed.
    :ivar tracker: Who changed the ledger last, of those that track the host.
    """

    host_id: int
    name: str
    generation: int
    inventory_generation: int
    tracker: str
    numa: str


class Known(NamedTuple):
    """A ledger as it was read, and where it stood then."""

    stand: Stand
    snapshot: claim_snapshot.Snapshot


_STAND = sa.select(*(tables.HOSTS.c[name] for name in Stand._fields)).where(
    tables.HOSTS.c.node_uuid == sa.bindparam("node_uuid")
)


#: SQLite knows no such lock; there who may write has locked all.
_STAND_LOCKED = _STAND.with_for_update()


def _of_host(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).where(
        table.c.host_id == sa.bindparam("host_id", type_=sa.Integer)
    )


_ROOTS, _DEVICES, _CLAIMS, _HOLDINGS = map(
    _of_host, (tables.ROOTS, tables.DEVICES, tables.CLAIMS, tables.HOLDINGS)
)


def stand(
    connection: sa.Connection, node_uuid: str, *, locks: bool = False
) -> Stand | None:
    """Read where a ledger stands; one row.

    :param connection: Open.
    :param node_uuid: Of the host.
    :param locks: Whether nobody else may change the ledger until the
        transaction ends, in which nothing was read yet.
    :returns: ``None`` for a host that is not known.
    """
    query = _STAND_LOCKED if locks else _STAND
    row = connection.execute(query, {"node_uuid": node_uuid}).one_or_none()
    return None if row is None else Stand(*row)


def snapshot(
    connection: sa.Connection,
    host: pci_claim.HostKey,
    now: Stand,
    before: Known | None,
) -> claim_snapshot.Snapshot:
    """Read a ledger, but not the inventory if that is known already.

    The stand is read before all else: whatever is changed after it makes
    the writing fail.

    :param connection: Open.
    :param host: Of the ledger.
    :param now: Where it stands.
    :param before: What was read earlier, if anything was.
    :returns: The ledger.
    """
    bound = {"host_id": now.host_id}
    inventory, modes = None, {}
    for row in connection.execute(_ROOTS, bound):
        modes[row.root] = (row.mode == "whole", row.domains)
    if (
        before
        and before.stand.inventory_generation == now.inventory_generation
    ):
        inventory = before.snapshot.inventory
    else:
        inventory = _inventory(connection, now, modes)
    return claim_snapshot.Snapshot(
        host=host,
        generation=now.generation,
        inventory=inventory,
        whole_roots={
            pci_address.PciAddress.parse(root): is_whole
            for root, (is_whole, _) in modes.items()
        },
        claims=_claims(connection, bound),
    )


def history(
    connection: sa.Connection,
    host_id: int,
    wanted: dict[str, str],
    last: int | None,
) -> tuple[claim_change.Step, ...]:
    """Read the history of a host, the oldest step first.

    :param connection: Open.
    :param host_id: Of the host.
    :param wanted: What columns have to be.
    :param last: Only so many of the newest.
    :returns: The steps.
    """
    columns = tables.HISTORY.c
    query = sa.select(tables.HISTORY).where(
        columns.host_id == host_id,
        *(columns[name] == value for name, value in wanted.items()),
    )
    newest_first = query.order_by(
        columns.generation.desc(), columns.number.desc()
    )
    if last is not None:
        newest_first = newest_first.limit(last)
    found = connection.execute(newest_first).all()
    return tuple(rows.read_step(row) for row in reversed(found))


def _inventory(
    connection: sa.Connection,
    now: Stand,
    modes: dict[str, tuple[bool, str]],
) -> claim_inventory.Inventory:
    records = [
        rows.read_record(row)
        for row in connection.execute(_DEVICES, {"host_id": now.host_id})
    ]
    found = claim_inventory.Inventory(
        records={each.device.address: each for each in records},
        numa=rows.read_numa(now.numa),
    )
    domains = {
        str(root): rows.read_domains(modes[str(root)][1])
        for root in found.roots
    }
    return dataclasses.replace(found, domains=domains)


def _claims(
    connection: sa.Connection, bound: dict[str, int]
) -> dict[str, pci_claim.Claim]:
    found = connection.execute(_CLAIMS, bound).all()
    held: dict[str, list[pci_claim.Holding]] = {}
    for row in connection.execute(_HOLDINGS, bound):
        held.setdefault(row.claim_id, []).append(rows.read_holding(row))
    return {
        row.claim_id: rows.read_claim(row, held.get(row.claim_id, ()))
        for row in found
    }
