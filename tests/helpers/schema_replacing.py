# SPDX-License-Identifier: Apache-2.0
"""What the tables must refuse where one row takes the place of another."""

from typing import Final

import plain_rows
import schema_attacks

_REPLACE: Final = "REPLACE INTO"
_OR_REPLACE: Final = "INSERT OR REPLACE INTO"

#: Each database has ways of its own.
ATTACKS: Final = [
    *(
        schema_attacks.Attack(f"{what} by {verb}", statement, honest, places)
        for verb, places in (
            (_REPLACE, schema_attacks.NOT_POSTGRESQL),
            (_OR_REPLACE, schema_attacks.SQLITE),
        )
        for what, statement, honest in (
            (
                "a holding",
                plain_rows.hold("a1", "a", "split", verb),
                schema_attacks.TAKE_A2,
            ),
            (
                "the mode of a root",
                plain_rows.root("a", "whole", verb),
                schema_attacks.TAKE_A2,
            ),
            (
                "a device below a holding",
                plain_rows.device("a1", "c", "split", verb),
                (plain_rows.device("c3", "c", "split", verb),),
            ),
            (
                "a claim with a holding, by its key",
                plain_rows.claim("k4", "key-k1", verb),
                (plain_rows.claim("k4", "key-k4", verb),),
            ),
            (
                "a claim with a holding, by its id",
                plain_rows.claim("k1", "key-k4", verb),
                (plain_rows.claim("k4", "key-k4", verb),),
            ),
            (
                "a host with holdings",
                plain_rows.host("u1", verb, host_id=9),
                (plain_rows.host("u9", verb, host_id=9),),
            ),
            ("a step", plain_rows.step(2, verb), (plain_rows.step(3, verb),)),
        )
    ),
    *(
        schema_attacks.Attack(
            f"{what} by UPDATE OR REPLACE",
            statement,
            honest,
            schema_attacks.SQLITE,
        )
        for what, statement, honest in (
            (
                "the mode of a root",
                "UPDATE OR REPLACE roots SET root = 'a' WHERE root = 'e'",
                ("UPDATE OR REPLACE roots SET root = 'f' WHERE root = 'e'",),
            ),
            (
                "a device below a holding",
                "UPDATE OR REPLACE devices SET address = 'a1'"
                " WHERE address = 'a2'",
                (
                    "UPDATE OR REPLACE devices SET address = 'a4'"
                    " WHERE address = 'a2'",
                ),
            ),
            (
                "a claim with a holding",
                "UPDATE OR REPLACE claims SET claim_key = 'key-k1'"
                " WHERE claim_id = 'k3'",
                (
                    "UPDATE OR REPLACE claims SET claim_key = 'key-k4'"
                    " WHERE claim_id = 'k3'",
                ),
            ),
            (
                "a host with holdings",
                "UPDATE OR REPLACE hosts SET node_uuid = 'u1'"
                " WHERE host_id = 2",
                (
                    "UPDATE OR REPLACE hosts SET node_uuid = 'u9'"
                    " WHERE host_id = 2",
                ),
            ),
        )
    ),
    *(
        schema_attacks.Attack(
            f"{what} by ON CONFLICT",
            f"{statement} ON CONFLICT ({key}) DO UPDATE SET {change}",
            (f"{honest} ON CONFLICT ({key}) DO UPDATE SET {change}",),
            schema_attacks.NOT_MARIADB,
        )
        for what, statement, honest, key, change in (
            (
                "a holding",
                plain_rows.hold("a1", "a", "split"),
                plain_rows.hold("a2", "a", "split"),
                "host_id, address",
                "claim_id = excluded.claim_id",
            ),
            (
                "the mode of a root",
                plain_rows.root("a", "whole"),
                plain_rows.root("f", "whole"),
                "host_id, root",
                "mode = excluded.mode",
            ),
            (
                "a claim with a holding",
                plain_rows.claim("k4", "key-k1"),
                plain_rows.claim("k4", "key-k4"),
                "host_id, claim_key",
                "claim_id = excluded.claim_id",
            ),
            (
                "a step",
                plain_rows.step(2),
                plain_rows.step(3),
                "host_id, generation, number",
                "reason = 'no'",
            ),
        )
    ),
    *(
        schema_attacks.Attack(
            f"{what} by ON DUPLICATE KEY",
            f"{statement} ON DUPLICATE KEY UPDATE {column} = VALUES({column})",
            (f"{honest} ON DUPLICATE KEY UPDATE {column} = VALUES({column})",),
            schema_attacks.MARIADB,
        )
        for what, statement, honest, column in (
            (
                "a holding",
                plain_rows.hold("a1", "a", "split"),
                plain_rows.hold("a2", "a", "split"),
                "claim_id",
            ),
            (
                "the mode of a root",
                plain_rows.root("a", "whole"),
                plain_rows.root("c", "whole"),
                "mode",
            ),
            (
                "a claim with a holding",
                plain_rows.claim("k4", "key-k1"),
                plain_rows.claim("k4", "key-k4"),
                "claim_id",
            ),
            ("a step", plain_rows.step(2), plain_rows.step(3), "act"),
        )
    ),
    *(
        schema_attacks.Attack(
            f"{what} by {verb}", statement, honest, places, is_quiet=True
        )
        for verb, places in (
            ("INSERT IGNORE INTO", schema_attacks.MARIADB),
            ("INSERT OR IGNORE INTO", schema_attacks.SQLITE),
        )
        for what, statement, honest in (
            (
                "a second holding",
                plain_rows.hold("a1", "a", "split", verb),
                schema_attacks.TAKE_A2,
            ),
            (
                "a VF of a held PF",
                plain_rows.hold("b1", "b", "split", verb),
                schema_attacks.TAKE_C1,
            ),
            (
                "a holding without a claim",
                plain_rows.hold("c1", "c", "split", verb, claim_id=None),
                schema_attacks.TAKE_C1,
            ),
            (
                "a VF in mode whole",
                plain_rows.device("c3", "c", "whole", verb),
                (plain_rows.device("c3", "c", "split", verb),),
            ),
            (
                "a claim without a key that another has",
                plain_rows.claim("k4", "key-k1", verb),
                (plain_rows.claim("k4", "key-k4", verb),),
            ),
        )
    ),
    *(
        schema_attacks.Attack(
            f"{table} emptied at once{how}",
            f"TRUNCATE {table}{how}",
            ("TRUNCATE compatibility",),
            schema_attacks.POSTGRESQL,
        )
        for table in ("history", "holdings", "claims", "devices", "roots")
        for how in ("", " CASCADE")
    ),
]
