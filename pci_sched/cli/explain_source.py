# SPDX-License-Identifier: Apache-2.0
"""The hosts that a request is held against, wherever they come from."""

import argparse
import collections
from collections.abc import Iterable, Iterator
import dataclasses
import functools
import sys
import time
from typing import NamedTuple, TextIO

from pci_sched import exception
from pci_sched.cli import (
    explain_facts,
    explain_links,
    explain_settings,
    source,
)
from pci_sched.inputs import (
    document_reader,
    document_text,
    fact_sources,
    host_facts,
    host_facts_reader,
    nova_compute_row,
    nova_pools,
    oddity,
)
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import key as pool_key
from pci_sched.pools import supply as pool_supply

#: The file name that stands for standard input.
STDIN = "-"

_NO_SPEC = (
    "no device_spec says which devices are assignable, and of which network;"
    " name a nova.conf by --config-file"
)


class Candidate(NamedTuple):
    """One host, ready to be judged.

    :ivar notes: What could not be read of it.
    """

    name: str
    supply: pool_supply.Supply
    facts: pci_host.L2Facts
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Reads hosts.

    :ivar settings: With the device_spec to apply.
    :ivar facts: Says which agents a host has.
    :ivar stderr: Where progress goes.
    """

    settings: explain_settings.Settings
    facts: explain_facts.FactFinder
    stderr: TextIO

    def read(
        self, parsed_args: argparse.Namespace, urls: Iterable[str]
    ) -> Iterator[Candidate]:
        """Read the hosts that the options name.

        :param parsed_args: The options.
        :param urls: Those of ``--nova-db``, with their passwords.
        :returns: The hosts, in the order of the source.
        :raises exception.PciSchedException: If one cannot be read.
        """
        if parsed_args.nova_db:
            found = self._read_databases(urls)
        elif parsed_args.documents:
            found = map(
                self._of_document, _read_documents(parsed_args.documents)
            )
        else:
            host = source.read_hardware(parsed_args, self.stderr)
            found = iter([self._of_document(host)])
        return _select(found, parsed_args.only)

    def _of_document(self, host: pci_host.Host) -> Candidate:
        # The graph library is slow to import, and Nova's records need none.
        from pci_sched.pools import host_supply

        if self.settings.nova.device_spec:
            host = _apply(self.settings, host)
        host = explain_links.mark(host, self.settings.links)
        answer = fact_sources.Answer(
            source=fact_sources.Source.HOST,
            state=fact_sources.State.SILENT
            if host.agents is None
            else fact_sources.State.KNOWN,
            facts=pci_host.L2Facts(host.agents),
        )
        chosen = self.facts.choose(host.name, answer)
        notes = explain_facts.notes(chosen)
        if not any(each.assignable is not None for each in host.devices):
            notes = (*notes, _NO_SPEC)
        supply = host_supply.of_host(host, _is_seen_by_nova)
        return Candidate(host.name, supply, chosen.facts, notes)

    def _read_databases(self, urls: Iterable[str]) -> Iterator[Candidate]:
        # SQLAlchemy is slow to import, and only databases need it.
        from pci_sched.inputs import nova_db

        rows = [row for url in urls for row in nova_db.read_compute_nodes(url)]
        nodes = collections.Counter(row.host for row in rows)
        for row in rows:
            is_alone = row.host is not None and nodes[row.host] == 1
            name = row.host if is_alone else f"{row.host} ({row.node})"
            yield self._of_row(str(name), row)

    def _of_row(
        self, name: str, row: nova_compute_row.ComputeRow
    ) -> Candidate:
        oddities: list[oddity.Oddity] = []
        text = nova_compute_row.read_own_facts(row.stats, oddities)
        told = host_facts_reader.read(text).facts if text else None
        domains = pool_domains.of_functions(told.functions if told else ())
        now_s = int(time.time())
        stale = host_facts.say_if_stale(told, now_s)
        supply, odd = _supply_of(row.pci_stats, row.numa_topology, domains)
        answer = fact_sources.answer_from_stats(text, now_s)
        chosen = self.facts.choose(row.host or "", answer)
        notes = (*odd, *map(str, oddities), *explain_facts.notes(chosen))
        if stale:
            notes = (*notes, stale)
        facts = chosen.facts
        if row.hypervisor_type == fact_sources.IRONIC:
            facts = pci_host.NOTHING_KNOWN
        return Candidate(name, supply, facts, notes)


def _apply(
    settings: explain_settings.Settings, host: pci_host.Host
) -> pci_host.Host:
    from pci_sched.inputs import device_spec

    specs = device_spec.parse(
        settings.nova.device_spec,
        host,
        report_in_placement=settings.nova.report_in_placement,
    )
    return device_spec.select(host, specs)


def _is_seen_by_nova(device: pci_device.Device) -> bool:
    is_skipped = device.address.ignored_by_nova
    return pool_key.is_poolable(device) and not is_skipped


@functools.lru_cache(maxsize=16_384)
def _supply_of(
    pci_stats: str | None,
    numa_topology: str | None,
    domains: pool_domains.Domains,
) -> tuple[pool_supply.Supply, tuple[str, ...]]:
    """Make one object for hosts that have the same left."""
    oddities: list[oddity.Oddity] = []
    numa = nova_compute_row.read_numa(numa_topology, oddities)
    records: tuple[nova_pools.PoolRecord, ...] = ()
    try:
        reading = nova_pools.load(pci_stats)
    except exception.DocumentInvalid as err:
        problem = f"{err.path}: {err.problem}; taken for no free devices"
        oddities.append(oddity.Oddity("pci_stats", problem))
    else:
        records = reading.records
        oddities += [
            oddity.Oddity("pci_stats", str(each)) for each in reading.oddities
        ]
    supply = pool_supply.Supply.of_records(
        [record.to_pool() for record in records], numa, dict(domains)
    )
    return supply, tuple(map(str, oddities))


def _read_documents(names: Iterable[str]) -> Iterator[pci_host.Host]:
    for name in names:
        raw = read_bytes(name)
        with document_text.named(name):
            for line, document in document_text.parse_each(raw):
                with document_text.named(f"line {line}"):
                    host = document_reader.load(document)
                yield host


def read_bytes(name: str) -> bytes:
    """Read a file, or standard input.

    :param name: ``-`` for standard input.
    :returns: What is in it.
    :raises exception.InputInvalid: If it cannot be read.
    """
    if name == STDIN:
        return sys.stdin.buffer.read()
    return document_text.read_file(name)


def _select(
    found: Iterable[Candidate], names: Iterable[str]
) -> Iterator[Candidate]:
    wanted = dict.fromkeys(names)
    missing = dict(wanted)
    for each in found:
        if not wanted or each.name in wanted:
            missing.pop(each.name, None)
            yield each
    for name in missing:
        raise exception.InputInvalid(f"--only: there is no host {name!r}")
