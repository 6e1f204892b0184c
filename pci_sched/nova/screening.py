# SPDX-License-Identifier: Apache-2.0
"""One request against hosts: what the filter does, without Nova."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pci_sched import exception
from pci_sched.inputs import fact_sources, nova_request
from pci_sched.matching import verdict
from pci_sched.model import host as pci_host
from pci_sched.nova import facts as l2_facts
from pci_sched.nova import look_up, published, settings, supplies
from pci_sched.pools import supply as pool_supply

_Candidate = Mapping[str, Any]

#: ``nova.scheduler.filters.CandidateFilterMixin.filter_candidates``.
_FilterCandidates = Callable[
    [Any, Callable[[_Candidate], bool]], Sequence[_Candidate]
]


class Refused(NamedTuple):
    """A host that does not pass, and what it was judged by."""

    screening: "Screening"
    host: Any
    judge: verdict.Judge
    facts: pci_host.L2Facts

    def why_not(self) -> verdict.Shortfall:
        """Give one reason, without the work of a whole verdict."""
        stats = self.host.pci_stats
        pools = () if stats is None else stats.pools
        return self.judge.why_not(self.facts, pools, self._supply)

    def reasons(self) -> Sequence[verdict.Reason]:
        """Give all reasons."""
        return self.judge.reasons(self._supply(), self.facts)

    def _supply(self) -> pool_supply.Supply:
        try:
            return self.screening.supply(self.host)
        except exception.DocumentInvalid:
            # Its agents refused the host before anybody looked.
            return supplies.NONE


def _tell(hosts: Iterable[Any]) -> None:
    """Have a count that keeps devices apart know what fails together."""
    for host in hosts:
        stats: Any = getattr(host, "pci_stats", None)
        if stats is None:
            continue
        if not hasattr(stats, "fails_together"):
            # What class they have is settled before the first host is read.
            return
        stats.fails_together = published.domains(host)


def _see_nothing(_: object) -> None:
    """Answer where Placement has a say, and its candidates must be seen."""


class Screened(NamedTuple):
    """Hosts, each kind in its order.

    :ivar odd: Those that could not be judged, and why. They pass, and keep
        no other from being judged.
    """

    passed: list[Any]
    refused: list[Refused]
    odd: list[tuple[Any, Exception]]


class Screening:
    """A request made ready; serves every run of the filter for it.

    :ivar knowledge: What is known of the request.
    :ivar chosen: The options it was made ready under.
    """

    def __init__(
        self, knowledge: look_up.Knowledge, chosen: settings.Settings
    ) -> None:
        self.knowledge = knowledge
        self.chosen = chosen
        self._judge = self._make(None)
        self._has_cells = bool(knowledge.reading.guest_cells)
        self._has_spreads = bool(knowledge.spreads)
        # Requests for ports do not follow what Placement chose.
        self._follows_placement = any(
            each.port_id is None for each in knowledge.devices
        )
        self._glance = self._judge.glance
        if self._follows_placement:
            self._glance = _see_nothing

    @property
    def asks_nothing(self) -> bool:
        """Whether any host will do."""
        request = self._judge.request
        return not request.ports and not request.devices

    @property
    def has_ports(self) -> bool:
        """Whether it matters which L2 agents a host has."""
        return bool(self._judge.request.ports)

    def screen(
        self,
        hosts: Sequence[Any],
        facts: l2_facts.Facts,
        filter_candidates: _FilterCandidates,
    ) -> Screened:
        """Tell the hosts that pass from those that do not.

        :param hosts: ``nova.scheduler.host_manager.HostState`` objects; those
            of their allocation candidates that cannot serve the request are
            taken off.
        :param facts: What is known of their L2 agents.
        :param filter_candidates: Takes them off.
        :returns: The hosts.
        """
        found = Screened([], [], [])
        if self._has_spreads:
            _tell(hosts)
        # Most hosts pass, and most of them here: each look-up counts.
        listed, can_bind = facts.listed, self._judge.can_bind
        glance, passes = self._glance, found.passed.append
        # Most hosts share their facts with the one before.
        before: pci_host.L2Facts | None = None
        binds = False
        for host in hosts:
            try:
                known = listed.get(host.host) or facts.of(host)
                if known is not before:
                    before, binds = known, can_bind(known)
                serves = None
                if binds and (stats := host.pci_stats) is not None:
                    serves = glance(stats.pools)
                    if serves:
                        passes(host)
                        continue
                refused = self._refuse(
                    host, known, serves, facts, filter_candidates
                )
            except Exception as err:  # noqa: BLE001 - see Screened.odd
                found.odd.append((host, err))
                refused = None
            if refused is None:
                passes(host)
            else:
                found.refused.append(refused)
        return found

    def supply(self, host: Any) -> pool_supply.Supply:
        """Read what a host has left.

        :param host: As for :meth:`screen`.
        :returns: The same object for the same content, for a while.
        """
        stats = host.pci_stats
        if stats is None:
            return supplies.NONE
        topology = host.numa_topology if self._has_cells else None
        return supplies.of_pools(
            stats.pools,
            supplies.read_numa(topology),
            published.domains(host) if self._has_spreads else (),
        )

    def judge_of(self, candidate: _Candidate) -> verdict.Judge:
        """Give who judges a host under one choice of Placement's.

        :param candidate: One of ``HostState.allocation_candidates``.
        :returns: The judge.
        """
        providers = nova_request.read_providers(
            self.knowledge.reading, candidate.get("mappings") or {}
        )
        if providers == self.knowledge.reading.providers:
            return self._judge
        return self._make(providers)

    def _make(self, providers: nova_request.Providers | None) -> verdict.Judge:
        return verdict.Judge(
            self.knowledge.to_request(providers),
            self.chosen.matching,
            self.chosen.binding,
        )

    def _refuse(
        self,
        host: Any,
        known: pci_host.L2Facts,
        serves: bool | None,
        facts: l2_facts.Facts,
        filter_candidates: _FilterCandidates,
    ) -> Refused | None:
        """Judge a host that did not pass at first sight.

        What is *known* is of the list, which does not tell of a node of
        Ironic; *serves* is ``None`` where a glance was not enough.
        """
        if host.hypervisor_type == fact_sources.IRONIC:
            known = facts.of(host)
        judge: verdict.Judge | None = self._judge
        if serves is None and self._judge.can_bind(known):
            judge = self._search(host, filter_candidates)
        return Refused(self, host, judge, known) if judge else None

    def _search(
        self, host: Any, filter_candidates: _FilterCandidates
    ) -> verdict.Judge | None:
        """Judge devices where a glance is not enough; give who refuses."""
        if not self._judge.wants_devices:
            return None
        if self._follows_placement and host.allocation_candidates:
            return self._prune(host, filter_candidates)
        serves = self._judge.can_serve(self.supply(host))
        return None if serves else self._judge

    def _prune(
        self, host: Any, filter_candidates: _FilterCandidates
    ) -> verdict.Judge | None:
        """Take off the candidates that will not do, and give who says so."""
        supply = self.supply(host)
        judges: list[verdict.Judge] = []

        def is_good(candidate: _Candidate) -> bool:
            judges.append(self.judge_of(candidate))
            return judges[-1].can_serve(supply)

        return None if filter_candidates(host, is_good) else judges[-1]
