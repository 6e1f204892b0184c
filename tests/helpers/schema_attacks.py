# SPDX-License-Identifier: Apache-2.0
"""What the tables must refuse, in the plainest words."""

from typing import Final, NamedTuple

import plain_rows

#: SQLite asks for foreign keys in each connection, or does not.
PLACES = ("sqlite", "sqlite without foreign keys", "mariadb", "postgresql")

SQLITE = PLACES[:2]
MARIADB = ("mariadb",)
POSTGRESQL = ("postgresql",)
NOT_MARIADB = (*SQLITE, *POSTGRESQL)
NOT_POSTGRESQL = (*SQLITE, *MARIADB)


class Attack(NamedTuple):
    """What must be refused, and what must not.

    :ivar attack: One statement.
    :ivar honest: Statements that work, one after the other.
    :ivar places: Where the attack can be said at all.
    :ivar is_quiet: Whether it may do nothing, instead of being refused.
    """

    name: str
    attack: str
    honest: tuple[str, ...]
    places: tuple[str, ...] = PLACES
    is_quiet: bool = False


TAKE_A2 = (plain_rows.hold("a2", "a", "split"),)
TAKE_C1 = (plain_rows.hold("c1", "c", "split"),)
TAKE_D = (plain_rows.hold("d", "d", "whole"),)
ADD_VF = (plain_rows.device("c3", "c", "split"),)
ADD_CLAIM = (plain_rows.claim("k4", "key-k4"),)
ADD_STEP = (plain_rows.step(3),)
_PASS_ON = (
    "DELETE FROM holdings WHERE address = 'a1'",
    plain_rows.hold("a1", "a", "split"),
)


def _forget(claim_id: str) -> str:
    return f"DELETE FROM history WHERE claim_id = '{claim_id}'"  # noqa: S608


#: In plain inserts, updates and deletes.
ATTACKS: Final = [
    Attack("a second holding", plain_rows.hold("a1", "a", "split"), TAKE_A2),
    Attack("the PF of a held VF", plain_rows.hold("a", "a", "whole"), TAKE_D),
    Attack("a VF of a held PF", plain_rows.hold("b1", "b", "split"), TAKE_C1),
    Attack("a PF as a part", plain_rows.hold("a", "a", "split"), TAKE_D),
    Attack(
        "a VF as its own root", plain_rows.hold("b1", "b1", "whole"), TAKE_C1
    ),
    Attack(
        "a VF below another root", plain_rows.hold("b1", "c", "split"), TAKE_C1
    ),
    Attack(
        "a VF in another mode", plain_rows.hold("c1", "c", "whole"), TAKE_C1
    ),
    Attack("a mode that is none", plain_rows.hold("c1", "c", "both"), TAKE_C1),
    Attack(
        "a device nobody knows", plain_rows.hold("x", "c", "split"), TAKE_C1
    ),
    Attack(
        "a device of another host",
        plain_rows.hold("c1", "c", "split", host_id=2),
        TAKE_C1,
    ),
    Attack(
        "a claim nobody knows",
        plain_rows.hold("c1", "c", "split", claim_id="k9"),
        TAKE_C1,
    ),
    Attack(
        "a device in quarantine",
        plain_rows.hold("c2", "c", "split"),
        (
            "UPDATE devices SET quarantine = '' WHERE address = 'c2'",
            plain_rows.hold("c2", "c", "split"),
        ),
    ),
    *(
        Attack(
            f"a holding without {column}",
            plain_rows.hold("c1", "c", "split", **{column: None}),
            TAKE_C1,
        )
        for column in (
            "host_id",
            "address",
            "root",
            "mode",
            "claim_id",
            "request_id",
        )
    ),
    *(
        Attack(
            f"a holding given another {column}",
            f"UPDATE holdings SET {column} = '{value}'"  # noqa: S608
            " WHERE address = 'a1'",
            _PASS_ON,
        )
        for column, value in (
            ("address", "a2"),
            ("claim_id", "k3"),
            ("request_id", "s"),
            ("mode", "whole"),
        )
    ),
    Attack(
        "whole above a held VF",
        "UPDATE roots SET mode = 'whole' WHERE root = 'a'",
        ("UPDATE roots SET mode = 'whole' WHERE root = 'c'",),
    ),
    Attack(
        "split below a held PF",
        "UPDATE roots SET mode = 'split' WHERE root = 'b'",
        ("UPDATE roots SET mode = 'split' WHERE root = 'd'",),
    ),
    Attack(
        "a root that is another one",
        "UPDATE roots SET root = 'z' WHERE root = 'b'",
        ("UPDATE roots SET root = 'z' WHERE root = 'e'",),
    ),
    Attack(
        "a root gone below a holding",
        "DELETE FROM roots WHERE root = 'b'",
        ("DELETE FROM roots WHERE root = 'e'",),
    ),
    Attack(
        "a device gone below a holding",
        "DELETE FROM devices WHERE address = 'a1'",
        ("DELETE FROM devices WHERE address = 'a2'",),
    ),
    Attack(
        "a claim gone below a holding",
        "DELETE FROM claims WHERE claim_id = 'k1'",
        ("DELETE FROM claims WHERE claim_id = 'k3'",),
    ),
    Attack(
        "a claim that is another one",
        "UPDATE claims SET claim_id = 'k9' WHERE claim_id = 'k1'",
        ("UPDATE claims SET claim_id = 'k9' WHERE claim_id = 'k3'",),
    ),
    Attack(
        "a host gone below a holding",
        "DELETE FROM hosts WHERE host_id = 1",
        ("DELETE FROM hosts WHERE host_id = 2",),
    ),
    Attack(
        "a host that is another one",
        "UPDATE hosts SET host_id = 9 WHERE host_id = 1",
        ("UPDATE hosts SET host_id = 9 WHERE host_id = 2",),
    ),
    Attack(
        "a held device below another root",
        "UPDATE devices SET root = 'c' WHERE address = 'a1'",
        ("UPDATE devices SET root = 'c' WHERE address = 'a2'",),
    ),
    Attack(
        "a held VF that is a root now",
        "UPDATE devices SET root = 'b', address = 'b', mode = 'whole'"
        " WHERE address = 'a1'",
        (
            "DELETE FROM devices WHERE address = 'd'",
            "UPDATE devices SET root = 'd', address = 'd', mode = 'whole'"
            " WHERE address = 'a2'",
        ),
    ),
    Attack(
        "a VF in mode whole", plain_rows.device("c3", "c", "whole"), ADD_VF
    ),
    Attack(
        "a root in mode split",
        plain_rows.device("e", "e", "split"),
        (plain_rows.device("e", "e", "whole"),),
    ),
    Attack(
        "a VF turned whole",
        "UPDATE devices SET mode = 'whole' WHERE address = 'c1'",
        ("UPDATE devices SET dev_type = 'vdpa' WHERE address = 'c1'",),
    ),
    Attack(
        "a device without a root",
        plain_rows.device("y1", "y", "split"),
        ADD_VF,
    ),
    Attack("a device twice", plain_rows.device("c1", "c", "split"), ADD_VF),
    *(
        Attack(
            f"a device without {column}",
            plain_rows.device("c3", "c", "split", **{column: None}),
            ADD_VF,
        )
        for column in ("host_id", "address", "root", "mode", "quarantine")
    ),
    Attack(
        "a root twice",
        plain_rows.root("a", "whole"),
        (plain_rows.root("f", "whole"),),
    ),
    Attack(
        "a root in no mode",
        plain_rows.root("f", None),
        (plain_rows.root("f", "whole"),),
    ),
    Attack(
        "a root in both",
        plain_rows.root("f", "both"),
        (plain_rows.root("f", "split"),),
    ),
    Attack(
        "a root of no host",
        plain_rows.root("f", "whole", host_id=9),
        (plain_rows.root("f", "whole", host_id=2),),
    ),
    Attack("two claims of a key", plain_rows.claim("k4", "key-k1"), ADD_CLAIM),
    Attack(
        "two claims of a key by change",
        "UPDATE claims SET claim_key = 'key-k1' WHERE claim_id = 'k3'",
        ("UPDATE claims SET claim_key = 'key-k4' WHERE claim_id = 'k3'",),
    ),
    Attack("a claim twice", plain_rows.claim("k1", "key-k4"), ADD_CLAIM),
    Attack(
        "a claim that has ended",
        plain_rows.claim("k4", "key-k4", state="freed"),
        (plain_rows.claim("k4", "key-k4", state="allocated"),),
    ),
    Attack(
        "a claim on no host",
        plain_rows.claim("k4", "key-k4", host_id=9),
        (plain_rows.claim("k4", "key-k4", host_id=2),),
    ),
    Attack(
        "a claim without a key",
        plain_rows.claim("k4", "key-k4", claim_key=None),
        ADD_CLAIM,
    ),
    Attack(
        "a host twice",
        plain_rows.host("u1"),
        (plain_rows.host("u3", host_id=3),),
    ),
    Attack(
        "the history changed",
        "UPDATE history SET reason = 'no' WHERE generation = 1",
        ADD_STEP,
    ),
    Attack(
        "the history shortened",
        "DELETE FROM history WHERE generation = 2",
        ADD_STEP,
    ),
    *(
        Attack(
            f"the history of a {kind} claim forgotten",
            _forget(claim_id),
            (_forget("old"),),
        )
        for kind, claim_id in (("live", "k5"), ("new", "new"))
    ),
    Attack(
        "what may be forgotten taken back",
        "UPDATE hosts SET history_from = 9 WHERE host_id = 7",
        ("UPDATE hosts SET history_from = 11 WHERE host_id = 7",),
    ),
    Attack("a step twice", plain_rows.step(2), ADD_STEP),
    Attack("a step of no host", plain_rows.step(3, host_id=9), ADD_STEP),
    Attack(
        "a generation again",
        "UPDATE hosts SET generation = 4 WHERE host_id = 1",
        ("UPDATE hosts SET generation = generation + 1 WHERE host_id = 1",),
    ),
    Attack(
        "no generation",
        "UPDATE hosts SET generation = NULL WHERE host_id = 1",
        ("UPDATE hosts SET generation = 6 WHERE host_id = 1",),
    ),
    Attack(
        "a second oldest writer",
        plain_rows.row("compatibility", id=2, oldest_writer=1),
        ("UPDATE compatibility SET oldest_writer = 2",),
    ),
    Attack(
        "the oldest writer under another number",
        "UPDATE compatibility SET id = 2",
        ("UPDATE compatibility SET oldest_writer = 2",),
    ),
]
