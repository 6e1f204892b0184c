# SPDX-License-Identifier: Apache-2.0
"""What the tests of the ledger share: a database of each kind."""

from collections.abc import Iterator
import contextlib
import pathlib

import pytest

import databases
import ledger_cases
from pci_sched.claims import tracker as claim_tracker


@pytest.fixture(params=databases.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Name each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, tmp_path: pathlib.Path) -> Iterator[str]:
    """Give a database without tables."""
    with databases.empty(kind, tmp_path) as url:
        yield url


@pytest.fixture
def url(kind: str, tmp_path: pathlib.Path) -> Iterator[str]:
    """Give a database with all the tables and no row."""
    with databases.ready(kind, tmp_path) as made:
        yield made


@pytest.fixture
def track(url: str) -> Iterator[ledger_cases.Track]:
    """Give trackers that share a database; they are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(
            name: str = "compute1", *, tracks: str = "test:1"
        ) -> claim_tracker.ClaimTracker:
            return stack.enter_context(
                ledger_cases.tracking(url, name, tracks=tracks)
            )

        yield make
