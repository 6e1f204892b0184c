# SPDX-License-Identifier: Apache-2.0
"""Forgetting claims that ended long ago.

A claim is forgotten with all of its history or not at all, so that what is
left still plays to the present state. The schema refuses to lose the history
of a live claim, and any that is younger than what a host was told to forget.
"""

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from pci_sched.db import reading, tables

#: How many claims go in one transaction: nobody has to wait long for it.
_BATCH = 500

#: Where to begin. Lines of devices, and of moves that brought nothing, have
#: this instead of a claim.
FIRST: Final = ""


class Limits(NamedTuple):
    """Which history may go.

    :ivar node_uuid: Of this host.
    :ivar before_us: If the last line of a claim is older than that, in
        microseconds since 1970 UTC.
    """

    node_uuid: str
    before_us: int


class Purged(NamedTuple):
    """What was forgotten.

    :ivar claims: How many claims.
    :ivar lines: How many lines of the history, those of no claim included.
    """

    claims: int
    lines: int


def count(connection: sa.Connection, limits: Limits) -> Purged:
    """Count what there is to forget.

    :param connection: In a transaction.
    :param limits: Which history may go.
    :returns: The counts.
    """
    now = reading.stand(connection, limits.node_uuid)
    if now is None:
        return Purged(0, 0)
    ended = _ended(now.host_id, limits).subquery()
    total = sa.func.coalesce(sa.func.sum(ended.c.lines), 0)
    claims, lines = connection.execute(
        sa.select(sa.func.count(), total).select_from(ended)
    ).one()
    of_none = sa.select(sa.func.count()).where(
        *_of_no_claim(now.host_id, limits)
    )
    others: int = connection.execute(of_none).scalar_one()
    return Purged(claims, int(lines) + others)


def forget_some(
    connection: sa.Connection, limits: Limits, after: str
) -> str | None:
    """Forget some claims, while nobody else changes the ledger.

    :param connection: In a transaction that has done nothing yet but check
        that it may write.
    :param limits: Which history may go.
    :param after: The last claim that was looked at, or :data:`FIRST`.
    :returns: The last one now; ``None`` if there are no more.
    """
    now = reading.stand(connection, limits.node_uuid, locks=True)
    if now is None:
        return None
    _allow(connection, now.host_id, limits)
    history = tables.HISTORY
    if after == FIRST:
        connection.execute(
            sa.delete(history).where(*_of_no_claim(now.host_id, limits))
        )
    some = (
        _ended(now.host_id, limits)
        .where(history.c.claim_id > after)
        .order_by(history.c.claim_id)
        .limit(_BATCH)
    )
    ended: list[str] = [row.claim_id for row in connection.execute(some)]
    connection.execute(
        sa.delete(history).where(
            history.c.host_id == now.host_id, history.c.claim_id.in_(ended)
        )
    )
    return ended[-1] if len(ended) == _BATCH else None


def _allow(connection: sa.Connection, host_id: int, limits: Limits) -> None:
    """Tell the schema what may go; what may go already stays so."""
    hosts = tables.HOSTS
    connection.execute(
        sa.update(hosts)
        .where(
            hosts.c.host_id == host_id,
            hosts.c.history_from < limits.before_us,
        )
        .values(history_from=limits.before_us)
    )


def _ended(host_id: int, limits: Limits) -> sa.Select[Any]:
    """Ask for the claims that may go, and how many lines each has."""
    history, claims = tables.HISTORY, tables.CLAIMS
    live = sa.select(claims.c.claim_id).where(claims.c.host_id == host_id)
    return (
        sa.select(history.c.claim_id, sa.func.count().label("lines"))
        .where(
            history.c.host_id == host_id,
            history.c.claim_id != FIRST,
            history.c.claim_id.not_in(live),
        )
        .group_by(history.c.claim_id)
        .having(sa.func.max(history.c["at"]) < limits.before_us)
    )


def _of_no_claim(
    host_id: int, limits: Limits
) -> tuple[sa.ColumnElement[bool], ...]:
    history = tables.HISTORY
    return (
        history.c.host_id == host_id,
        history.c.claim_id == FIRST,
        history.c["at"] < limits.before_us,
    )
