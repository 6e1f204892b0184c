# SPDX-License-Identifier: Apache-2.0
"""The weigher for nova-scheduler.

It prefers the hosts where a request does the least harm to the devices that
others may want.
"""

from collections.abc import Sequence
import math
from typing import Any

from nova import conf as nova_conf
from nova.scheduler import utils
from nova.scheduler import weights as nova_weights
from oslo_log import log as logging

from pci_sched import conf as pci_conf
from pci_sched.matching import options as pci_options
from pci_sched.nova import (
    faults,
    look_up,
    published,
    settings,
    spec_rows,
    supplies,
    weighing,
    world,
)

CONF = nova_conf.CONF
LOG = logging.getLogger(__name__)

pci_conf.register_opts(CONF)

_MULTIPLIER = "topology_weight_multiplier"

_FILLS = {fill.value: fill for fill in pci_options.Fill}

_faults = faults.Faults(LOG.warning)


class PciTopologyWeigher(nova_weights.BaseHostWeigher):  # type: ignore[misc]
    """Keeps whole PFs and rare devices for those who ask for them.

    It never raises: what cannot be weighed is no better than the other hosts,
    and the log says so once.
    """

    def weight_multiplier(self, host_state: Any) -> float:
        """Say how much this weigher counts, for a host and its aggregates.

        :param host_state: ``nova.scheduler.host_manager.HostState``.
        :returns: ``topology_weight_multiplier`` of the metadata of the
            host's aggregates, or else of the configuration.
        """
        found: float = utils.get_weight_multiplier(
            host_state, _MULTIPLIER, CONF.pci_sched.topology_weight_multiplier
        )
        return found

    def weigh_objects(
        self, weighed_obj_list: Sequence[Any], weight_properties: Any
    ) -> list[float]:
        """Weigh all hosts of a request, before Nova brings them to 0 to 1.

        :param weighed_obj_list: ``nova.scheduler.weights.WeighedHost``
            objects.
        :param weight_properties: ``nova.objects.RequestSpec``.
        :returns: More is better; all the same for a request without devices.
        """
        hosts = [each.obj for each in weighed_obj_list]
        try:
            return self._weigh(hosts, weight_properties)
        except Exception as err:  # noqa: BLE001
            _faults.note("No host is weighed by its PCI devices", err)
            return [0.0] * len(hosts)

    def _weigh_object(self, obj: Any, weight_properties: Any) -> float:
        """Weigh one host alone."""
        try:
            return self._weigh([obj], weight_properties)[0]
        except Exception as err:  # noqa: BLE001
            _faults.note("A host is not weighed by its PCI devices", err)
            return 0.0

    def _weigh(self, hosts: Sequence[Any], spec: Any) -> list[float]:
        nothing = [0.0] * len(hosts)
        if not any(map(self.weight_multiplier, hosts)):
            return nothing
        group = CONF.pci_sched
        request = weighing.Weighing(
            _know(spec),
            settings.read(CONF).matching,
            weighing.Prices(
                group.weigher_split_cost,
                group.weigher_rarity_cost,
                group.weigher_link_cost,
            ),
        )
        if request.asks_nothing:
            return nothing
        tallies = [_tally(request, host) for host in hosts]
        found = weighing.weigh(tallies, _FILLS.get(group.weigher_fill))
        if not all(map(math.isfinite, found)):
            _faults.note(
                "No host is weighed by its PCI devices", "a cost is no number"
            )
            return nothing
        return found


def _know(spec: Any) -> look_up.Knowledge:
    """Take what the filter found out, or what the spec alone tells."""
    screening = world.recall(spec)
    if screening is not None:
        return screening.knowledge
    return look_up.of_spec(
        spec_rows.read_spec(spec), settings.read(CONF).port_spread
    )


def _tally(request: weighing.Weighing, host: Any) -> weighing.Tally | None:
    """Tell what a host would pay; ``None`` if nobody can."""
    try:
        if host.pci_stats is None:
            return None
        # Where nobody minds the nodes, more hosts are alike.
        topology = host.numa_topology if request.has_cells else None
        numa = supplies.read_numa(topology)
        supply = supplies.of_pools(
            host.pci_stats.pools,
            numa,
            published.domains(host) if request.has_spreads else (),
        )
        # Nova goes on with the first candidate that is left.
        candidates: Sequence[Any] = host.allocation_candidates or ({},)
        mappings = candidates[0].get("mappings") or {}
        return request.tally(supply, mappings)
    except Exception as err:  # noqa: BLE001
        _faults.note("A host is not weighed by its PCI devices", err)
        return None
