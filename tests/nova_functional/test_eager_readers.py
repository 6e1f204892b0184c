# SPDX-License-Identifier: Apache-2.0
"""The lock of Nova's databases of cells while these tests run."""

import threading
from typing import Any

from nova.tests import fixtures as nova_fixtures


def test_who_reads_does_not_wait_for_who_waits_to_write() -> None:
    lock: Any = nova_fixtures.CellDatabases()._cell_lock  # noqa: SLF001
    order: list[str] = []

    def write() -> None:
        with lock.write_lock():
            order.append("written")

    def read() -> None:
        with lock.read_lock():
            order.append("read")

    writer = threading.Thread(target=write)
    reader = threading.Thread(target=read, daemon=True)
    with lock.read_lock():
        writer.start()
        writer.join(0.3)
        reader.start()
        reader.join(5.0)
        assert order == ["read"]
    writer.join()
    assert order == ["read", "written"]
