# SPDX-License-Identifier: Apache-2.0
"""Neutron's own decision: a port, bound on a host or not, and by whom.

Real: the mechanism manager that asks the drivers, loaded by their entry
points; the four drivers; the port and network contexts; OVN's agents and
their cache; the reading of a chassis' mappings and the search for a DPU's
chassis. Not real, because a database or an OVSDB server would be behind it:

- the plugin, which is asked for two things only: agents by host and type,
  and a subnet by its id. Both are look-ups without any judgement.
- OVN's databases: rows hold the columns that are read here, with the text an
  operator puts there; ``nb_cfg`` counts as there, so a chassis is alive or
  dead by Neutron's own arithmetic.
- the OVN driver's ``initialize``, of which only the two steps that fill what
  ``bind_port`` reads are made; the rest subscribes to events.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import functools
import logging
import threading
import types
from typing import Any

from neutron.common.ovn import constants as ovn_const
from neutron.conf.agent.database import agents_db
from neutron.conf.plugins.ml2 import config as ml2_config
from neutron.conf.plugins.ml2.drivers.mech_sriov import mech_sriov_conf
from neutron.conf.plugins.ml2.drivers.openvswitch import mech_ovs_conf
from neutron.conf.plugins.ml2.drivers.ovn import ovn_conf
from neutron.plugins.ml2 import driver_context, managers, models
from neutron.plugins.ml2.drivers.ovn.agent import neutron_agent
from neutron.plugins.ml2.drivers.ovn.mech_driver.ovsdb import impl_idl_ovn
from oslo_config import cfg

Body = dict[str, Any]

HOST = "compute1"
NETWORK_ID = "5a1c0d7e-0000-4000-8000-000000000001"
PORT_ID = "5a1c0d7e-0000-4000-8000-000000000002"

#: What the northbound database counts; a chassis two behind is not alive
#: when its last sign of life is old, too.
_NB_CFG = 10

ovn_conf.register_opts()
ml2_config.register_ml2_plugin_opts()
agents_db.register_db_agents_opts()
mech_ovs_conf.register_ovs_mech_driver_opts()
mech_sriov_conf.register_sriov_mech_driver_opts()


class _Errors(logging.Handler):
    """What a driver raises: the manager logs it and asks the next driver.

    Kept, so that no mistake of a stub passes for a refusal.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0]:
            self.seen.append(record.exc_info[0].__name__)


_ERRORS = _Errors()
_LOGGER = logging.getLogger("neutron")
_LOGGER.setLevel(logging.ERROR)
_LOGGER.propagate = False
_LOGGER.addHandler(_ERRORS)


@dataclasses.dataclass(frozen=True)
class Chassis:
    """One chassis of OVN, as its southbound database has it."""

    name: str
    host: str = HOST
    alive: bool = True
    bridge_mappings: str | None = None
    is_gateway: bool = False
    card_serial_number: str | None = None

    def row(self) -> Any:
        """Make the row of ``Chassis_Private``, and that of ``Chassis``."""
        options = ["enable-chassis-as-gw"] if self.is_gateway else []
        if self.card_serial_number:
            options.append(f"card-serial-number={self.card_serial_number}")
        other_config = {ovn_const.OVN_CMS_OPTIONS: ",".join(options)}
        if self.bridge_mappings is not None:
            mappings = ovn_const.OVN_BRIDGE_MAPPINGS
            other_config[mappings] = self.bridge_mappings
        chassis = types.SimpleNamespace(
            name=self.name,
            hostname=self.host,
            other_config=other_config,
            external_ids={},
        )
        return types.SimpleNamespace(
            name=self.name,
            chassis=[chassis],
            external_ids={},
            nb_cfg=_NB_CFG if self.alive else 0,
            nb_cfg_timestamp=0,
        )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What Neutron made of it; no driver for a failed binding."""

    driver: str | None = None
    segment_id: str | None = None
    #: The names of what drivers raised, which counts as not bound.
    errors: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Question:
    """A port to bind on :data:`HOST`.

    :ivar agents: The entries of the agents' list that are no OVN chassis.
    :ivar segments: As in Neutron's database.
    :ivar subnets: Bodies of subnets, of which the port has fixed IPs.
    """

    drivers: tuple[str, ...]
    agents: tuple[Body, ...] = ()
    chassis: tuple[Chassis, ...] = ()
    vnic_type: str = "normal"
    profile: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    segments: tuple[Body, ...] = ()
    subnets: tuple[Body, ...] = ()
    prohibited: tuple[tuple[str, str], ...] = ()
    #: The port before a migration, if it was bound.
    original: Body | None = None

    def port(self) -> Body:
        """Make the body of the port."""
        return {
            "id": PORT_ID,
            "network_id": NETWORK_ID,
            "device_owner": "compute:nova",
            "status": "DOWN",
            "binding:host_id": HOST,
            "binding:vnic_type": self.vnic_type,
            "binding:profile": dict(self.profile),
            "binding:vif_details": {},
            "fixed_ips": [
                {"subnet_id": subnet["id"], "ip_address": "192.0.2.9"}
                for subnet in self.subnets
            ],
        }

    def network(self) -> Body:
        """Make the body of the network, by Neutron's own code."""
        network: Body = {"id": NETWORK_ID, "router:external": False}
        managers.TypeManager.extend_network_with_provider_segments(
            None, network, list(self.segments)
        )
        return network

    def all_agents(self) -> list[Body]:
        """List the agents as ``GET /v2.0/agents`` does, chassis last."""
        cache = _fill_cache(self.chassis)
        return [*self.agents, *(agent.as_dict() for agent in cache)]


class Plugin:
    """The two look-ups that drivers make in Neutron's database."""

    def __init__(self, question: Question) -> None:
        self._question = question

    def get_agents(
        self, _context: object, filters: Mapping[str, list[object]]
    ) -> list[Body]:
        """Find agents that have one of the values for every key."""
        return [
            agent
            for agent in self._question.agents
            if all(agent[key] in allowed for key, allowed in filters.items())
        ]

    def get_subnet(self, _context: object, subnet_id: str) -> Body:
        """Find a subnet of the port's fixed IPs."""
        subnets = self._question.subnets
        return next(each for each in subnets if each["id"] == subnet_id)

    def _get_vif_details(self, _binding: object) -> Body:
        return {}


class _Answer:
    """What a command of ovsdbapp gives when it is executed."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = list(rows)

    def execute(self, check_error: bool = False) -> list[Any]:
        return self._rows


class _Southbound:
    _real = impl_idl_ovn.OvsdbSbOvnIdl
    _get_chassis_physnets = _real._get_chassis_physnets  # noqa: SLF001
    get_chassis_by_card_serial_from_cms_options = (
        _real.get_chassis_by_card_serial_from_cms_options
    )

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def chassis_list(self) -> _Answer:
        return _Answer(row.chassis[0] for row in self.rows)

    def db_find(self, _table: str, condition: tuple[str, str, Any]) -> _Answer:
        column, _equals, value = condition
        return _Answer(
            vars(row.chassis[0])
            for row in self.rows
            if getattr(row.chassis[0], column) == value
        )


_SOUTHBOUND = _Southbound()
_NORTHBOUND = types.SimpleNamespace(
    nb_global=types.SimpleNamespace(nb_cfg=_NB_CFG)
)
# The cache is one per process, and gone when nobody holds it.
_CACHE = neutron_agent.AgentCache(types.SimpleNamespace(nb_ovn=_NORTHBOUND))


def _fill_cache(chassis: Iterable[Chassis]) -> Any:
    _SOUTHBOUND.rows = [each.row() for each in chassis]
    _CACHE.agents.clear()
    for row in _SOUTHBOUND.rows:
        _CACHE.update(ovn_const.OVN_CONTROLLER_AGENT, row)
    return _CACHE


def _prepare_ovn(driver: Any) -> None:
    driver.sg_enabled = True
    driver._setup_vif_port_bindings()  # noqa: SLF001
    driver._post_fork_event = threading.Event()  # noqa: SLF001
    driver._post_fork_event.set()  # noqa: SLF001
    driver._sb_ovn = _SOUTHBOUND  # noqa: SLF001
    driver._nb_ovn = _NORTHBOUND  # noqa: SLF001


_GROUPS = {"openvswitch": "OVS_DRIVER", "sriovnicswitch": "SRIOV_DRIVER"}


@functools.cache
def _load(
    drivers: tuple[str, ...], prohibited: tuple[tuple[str, str], ...]
) -> Any:
    cfg.CONF.set_override("mechanism_drivers", list(drivers), group="ml2")
    for name, group in _GROUPS.items():
        cfg.CONF.set_override(
            "vnic_type_prohibit_list",
            [vnic_type for driver, vnic_type in prohibited if driver == name],
            group=group,
        )
    manager = managers.MechanismManager()
    for driver in manager.ordered_mech_drivers:
        if driver.name == "ovn":
            _prepare_ovn(driver.obj)
    return manager


def _make_context(question: Question) -> Any:
    plugin = Plugin(question)
    network = driver_context.NetworkContext(
        plugin, None, question.network(), segments=list(question.segments)
    )
    binding = models.PortBinding(
        port_id=PORT_ID,
        host=HOST,
        vnic_type=question.vnic_type,
        profile="",
        vif_type="unbound",
        vif_details="",
    )
    return driver_context.PortContext(
        plugin, None, question.port(), network, binding, [], question.original
    )


def ask(question: Question) -> Outcome:
    """Let Neutron bind the port, or fail to.

    :param question: The port, the host and what is configured.
    :returns: The driver and the segment, if any.
    """
    _fill_cache(question.chassis)
    _ERRORS.seen.clear()
    context = _make_context(question)
    _load(question.drivers, question.prohibited).bind_port(context)
    levels = context._binding_levels  # noqa: SLF001
    errors = tuple(_ERRORS.seen)
    if not levels:
        return Outcome(errors=errors)
    return Outcome(levels[-1].driver, levels[-1].segment_id, errors)


def find_driver(name: str) -> Any:
    """Find the driver that :func:`ask` uses where it is the only one."""
    return _load((name,), ()).mech_drivers[name].obj
