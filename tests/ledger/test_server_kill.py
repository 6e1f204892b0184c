# SPDX-License-Identifier: Apache-2.0
"""A database server that is killed with -9 while clients use it."""

import pathlib
import random
import time

import pytest

import killing
import ledger_audit
import ledger_load
import servers

_CLIENTS = 4
_KILLS = max(1, killing.KILLS // 40)

#: How much every client does between two kills.
_STEPS = 5

_PATIENCE_S = 120.0

#: How often each client tries a change: one that gives up soon is told that
#: the database is away, and asks again.
_ATTEMPTS = (30, 30, 2, 2)


def _all_act(clients: list[ledger_load.Client]) -> None:
    """Wait until each client has done something, and some more."""
    until = time.monotonic() + _PATIENCE_S
    for client in clients:
        enough = client.steps + _STEPS
        while client.steps < enough:
            for each in clients:
                each.listen()
            assert client.process.is_alive(), client.books.wrong
            assert time.monotonic() < until, "a client did not come back"
            time.sleep(0.0005)


def _kill_under_load(
    server: servers.Server, clients: list[ledger_load.Client]
) -> int:
    """Kill and restart a server; tell how many were in a transaction."""
    _all_act(clients)
    time.sleep(random.uniform(0, 0.05))  # noqa: S311
    until = time.monotonic() + _PATIENCE_S
    while True:
        server.freeze()
        writing = killing.Notes.WRITING
        inside = sum(each.notes.phase >= writing for each in clients)
        if inside or time.monotonic() > until:
            break
        server.thaw()
        time.sleep(0.001)
    server.kill()
    server.start()
    server.wait()
    return inside


@pytest.mark.parametrize("kind", servers.KINDS)
def test_no_claim_is_doubled_or_lost_with_a_server_that_is_killed(
    kind: str, tmp_path: pathlib.Path
) -> None:
    books, tally, inside = ledger_load.Books(), ledger_audit.Tally(), 0
    path = tmp_path / "notes"
    with (
        servers.private(kind) as server,
        killing.noting(path, _CLIENTS) as notes,
    ):
        ledger_audit.prepare(server.url)
        clients = [
            ledger_load.Client(
                ledger_load.Job(server.url, path, slot, slot, attempts),
                notes[slot],
                books,
            )
            for slot, attempts in enumerate(_ATTEMPTS)
        ]
        for _ in range(_KILLS):
            inside += _kill_under_load(server, clients)
        _all_act(clients)
        for each in notes:
            each.add(killing.Notes.STOP)
        ends = [client.end() for client in clients]
        ledger_audit.audit(server.url, books, tally)
        away = sum(each[killing.Notes.AWAY] for each in notes)
        retries = sum(each[killing.Notes.ROLLBACKS] for each in notes)
        steps = sum(client.steps for client in clients)
    print(
        f"{kind}: server killed {_KILLS} times, {inside} transactions open"
        f" then; {steps} acts, {retries} transactions tried again, {away}"
        f" times away or busy; {tally}"
    )
    assert tally.bad == []
    assert ends == [0] * _CLIENTS
    assert inside >= _KILLS
    assert tally.live
