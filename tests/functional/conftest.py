# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: the recorded hosts, unpacked once."""

from collections.abc import Callable, Iterator
import functools
import logging
import pathlib

import pytest

import claims_ledger
import pci_pool as pci_pool_helper
import recorded


@pytest.fixture(scope="session")
def tree(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], pathlib.Path]:
    """Unpack a recorded host when it is first asked for; do not change it."""
    place = tmp_path_factory.mktemp("hosts")
    return functools.cache(lambda name: recorded.unpack(name, place))


@pytest.fixture(autouse=True)
def _log_handlers() -> Iterator[None]:
    """Take away the log handlers that each run adds for its own stderr."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def pci_pool(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> pci_pool_helper.PciPool:
    """``pci-pool`` within this process, no wish of the user's applied."""
    for wish in ("CLIFF_FIT_WIDTH", "CLIFF_MAX_TERM_WIDTH"):
        monkeypatch.delenv(wish, raising=False)
    return pci_pool_helper.PciPool(capsys)


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    """A ledger, in a directory of its own."""
    path = tmp_path / "ledger" / "ledger.sqlite"
    claims_ledger.write(f"sqlite:///{path}")
    return path


@pytest.fixture
def claims(
    pci_pool: pci_pool_helper.PciPool, file: pathlib.Path
) -> claims_ledger.Claims:
    """Run a verb of ``pci-pool claims`` on that ledger."""

    def run(verb: str, *argv: str | pathlib.Path) -> pci_pool_helper.Ran:
        return pci_pool("claims", verb, "--db", f"sqlite:///{file}", *argv)

    return run
