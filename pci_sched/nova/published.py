# SPDX-License-Identifier: Apache-2.0
"""What a compute publishes of its hardware, as a scheduler uses it."""

import functools
from typing import Any

from oslo_log import log as logging

from pci_sched.inputs import host_facts, host_facts_reader
from pci_sched.nova import faults
from pci_sched.pools import domains as pool_domains

LOG = logging.getLogger(__name__)

_faults = faults.Faults(LOG.warning)


def domains(host: Any) -> pool_domains.Domains:
    """Tell what fails with each PF and plain device of a host.

    :param host: ``nova.scheduler.host_manager.HostState``.
    :returns: As :func:`domains_of_text`.
    """
    return _domains(_functions(_facts(host)))


def domains_of_text(text: str) -> pool_domains.Domains:
    """Tell the same by what a host publishes.

    :param text: Under the key :data:`.host_facts.KEY`; not remembered.
    :returns: The same object for the same facts; empty if the host does not
        say, so that there are only addresses to go by.
    """
    return _domains(_functions(_read_anew(text).facts))


def say_if_stale(host: Any, now_s: int) -> str:
    """Say that nobody knows how the links of a host are by now.

    :param host: As for :func:`domains`.
    :param now_s: The time, in seconds since 1970 UTC.
    :returns: As :func:`.host_facts.say_if_stale`.
    """
    return host_facts.say_if_stale(_facts(host), now_s)


def _text_of(host: Any) -> str:
    stats = getattr(host, "stats", None) or {}
    text = stats.get(host_facts.KEY, "")
    return text if isinstance(text, str) else repr(text)


def _read_anew(text: str) -> host_facts_reader.FactsReading:
    if not text:
        return host_facts_reader.FactsReading(None)
    return host_facts_reader.read(text)


_read = functools.lru_cache(maxsize=16_384)(_read_anew)


def _facts(host: Any) -> host_facts.HostFacts | None:
    reading = _read(_text_of(host))
    for oddity in reading.oddities[:1]:
        _faults.note_each(
            "A host publishes what makes no sense", f"{host.host}: {oddity}"
        )
    return reading.facts


def _functions(
    facts: host_facts.HostFacts | None,
) -> tuple[host_facts.FunctionFacts, ...]:
    return facts.functions if facts else ()


_domains = functools.lru_cache(maxsize=16_384)(pool_domains.of_functions)
