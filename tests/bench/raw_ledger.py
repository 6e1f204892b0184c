# SPDX-License-Identifier: Apache-2.0
"""The rows of a claim, written by the driver alone.

This is the least that any ledger has to do: the same rows of the same tables
in the same three transactions, on a connection with the same settings. It
looks for no devices and knows beforehand what to write.
"""

import json
from typing import Any
import uuid

import sqlalchemy as sa


class RawLedger:
    """One host in a database that has it already."""

    def __init__(self, database: sa.Engine, host_id: int) -> None:
        self._pooled = database.raw_connection()
        driver: Any = self._pooled.driver_connection
        self._connection = driver
        self._cursor = self._connection.cursor()
        self._host_id = host_id
        self._is_sqlite = database.dialect.name == "sqlite"
        self._mark = "?" if self._is_sqlite else "%s"
        self._run("SELECT generation FROM hosts WHERE host_id = ?", host_id)
        (self._generation,) = self._cursor.fetchone()
        self._connection.commit()

    def cycle(self, devices: list[tuple[str, str]]) -> None:
        """Claim devices, confirm them and release them.

        :param devices: Address and root of each.
        """
        claim, instance = str(uuid.uuid4()), str(uuid.uuid4())
        held = json.dumps(
            [[address, root, "request-0", None] for address, root in devices]
        )
        self._begin()
        self._insert(
            "claims",
            [
                (
                    self._host_id,
                    *(claim, claim, instance, "", False),
                    *("claimed", 0, None),
                )
            ],
        )
        self._insert(
            "holdings",
            [
                (
                    *(self._host_id, address, root, "split"),
                    *(claim, "request-0", None),
                )
                for address, root in devices
            ],
        )
        self._end("claim", claim, instance, "claimed", held)
        self._begin()
        self._run(
            "UPDATE claims SET state = ? WHERE host_id = ? AND claim_id = ?",
            "allocated",
            self._host_id,
            claim,
        )
        self._end("confirm", claim, instance, "allocated", "[]")
        self._begin()
        for table in ("holdings", "claims"):
            self._run(
                f"DELETE FROM {table} WHERE host_id = ? AND claim_id = ?",
                self._host_id,
                claim,
            )
        self._end("release", claim, instance, "freed", held)

    def close(self) -> None:
        """Give the connection back."""
        self._pooled.close()

    def _begin(self) -> None:
        if self._is_sqlite:
            self._cursor.execute("BEGIN IMMEDIATE")
        self._run(
            "UPDATE hosts SET generation = generation + 1"
            " WHERE host_id = ? AND generation = ?",
            self._host_id,
            self._generation,
        )
        self._generation += 1

    def _end(
        self, act: str, claim: str, instance: str, state: str, holdings: str
    ) -> None:
        self._insert(
            "history",
            [
                (
                    *(self._host_id, self._generation, 0, 0, act, claim),
                    *(instance, "", state, False, holdings, "", ""),
                )
            ],
        )
        self._connection.commit()

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join([self._mark] * len(rows[0]))
        statement = f"INSERT INTO {table} VALUES ({marks})"
        if len(rows) == 1:
            self._cursor.execute(statement, rows[0])
        else:
            self._cursor.executemany(statement, rows)

    def _run(self, statement: str, *values: object) -> None:
        self._cursor.execute(statement.replace("?", self._mark), values)
