# SPDX-License-Identifier: Apache-2.0
"""What a compute tells of its host, written into one of Nova's own records.

Nova carries ``compute_nodes.stats`` to ``HostState.stats`` as a dictionary of
texts. One of them is ours: JSON of at most 8 KiB, whose form is specified in
``doc/source/reference/host-facts.rst``.
"""

from collections.abc import Callable, Mapping
import dataclasses
import json
from typing import Any

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: The key in ``HostState.stats``.
KEY = "pci_sched:host"

#: What is written. A reader takes this version and the one before.
VERSION = 1

#: How long the text may be.
MAX_BYTES = 8 * 1024

#: Nova writes a record anew whenever a text in it changes. The time is
#: rounded down to this, so that it is no reason to write more often.
TIME_STEP_S = 600

#: After this time a compute would have written the next one.
STALE_S = 2 * TIME_STEP_S

#: What of an agent's configurations says which ports it can bind.
CONFIGURATIONS = (
    "baremetal_smartnic",
    "bridge-mappings",
    "bridge_mappings",
    "device_mappings",
    "interface_mappings",
    "tunnel_types",
)


@dataclasses.dataclass(frozen=True, slots=True)
class FunctionFacts:
    """What a scheduler may want to know of a PF, or of a plain device.

    ``None`` says that a fact is not known.

    :ivar link: Of a PF.
    :ivar card: Something that the functions of one card share and no others
        have.
    :ivar bond: The bond a PF's network device is in; "" if it is in none.
    :ivar lag: Something that the PFs of one VF-LAG share; ``None`` also if
        it is in none.
    :ivar root_port: Something that the functions below one root port share.
    :ivar switch: Likewise of a switch; the root port's where there is none.
    """

    address: pci_address.PciAddress
    link: pci_device.Link | None = None
    card: str | None = None
    bond: str | None = None
    lag: str | None = None
    root_port: str | None = None
    switch: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What a compute tells of its host.

    :ivar time_s: When it looked, in seconds since 1970 UTC.
    :ivar agents: *All* L2 agents of the host, as far as their binding goes;
        ``None`` if the compute cannot tell which there are.
    :ivar pfs: Sorted by address; ``None`` if it did not look, or had no room
        for them.
    :ivar plain: Likewise the devices that Nova gives away and that are
        neither PFs nor parts of one.
    :ivar dropped: What was left out for want of room.
    """

    time_s: int | None = None
    agents: tuple[pci_host.L2Agent, ...] | None = None
    pfs: tuple[FunctionFacts, ...] | None = None
    plain: tuple[FunctionFacts, ...] | None = None
    dropped: tuple[str, ...] = ()

    @property
    def functions(self) -> tuple[FunctionFacts, ...]:
        """All of which it is told what they fail with."""
        return (*(self.pfs or ()), *(self.plain or ()))


def write(facts: HostFacts) -> str:
    """Write what is known, and no more than there is room for.

    :param facts: Of one host.
    :returns: ASCII; the same facts always give the same text.
    """
    text = _write_all(facts)
    for name, drop in _DROPS.items():
        if len(text) <= MAX_BYTES:
            break
        shorter = drop(facts)
        if shorter != facts:
            facts = dataclasses.replace(
                shorter, dropped=(*facts.dropped, name)
            )
            text = _write_all(facts)
    return text


def _drop_plain(facts: HostFacts) -> HostFacts:
    return dataclasses.replace(facts, plain=None)


def _drop_pf_details(facts: HostFacts) -> HostFacts:
    """Keep the links, which say whether a PF is of any use at all."""
    if facts.pfs is None:
        return facts
    bare = tuple(FunctionFacts(each.address, each.link) for each in facts.pfs)
    return dataclasses.replace(facts, pfs=bare)


def _drop_pfs(facts: HostFacts) -> HostFacts:
    return dataclasses.replace(facts, pfs=None)


def _drop_configurations(facts: HostFacts) -> HostFacts:
    """Empty ones say nothing, so that they refuse no port."""
    bare = facts.agents and tuple(
        dataclasses.replace(agent, configurations={}) for agent in facts.agents
    )
    return dataclasses.replace(facts, agents=bare)


def _drop_agents(facts: HostFacts) -> HostFacts:
    return dataclasses.replace(facts, agents=None)


#: What is left out, first things first, until the text is short enough.
_DROPS: Mapping[str, Callable[[HostFacts], HostFacts]] = {
    "pci": _drop_plain,
    "pf-details": _drop_pf_details,
    "pf": _drop_pfs,
    "l2-configurations": _drop_configurations,
    "l2": _drop_agents,
}

#: The words that may stand for what was left out.
DROPPED = tuple(_DROPS)


def _write_all(facts: HostFacts) -> str:
    document: dict[str, Any] = {"v": VERSION}
    if facts.time_s is not None:
        document["t"] = facts.time_s - facts.time_s % TIME_STEP_S
    if facts.agents is not None:
        document["l2"] = [_write_agent(agent) for agent in facts.agents]
    if facts.pfs is not None:
        document["pf"] = list(map(_write_function, facts.pfs))
    if facts.plain is not None:
        document["pci"] = list(map(_write_function, facts.plain))
    if facts.dropped:
        document["x"] = list(facts.dropped)
    return json.dumps(document, separators=(",", ":"), default=str)


def say_if_stale(facts: HostFacts | None, now_s: int) -> str:
    """Say that nobody knows how the links of a host are by now.

    :param facts: What its compute told; ``None`` for nothing.
    :param now_s: The time, in seconds since 1970 UTC.
    :returns: "" if the facts are as new as can be, say nothing of links, or
        not when that was.
    """
    if facts is None or facts.pfs is None or facts.time_s is None:
        return ""
    age_s = now_s - facts.time_s
    if age_s <= STALE_S:
        return ""
    return f"its links were as told {age_s} s ago, nothing newer is known"


def trim(configurations: Mapping[str, object]) -> dict[str, object]:
    """Keep of an agent's configurations what says which ports it can bind.

    :param configurations: As the agent reports them.
    :returns: Empty only if they were: none at all say nothing, and must not
        come of some that say "no".
    """
    kept = {
        key: configurations[key]
        for key in CONFIGURATIONS
        if key in configurations
    }
    return kept if kept or not configurations else {"tunnel_types": []}


def _write_agent(agent: pci_host.L2Agent) -> dict[str, Any]:
    document: dict[str, Any] = {"t": agent.agent_type}
    if not agent.alive:
        document["a"] = False
    if not agent.admin_state_up:
        document["u"] = False
    configurations = trim(agent.configurations)
    if configurations:
        document["c"] = configurations
    return document


def _write_function(told: FunctionFacts) -> dict[str, str]:
    facts = {
        "l": told.link,
        "c": told.card,
        "b": told.bond,
        "g": told.lag,
        "r": told.root_port,
        "s": told.switch if told.switch != told.root_port else None,
    }
    known = {
        key: str(value) for key, value in facts.items() if value is not None
    }
    return {"a": str(told.address)} | known
