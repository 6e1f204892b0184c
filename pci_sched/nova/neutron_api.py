# SPDX-License-Identifier: Apache-2.0
"""What the scheduler asks Neutron, with the credentials of ``[neutron]``.

Nova is imported when something is asked. Nothing is remembered here, and
nothing limits the time: who calls does both.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
import urllib.parse

from oslo_log import log as logging

from pci_sched import exception
from pci_sched.inputs import neutron_lists, oddity
from pci_sched.nova import neutron_error

LOG = logging.getLogger(__name__)

#: How many ids go into one URL. With 80 of them it has some 3400 characters;
#: a request with more ports is asked for in parts, which count as one look-up.
IDS_PER_URL = 80

#: More pages than any cloud has; so that a server that errs cannot hold us.
MOST_PAGES = 1_000

_PortDetails = dict[str, neutron_lists.PortDetail]


def fetch_agents() -> neutron_lists.Agents:
    """Fetch Neutron's list of agents.

    No ``limit`` is sent: Neutron's own server has no pages for agents,
    whatever it is asked. If an answer links to a next page, it is followed.

    :returns: For each host its agents, of those fields that are read.
    :raises exception.NeutronUnusable: For whatever goes wrong, and also
        if the list is empty: Neutron hides agents from who is no
        administrator and says nothing of it.
    """
    oddities: list[oddity.Oddity] = []
    with neutron_error.explained("the list of agents"):
        entries = list(_list_agents(_make_client()))
        agents = neutron_lists.read_agents(entries, oddities)
    if not agents:
        raise exception.NeutronUnusable(neutron_error.NO_AGENTS)
    _log(oddities)
    return agents


def fetch_ports(port_ids: Collection[str]) -> _PortDetails:
    """Fetch ports, all in one call.

    :param port_ids: Their ids.
    :returns: By id, without those that are not there or cannot be read.
    :raises exception.NeutronUnusable: For whatever goes wrong.
    """
    oddities: list[oddity.Oddity] = []
    with neutron_error.explained("ports"):
        found = neutron_lists.read_ports(
            _list("ports", port_ids, neutron_lists.PORT_FIELDS), oddities
        )
    _log(oddities)
    return found


def fetch_networks(network_ids: Collection[str]) -> neutron_lists.Networks:
    """Fetch the segments of networks, all in one call.

    :param network_ids: Their ids.
    :returns: By id, without those that are not there or cannot be read.
    :raises exception.NeutronUnusable: For whatever goes wrong.
    """
    oddities: list[oddity.Oddity] = []
    with neutron_error.explained("networks"):
        found = neutron_lists.read_networks(
            _list("networks", network_ids, neutron_lists.NETWORK_FIELDS),
            oddities,
        )
    _log(oddities)
    return found


def _make_client() -> Any:
    # Nova takes a second to import, and is not there when this is tested.
    from nova import context
    from nova.network import neutron

    return neutron.get_client(context.get_admin_context(), admin=True)


def _list_agents(client: Any) -> Iterator[object]:
    """Go through all pages."""
    params: Mapping[str, Any] = {"fields": list(neutron_lists.AGENT_FIELDS)}
    asked: list[Mapping[str, Any]] = []
    while params not in asked:
        asked.append(params)
        if len(asked) > MOST_PAGES:
            raise exception.DocumentInvalid(
                "$", f"more than {MOST_PAGES} pages"
            )
        page = client.list_agents(**params)
        yield from _unwrap(page, "agents")
        query = _find_next(page)
        if query is None:
            return
        params = query
    # An incomplete list would say "no" of the hosts that are not in it.
    raise exception.DocumentInvalid("$", "a page links back to one before it")


def _find_next(page: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for link in page.get("agents_links") or ():
        if link.get("rel") == "next":
            return urllib.parse.parse_qs(
                urllib.parse.urlsplit(link["href"]).query
            )
    return None


def _list(
    collection: str, ids: Collection[str], fields: Collection[str]
) -> list[object]:
    client = _make_client()
    fetch: Callable[..., Any] = getattr(client, f"list_{collection}")
    wanted = sorted(set(ids))
    found: list[object] = []
    for start in range(0, len(wanted), IDS_PER_URL):
        part = wanted[start : start + IDS_PER_URL]
        page = fetch(id=part, fields=list(fields))
        found.extend(_unwrap(page, collection))
    return found


def _unwrap(page: object, key: str) -> list[object]:
    """Take the list out of a body that may be anything."""
    entries = page.get(key) if isinstance(page, Mapping) else None
    if not isinstance(entries, list):
        raise exception.DocumentInvalid(
            "$", f'there is no list "{key}" in {oddity.show(page)}'
        )
    return entries


def _log(oddities: Collection[oddity.Oddity]) -> None:
    """Say what was passed over, in one line."""
    if oddities:
        shown = "; ".join(map(str, list(oddities)[:3]))
        LOG.warning(
            "%d entries of Neutron's answer make no sense: %s",
            len(oddities),
            shown,
        )
