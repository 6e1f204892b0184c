# SPDX-License-Identifier: Apache-2.0
"""One mechanism driver asked to bind one port through a host's agents."""

from collections.abc import Iterator
import dataclasses

from pci_sched.matching import binding_rules as rules
from pci_sched.matching import binding_table as table
from pci_sched.matching import binding_verdict as verdict
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

#: Either ends the search, or says why it goes on.
Outcome = verdict.Binding | verdict.Finding


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """A driver that takes the port's vnic_type, and what it has to go by.

    :ivar switchdev: Whether the port's profile has that capability.
    """

    driver: table.Driver
    port: pci_request.PortRequest
    agents: tuple[pci_host.L2Agent, ...]
    switchdev: bool

    def run(self) -> Iterator[Outcome]:
        """Go the way of the driver's ``bind_port``.

        Agents in their order, and for each the segments in theirs, as
        ``mech_agent.AgentMechanismDriverBase.bind_port``. OVN asks only the
        first chassis of the host in an order that nobody outside sees; here
        any will do.

        :yields: What keeps it from binding, or at last a binding.
        """
        code = rules.judge_profile(
            self.driver.vnic_types[self.port.vnic_type],
            switchdev=self.switchdev,
        )
        if code:
            yield from self._reject(code)
        elif self.port.vnic_type in self.driver.without_agent:
            yield from self._try_segments(None, rules.ANYWHERE)
        else:
            yield from self._try_agents()

    def _own_agents(self) -> list[pci_host.L2Agent]:
        types = self.driver.agent_types
        return [agent for agent in self.agents if agent.agent_type in types]

    def _reject(self, code: verdict.Code) -> Iterator[verdict.Finding]:
        """Name the profile where an agent would do with another one."""
        for agent in self._own_agents():
            if agent.alive:
                yield self._find(code, agent)

    def _try_agents(self) -> Iterator[Outcome]:
        agents = self._own_agents()
        if not agents:
            yield self._find(
                verdict.Code.NO_L2_AGENT, names=self.driver.agent_types
            )
        for agent in agents:
            yield from self._try_agent(agent)

    def _find(
        self,
        code: verdict.Code,
        agent: pci_host.L2Agent | None = None,
        segment: pci_request.Segment | None = None,
        names: tuple[str, ...] = (),
    ) -> verdict.Finding:
        return verdict.Finding(
            code=code,
            driver=self.driver.name,
            agent=agent,
            segment=segment,
            names=names,
        )

    def _try_agent(self, agent: pci_host.L2Agent) -> Iterator[Outcome]:
        reach = rules.read_reach(self.driver, agent)
        flag = self.driver.needs_flag.get(self.port.vnic_type)
        if not agent.alive:
            yield self._find(verdict.Code.AGENT_DOWN, agent)
        elif reach.malformed:
            yield self._find(
                verdict.Code.MAPPINGS_INVALID,
                agent,
                names=(repr(reach.malformed),),
            )
        elif flag and not rules.has_flag(agent, flag):
            yield self._find(
                verdict.Code.SMARTNIC_DISABLED, agent, names=(flag,)
            )
        else:
            yield from self._try_segments(agent, reach)

    def _try_segments(
        self, agent: pci_host.L2Agent | None, reach: rules.Reach
    ) -> Iterator[Outcome]:
        segments = self.port.segments
        if segments is None:
            yield self._bind(agent, reach, None)
        elif (segment := self._choose(reach, segments)) is not None:
            yield self._settle(agent, reach, segment)
        else:
            yield from self._miss(agent, reach, segments)

    def _choose(
        self, reach: rules.Reach, segments: tuple[pci_request.Segment, ...]
    ) -> pci_request.Segment | None:
        for segment in segments:
            if rules.is_of_subnets(
                self.driver, self.port, segment
            ) and not rules.judge_segment(self.driver, reach, segment):
                return segment
        return None

    def _miss(
        self,
        agent: pci_host.L2Agent | None,
        reach: rules.Reach,
        segments: tuple[pci_request.Segment, ...],
    ) -> Iterator[verdict.Finding]:
        """Say for each segment why it is not bound, if there is a reason.

        There is none to give for a segment that the fixed IPs leave out and
        that could not be bound either.
        """
        found = False
        for segment in segments:
            code = rules.judge_segment(self.driver, reach, segment)
            if not rules.is_of_subnets(self.driver, self.port, segment):
                code = None if code else verdict.Code.SEGMENT_NOT_ON_HOST
            if code:
                found = True
                names = rules.name_reach(code, self.driver, reach)
                yield self._find(code, agent, segment, names)
        if not found:
            yield self._find(verdict.Code.NO_SEGMENT, agent)

    def _settle(
        self,
        agent: pci_host.L2Agent | None,
        reach: rules.Reach,
        segment: pci_request.Segment,
    ) -> Outcome:
        """Compare the segment Neutron takes with the network of the device.

        On an offloaded switch the device is plugged in whatever network its
        card hangs on; where the device itself is the wire it must be right.
        """
        wanted = rules.find_device_network(self.port)
        if (
            self.port.vnic_type not in table.WITH_DEVICE
            or segment.physical_network == wanted
        ):
            return self._bind(agent, reach, segment)
        # With mappings not known, or a second agent, Neutron may take another.
        is_certain = agent is None or (
            reach.is_known and len(self._own_agents()) == 1
        )
        if (
            self.port.vnic_type not in self.driver.device_is_wire
            or not is_certain
        ):
            note = verdict.Note.DEVICE_ELSEWHERE
            return self._bind(agent, reach, segment, note)
        code = verdict.Code.SEGMENT_DISAGREES
        return self._find(code, agent, segment, (wanted or "none",))

    def _bind(
        self,
        agent: pci_host.L2Agent | None,
        reach: rules.Reach,
        segment: pci_request.Segment | None,
        *notes: verdict.Note,
    ) -> verdict.Binding:
        if agent and not agent.admin_state_up:
            notes += (verdict.Note.AGENT_ADMIN_DOWN,)
        if agent and not reach.is_known:
            notes += (verdict.Note.CONFIGURATION_UNKNOWN,)
        if segment is None:
            notes += (verdict.Note.SEGMENTS_UNKNOWN,)
        return verdict.Binding(
            port=self.port,
            driver=self.driver.name,
            agent=agent,
            segment=segment,
            notes=notes,
        )
