# SPDX-License-Identifier: Apache-2.0
"""Which devices of a server its ports ask to be kept apart.

Nova keeps the binding profiles of ports in its network info cache, but of a
server that is being created there is none yet: Neutron is asked then, as the
scheduler asked it for the same server.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from oslo_log import log as logging

from pci_sched import exception
from pci_sched.inputs import (
    neutron_lists,
    nova_rows,
    nova_spread,
    oddity,
)
from pci_sched.nova import (
    faults,
    neutron_api,
    neutron_error,
    patience,
    spec_rows,
)

LOG = logging.getLogger(__name__)

_faults = faults.Faults(LOG.warning)

#: What a port asks for as it stands there, by its id.
_Texts = dict[str, str | None]


class PortAsks:
    """Finds out; one for each process, safe under threads."""

    def __init__(
        self,
        fetch: Callable[
            [Collection[str]], Mapping[str, neutron_lists.PortDetail]
        ]
        | None = neutron_api.fetch_ports,
        waiting: patience.Patience | None = None,
    ) -> None:
        """Ask nobody yet.

        :param fetch: Asks Neutron for ports, by their ids; ``None`` where
            there is no time to wait for it.
        :param waiting: Who waits for it.
        """
        self._fetch = fetch
        self._patience = waiting or patience.Patience(neutron_error.is_away)

    def find(
        self,
        instance: Any,
        requests: Iterable[Any],
        timeout_s: float,
        oddities: list[oddity.Oddity],
    ) -> tuple[tuple[str, nova_spread.Ask], ...]:
        """Tell what the ports of a server ask for.

        Neutron is asked for ports that Nova does not know yet, unless there
        is no second device to be kept apart from. Where it does not answer,
        they ask for nothing, and the log says so.

        :param instance: ``nova.objects.Instance``.
        :param requests: All its ``nova.objects.InstancePCIRequest`` objects.
        :param timeout_s: How many seconds to wait for Neutron.
        :param oddities: Gets what made no sense, which asks for nothing.
        :returns: By the ports' ids.
        """
        known = dict(_cached(instance))
        missing = [each for each in _requested(requests) if each not in known]
        found = []
        for port_id, text in (known | self._ask(missing, timeout_s)).items():
            path = f"$.ports[{port_id}].profile"
            ask = nova_spread.of_port(text, path, oddities)
            if ask is not None:
                found.append((port_id, ask))
        return tuple(found)

    def _ask(self, port_ids: Collection[str], timeout_s: float) -> _Texts:
        fetch = self._fetch
        if not port_ids or fetch is None:
            return {}
        try:
            found = self._patience.call(lambda: fetch(port_ids), timeout_s)
        except Exception as error:  # noqa: BLE001
            kind = "no answer" if _is_silence(error) else "an error"
            _faults.note(
                "What ports ask for is not known, their devices are kept apart"
                f" as the flavor and the operator say; {kind} of Neutron",
                neutron_error.say(error),
            )
            return {}
        return {port_id: detail.spread for port_id, detail in found.items()}


def _is_silence(error: Exception) -> bool:
    return isinstance(error, exception.NoAnswer) or neutron_error.is_away(
        error
    )


def _cached(instance: Any) -> Iterator[tuple[str, str | None]]:
    cache = spec_rows.get(instance, "info_cache")
    for vif in (cache and spec_rows.get(cache, "network_info")) or ():
        yield vif["id"], nova_spread.of_profile(vif.get("profile"))


#: One device is kept apart from none.
_FEWEST = 2


def _requested(requests: Iterable[Any]) -> list[str]:
    """List the ports that devices are wanted for, if there are two."""
    rows = [
        each
        for each in spec_rows.read_requests(requests)
        if each.source is nova_rows.PciSource.NEUTRON_PORT
    ]
    if sum(each.count or 0 for each in rows) < _FEWEST:
        return []
    return [each.requester_id for each in rows if each.requester_id]
