# SPDX-License-Identifier: Apache-2.0
"""Which devices a nova-compute keeps apart while it claims them.

Nova claims by requests alone. What the flavor asks for is known where a claim
begins; what the ports ask for, only of a server that has been there before:
Nova keeps their profiles in its network info cache.
"""

from collections.abc import Callable, Mapping
import functools
import inspect
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from pci_sched.inputs import nova_spread, oddity
from pci_sched.nova import faults, settings, spec_rows, spread_asks

LOG = logging.getLogger(__name__)

_INSTANCE = "instance"
#: Of a move: what the server becomes.
_NEW_FLAVOR = "new_flavor"

_faults = faults.Faults(LOG.error)
_oddities = faults.Faults(LOG.warning)


def keeping_apart(
    conf: cfg.ConfigOpts, stock: Callable[..., Any]
) -> Callable[..., Any]:
    """Have what is claimed meanwhile be kept apart as the server asks for.

    :param conf: Nova's, with our options registered; read for each claim.
    :param stock: A method that takes an ``instance``, and of a move also a
        ``new_flavor``.
    :returns: What to put in its place.
    """
    signature = inspect.signature(stock)

    @functools.wraps(stock)
    def claim(*args: Any, **kwargs: Any) -> Any:
        asks = nova_spread.NOTHING
        try:
            given = signature.bind(*args, **kwargs).arguments
            asks = asks_of(conf, given)
        except Exception as error:  # noqa: BLE001
            _faults.note("Devices are not kept apart", error)
        with spread_asks.asking(asks):
            return stock(*args, **kwargs)

    return claim


def asks_of(
    conf: cfg.ConfigOpts, given: Mapping[str, Any]
) -> nova_spread.Asks:
    """Tell what is asked for with a server.

    :param conf: As for :func:`keeping_apart`.
    :param given: The arguments of the method, by their names.
    :returns: What its flavor, its ports and the operator ask for.
    """
    instance = given[_INSTANCE]
    flavor = given.get(_NEW_FLAVOR) or instance.flavor
    oddities: list[oddity.Oddity] = []
    found = nova_spread.Asks(
        nova_spread.of_flavor(spec_rows.read_extra_specs(flavor), oddities),
        _of_ports(instance, oddities),
        settings.read(conf).port_spread,
    )
    for each in oddities:
        _oddities.note("Devices are not kept apart as asked for", str(each))
    return found


def _of_ports(
    instance: Any, oddities: list[oddity.Oddity]
) -> tuple[tuple[str, nova_spread.Ask], ...]:
    cache = spec_rows.get(instance, "info_cache")
    found = []
    for vif in (cache and spec_rows.get(cache, "network_info")) or ():
        text = nova_spread.of_profile(vif.get("profile"))
        path = f"$.vifs[{vif['id']}].profile"
        ask = nova_spread.of_port(text, path, oddities)
        if ask is not None:
            found.append((vif["id"], ask))
    return tuple(found)
