# SPDX-License-Identifier: Apache-2.0
"""What operators say of hosts in the metadata of their aggregates.

The keys are documented in ``doc/source/reference/fact-sources.rst``. Each
aggregate adds to what its hosts can bind; none takes anything away.
"""

from collections.abc import Iterable, Iterator, Mapping
import functools

from pci_sched.inputs import fact_sources, oddity
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

#: Types of agents, as Neutron names them, or ``none``.
AGENTS = "pci_sched:agents"

#: What the agents of the same aggregate reach.
PHYSICAL_NETWORKS = "pci_sched:physical_networks"
TUNNEL_TYPES = "pci_sched:tunnel_types"

#: The only kinds of port that hosts of the aggregate take.
VNIC_TYPES = "pci_sched:vnic_types"

_KEYS = (AGENTS, PHYSICAL_NETWORKS, TUNNEL_TYPES, VNIC_TYPES)

_NONE = "none"

_Metadata = Mapping[str, str]

_Types = frozenset[pci_request.VnicType]


def answer(metadata: Iterable[_Metadata]) -> fact_sources.Answer:
    """Take what the aggregates of one host say of it.

    :param metadata: Of each aggregate that the host is in.
    :returns: The answer; silent if none of them has a key of ours.
    """
    told = tuple(
        tuple((key, each[key]) for key in _KEYS if key in each)
        for each in metadata
    )
    return _read(tuple(filter(None, told)))


@functools.lru_cache(maxsize=4096)
def _read(
    told: tuple[tuple[tuple[str, str], ...], ...],
) -> fact_sources.Answer:
    """Read the keys of ours, once for all hosts of the same aggregates."""
    notes: list[str] = []
    found = [dict(each) for each in told]
    agents = [
        agent
        for each in found
        if AGENTS in each
        for agent in _read_agents(each, notes)
    ]
    has_agents = any(AGENTS in each for each in found)
    facts = pci_host.L2Facts(
        tuple(agents) if has_agents else None,
        _join(
            [
                _read_vnic_types(each[VNIC_TYPES], notes)
                for each in found
                if VNIC_TYPES in each
            ]
        ),
    )
    state = fact_sources.State.SILENT
    if facts != pci_host.NOTHING_KNOWN:
        state = fact_sources.State.KNOWN
    elif notes:
        state = fact_sources.State.UNREADABLE
    return fact_sources.Answer(
        source=fact_sources.Source.AGGREGATE,
        state=state,
        facts=facts,
        note="; ".join(notes),
    )


def _split(text: str) -> list[str]:
    """Read words separated by commas; the word ``none`` is no word."""
    words = [word.strip() for word in text.split(",")]
    return [word for word in words if word and word != _NONE]


def _read_agents(
    metadata: _Metadata, notes: list[str]
) -> Iterator[pci_host.L2Agent]:
    """Make the agents; whoever writes them down says that they are alive."""
    networks = _read_words(metadata, PHYSICAL_NETWORKS)
    if networks and any(":" in each for each in networks):
        notes.append(
            f"{PHYSICAL_NETWORKS}: {oddity.show(metadata[PHYSICAL_NETWORKS])}"
            " are no physical networks"
        )
        networks = None
    tunnels = _read_words(metadata, TUNNEL_TYPES)
    for agent_type in dict.fromkeys(_split(metadata[AGENTS])):
        yield pci_host.L2Agent(
            agent_type,
            alive=True,
            configurations=_make_configurations(networks, tunnels),
        )


def _read_words(metadata: _Metadata, key: str) -> list[str] | None:
    return _split(metadata[key]) if key in metadata else None


def _make_configurations(
    networks: list[str] | None, tunnels: list[str] | None
) -> dict[str, object]:
    """Write what an agent of any type would report.

    Each mechanism driver looks at the key of its own agent. Where nobody
    said anything the value is null, which nobody reads as a "no".
    """
    if networks is None and tunnels is None:
        return {}
    mapped = None if networks is None else {each: each for each in networks}
    pairs = [f"{each}:{each}" for each in mapped or ()]
    return {
        "bridge_mappings": mapped,
        "bridge-mappings": None if mapped is None else ",".join(pairs),
        "device_mappings": mapped,
        "interface_mappings": mapped,
        "tunnel_types": tunnels,
        "baremetal_smartnic": True,
    }


def _read_vnic_types(text: str, notes: list[str]) -> _Types | None:
    """Read the kinds; one that is misspelled lifts the limit."""
    try:
        return frozenset(pci_request.VnicType(word) for word in _split(text))
    except ValueError as err:
        notes.append(f"{VNIC_TYPES}: {err}")
        return None


def _join(told: list[_Types | None]) -> _Types | None:
    """Take them together; no limit at all where one of them has none."""
    limits = [each for each in told if each is not None]
    if not told or len(limits) < len(told):
        return None
    return frozenset().union(*limits)
