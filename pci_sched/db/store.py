# SPDX-License-Identifier: Apache-2.0
"""The ledger in a database: what a tracker needs of it, kept safe."""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import json
from typing import Any, TypeVar

from oslo_db import api as oslo_db_api
from oslo_log import log as logging
import sqlalchemy as sa

from pci_sched import exception
from pci_sched.claims import acts
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.db import (
    compatibility,
    engine,
    errors,
    reading,
    tables,
    writing,
)

_LOG = logging.getLogger(__name__)

_T = TypeVar("_T")

#: How often a change is tried while others are faster, and the longest wait
#: in seconds before it is tried again.
ATTEMPTS = 30
_FIRST_WAIT_S = 0.005
_LONGEST_WAIT_S = 0.5


class SqlClaimStore:
    """The ledgers of any number of hosts in one database.

    It is safe to be used by several threads, and by several processes with a
    store each.

    :ivar tracker: Who changes the ledgers, one name for each process that
        tracks hosts; "" for somebody who looks or repairs.
    """

    def __init__(
        self,
        database: sa.Engine,
        tracker: str = "",
        *,
        attempts: int = ATTEMPTS,
    ) -> None:
        """Use a database; nothing is read yet.

        :param database: As :func:`.engine.connect` gives it, with the tables
            in it.
        :param tracker: The name to leave at what is changed.
        :param attempts: How often a change is tried in all.
        """
        self.tracker = tracker
        self._database = database
        self._known: dict[str, reading.Known] = {}
        self._warned: set[str] = set()
        self._retry: Any = oslo_db_api.wrap_db_retry(
            max_retries=attempts - 1,
            retry_interval=_FIRST_WAIT_S,
            max_retry_interval=_LONGEST_WAIT_S,
            inc_retry_interval=True,
            jitter=True,
            exception_checker=errors.is_worth_retrying,
        )

    def read(self, host: pci_claim.HostKey) -> claim_snapshot.Snapshot:
        """Give the ledger as it is now; one row, if nothing changed.

        :param host: Whose ledger.
        :returns: The ledger.
        """
        return self._tried(lambda: self._refresh(host)).snapshot

    def change(
        self, host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        """Change the ledger as if nobody else did at the same time.

        The change is made from what was read last, which is nearly always
        how things are; the generation says if not. Only what is decided on
        a ledger that was just read is final: that there is nothing to do, or
        that it cannot be done.

        :param host: Whose ledger.
        :param decide: Makes the change, or says that there is none to make.
        :returns: The ledger with the change in it.
        """

        def attempt() -> claim_snapshot.Snapshot:
            known = self._known.get(host.node_uuid)
            change = known and _decide_early(decide, known)
            if not known or not change:
                known = self._refresh(host)
                change = decide(known.snapshot)
            if change is None:
                return known.snapshot
            return self._write(host, known, change)

        return self._tried(attempt)

    def history(
        self,
        host: pci_claim.HostKey,
        *,
        claim_id: str | None = None,
        instance_uuid: str | None = None,
        migration: str | None = None,
        last: int | None = None,
    ) -> tuple[claim_change.Step, ...]:
        """Give the history of a host, the oldest step first.

        :param host: Whose history.
        :param claim_id: Only of this claim.
        :param instance_uuid: Only of this instance.
        :param migration: Only of this move.
        :param last: Only so many of the newest.
        :returns: The steps.
        """
        given = {
            "claim_id": claim_id,
            "instance_uuid": instance_uuid,
            "migration": migration,
        }
        wanted = {key: each for key, each in given.items() if each is not None}

        def attempt() -> tuple[claim_change.Step, ...]:
            with self._reading() as connection:
                now = reading.stand(connection, host.node_uuid)
                if now is None:
                    return ()
                return reading.history(connection, now.host_id, wanted, last)

        return self._tried(attempt)

    def hosts(self) -> tuple[pci_claim.HostKey, ...]:
        """List the hosts that have a ledger, sorted by name."""
        columns = tables.HOSTS.c
        query = sa.select(columns.name, columns.node_uuid)

        def attempt() -> tuple[pci_claim.HostKey, ...]:
            with self._reading() as connection:
                found = connection.execute(query.order_by(columns.name)).all()
            return tuple(pci_claim.HostKey(*row) for row in found)

        return self._tried(attempt)

    def close(self) -> None:
        """Close the connections; another use makes new ones."""
        self._database.dispose()

    def _tried(self, work: Callable[[], _T]) -> _T:
        """Do something as often as it takes, within patience."""
        with errors.translated():
            done: _T = self._retry(work)()
            return done

    def _write(
        self,
        host: pci_claim.HostKey,
        known: reading.Known,
        change: claim_change.Change,
    ) -> claim_snapshot.Snapshot:
        """Write a change in a transaction of its own.

        If that fails in whatever way, what is known is forgotten: a COMMIT
        whose answer was lost may have been done.
        """
        self._known.pop(host.node_uuid, None)
        with self._database.begin() as connection:
            stand = writing.write(connection, known, change, self.tracker)
        after = known.snapshot.after(change)
        self._known[host.node_uuid] = reading.Known(stand, after)
        return after

    def _refresh(self, host: pci_claim.HostKey) -> reading.Known:
        """Read what changed since it was read last."""
        before = self._known.get(host.node_uuid)
        with self._reading() as connection:
            now = reading.stand(connection, host.node_uuid)
            if now is None or now.name != host.name:
                now = None
            elif before and before.stand.generation == now.generation:
                return before
            else:
                found = reading.snapshot(connection, host, now, before)
        if now is None:
            self._introduce(host)
            return self._refresh(host)
        known = reading.Known(now, self._with_rival(found, before, now))
        self._known[host.node_uuid] = known
        return known

    def _with_rival(
        self,
        found: claim_snapshot.Snapshot,
        before: reading.Known | None,
        now: reading.Stand,
    ) -> claim_snapshot.Snapshot:
        """Say so, once, if somebody else tracks the host that we track."""
        ours = before is not None and before.stand.tracker == self.tracker
        if not self.tracker or now.tracker == self.tracker or not ours:
            rival = before.snapshot.rival if before else ""
            return dataclasses.replace(found, rival=rival)
        if now.tracker not in self._warned:
            self._warned.add(now.tracker)
            _LOG.warning(
                "Host %(host)s (%(uuid)s) is tracked by %(rival)s and by us,"
                " %(us)s. No device is given away twice, but only one of the"
                " two should run: stop the other one, or give each compute"
                " service a host of its own.",
                {
                    "host": found.host.name,
                    "uuid": found.host.node_uuid,
                    "rival": now.tracker,
                    "us": self.tracker,
                },
            )
        return dataclasses.replace(found, rival=now.tracker)

    def _introduce(self, host: pci_claim.HostKey) -> None:
        """Make a host known, or known by its new name."""
        hosts = tables.HOSTS
        with self._database.begin() as connection:
            compatibility.check(connection)
            renamed = connection.execute(
                sa.update(hosts)
                .where(hosts.c.node_uuid == host.node_uuid)
                .values(name=host.name)
            )
            if renamed.rowcount == 0:
                connection.execute(
                    sa.insert(hosts),
                    {
                        "node_uuid": host.node_uuid,
                        "name": host.name,
                        "generation": 0,
                        "inventory_generation": 0,
                        "tracker": self.tracker,
                        "numa": json.dumps([]),
                    },
                )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._database.connect() as connection:
            reader = connection.execution_options(**{engine.READ_ONLY: True})
            with reader.begin():
                compatibility.check(reader)
                yield reader


def _decide_early(
    decide: acts.Decide, known: reading.Known
) -> claim_change.Change | None:
    """Decide on what may be old; a refusal is not to be trusted then."""
    try:
        return decide(known.snapshot)
    except exception.PciSchedException:
        return None
