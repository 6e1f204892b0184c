# SPDX-License-Identifier: Apache-2.0
"""A cluster whose nodes are all written to, each in ignorance of the others.

A node learns only at its COMMIT that another one was faster: it is refused
then, as in a deadlock.
"""

from collections import Counter
from collections.abc import Iterator
import time

import pytest
import sqlalchemy as sa

import ledger_cases
from pci_sched import exception
from pci_sched.db import engine, store
import plain_ledger
import racing
import servers

_VF = ledger_cases.ask(ledger_cases.VF)

_Nodes = tuple[servers.Server, servers.Server]


@pytest.fixture(scope="module")
def nodes() -> Iterator[_Nodes]:
    """Give two nodes of one cluster."""
    with servers.galera() as found:
        yield found


def _wait_until(connection: sa.Connection, state: str) -> None:
    """Wait until a node answers, or does not any more."""
    until = time.monotonic() + 60
    while True:
        (row,) = connection.exec_driver_sql("SHOW STATUS LIKE 'wsrep_ready'")
        if row[1] == state:
            return
        assert time.monotonic() < until, row
        time.sleep(0.1)


def test_eight_trackers_share_a_host_over_two_nodes(nodes: _Nodes) -> None:
    urls = [each.url for each in nodes]
    with ledger_cases.tracking(urls[0]) as tracker:
        tracker.sync(ledger_cases.host(pfs=4, vfs=8))
    found = racing.run(racing.claim_on_either, " ".join(urls))
    total: Counter[str] = sum((outcome for outcome, _, _ in found), Counter())
    print(f"\n{racing.WRITERS} trackers on two nodes: {dict(total)}")
    told = racing.devices_of_instances(found)
    for url in urls:
        ledger = plain_ledger.read(url)
        assert plain_ledger.faults(ledger) == []
        assert plain_ledger.devices_of_instances(ledger) == told
    assert total["claimed"] > racing.WRITERS
    # No lock reaches from one node to the other.
    assert total["retries"] > 0


def test_a_node_that_is_left_alone_loses_nothing(nodes: _Nodes) -> None:
    """Without a majority it answers nobody, until a person says so."""
    first, second = nodes
    with ledger_cases.tracking(second.url, "compute2") as tracker:
        tracker.sync(ledger_cases.host())
        held = tracker.claim(ledger_cases.uid(), _VF)
    second.kill()
    impatient = store.SqlClaimStore(
        engine.connect(first.url), "test", attempts=2
    )
    alone = sa.create_engine(first.url, poolclass=sa.pool.StaticPool)
    with alone.connect() as connection:
        _wait_until(connection, "OFF")
        with pytest.raises(exception.LedgerAway, match="does not answer"):
            impatient.hosts()
        connection.exec_driver_sql(
            "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'"
        )
        _wait_until(connection, "ON")
    alone.dispose()
    impatient.close()
    with ledger_cases.tracking(first.url, "compute2") as tracker:
        assert tracker.snapshot().claims.keys() == {held.claim_id}
        tracker.confirm(held.claim_id)
        tracker.claim(ledger_cases.uid(), _VF)
    assert plain_ledger.faults(plain_ledger.read(first.url)) == []
