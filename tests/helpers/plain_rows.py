# SPDX-License-Identifier: Apache-2.0
"""Statements of plain SQL that write rows of a ledger, and a ledger."""

from typing import Any


def row(table: str, verb: str = "INSERT INTO", **values: object) -> str:
    """Write a statement that adds a row of plain values."""
    written = ", ".join(map(_literal, values.values()))
    return f"{verb} {table} ({', '.join(values)}) VALUES ({written})"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value).lower() if not isinstance(value, str) else f"'{value}'"


def hold(
    address: str,
    root: str,
    mode: str,
    verb: str = "INSERT INTO",
    /,
    **other: Any,
) -> str:
    """Write a holding, by a claim that holds nothing else."""
    values = {
        "host_id": 1,
        "address": address,
        "root": root,
        "mode": mode,
        "claim_id": "k3",
        "request_id": "r",
    }
    return row("holdings", verb, **{**values, **other})


def device(
    address: str,
    root: str,
    mode: str,
    verb: str = "INSERT INTO",
    /,
    **other: Any,
) -> str:
    """Write a device."""
    values = {
        "host_id": 1,
        "address": address,
        "root": root,
        "mode": mode,
        "dev_type": "type-VF",
        "facts": "{}",
        "present": True,
        "quarantine": "",
    }
    return row("devices", verb, **{**values, **other})


def root(
    root: str, mode: str | None, verb: str = "INSERT INTO", **other: Any
) -> str:
    """Write a root."""
    values = {"host_id": 1, "root": root, "mode": mode, "domains": "[]"}
    return row("roots", verb, **{**values, **other})


def claim(
    claim_id: str, key: str, verb: str = "INSERT INTO", **other: Any
) -> str:
    """Write a live claim."""
    values = {
        "host_id": 1,
        "claim_id": claim_id,
        "claim_key": key,
        "instance_uuid": "i",
        "migration": "",
        "is_moving": False,
        "state": "claimed",
        "created_at": 0,
    }
    return row("claims", verb, **{**values, **other})


def step(generation: int, verb: str = "INSERT INTO", **other: Any) -> str:
    """Write a line of the history."""
    values = {
        "host_id": 1,
        "generation": generation,
        "number": 0,
        "at": 0,
        "act": "release",
        "claim_id": "",
        "instance_uuid": "",
        "migration": "",
        "state": "",
        "is_moving": False,
        "holdings": "[]",
        "actor": "",
        "reason": "",
    }
    return row("history", verb, **{**values, **other})


def host(uuid: str, verb: str = "INSERT INTO", **other: Any) -> str:
    """Write a host."""
    values = {
        "node_uuid": uuid,
        "name": "h",
        "generation": 0,
        "inventory_generation": 0,
        "tracker": "",
        "numa": "[]",
        "history_from": 0,
    }
    return row("hosts", verb, **{**values, **other})


# Root a is split and one of its VFs is held; b is held whole; nothing of c
# (split) and d (whole) is held, a VF of c is in quarantine; e is a root of
# nothing. Claim k3 holds nothing, and nor does host 2.
_ROOTS = {"a": "split", "b": "whole", "c": "split", "d": "whole", "e": "whole"}
_VFS = {"a1": "a", "a2": "a", "a3": "a", "b1": "b", "c1": "c", "c2": "c"}

#: What stands there before.
BASE = (
    *(host(f"u{number}", host_id=number, generation=5) for number in (1, 2)),
    *(root(name, mode) for name, mode in _ROOTS.items()),
    *(device(name, name, "whole") for name in "abcd"),
    *(
        device(vf, pf, "split", quarantine="gone" if vf == "c2" else "")
        for vf, pf in _VFS.items()
    ),
    *(claim(name, f"key-{name}") for name in ("k1", "k2", "k3")),
    hold("a1", "a", "split", claim_id="k1"),
    hold("b", "b", "whole", claim_id="k2"),
    *(step(generation) for generation in (1, 2)),
    # Host 7 may forget what ended before the moment 10; claim k5 is live.
    host("u7", host_id=7, generation=5, history_from=10),
    claim("k5", "key-k5", host_id=7),
    step(1, host_id=7, claim_id="k5"),
    step(2, host_id=7, claim_id="old"),
    step(3, host_id=7, claim_id="new", at=10),
)
