# SPDX-License-Identifier: Apache-2.0
"""Verdicts as the rows of a table, and as objects."""

from typing import Any, NamedTuple

from pci_sched.cli import explain_what_if, explain_words
from pci_sched.matching import verdict as pci_verdict

#: The columns of the formats that have rows, and of those that have objects.
COLUMNS = ("host", "fits", "code", "message")
KEYS = ("host", "fits", "reasons", "plan", "warnings")

#: The same for ``--what-if``.
ROOM_COLUMNS = ("host", "servers", "code", "message")
ROOM_KEYS = ("host", "servers", "plans", "reasons", "warnings")


class Judged(NamedTuple):
    """One host and what is to be said of it."""

    name: str
    verdict: pci_verdict.Verdict
    warnings: tuple[str, ...]


def rank(judged: Judged) -> tuple[Any, ...]:
    """Put hosts that fit first, then the nearest miss.

    :param judged: The host.
    :returns: What sorts hosts.
    """
    verdict = judged.verdict
    return not verdict.fits, verdict.distance, judged.name


def say(judged: Judged) -> tuple[Any, ...]:
    """Write a row for a person.

    :param judged: The host.
    :returns: A value for each of :data:`COLUMNS`.
    """
    verdict = judged.verdict
    message = explain_words.say_reasons(verdict)
    if verdict.fits:
        message = explain_words.say_plan(verdict.plan)
    fits = "yes" if verdict.fits else "no"
    return judged.name, fits, explain_words.codes(verdict), message


def write(judged: Judged) -> tuple[Any, ...]:
    """Write all there is to say.

    :param judged: The host.
    :returns: A value for each of :data:`KEYS`.
    """
    verdict = judged.verdict
    return (
        judged.name,
        verdict.fits,
        list(map(explain_words.of_reason, verdict.reasons)),
        explain_words.of_plan(verdict.plan),
        list(judged.warnings),
    )


def say_room(room: explain_what_if.Room) -> tuple[Any, ...]:
    """Write a row for a person on how many servers a host takes.

    :param room: Of the host.
    :returns: A value for each of :data:`ROOM_COLUMNS`.
    """
    verdict = room.last
    message = explain_words.say_reasons(verdict)
    if verdict.fits:
        message = explain_words.say_plan(verdict.plan)
        if verdict.plan is not None:
            message = "no more are asked for"
    return (
        room.candidate.name,
        len(room.plans),
        explain_words.codes(verdict),
        message,
    )


def write_room(room: explain_what_if.Room) -> tuple[Any, ...]:
    """Write all there is to say on how many servers a host takes.

    :param room: Of the host.
    :returns: A value for each of :data:`ROOM_KEYS`.
    """
    return (
        room.candidate.name,
        len(room.plans),
        list(map(explain_words.of_plan, room.plans)),
        list(map(explain_words.of_reason, room.last.reasons)),
        [*room.candidate.notes, *room.last.warnings],
    )
