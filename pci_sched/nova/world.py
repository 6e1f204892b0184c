# SPDX-License-Identifier: Apache-2.0
"""What this process of nova-scheduler knows, and whom it asks."""

import time
from typing import Any
import weakref

from oslo_config import cfg
from oslo_log import log as logging

from pci_sched.inputs import fact_sources
from pci_sched.nova import (
    agents_list,
    agents_path,
    facts,
    look_up,
    neutron_api,
    screening,
    settings,
    spec_rows,
    spread_asks,
)

LOG = logging.getLogger(__name__)

_Source = fact_sources.Source

#: The requests that are being scheduled. Nova runs its filters for each
#: instance of a request, with the same object, and then its weighers.
_SCREENINGS: weakref.WeakKeyDictionary[Any, screening.Screening] = (
    weakref.WeakKeyDictionary()
)


def recall(spec: Any) -> screening.Screening | None:
    """Give what the filter made of a request that is being scheduled.

    :param spec: ``nova.objects.RequestSpec``, the same object.
    :returns: ``None`` if the filter does not run, or passed the request over.
    """
    try:
        return _SCREENINGS.get(spec)
    except TypeError:
        # Nothing that Nova would schedule.
        return None


class World:
    """The sources of facts, and what was found out of each request.

    :param conf: With our options registered; read anew for each request.
    :param agents: Neutron's list; by default of the Neutron that Nova uses.
    :param finder: Who looks requests up; by default in Nova's database and
        in that Neutron.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        agents: agents_list.AgentsList | None = None,
        finder: look_up.LookUp | None = None,
    ) -> None:
        self._conf = conf
        self._agents = agents or agents_list.AgentsList(
            neutron_api.fetch_agents
        )
        self._file = agents_path.AgentsFile()
        self._look_up = finder or look_up.LookUp()

    def screening(self, spec: Any) -> screening.Screening:
        """Make a request ready, once for all runs of the filter.

        :param spec: ``nova.objects.RequestSpec``.
        :returns: The request, as far as it can be known.
        """
        chosen = settings.read(self._conf)
        known = _SCREENINGS.get(spec)
        if known is not None and known.chosen is chosen:
            return known
        knowledge = self._look_up.find(
            spec,
            ask_neutron=bool(chosen.sources),
            timeout_s=self._conf.pci_sched.neutron_timeout,
            port_spread=chosen.port_spread,
        )
        if knowledge.notes:
            LOG.warning(
                "The ports of instance %s are judged by what is known of"
                " them; not known is: %s",
                spec.instance_uuid,
                "; ".join(knowledge.notes),
            )
        made = screening.Screening(knowledge, chosen)
        _SCREENINGS[spec] = made
        requests = spec_rows.get(spec, "pci_requests")
        spread_asks.note(
            (requests and requests.requests) or (), knowledge.reading.asks
        )
        return made

    def facts(
        self, chosen: settings.Settings, *, for_ports: bool = True
    ) -> facts.Facts:
        """Read the sources, or take what was read not long ago.

        :param chosen: Which sources.
        :param for_ports: Whether anybody asks; if not, no source is.
        :returns: What they say of hosts.
        """
        group = self._conf.pci_sched
        sources = chosen.sources if for_ports else ()
        listings = {}
        if _Source.NEUTRON in sources:
            listings[_Source.NEUTRON] = self._agents.read(
                group.neutron_agents_ttl, group.neutron_timeout
            )
        if _Source.FILE in sources:
            listings[_Source.FILE] = self._file.read(chosen.agents_file)
        return facts.Facts(
            sources, listings, chosen.unlisted, int(time.time())
        )
