# SPDX-License-Identifier: Apache-2.0
"""Asking about one request: what fails becomes a note and an empty answer."""

from collections.abc import Callable, Collection, Mapping
import dataclasses
import time
from typing import Any, TypeVar

from pci_sched.inputs import neutron_lists, nova_rows
from pci_sched.nova import (
    info_cache,
    neutron_api,
    neutron_error,
    patience,
    spec_rows,
)

_Answer = TypeVar("_Answer")

#: The ports of an instance that is there already.
Cache = tuple[info_cache.CachedPort, ...]
#: By the port's id.
Details = Mapping[str, neutron_lists.PortDetail]
#: By the network's id.
Networks = neutron_lists.Networks

_SHOWN = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Who is asked; each may raise anything.

    :ivar spec: Reads a RequestSpec.
    :ivar info_cache: Gives the cache of the instance of a RequestSpec.
    :ivar ports: Asks Neutron for ports, by their ids.
    :ivar networks: Asks Neutron for networks, by their ids.
    """

    spec: Callable[[Any], nova_rows.SpecRows] = spec_rows.read_spec
    info_cache: Callable[[Any], Cache | None] = info_cache.fetch
    ports: Callable[[Collection[str]], Details] = neutron_api.fetch_ports
    networks: Callable[[Collection[str]], Networks] = (
        neutron_api.fetch_networks
    )


class Inquiry:
    """All that is asked about one request.

    :param readers: Who is asked.
    :param waiting: Who waits for Neutron.
    :param timeout_s: How many seconds to wait for all answers of Neutron
        together; ``None`` if it is not to be asked.
    :param clock: Seconds that never go back.
    :ivar notes: What could not be found out, each in one line.
    """

    def __init__(
        self,
        readers: Readers,
        waiting: patience.Patience,
        timeout_s: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.notes: list[str] = []
        self._readers = readers
        self._patience = waiting
        self._clock = clock
        self._deadline = None if timeout_s is None else clock() + timeout_s

    def cache(self, spec: Any) -> Cache | None:
        """Read the ports of the instance from Nova's cache.

        :param spec: ``nova.objects.RequestSpec``.
        :returns: ``None`` if there is no cache, or it cannot be read.
        """
        try:
            return self._readers.info_cache(spec)
        except Exception as err:  # noqa: BLE001 - the request has to go on
            self._note("the network info cache of the instance", err)
            return None

    def ports(self, port_ids: Collection[str]) -> Details:
        """Ask Neutron for ports.

        :param port_ids: Their ids; nobody is asked for none.
        :returns: Those that are known.
        """
        found = self._ask("ports", self._readers.ports, port_ids)
        return self._complete("port", port_ids, found)

    def networks(self, network_ids: Collection[str]) -> Networks:
        """Ask Neutron for networks.

        :param network_ids: Their ids; nobody is asked for none.
        :returns: Those that are known.
        """
        found = self._ask("networks", self._readers.networks, network_ids)
        networks = self._complete("network", network_ids, found)
        hidden = [key for key, value in networks.items() if value is None]
        if hidden:
            self.notes.append(
                f"Neutron hides the segments of network {_join(hidden)}; the"
                " credentials of [neutron] are no administrator's"
            )
        return networks

    def _ask(
        self,
        what: str,
        reader: Callable[[Collection[str]], Mapping[str, _Answer]],
        ids: Collection[str],
    ) -> Mapping[str, _Answer] | None:
        if not ids or self._deadline is None:
            return None
        rest_s = max(0.0, self._deadline - self._clock())
        try:
            return self._patience.call(lambda: reader(ids), rest_s)
        except Exception as err:  # noqa: BLE001 - the request has to go on
            self._note(f"{what} of Neutron", err)
            return None

    def _complete(
        self,
        what: str,
        ids: Collection[str],
        found: Mapping[str, _Answer] | None,
    ) -> dict[str, _Answer]:
        """Say what is missing from an answer, if there is one."""
        if found is None:
            return {}
        missing = [each for each in ids if each not in found]
        if missing:
            self.notes.append(f"Neutron does not show {what} {_join(missing)}")
        return dict(found)

    def _note(self, what: str, err: Exception) -> None:
        self.notes.append(f"{what}: {neutron_error.say(err)}")


def _join(ids: Collection[str]) -> str:
    shown = ", ".join(list(ids)[:_SHOWN])
    more = len(ids) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
