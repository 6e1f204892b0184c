# SPDX-License-Identifier: Apache-2.0
"""Clients that claim, confirm, move and release at random until killed.

A client tells over a pipe what was answered to it, and before it ends a claim
that it will. What it told before it was killed is what must be true later.
"""

from collections.abc import Callable
import dataclasses
import logging
from multiprocessing import connection as mp_connection
from multiprocessing import process as mp_process
import pathlib
import random
import time
from typing import Any, TypeVar
import uuid

import killing
import ledger_cases
from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine, retrying
from pci_sched.db import store as sql_store

_T = TypeVar("_T")

#: The hosts of a test, all in one database.
HOSTS = ("compute1", "compute2")
PFS, VFS = 2, 4
HARDWARE = ledger_cases.host(PFS, VFS)

#: How many servers a client has at most.
_SERVERS = 3

#: How long a client waits for a database that does not answer.
_PATIENCE_S = 120.0

#: A host and the id of a claim on it.
Key = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Job:
    """What a client is told when it starts.

    :ivar notes: The file of the notes.
    :ivar slot: Where in it are the client's.
    :ivar attempts: How often its store tries a change.
    """

    url: str
    notes: pathlib.Path
    slot: int
    seed: int
    attempts: int = retrying.ATTEMPTS


class Books:
    """What clients were told, put together.

    :ivar confirmed: Of each claim, the devices; nothing may end it.
    :ivar told: How many claims were confirmed in all.
    :ivar ended: Claims that must not be there any more.
    :ivar wrong: Answers that a client should never get.
    """

    def __init__(self) -> None:
        self.told = 0
        self.confirmed: dict[Key, tuple[str, ...]] = {}
        self.ended: set[Key] = set()
        self.wrong: list[str] = []

    def enter(self, word: str, *told: Any) -> None:
        """Enter one message of a client."""
        if word == "wrong":
            self.wrong += told
        elif word == "confirmed":
            key, addresses = told
            self.confirmed[key] = addresses
            self.told += 1
        else:
            for key in told:
                self.confirmed.pop(key, None)
                if word == "ended":
                    self.ended.add(key)


class Client:
    """A process that uses ledgers, seen from the one that started it."""

    def __init__(self, job: Job, notes: killing.Notes, books: Books) -> None:
        self.notes = notes
        self.books = books
        self._answers, sender = killing.forks().Pipe(duplex=False)
        self.process: mp_process.BaseProcess = killing.forks().Process(
            target=run, args=(job, sender), daemon=True
        )
        self.process.start()
        sender.close()

    @property
    def steps(self) -> int:
        """How much was done in its slot."""
        return self.notes[killing.Notes.STEPS]

    def listen(self) -> None:
        """Take what it told so far."""
        try:
            while self._answers.poll():
                self.books.enter(*self._answers.recv())
        except EOFError:
            pass

    def end(self) -> int | None:
        """Wait until it ended, and take all that it told.

        :returns: Its exit code.
        """
        while self.process.is_alive():
            self.listen()
            self.process.join(0.01)
        self.listen()
        self._answers.close()
        return killing.ended(self.process)


class _Servers:
    """The servers of one client, and what they hold where."""

    def __init__(
        self,
        trackers: dict[str, claim_tracker.ClaimTracker],
        tell: Callable[..., None],
        notes: killing.Notes,
        chance: random.Random,
    ) -> None:
        self._trackers = trackers
        self._tell = tell
        self._notes = notes
        self._chance = chance
        self._held: dict[str, dict[str, list[pci_claim.Claim]]] = {}

    def act(self) -> None:
        """Do one thing."""
        if len(self._held) < _SERVERS and self._chance.random() < 0.6:
            self._boot()
        elif self._held:
            name = self._chance.choice(list(self._held))
            self._chance.choice(
                [self._attach, self._move, self._move, self._release]
            )(name)

    def _boot(self) -> None:
        name, host = str(uuid.uuid4()), self._any_host()
        claim = self._claim(name, host)
        if claim and self._chance.random() < 0.2:
            self._end([(host, claim)], "abort", host, claim.claim_id)
        elif claim:
            self._held[name] = {host: [self._confirm(host, claim)]}

    def _attach(self, name: str) -> None:
        (host,) = self._held[name]
        port = self._request()
        attach = self._trackers[host].attach
        claim = self._unless_refused(lambda: attach(name, port))
        if not claim:
            return
        claim = self._confirm(host, claim)
        if self._chance.random() < 0.5:
            request = claim.holdings[0].request_id
            self._end([(host, claim)], "detach", host, name, request)
        else:
            self._held[name][host].append(claim)

    def _move(self, name: str) -> None:
        """Move or resize a server, and finish or revert that."""
        (source,) = self._held[name]
        target, move = self._any_host(), str(uuid.uuid4())
        claim = self._claim(name, target, move)
        if not claim:
            return
        claim = self._confirm(target, claim)
        was = [(source, each) for each in self._held[name][source]]
        if self._chance.random() < 0.5:
            self._held[name] = {target: [claim]}
            if target != source:
                self._end([], "finish_move", target, name, move)
            self._end(was, "finish_move", source, name, move)
        else:
            self._end([(target, claim)], "revert_move", target, name, move)
            if target != source:
                self._end([], "revert_move", source, name, move)

    def _release(self, name: str) -> None:
        ((host, claims),) = self._held.pop(name).items()
        self._end([(host, each) for each in claims], "release", host, name)

    def _claim(
        self, name: str, host: str, migration: str = ""
    ) -> pci_claim.Claim | None:
        request = self._request()
        claim = self._trackers[host].claim
        return self._unless_refused(
            lambda: claim(name, request, migration=migration)
        )

    def _confirm(self, host: str, claim: pci_claim.Claim) -> pci_claim.Claim:
        confirm = self._trackers[host].confirm
        confirmed = self._insist(lambda: confirm(claim.claim_id))
        addresses = tuple(map(str, confirmed.addresses))
        self._tell("confirmed", (host, claim.claim_id), addresses)
        return confirmed

    def _end(
        self,
        claims: list[tuple[str, pci_claim.Claim]],
        method: str,
        host: str,
        *arguments: str,
    ) -> None:
        """Do what ends some claims, and tell so before and after it."""
        keys = [(each, claim.claim_id) for each, claim in claims]
        self._tell("ending", *keys)
        act = getattr(self._trackers[host], method)
        self._insist(lambda: act(*arguments))
        self._tell("ended", *keys)

    def _unless_refused(self, act: Callable[[], _T]) -> _T | None:
        try:
            return self._insist(act)
        except exception.ClaimRefused:
            return None

    def _insist(self, act: Callable[[], _T]) -> _T:
        """Do the same again while nobody knows whether it was done."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return act()
            except (exception.LedgerAway, exception.LedgerBusy):
                self._notes.add(killing.Notes.AWAY)
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _any_host(self) -> str:
        return self._chance.choice(HOSTS)

    def _request(self) -> Any:
        """Ask for a whole PF, or for some VFs."""
        spec = ledger_cases.VF if self._chance.random() < 0.8 else None
        return ledger_cases.ask(
            spec or ledger_cases.PF,
            prefix=str(uuid.uuid4())[:8],
            count=self._chance.choice([1, 1, 2]) if spec else 1,
        )


def run(job: Job, pipe: mp_connection.Connection) -> None:
    """Be a client until somebody says stop; in a process of its own."""
    # What a retry logs says nothing to the reader of a test.
    logging.disable()
    notes = killing.Notes(job.notes, job.slot)
    database = engine.connect(job.url)
    notes.watch(database)
    store = sql_store.SqlClaimStore(database, "test:1", attempts=job.attempts)
    trackers = {
        name: claim_tracker.ClaimTracker(store, pci_claim.HostKey.named(name))
        for name in HOSTS
    }

    def tell(*message: Any) -> None:
        pipe.send(message)

    servers = _Servers(trackers, tell, notes, random.Random(job.seed))  # noqa: S311
    try:
        while not notes[killing.Notes.STOP]:
            servers.act()
            notes.add(killing.Notes.STEPS)
    except Exception as error:  # noqa: BLE001 - the test must hear of any
        tell("wrong", f"{error!r} of {error.__cause__!r}")
