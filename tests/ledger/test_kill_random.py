# SPDX-License-Identifier: Apache-2.0
"""Clients that are killed at any moment, under load, and what they leave."""

import collections
import os
import pathlib
import random
import signal
import time

import killing
import ledger_audit
import ledger_load

_CLIENTS = 4

#: How many kills there are between two audits.
_BATCH = 10

#: Of the kills, those that wait for an open transaction.
_AIMED = 0.8

_AIM_S = 2.0

#: How long clients have before the first of a batch is killed.
_UNDISTURBED_S = 0.5


class _Killer:
    """Keeps clients running on one ledger, and kills them.

    :ivar died: How many died in each phase of a transaction.
    """

    def __init__(
        self, url: str, path: pathlib.Path, notes: list[killing.Notes]
    ) -> None:
        self._url = url
        self._path = path
        self._notes = notes
        self._chance = random.Random(url)  # noqa: S311
        self._clients: dict[int, ledger_load.Client] = {}
        self.books = ledger_load.Books()
        self.died: collections.Counter[int] = collections.Counter()

    @property
    def inside(self) -> int:
        """Count those that died in a transaction that had written."""
        phases = killing.Notes.WRITING, killing.Notes.COMMITTING
        return sum(self.died[each] for each in phases)

    def batch(self, kills: int) -> None:
        """Kill so many clients, at last all; each before is replaced."""
        for slot in range(min(kills, len(self._notes))):
            self._start(slot)
        time.sleep(_UNDISTURBED_S)
        for left in range(kills, 0, -1):
            time.sleep(self._chance.uniform(0.0, 0.15))
            for client in self._clients.values():
                client.listen()
            slot = self._chance.choice(list(self._clients))
            self._kill(self._clients.pop(slot))
            if left > len(self._notes):
                self._start(slot)

    def _start(self, slot: int) -> None:
        seed = self._chance.randrange(2**32)
        job = ledger_load.Job(self._url, self._path, slot, seed)
        self._clients[slot] = ledger_load.Client(
            job, self._notes[slot], self.books
        )

    def _kill(self, client: ledger_load.Client) -> None:
        if self._chance.random() < _AIMED:
            self._aim(client)
        client.process.kill()
        assert client.end() == -signal.SIGKILL, self.books.wrong
        self.died[client.notes.phase] += 1

    def _aim(self, client: ledger_load.Client) -> None:
        """Hold a client in an open transaction, if there comes one."""
        pid = client.process.pid or 0
        until = time.monotonic() + _AIM_S
        while time.monotonic() < until:
            if client.notes.phase >= killing.Notes.WRITING:
                time.sleep(self._chance.choice([0, 0, 0.0005, 0.001]))
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.0005)
                if client.notes.phase >= killing.Notes.WRITING:
                    return
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.0001)


def test_no_claim_is_doubled_or_lost_by_clients_killed_at_random(
    kind: str, url: str, tmp_path: pathlib.Path
) -> None:
    ledger_audit.prepare(url)
    tally = ledger_audit.Tally()
    path = tmp_path / "notes"
    with killing.noting(path, _CLIENTS) as notes:
        killer = _Killer(url, path, notes)
        kills = 0
        # Where a kill lands is chance, and few are seldom spread evenly.
        while kills < killing.KILLS or (
            killer.inside < killing.KILLS // 2 and kills < 4 * killing.KILLS
        ):
            killer.batch(_BATCH)
            kills += _BATCH
            ledger_audit.audit(url, killer.books, tally)
        steps = sum(each[killing.Notes.STEPS] for each in notes)
        retries = sum(each[killing.Notes.ROLLBACKS] for each in notes)
    committing = killer.died[killing.Notes.COMMITTING]
    print(
        f"{kind}: {kills} kills, {killer.inside} inside a transaction that"
        f" had written, {committing} of them at its COMMIT; {steps} acts,"
        f" {retries} transactions tried again; {tally}"
    )
    assert tally.bad == []
    assert tally.live
    assert killer.inside >= killing.KILLS // 2
