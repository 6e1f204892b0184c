# SPDX-License-Identifier: Apache-2.0
"""What is known of the L2 agents of the hosts of one run of the filter."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pci_sched.inputs import aggregate_facts, fact_sources, host_facts
from pci_sched.model import host as pci_host
from pci_sched.nova import agents_list, published


class Facts:
    """The sources as they are now, in the configured order.

    :param sources: Who is asked.
    :param listings: The lists of those sources that have one.
    :param unlisted: What becomes of a host that none of them lists.
    :param now_s: The time, in seconds since 1970 UTC.
    :ivar listed: The hosts of the first source, if it has a list. Of a node
        of Ironic it does not tell: see :meth:`of`.
    """

    def __init__(
        self,
        sources: Sequence[fact_sources.Source],
        listings: Mapping[fact_sources.Source, agents_list.Listing],
        unlisted: fact_sources.UnlistedHost,
        now_s: int,
    ) -> None:
        self._sources = sources
        self._listings = listings
        self._unlisted = unlisted
        self._now_s = now_s
        first = listings.get(sources[0]) if sources else None
        # What the first source lists needs no look at the others.
        self.listed = (first.hosts if first else None) or {}

    def of(self, host: Any) -> pci_host.L2Facts:
        """Give the facts of a host.

        :param host: ``nova.scheduler.host_manager.HostState``.
        :returns: Mostly one object for hosts of which the same is known.
        """
        found = self.listed.get(host.host)
        if found is None or host.hypervisor_type == fact_sources.IRONIC:
            return self.choose(host).facts
        return found

    def choose(self, host: Any) -> fact_sources.Choice:
        """Give the facts of a host, and say where they are from.

        :param host: As for :meth:`of`.
        :returns: The choice.
        """
        if host.hypervisor_type == fact_sources.IRONIC:
            return fact_sources.Choice(pci_host.NOTHING_KNOWN, None)
        return fact_sources.choose(self._answers(host), self._unlisted)

    def say_if_stale(self, host: Any) -> str:
        """Say that nobody knows how the links of a host are by now.

        :param host: As for :meth:`of`.
        :returns: "" if it is known, or nothing was told of them ever.
        """
        return published.say_if_stale(host, self._now_s)

    def _answers(self, host: Any) -> Iterator[fact_sources.Answer]:
        for source in self._sources:
            if source is fact_sources.Source.HOST:
                stats = getattr(host, "stats", None) or {}
                yield fact_sources.answer_from_stats(
                    stats.get(host_facts.KEY), self._now_s
                )
            elif source is fact_sources.Source.AGGREGATE:
                yield aggregate_facts.answer(
                    [each.metadata or {} for each in host.aggregates or ()]
                )
            else:
                hosts, age_s, note = self._listings[source]
                yield fact_sources.answer_from_list(
                    source, hosts, host.host, age_s=age_s, note=note
                )
