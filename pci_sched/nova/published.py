# SPDX-License-Identifier: Apache-2.0
"""What the compute of a host publishes of its PFs, as a scheduler uses it."""

import functools
from typing import Any

from oslo_log import log as logging

from pci_sched.inputs import host_facts, host_facts_reader
from pci_sched.nova import faults
from pci_sched.pools import domains as pool_domains

LOG = logging.getLogger(__name__)

#: What fails together on a host, by the addresses of its PFs, sorted.
Domains = tuple[tuple[str, pool_domains.FaultDomains], ...]

_faults = faults.Faults(LOG.warning)


def domains(host: Any) -> Domains:
    """Tell what fails with each PF of a host.

    :param host: ``nova.scheduler.host_manager.HostState``.
    :returns: As :func:`domains_of_text`.
    """
    return domains_of_text(_text_of(host))


def domains_of_text(text: str) -> Domains:
    """Tell what fails with each PF of a host, by what it publishes.

    :param text: Under the key :data:`.host_facts.KEY`.
    :returns: The same object for the same facts; empty if the host does not
        say, so that there are only addresses to go by.
    """
    return _domains(_pfs(text))


def _text_of(host: Any) -> str:
    stats = getattr(host, "stats", None) or {}
    text = stats.get(host_facts.KEY, "")
    return text if isinstance(text, str) else repr(text)


@functools.lru_cache(maxsize=16_384)
def _pfs(text: str) -> tuple[host_facts.PfFacts, ...]:
    if not text:
        return ()
    reading = host_facts_reader.read(text)
    for oddity in reading.oddities[:1]:
        _faults.note("A host publishes what makes no sense", str(oddity))
    return (reading.facts and reading.facts.pfs) or ()


@functools.lru_cache(maxsize=16_384)
def _domains(pfs: tuple[host_facts.PfFacts, ...]) -> Domains:
    found = []
    for each in pfs:
        address = str(each.address)
        place = pool_domains.of_pf(
            address,
            lag=each.lag,
            card=each.card,
            root_port=each.root_port,
            switch=each.switch,
        )
        if place != pool_domains.of_address(address):
            found.append((address, place))
    return tuple(found)
