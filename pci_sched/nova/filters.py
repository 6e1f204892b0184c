# SPDX-License-Identifier: Apache-2.0
"""The filter of nova-scheduler.

Two lines of nova.conf enable it, in ``[filter_scheduler]``::

    available_filters = nova.scheduler.filters.all_filters
    available_filters = pci_sched.nova.filters.VnicTypeFilter

and ``VnicTypeFilter`` among ``enabled_filters``.
"""

from collections.abc import Iterable
from typing import Any

from nova import conf as nova_conf
from nova.scheduler import filters
from nova.scheduler import utils as scheduler_utils
from oslo_config import cfg
from oslo_log import log as logging

from pci_sched import conf as pci_conf
from pci_sched.nova import report, scheduler_matcher, world

LOG = logging.getLogger(__name__)


_ASK = " Please report this as a bug of pci_sched"

pci_conf.register_opts(nova_conf.CONF)


class VnicTypeFilter(
    filters.BaseHostFilter,  # type: ignore[misc]
    filters.CandidateFilterMixin,  # type: ignore[misc]
):
    """Passes exactly the hosts that can serve a request's ports and devices.

    A port is served where an L2 agent can bind a port of its vnic_type and
    network, and where the devices suffice for all requests of the instance
    together. What is not known refuses nothing. Of the allocation candidates
    of a host those are taken off whose devices do not suffice.

    It asks nothing of a host on a rebuild: the instance is there already.

    :ivar world: Whom it asks.
    """

    RUN_ON_REBUILD = False

    def __init__(self) -> None:
        super().__init__()
        scheduler_matcher.follow(nova_conf.CONF)
        self.world = world.World(nova_conf.CONF)
        #: What is wrong with the options, as far as it was said.
        self._wrong = ""

    def filter_all(
        self, filter_obj_list: Iterable[Any], spec_obj: Any
    ) -> list[Any]:
        """Keep the hosts that pass; never raises.

        :param filter_obj_list: ``nova.scheduler.host_manager.HostState``
            objects.
        :param spec_obj: ``nova.objects.RequestSpec``.
        :returns: Those that pass, in their order.
        """
        hosts = list(filter_obj_list)
        try:
            return self._filter(hosts, spec_obj)
        except cfg.Error as err:
            self._say_wrong(str(err))
            return hosts
        except Exception:
            # Whatever is wrong with us must not keep a server from booting.
            LOG.exception(
                "The request cannot be judged; every host passes.%s", _ASK
            )
            return hosts

    def host_passes(self, host_state: Any, filter_properties: Any) -> bool:
        """Tell whether one host passes; never raises.

        :param host_state: ``nova.scheduler.host_manager.HostState``.
        :param filter_properties: ``nova.objects.RequestSpec``, under the
            name that Nova gives it.
        :returns: Whether it passes.
        """
        return bool(self.filter_all([host_state], filter_properties))

    def _say_wrong(self, problem: str) -> None:
        """Say once what is wrong, until it is corrected or something else."""
        if problem != self._wrong:
            self._wrong = problem
            LOG.error(
                "[pci_sched] in nova.conf makes no sense; every host passes"
                " until it is corrected: %s (said once)",
                problem,
            )

    def _filter(self, hosts: list[Any], spec: Any) -> list[Any]:
        if not hosts or scheduler_utils.request_is_rebuild(spec):
            return hosts
        screening = self.world.screening(spec)
        self._wrong = ""
        if screening.asks_nothing:
            return hosts
        facts = self.world.facts(
            screening.chosen, for_ports=screening.has_ports
        )
        found = screening.screen(hosts, facts, self.filter_candidates)
        try:
            report.say(spec.instance_uuid, found, facts)
        except Exception:
            LOG.exception("It cannot be said why hosts do not pass.%s", _ASK)
        return found.passed
