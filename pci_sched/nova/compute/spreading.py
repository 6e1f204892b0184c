# SPDX-License-Identifier: Apache-2.0
"""Which devices a nova-compute keeps apart while it claims them.

Nova claims by requests alone; what the flavor and the ports ask for can be
found out where a claim begins.
"""

from collections.abc import Callable, Mapping
import functools
import inspect
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from pci_sched.inputs import nova_spread, oddity
from pci_sched.nova import (
    faults,
    neighbours,
    settings,
    spec_rows,
    spread_asks,
)
from pci_sched.nova.compute import port_asks

LOG = logging.getLogger(__name__)

_INSTANCE = "instance"
#: Of a move: what the server becomes.
_NEW_FLAVOR = "new_flavor"
#: Of a port that is attached: what it requests.
_MORE = "pci_reqs"

#: Of this process: who does not answer one claim is not asked by the next.
_PORTS = port_asks.PortAsks()

_faults = faults.Faults(LOG.error)
_oddities = faults.Faults(LOG.warning)


def keeping_apart(
    conf: cfg.ConfigOpts,
    stock: Callable[..., Any],
    ports: port_asks.PortAsks = _PORTS,
) -> Callable[..., Any]:
    """Have what is claimed meanwhile be kept apart as the server asks for.

    :param conf: Nova's, with our options registered; read for each claim.
    :param stock: A method that takes an ``instance``, of a move also a
        ``new_flavor``; one of the manager where it attaches a port that
        requests ``pci_reqs``.
    :param ports: Who finds out what its ports ask for.
    :returns: What to put in its place.
    """
    signature = inspect.signature(stock)

    @functools.wraps(stock)
    def claim(*args: Any, **kwargs: Any) -> Any:
        asks = nova_spread.NOTHING
        beside: tuple[neighbours.Neighbour, ...] = ()
        with _faults.catching("Devices are not kept apart"):
            given = signature.bind(*args, **kwargs).arguments
            asks = asks_of(conf, given, ports)
            beside = _neighbours(given, asks)
        with spread_asks.asking(asks, beside):
            return stock(*args, **kwargs)

    return claim


def asks_of(
    conf: cfg.ConfigOpts,
    given: Mapping[str, Any],
    ports: port_asks.PortAsks = _PORTS,
) -> nova_spread.Asks:
    """Tell what is asked for with a server.

    :param conf: As for :func:`keeping_apart`.
    :param given: The arguments of the method, by their names.
    :param ports: Who finds out what its ports ask for.
    :returns: What its flavor, its ports and the operator ask for.
    """
    instance = given[_INSTANCE]
    flavor = given.get(_NEW_FLAVOR) or instance.flavor
    oddities: list[oddity.Oddity] = []
    # Nova loads them for the claim, if they are not there.
    requests = [*_listed(instance.pci_requests), *_listed(given.get(_MORE))]
    timeout_s = conf.pci_sched.neutron_timeout
    found = nova_spread.Asks(
        nova_spread.of_flavor(spec_rows.read_extra_specs(flavor), oddities),
        ports.find(instance, requests, timeout_s, oddities),
        settings.read(conf).port_spread,
    )
    for each in oddities:
        _oddities.note_each(
            "Devices are not kept apart as asked for",
            f"flavor {spec_rows.get(flavor, 'name')}: {each}",
        )
    return found


def _neighbours(
    given: Mapping[str, Any], asks: nova_spread.Asks
) -> tuple[neighbours.Neighbour, ...]:
    """Give what a server has, if it gets more and anything is kept apart."""
    if asks == nova_spread.NOTHING or not _listed(given.get(_MORE)):
        return ()
    count = given["self"].rt.pci_tracker.stats
    return neighbours.find(given[_INSTANCE], count.fails_together)


def _listed(requests: Any) -> list[Any]:
    return list((requests and requests.requests) or ())
