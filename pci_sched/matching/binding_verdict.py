# SPDX-License-Identifier: Apache-2.0
"""What comes of asking whether a port can be bound on a host."""

from collections.abc import Iterable
import dataclasses
import enum

from pci_sched.matching import binding_table as table
from pci_sched.matching import binding_words
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request


class Code(enum.StrEnum):
    """Why a port cannot be bound; the nearest to success comes first."""

    SEGMENT_DISAGREES = "SEGMENT_DISAGREES"
    SEGMENT_NOT_ON_HOST = "SEGMENT_NOT_ON_HOST"
    PHYSNET_NOT_MAPPED = "PHYSNET_NOT_MAPPED"
    TUNNEL_TYPE_UNSUPPORTED = "TUNNEL_TYPE_UNSUPPORTED"
    NETWORK_TYPE_UNSUPPORTED = "NETWORK_TYPE_UNSUPPORTED"
    NO_SEGMENT = "NO_SEGMENT"
    MAPPINGS_INVALID = "MAPPINGS_INVALID"
    SMARTNIC_DISABLED = "SMARTNIC_DISABLED"
    AGENT_DOWN = "AGENT_DOWN"
    SWITCHDEV_REQUIRED = "SWITCHDEV_REQUIRED"
    SWITCHDEV_REFUSED = "SWITCHDEV_REFUSED"
    NO_L2_AGENT = "NO_L2_AGENT"
    VNIC_TYPE_UNSUPPORTED = "VNIC_TYPE_UNSUPPORTED"


class Note(enum.StrEnum):
    """What somebody should know although the port can be bound."""

    AGENTS_UNKNOWN = "AGENTS_UNKNOWN"
    FOREIGN_AGENT = "FOREIGN_AGENT"
    NOT_JUDGED = "NOT_JUDGED"
    SEGMENTS_UNKNOWN = "SEGMENTS_UNKNOWN"
    CONFIGURATION_UNKNOWN = "CONFIGURATION_UNKNOWN"
    AGENT_ADMIN_DOWN = "AGENT_ADMIN_DOWN"
    DEVICE_ELSEWHERE = "DEVICE_ELSEWHERE"
    DEVICE_DECIDES = "DEVICE_DECIDES"


_RANK = {code: rank for rank, code in enumerate(Code)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that keeps a port from being bound.

    :ivar driver: The mechanism driver it was found with; "" where no
        configured one takes such a port.
    :ivar agent: The agent it was found with, if there is one.
    :ivar segment: What was asked for, or came out.
    :ivar names: What there is instead: mappings, tunnel types, agent types.
    """

    code: Code
    driver: str = ""
    agent: pci_host.L2Agent | None = None
    segment: pci_request.Segment | None = None
    names: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Say it to a person, in one sentence without a full stop."""
        return binding_words.FINDINGS[self.code].format(
            driver=self.driver,
            agent=self.agent.agent_type if self.agent else "no agent",
            segment=binding_words.say_segment(self.segment),
            names=", ".join(self.names) or "none",
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The port can be bound, as far as anybody knows.

    :ivar driver: The mechanism driver that binds it; ``None`` if that was
        not judged.
    :ivar agent: The agent it binds through, if one takes part.
    :ivar segment: The segment it binds on; ``None`` if not known.
    """

    port: pci_request.PortRequest
    driver: str | None = None
    agent: pci_host.L2Agent | None = None
    segment: pci_request.Segment | None = None
    notes: tuple[Note, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say the notes to a person."""
        port = binding_words.say_port(self.port)
        agent = self.agent.agent_type if self.agent else "no agent"
        segment = binding_words.say_segment(self.segment)
        return tuple(
            f"{port}: "
            + binding_words.NOTES[note].format(agent=agent, segment=segment)
            for note in self.notes
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BindingRefusal:
    """The port cannot be bound, and why.

    :ivar findings: At least one, the nearest to success first.
    :ivar agent_types: The types of the host's L2 agents.
    """

    port: pci_request.PortRequest
    findings: tuple[Finding, ...]
    agent_types: tuple[str, ...] = ()

    @property
    def code(self) -> Code:
        """What is nearest to success, for a machine."""
        return self.findings[0].code

    @property
    def message(self) -> str:
        """Name the port, what it asks, what there is: for a person."""
        nearest = [each for each in self.findings if each.code is self.code]
        if self.code is Code.NO_L2_AGENT:
            # One sentence for all the drivers that miss theirs.
            names = tuple(name for each in nearest for name in each.names)
            nearest = [dataclasses.replace(nearest[0], names=names)]
        said = "; ".join(dict.fromkeys(each.message for each in nearest))
        port = binding_words.say_port(self.port)
        there = ", ".join(self.agent_types) or "none"
        return f"{port}: {said} (L2 agents of the host: {there})"


def refuse(
    port: pci_request.PortRequest,
    agents: Iterable[pci_host.L2Agent],
    findings: Iterable[Finding],
    mechanism_drivers: tuple[str, ...],
) -> BindingRefusal:
    """Sort what was found, the nearest to success first.

    :param port: The port.
    :param agents: The agents of the host.
    :param findings: In the order drivers were asked; empty if no configured
        driver takes such a port.
    :param mechanism_drivers: The drivers that are configured.
    :returns: The refusal.
    """
    nobody = Finding(code=Code.VNIC_TYPE_UNSUPPORTED, names=mechanism_drivers)
    ranked = sorted(findings, key=lambda finding: _RANK[finding.code])
    return BindingRefusal(
        port=port,
        findings=tuple(ranked) or (nobody,),
        agent_types=tuple(
            dict.fromkeys(
                agent.agent_type
                for agent in agents
                if agent.agent_type not in table.NO_L2_AGENT_TYPES
            )
        ),
    )
