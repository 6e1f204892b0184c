# SPDX-License-Identifier: Apache-2.0
"""Can a port be bound on a host: the L2 verdict.

Neutron asks its mechanism drivers in their configured order, and the first
that binds has it (``neutron.plugins.ml2.managers.MechanismManager
._bind_port_level``). So does this, with the drivers as a table.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import functools

from pci_sched.matching import binding_attempt
from pci_sched.matching import binding_table as table
from pci_sched.matching import binding_verdict as verdict
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_Agents = tuple[pci_host.L2Agent, ...]
_Drivers = tuple[table.Driver, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How Neutron is configured, as far as a binding depends on it.

    :ivar mechanism_drivers: ``[ml2]mechanism_drivers``, in its order; names
        outside the table bind nothing here.
    :ivar prohibited: Pairs of a driver's name and a vnic_type in its
        ``vnic_type_prohibit_list``. Agents do not show it.
    """

    mechanism_drivers: tuple[str, ...] = tuple(table.DRIVERS)
    prohibited: frozenset[tuple[str, pci_request.VnicType]] = frozenset()


_DEFAULT = Options()


@functools.lru_cache(maxsize=256)
def _configured(vnic_type: pci_request.VnicType, options: Options) -> _Drivers:
    named = (table.DRIVERS.get(name) for name in options.mechanism_drivers)
    return tuple(
        driver
        for driver in named
        if driver is not None
        and vnic_type in driver.vnic_types
        and (driver.name, vnic_type) not in options.prohibited
    )


def _not_judged(
    port: pci_request.PortRequest,
    agents: _Agents | None,
    drivers: _Drivers,
) -> verdict.Note | None:
    """Tell why a port is taken as bindable without asking any driver."""
    if agents is None:
        return verdict.Note.AGENTS_UNKNOWN
    if port.vnic_type in table.NOT_JUDGED:
        return verdict.Note.NOT_JUDGED
    if any(port.vnic_type in driver.elsewhere for driver in drivers):
        return verdict.Note.NOT_JUDGED
    return None


def _read_switchdev(
    port: pci_request.PortRequest, agents: _Agents, drivers: _Drivers
) -> tuple[bool, ...]:
    """List what may be in the profile, as far as a driver looks at it."""
    looked_at = {driver.vnic_types[port.vnic_type] for driver in drivers}
    says = table.SWITCHDEV in (port.capabilities or ())
    if looked_at <= {table.Profile.ANY}:
        return (says,)
    if port.capabilities is None:
        return (False, True)
    if not port.device_decides or (not says and _is_legacy(port, agents)):
        return (says,)
    return (says, not says)


def _is_legacy(port: pci_request.PortRequest, agents: _Agents) -> bool:
    """Tell whether devices on the port's network have no offloaded switch.

    Only for such devices somebody runs the SR-IOV agent, be it down now. What
    a device says of itself, nobody tells a scheduler.
    """
    networks = [each.physical_network for each in port.segments or ()]
    for agent in agents:
        if agent.agent_type == table.NIC_SWITCH:
            mapped = agent.configurations.get("device_mappings")
            if not isinstance(mapped, Mapping) or not networks:
                return True
            if any(name in mapped for name in networks):
                return True
    return False


def _ask(
    port: pci_request.PortRequest,
    agents: _Agents,
    drivers: _Drivers,
    *,
    switchdev: bool,
) -> Iterator[binding_attempt.Outcome]:
    """Ask driver after driver, up to the first that has an answer."""
    for driver in drivers:
        attempt = binding_attempt.Attempt(driver, port, agents, switchdev)
        for outcome in attempt.run():
            yield outcome
            # Neutron binds in both cases, and asks no other driver.
            if (
                isinstance(outcome, verdict.Binding)
                or outcome.code is verdict.Code.SEGMENT_DISAGREES
            ):
                return


def _is_foreign(agent: pci_host.L2Agent) -> bool:
    return agent.agent_type not in (
        table.L2_AGENT_TYPES | table.NO_L2_AGENT_TYPES
    )


def bind(
    port: pci_request.PortRequest,
    agents: _Agents | None,
    options: Options = _DEFAULT,
) -> verdict.Binding | verdict.BindingRefusal:
    """Tell whether a port can be bound on a host with these agents.

    What is not known never refuses: agents ``None``, an L2 agent of a type
    outside the table, segments or capabilities ``None``, configurations that
    cannot be read. Costs a few microseconds; depends on the arguments alone.

    :param port: The port.
    :param agents: Neutron's agents of the host, of any type; ``None`` if
        nobody was asked.
    :param options: How Neutron is configured.
    :returns: A binding, or a refusal that says why.
    """
    drivers = _configured(port.vnic_type, options)
    note = _not_judged(port, agents, drivers)
    if agents is None or note:
        return verdict.Binding(port=port, notes=(note,) if note else ())
    findings: list[verdict.Finding] = []
    ways = _read_switchdev(port, agents, drivers)
    for switchdev in ways:
        for outcome in _ask(port, agents, drivers, switchdev=switchdev):
            if not isinstance(outcome, verdict.Binding):
                findings.append(outcome)
            elif port.device_decides and switchdev is not ways[0]:
                notes = (*outcome.notes, verdict.Note.DEVICE_DECIDES)
                return dataclasses.replace(outcome, notes=notes)
            else:
                return outcome
    if any(map(_is_foreign, agents)):
        return verdict.Binding(port=port, notes=(verdict.Note.FOREIGN_AGENT,))
    return verdict.refuse(port, agents, findings, options.mechanism_drivers)
