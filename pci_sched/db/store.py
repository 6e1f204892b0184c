# SPDX-License-Identifier: Apache-2.0
"""The ledger in a database: what a tracker needs of it, kept safe."""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import datetime
import functools
import json
import threading
from typing import Any

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
    purging,
    reading,
    retrying,
    rows,
    tables,
    writing,
)

_LOG = logging.getLogger(__name__)

#: Says, at the beginning of a transaction that writes, what to write, and of
#: which ledger it was made; "None" is nothing.
_Decided = Callable[
    [sa.Connection], tuple[reading.Known, claim_change.Change | None]
]

#: How many of the tries are races, in which nobody waits for anybody. The
#: others lock the ledger first: else who won the last race, and so knows the
#: ledger as it is, would win the next ones, too. With fewer races eight
#: writers are slower, since each then reads the ledger while it is locked.
RACES = 10


class _Mine(threading.local):
    """What a thread has open.

    :ivar connection: Where it has locked a ledger and decides.
    """

    connection: sa.Connection | None = None


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
        attempts: int = retrying.ATTEMPTS,
        patience_s: float = retrying.PATIENCE_S,
    ) -> None:
        """Use a database; nothing is read yet.

        :param database: As :func:`.engine.connect` gives it, with the tables
            in it.
        :param tracker: The name to leave at what is changed.
        :param attempts: How often a change is tried in all.
        :param patience_s: For how long; what has begun by then is ended.
        """
        self.tracker = tracker
        self._database = database
        self._known: dict[str, reading.Known] = {}
        #: The hosts that we changed, who else did since, and who we told of.
        self._ours: set[str] = set()
        self._rivals: dict[str, str] = {}
        self._warned: set[tuple[str, str]] = set()
        self._mine = _Mine()
        self._retries = retrying.Retries(attempts, patience_s)
        self._read_options: dict[str, Any] = {}
        if database.dialect.name == "postgresql":
            # Each statement would see another moment; MariaDB does not, and
            # SQLite cannot.
            self._read_options["isolation_level"] = "REPEATABLE READ"

    def read(self, host: pci_claim.HostKey) -> claim_snapshot.Snapshot:
        """Give the ledger as it is now; one row, if nothing changed.

        :param host: Whose ledger.
        :returns: The ledger.
        """
        return self._retries.run(lambda: self._refresh(host)).snapshot

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
        tries = 0

        def attempt() -> claim_snapshot.Snapshot:
            nonlocal tries
            tries += 1
            if tries > RACES:
                # Most of what is new is read before others have to wait.
                self._refresh(host)
                decided = functools.partial(self._decide_alone, host, decide)
                return self._write(host, decided)
            known = self._known.get(host.node_uuid) if tries == 1 else None
            return self._race(host, decide, known)

        return self._retries.run(attempt)

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

        return self._retries.run(attempt)

    def purge(
        self,
        host: pci_claim.HostKey,
        before: datetime.datetime,
        *,
        dry_run: bool = False,
    ) -> purging.Purged:
        """Forget what ended long ago; of live claims the history stays.

        Whoever is stopped in the middle has forgotten some claims as a
        whole and the others not at all.

        :param host: Whose history.
        :param before: When they must have ended, with a time zone.
        :param dry_run: Whether nothing is to be written.
        :returns: What is gone, or would be.
        """
        limits = purging.Limits(host.node_uuid, rows.to_us(before))

        def count() -> purging.Purged:
            with self._reading() as connection:
                return purging.count(connection, limits)

        def forget_some(after: str) -> str | None:
            with self._database.begin() as connection:
                engine.start(connection)
                compatibility.check(connection)
                return purging.forget_some(connection, limits, after)

        found = self._retries.run(count)
        after = None if dry_run or not found.lines else purging.FIRST
        while after is not None:
            after = self._retries.run(functools.partial(forget_some, after))
        return found

    def hosts(self) -> tuple[pci_claim.HostKey, ...]:
        """List the hosts that have a ledger, sorted by name."""
        columns = tables.HOSTS.c
        query = sa.select(columns.name, columns.node_uuid)

        def attempt() -> tuple[pci_claim.HostKey, ...]:
            with self._reading() as connection:
                found = connection.execute(query.order_by(columns.name)).all()
            return tuple(pci_claim.HostKey(*row) for row in found)

        return self._retries.run(attempt)

    def close(self) -> None:
        """Close the connections; another use makes new ones."""
        self._database.dispose()

    def _race(
        self,
        host: pci_claim.HostKey,
        decide: acts.Decide,
        known: reading.Known | None,
    ) -> claim_snapshot.Snapshot:
        """Decide at leisure, and hope that nobody else is faster."""
        change = known and _decide_early(decide, known)
        if not known or not change:
            known = self._refresh(host)
            change = decide(known.snapshot)
        if change is None:
            return known.snapshot
        decided = known, change
        return self._write(host, lambda _: decided)

    def _write(
        self, host: pci_claim.HostKey, decided: _Decided
    ) -> claim_snapshot.Snapshot:
        """Write a change in a transaction of its own.

        If the generation is gone, the next look reads what is new, and a
        refusal writes nothing. After any other failure nothing that is known
        is trusted: somebody may have changed rows without a generation.
        """
        try:
            with self._database.begin() as connection:
                known, change = decided(connection)
                if change is None:
                    return known.snapshot
                stand = writing.write(connection, known, change, self.tracker)
        except (errors.LostRace, exception.PciSchedException):
            raise
        except BaseException:
            self._known.pop(host.node_uuid, None)
            raise
        after = known.snapshot.after(change)
        self._known[host.node_uuid] = reading.Known(stand, after)
        self._ours.add(host.node_uuid)
        return after

    def _decide_alone(
        self,
        host: pci_claim.HostKey,
        decide: acts.Decide,
        connection: sa.Connection,
    ) -> tuple[reading.Known, claim_change.Change | None]:
        """Decide while nobody else can change the ledger."""
        engine.start(connection)
        now = reading.stand(connection, host.node_uuid, locks=True)
        compatibility.check(connection)
        if now is None:
            raise errors.LostRace
        known = self._look(connection, host, now)
        self._mine.connection = connection
        try:
            return known, decide(known.snapshot)
        finally:
            self._mine.connection = None

    def _refresh(self, host: pci_claim.HostKey) -> reading.Known:
        """Read what changed since it was read last."""
        with self._reading() as connection:
            now = reading.stand(connection, host.node_uuid)
            if now is not None and now.name == host.name:
                return self._look(connection, host, now)
        self._introduce(host)
        return self._refresh(host)

    def _look(
        self,
        connection: sa.Connection,
        host: pci_claim.HostKey,
        now: reading.Stand,
    ) -> reading.Known:
        """Read what is new at a stand, if anything is."""
        before = self._known.get(host.node_uuid)
        if before and before.stand.generation == now.generation:
            return before
        found = reading.snapshot(connection, host, now, before)
        rival = self._rival_of(host, now)
        known = reading.Known(now, dataclasses.replace(found, rival=rival))
        self._known[host.node_uuid] = known
        return known

    def _rival_of(self, host: pci_claim.HostKey, now: reading.Stand) -> str:
        """Tell who else tracks a host that we track, and say so once."""
        rival, uuid = now.tracker, host.node_uuid
        if self.tracker and rival != self.tracker and uuid in self._ours:
            self._rivals[uuid] = rival
            if (uuid, rival) not in self._warned:
                self._warned.add((uuid, rival))
                _LOG.warning(
                    "Host %(host)s (%(uuid)s) is tracked by %(rival)s and by"
                    " us, %(us)s. No device is given away twice, but only one"
                    " of the two should run: stop the other one, or give each"
                    " compute service a host of its own.",
                    {
                        "host": host.name,
                        "uuid": uuid,
                        "rival": rival,
                        "us": self.tracker,
                    },
                )
        return self._rivals.get(uuid, "")

    def _introduce(self, host: pci_claim.HostKey) -> None:
        """Make a host known, or known by its new name."""
        hosts = tables.HOSTS
        with self._database.begin() as connection:
            engine.start(connection)
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
                        "history_from": 0,
                    },
                )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if self._mine.connection is not None:
            # All others may be waiting for what this one has locked.
            yield self._mine.connection
            return
        with self._database.connect() as connection:
            reader = connection.execution_options(**self._read_options)
            with reader.begin():
                engine.start(reader, reads=True)
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
