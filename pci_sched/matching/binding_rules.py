# SPDX-License-Identifier: Apache-2.0
"""The rules one by one: what an agent reaches, which segments count."""

from collections.abc import Iterable, Mapping
import dataclasses
import functools

from pci_sched.matching import binding_table as table
from pci_sched.matching import binding_verdict as verdict
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """What an agent can bind; ``None`` where nobody can tell.

    :ivar malformed: The mappings that Neutron cannot read either, and
        refuses every port for; "" if there are none such.
    """

    physical_networks: frozenset[str] | None
    tunnel_types: frozenset[str] | None
    malformed: str = ""

    @property
    def is_known(self) -> bool:
        """Whether all of it is known."""
        return None not in (self.physical_networks, self.tunnel_types)


#: Where nothing is known, and where no agent is asked.
ANYWHERE = Reach(None, None)


def _parse_pair(text: str) -> tuple[str, str] | None:
    left, _colon, right = (part.strip() for part in text.partition(":"))
    return (left, right) if left and right and ":" not in right else None


@functools.lru_cache(maxsize=1024)
def parse_mappings(text: str) -> frozenset[str] | None:
    """Read the physical networks of OVN's ``bridge-mappings``.

    As ``neutron_lib.utils.helpers.parse_mappings``: networks and bridges
    both unique, blanks and empty entries skipped.

    :param text: ``physnet1:br-ex,physnet2:br-vlan``.
    :returns: The networks; ``None`` for a text that Neutron refuses.
    """
    pairs = [_parse_pair(each) for each in text.split(",") if each.strip()]
    known = [pair for pair in pairs if pair is not None]
    networks = frozenset(network for network, _bridge in known)
    bridges = {bridge for _network, bridge in known}
    if len(networks) == len(bridges) == len(pairs):
        return networks
    return None


def _read_names(value: object) -> frozenset[str] | None:
    """Take what a Python ``in`` would find, of a dictionary or a list."""
    if isinstance(value, dict | list | tuple | Mapping):
        return frozenset(name for name in value if isinstance(name, str))
    return None


def _read_all(
    configurations: Mapping[str, object], keys: Iterable[str]
) -> frozenset[str] | None:
    found: frozenset[str] = frozenset()
    for key in keys:
        # A key that is missing is a "no": Neutron reads it so.
        names = _read_names(configurations.get(key, ()))
        if names is None:
            return None
        found |= names
    return found


def read_reach(driver: table.Driver, agent: pci_host.L2Agent) -> Reach:
    """Read from an agent's configurations what it can bind.

    As ``get_mappings`` and ``get_allowed_network_types`` of the drivers that
    derive from ``mech_agent.SimpleAgentMechanismDriverBase``, and for OVN
    ``impl_idl_ovn.OvsdbSbOvnIdl._get_chassis_physnets``. Configurations that
    are empty, as in a list that left them out, say nothing; every agent
    reports some.

    :param driver: The driver that asks.
    :param agent: An agent of its type.
    :returns: What it reaches.
    """
    configurations = agent.configurations
    if not isinstance(configurations, Mapping) or not configurations:
        return ANYWHERE
    tunnels = ("tunnel_types",) if driver.agent_has_tunnels else ()
    tunnel_types = _read_all(configurations, tunnels)
    if driver.mappings_are_text:
        text = configurations.get(driver.mappings[0], "")
        if isinstance(text, str):
            networks = parse_mappings(text)
            return Reach(
                networks, tunnel_types, "" if networks is not None else text
            )
    return Reach(_read_all(configurations, driver.mappings), tunnel_types)


def has_flag(agent: pci_host.L2Agent, flag: str) -> bool:
    """Tell whether an agent says so, or says nothing at all.

    As ``mech_agent.AgentMechanismDriverBase.bind_port`` for smart-nic.

    :param agent: The agent.
    :param flag: The key of its configurations.
    :returns: Whether the flag holds, or may hold.
    """
    configurations = agent.configurations
    if not isinstance(configurations, Mapping) or not configurations:
        return True
    return bool(configurations.get(flag))


def name_reach(
    code: verdict.Code, driver: table.Driver, reach: Reach
) -> tuple[str, ...]:
    """List what there is instead of what :func:`judge_segment` missed.

    :param code: What it said.
    :param driver: The driver that asked.
    :param reach: What the agent reaches.
    :returns: Physical networks, tunnel types or network types, sorted.
    """
    if code is verdict.Code.PHYSNET_NOT_MAPPED:
        return tuple(sorted(reach.physical_networks or ()))
    if code is verdict.Code.TUNNEL_TYPE_UNSUPPORTED:
        return tuple(sorted(reach.tunnel_types or ()))
    if code is verdict.Code.NETWORK_TYPE_UNSUPPORTED:
        more = driver.network_types or frozenset()
        return tuple(sorted(table.FLAT_OR_VLAN | more))
    return ()


def judge_segment(
    driver: table.Driver, reach: Reach, segment: pci_request.Segment
) -> verdict.Code | None:
    """Tell what keeps an agent from binding a segment.

    As ``mech_agent.SimpleAgentMechanismDriverBase.check_segment_for_agent``,
    ``SriovNicSwitchMechanismDriver.check_segment_for_agent`` and the loop
    over segments of ``OVNMechanismDriver.bind_port``.

    :param driver: The driver that asks.
    :param reach: What the agent reaches.
    :param segment: A segment of the port's network.
    :returns: A code, or ``None`` if the segment can be bound.
    """
    if segment.network_type in table.FLAT_OR_VLAN:
        known = reach.physical_networks
        if known is None or segment.physical_network in known:
            return None
        return verdict.Code.PHYSNET_NOT_MAPPED
    always = driver.network_types
    if always is None or segment.network_type in always:
        return None
    if not driver.agent_has_tunnels:
        return verdict.Code.NETWORK_TYPE_UNSUPPORTED
    if (
        reach.tunnel_types is None
        or segment.network_type in reach.tunnel_types
    ):
        return None
    return verdict.Code.TUNNEL_TYPE_UNSUPPORTED


def is_of_subnets(
    driver: table.Driver,
    port: pci_request.PortRequest,
    segment: pci_request.Segment,
) -> bool:
    """Tell whether the subnets of a port's fixed IPs allow a segment.

    As the first half of ``mech_agent.AgentMechanismDriverBase.bind_port``;
    OVN does not look at subnets (``OVNMechanismDriver.bind_port``, unless
    ``[ovn]logical_switch_per_vlan_segment`` is set).

    :param driver: The driver that asks.
    :param port: The port.
    :param segment: A segment of its network; one without id may be any.
    :returns: Whether the driver would try it.
    """
    return (
        not driver.follows_subnets
        or not port.subnet_segment_ids
        or segment.segment_id is None
        or segment.segment_id in port.subnet_segment_ids
    )


def judge_profile(
    wanted: table.Profile, *, switchdev: bool
) -> verdict.Code | None:
    """Tell what a port's capabilities lack for a driver, or have too much.

    As the first lines of ``bind_port`` of ``OpenvswitchMechanismDriver`` and
    ``SriovNicSwitchMechanismDriver``, and
    ``neutron.common.ovn.utils.is_port_external``.

    :param wanted: What the driver's table says of the vnic_type.
    :param switchdev: Whether the profile has that capability.
    :returns: A code, or ``None`` if the driver takes the port.
    """
    if wanted is table.Profile.SWITCHDEV and not switchdev:
        return verdict.Code.SWITCHDEV_REQUIRED
    if wanted is table.Profile.LEGACY and switchdev:
        return verdict.Code.SWITCHDEV_REFUSED
    return None


def find_device_network(port: pci_request.PortRequest) -> str | None:
    """Tell on which physical network Nova looks for a port's device.

    As ``nova.network.neutron.API._get_physnet_tunneled_info``: that of the
    first segment that has one.

    :param port: A port whose segments are known.
    :returns: The name; ``None`` for a network that is only tunnelled.
    """
    named = (each.physical_network for each in port.segments or ())
    return next((name for name in named if name), None)
