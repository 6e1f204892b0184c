# SPDX-License-Identifier: Apache-2.0
"""Which L2 agents a host has: several sources, asked in a configured order.

Each source gives an answer for a host. The first answer that knows the host
wins, all of it: facts of two sources are never mixed.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import enum
import functools
import json
import weakref

from pci_sched.inputs import host_facts_reader
from pci_sched.model import host as pci_host

#: The hypervisor_type of a node that has no agent of its own: Neutron binds
#: its ports on switches, and by a host that is no compute
#: (``nova.virt.ironic.driver.IronicDriver.network_binding_host_id``).
IRONIC = "ironic"


class Source(enum.StrEnum):
    """Who says it; the words of the option ``[pci_sched]fact_sources``."""

    NEUTRON = "neutron"
    HOST = "host"
    AGGREGATE = "aggregate"
    FILE = "file"


class State(enum.StrEnum):
    """What an answer comes to.

    ``known``: it has facts of the host. ``unlisted``: a list of all hosts was
    read and this one is not in it. ``silent``: the source speaks only of
    hosts that somebody set up, and not of this one. ``unreadable``: there is
    something, or there should be, and it cannot be read.
    """

    KNOWN = "known"
    UNLISTED = "unlisted"
    SILENT = "silent"
    UNREADABLE = "unreadable"


class UnlistedHost(enum.StrEnum):
    """What to make of a host that no list has, as the option says it."""

    ACCEPT = "accept"
    REJECT = "reject"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one source says of one host.

    :ivar age_s: How many seconds ago it was so; ``None`` if nobody knows.
    :ivar note: What went wrong, in one line; "" if nothing did.
    """

    source: Source
    state: State
    facts: pci_host.L2Facts = pci_host.NOTHING_KNOWN
    age_s: int | None = None
    note: str = ""

    def __str__(self) -> str:
        """Say to a person who answered, how old it is and what is wrong."""
        words = [] if self.state is State.KNOWN else [self.state.value]
        if self.age_s is not None:
            words.append(f"{self.age_s} s old")
        if self.note:
            words.append(self.note)
        return f"{self.source} ({', '.join(words)})" if words else self.source


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """The facts of a host, and where they came from.

    :ivar answer: The one that was taken; ``None`` if none knew the host.
    :ivar passed_over: Those that were asked before it, in their order.
    """

    facts: pci_host.L2Facts
    answer: Answer | None
    passed_over: tuple[Answer, ...] = ()

    def __str__(self) -> str:
        """Say it in a line of a log."""
        others = ", ".join(map(str, self.passed_over)) or "nobody was asked"
        if self.answer is None:
            known = "not known" if self.facts.agents is None else "none"
            return f"L2 agents: {known}; {others}"
        after = f"; before it {others}" if self.passed_over else ""
        return f"L2 agents: from {self.answer}{after}"


def collect(
    hosts: Mapping[str, tuple[pci_host.L2Agent, ...]],
) -> dict[str, pci_host.L2Facts]:
    """Make the facts of all hosts of a list.

    :param hosts: The agents of each host.
    :returns: For each host its facts; one object where they are the same, so
        that whoever judges them can remember what it said.
    """
    return {host: _share(agents) for host, agents in hosts.items()}


#: The facts that are in use, by what they say.
_IN_USE: weakref.WeakValueDictionary[str, pci_host.L2Facts] = (
    weakref.WeakValueDictionary()
)


def _share(agents: tuple[pci_host.L2Agent, ...]) -> pci_host.L2Facts:
    """Make the facts of a host, or take those of one like it."""
    fields = [dataclasses.astuple(agent) for agent in agents]
    text = json.dumps(fields, default=repr)
    return _IN_USE.setdefault(text, pci_host.L2Facts(agents))


def answer_from_list(
    source: Source,
    hosts: Mapping[str, pci_host.L2Facts] | None,
    host: str,
    *,
    age_s: int | None = None,
    note: str = "",
) -> Answer:
    """Look a host up in a list that has all hosts.

    :param source: Whose list it is.
    :param hosts: From :func:`collect`; ``None`` if it could not be read.
    :param host: As Neutron names it.
    :param age_s: The age of the list.
    :param note: Why it could not be read, or not be read anew.
    :returns: The answer.
    """
    facts = None if hosts is None else hosts.get(host)
    if facts is not None:
        state = State.KNOWN
    else:
        state = State.UNREADABLE if hosts is None else State.UNLISTED
    return Answer(
        source=source,
        state=state,
        facts=facts or pci_host.NOTHING_KNOWN,
        age_s=age_s,
        note=note,
    )


def answer_from_stats(text: str | None, now_s: int) -> Answer:
    """Take what the compute published.

    :param text: ``HostState.stats["pci_sched:host"]``; ``None`` without it.
    :param now_s: The time, in seconds since 1970 UTC.
    :returns: The answer; silent where the compute cannot tell its agents.
    """
    if text is None:
        return Answer(source=Source.HOST, state=State.SILENT)
    answer, time_s = _read_stats(text)
    if time_s is None:
        return answer
    return dataclasses.replace(answer, age_s=max(0, now_s - time_s))


@functools.lru_cache(maxsize=16_384)
def _read_stats(text: str) -> tuple[Answer, int | None]:
    """Read what a compute said, and when; it says the same for a while."""
    reading = host_facts_reader.read(text)
    note = "; ".join(map(str, reading.oddities))
    told = Answer(source=Source.HOST, state=State.UNREADABLE, note=note)
    if reading.facts is None:
        return told, None
    agents = reading.facts.agents
    if agents is None:
        told = dataclasses.replace(told, state=State.SILENT)
    else:
        told = dataclasses.replace(
            told, state=State.KNOWN, facts=_share(agents)
        )
    return told, reading.facts.time_s


#: Of a host that is in no list, where the operator rejects such hosts.
_NO_AGENT = pci_host.L2Facts(())


def choose(answers: Iterable[Answer], unlisted: UnlistedHost) -> Choice:
    """Take the first answer that knows the host.

    If none does, the agents are not known, as long as a list that may have
    the host could not be read, or there is no list at all. Only a host that
    was looked for and not found is treated as *unlisted* says: not known, or
    without any agent.

    :param answers: In the configured order; not asked further than needed.
    :param unlisted: The option ``[pci_sched]unlisted_host``.
    :returns: The facts, and the answers that led to them.
    """
    passed_over: list[Answer] = []
    for answer in answers:
        if answer.state is State.KNOWN:
            return Choice(answer.facts, answer, tuple(passed_over))
        passed_over.append(answer)
    states = {answer.state for answer in passed_over}
    missing = State.UNLISTED in states and State.UNREADABLE not in states
    facts = pci_host.NOTHING_KNOWN
    if missing and unlisted is UnlistedHost.REJECT:
        facts = _NO_AGENT
    return Choice(facts, None, tuple(passed_over))
