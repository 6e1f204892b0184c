# SPDX-License-Identifier: Apache-2.0
"""Verdicts as documents for a program, and in words for a person."""

import collections
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pci_sched.matching import explain
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import verdict as pci_verdict
from pci_sched.pools import supply as pool_supply

#: What of a pool stands beside its tags.
_IDENTITY = ("dev_type", "vendor_id", "product_id")

_NETWORK = "physical_network"


def of_pool(pool: pool_supply.SupplyPool) -> dict[str, Any]:
    """Write a pool of free devices.

    :param pool: The pool.
    :returns: A part of a document.
    """
    values = pool.profile.values
    return {
        **{key: values.get(key) for key in _IDENTITY},
        "address": pool.root,
        "numa_node": pool.numa_node,
        "free": pool.free,
        "tags": {
            key: value for key, value in values.items() if key not in _IDENTITY
        },
    }


def of_reason(reason: pci_verdict.Reason) -> dict[str, Any]:
    """Write one reason of a refusal.

    :param reason: The reason.
    :returns: A part of a document.
    """
    return {
        "code": str(reason.code),
        "message": reason.message,
        "requests": list(reason.requests),
        "pools": list(map(of_pool, reason.pools)),
        "wanted": reason.wanted,
        "free": reason.free,
    }


def of_plan(plan: pci_plan.Plan | None) -> list[dict[str, Any]] | None:
    """Write which devices serve which request.

    :param plan: The plan; ``None`` if there is none.
    :returns: A part of a document.
    """
    if plan is None:
        return None
    return [
        {
            "request": each.request_id,
            "count": each.count,
            "pool": of_pool(each.pool),
            "addresses": None
            if each.addresses is None
            else list(map(str, each.addresses)),
        }
        for each in plan.servings
    ]


def say_plan(plan: pci_plan.Plan | None) -> str:
    """Say where the devices come from.

    :param plan: The plan; ``None`` if there is none although the host fits.
    :returns: A few words.
    """
    if plan is None:
        return "undecided: the search for devices ended at its budget"
    return "; ".join(map(_say_serving, plan.servings)) or "no device needed"


def _say_serving(serving: pci_plan.Serving) -> str:
    profile = serving.pool.profile
    values = profile.values
    names = explain.TYPES.get(str(values.get("dev_type")), explain.DEVICES)
    words = f"{serving.request_id}: {explain.count(serving.count, names)}"
    if serving.pool.root is not None:
        of = "of " if profile.is_part else ""
        words = f"{words} {of}{serving.pool.root}"
    network = values.get(_NETWORK)
    if network is not None:
        words = f"{words} on {network}"
    link = profile.link
    return words if link is None else f"{words} (link {link.state})"


def codes(verdict: pci_verdict.Verdict) -> tuple[str, ...]:
    """List the codes of a refusal.

    :param verdict: The verdict.
    :returns: Each once, in the order of the reasons.
    """
    return tuple(dict.fromkeys(str(each.code) for each in verdict.reasons))


def say_reasons(verdict: pci_verdict.Verdict) -> str:
    """Say why a host does not fit.

    :param verdict: The verdict.
    :returns: Sentences without a full stop at the end; "" if it fits.
    """
    return "; ".join(dict.fromkeys(map(_say_reason, verdict.reasons)))


def _say_reason(reason: pci_verdict.Reason) -> str:
    """Name the request, where the message does not."""
    message = reason.message
    if len(reason.requests) == 1 and reason.requests[0] not in message:
        return f"{reason.requests[0]}: {message}"
    return message


def say_hosts(number: int) -> str:
    """Write a number of hosts.

    :param number: The number.
    :returns: As ``1 host``.
    """
    return explain.count(number, ("host", "hosts"))


def summarize(judged: Sequence[tuple[str, pci_verdict.Verdict]]) -> str:
    """Say in one line why no host fits.

    :param judged: The names and verdicts, the nearest miss first.
    :returns: With counts by code, the most frequent first.
    """
    if not judged:
        return "no host fits: there is none"
    counts = collections.Counter(
        code for _name, verdict in judged for code in codes(verdict)
    )
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    said = ", ".join(f"{code} {number}" for code, number in ranked)
    return (
        f"no host fits out of {say_hosts(len(judged))}: {said}; nearest miss:"
        f" {judged[0][0]}"
    )


def say_warnings(warned: Iterable[tuple[str, Iterable[str]]]) -> Iterator[str]:
    """Say once what holds for many hosts.

    :param warned: The names of hosts, and the warnings of each.
    :yields: A line for each warning.
    """
    hosts: dict[str, list[str]] = {}
    for name, warnings in warned:
        for text in warnings:
            hosts.setdefault(text, []).append(name)
    for text, names in hosts.items():
        where = names[0] if len(names) == 1 else say_hosts(len(names))
        yield f"{where}: {text}"
