# SPDX-License-Identifier: Apache-2.0
"""The client of Neutron that Nova is given: counts, pages, and can fail.

Nova's own wrapper is around it, so that an answer 401 or 403 becomes what
Nova makes of it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from nova.network import neutron as nova_neutron

Body = dict[str, Any]

#: Takes the place of the answer.
Fault = Callable[[], Any]

#: What neutronclient makes of answers that are errors, or do not come.
errors = nova_neutron.neutron_client_exc

_PAGED = {
    "list_agents": "agents",
    "list_ports": "ports",
    "list_networks": "networks",
}


class Call(NamedTuple):
    """One request of HTTP."""

    name: str
    params: Mapping[str, Any]
    is_admin: bool


class Log:
    """What was asked of Neutron, and what of it fails.

    :ivar calls: Each request, in order.
    :ivar faults: By name of the method, what fails: for the filter only,
        Nova's own requests go on.
    :ivar in_filter: Whether a filter under test runs now.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: dict[str, Fault] = {}
        self.in_filter = False

    def fault(self, call: Call) -> Fault | None:
        """Give what takes the place of an answer, if it has failed."""
        # Nova itself never lists agents; while a filter runs, it may list the
        # ports of a server that somebody looks at, and not by their ids.
        if call.name == "list_agents" or (
            self.in_filter and "id" in call.params
        ):
            return self.faults.get(call.name)
        return None


class CountingClient:
    """Looks like ``neutronclient.v2_0.client.Client``.

    :param base: Nova's client of its Neutron fixture.
    """

    def __init__(self, base: Any, log: Log) -> None:
        self._base = base
        self._log = log

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._base, name)
        if not callable(method):
            return method
        if name in _PAGED:
            return lambda retrieve_all=True, **params: self._list(
                name, retrieve_all, params
            )

        def call(*args: Any, **params: Any) -> Any:
            self._log.calls.append(Call(name, params, self._base.is_admin))
            return method(*args, **params)

        return call

    def _list(self, name: str, retrieve_all: bool, params: Body) -> Any:
        """List as ``Client.list``: the pages joined, or one by one."""
        pages = self._pages(name, params)
        if not retrieve_all:
            return pages
        found: Body = {_PAGED[name]: []}
        for page in pages:
            # Of garbage this makes what neutronclient does: an exception, or
            # a list of it.
            found[_PAGED[name]].extend(page[_PAGED[name]])
        return found

    def _pages(self, name: str, params: Body) -> Iterator[Any]:
        limit, marker = params.get("limit"), params.get("marker")
        while True:
            asked = params | ({"marker": marker} if marker else {})
            call = Call(name, asked, self._base.is_admin)
            self._log.calls.append(call)
            if (fault := self._log.fault(call)) is not None:
                yield fault()
                return
            rest = self._matching(name, params, marker)
            page = rest[:limit] if limit else rest
            yield {_PAGED[name]: [_cut(one, params) for one in page]}
            # As Neutron does: a full page has a link to the next one.
            if not limit or len(page) < limit:
                return
            marker = page[-1]["id"]

    def _matching(
        self, name: str, params: Body, marker: str | None
    ) -> list[Body]:
        wanted = {
            key: value
            for key, value in params.items()
            if key not in {"fields", "limit", "marker", "page_reverse"}
        }
        answer = getattr(self._base, name)(**wanted)[_PAGED[name]]
        listed = sorted(answer, key=lambda one: str(one["id"]))
        return [one for one in listed if marker is None or one["id"] > marker]


def _cut(one: Body, params: Mapping[str, Any]) -> Body:
    """Leave the fields that were asked for; ``id`` is always needed here."""
    fields = params.get("fields")
    if not fields:
        return one
    names = [fields] if isinstance(fields, str) else fields
    return {name: one[name] for name in names if name in one}
