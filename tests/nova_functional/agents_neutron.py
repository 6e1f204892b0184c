# SPDX-License-Identifier: Apache-2.0
"""Nova's Neutron fixture, with agents: a port binds only where one serves it.

What is kept of a real Neutron, because nova-compute and nova-conductor act
on it:

- a port update that names a host always succeeds; of a port that nobody can
  bind there the answer has ``binding:vif_type`` ``binding_failed``;
- a *second* binding, which a live migration asks for, is refused with status
  500 where nobody can bind it (``PortBindingError``, raised by
  ``Ml2Plugin.create_port_binding``; read in Neutron 29.0.0);
- a port that is taken off its host is ``unbound``.

Who binds what is said by a small table, written independently of what the
package makes of it.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any
import uuid

from nova.network import neutron as nova_neutron
from nova.tests.functional.libvirt import base

Body = dict[str, Any]

#: A network of each type, as the parent class has them.
FLAT_NETWORK: str = base.LibvirtNeutronFixture.network_1["id"]
VLAN_NETWORK: str = base.LibvirtNeutronFixture.network_4["id"]
TUNNEL_NETWORK: str = base.LibvirtNeutronFixture.network_3["id"]

#: The physical network of VLAN_NETWORK: where the SR-IOV devices are.
PHYSICAL_NETWORK: str = base.LibvirtNeutronFixture.network_4[
    "provider:physical_network"
]

OVS_AGENT = "Open vSwitch agent"
SRIOV_AGENT = "NIC Switch agent"

#: What Nova's client makes of an error answer.
NeutronError = nova_neutron.neutron_client_exc.NeutronClientException

_FAILED = "binding_failed"
_UNBOUND = "unbound"

#: vnic_type -> the agent that has to be alive, and what a bound port becomes.
#: A physical function is bound by the SR-IOV driver, which asks no agent and
#: wants a physical network.
_BINDERS: Mapping[str, tuple[str | None, str]] = {
    "normal": (OVS_AGENT, "ovs"),
    "vdpa": (OVS_AGENT, "ovs"),
    "direct": (SRIOV_AGENT, "hw_veb"),
    "macvtap": (SRIOV_AGENT, "hw_veb"),
    "direct-physical": (None, "hostdev_physical"),
    # Hardware offload: the SR-IOV driver refuses it.
    "direct with switchdev": (OVS_AGENT, "ovs"),
}

#: In tree, for any other vnic_type.
_NOBODY = ("no agent", _FAILED)

_CONFIGURATIONS: Mapping[str, Body] = {
    OVS_AGENT: {
        "bridge_mappings": {"foo": "br-foo", PHYSICAL_NETWORK: "br-ex"},
        "tunnel_types": ["vxlan"],
    },
    SRIOV_AGENT: {"device_mappings": {PHYSICAL_NETWORK: ["ens1f0"]}},
}

_BINARIES: Mapping[str, str] = {
    OVS_AGENT: "neutron-openvswitch-agent",
    SRIOV_AGENT: "neutron-sriov-nic-agent",
}


def stable_uuid(name: str) -> str:
    """Make the id that *name* has in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


@dataclasses.dataclass(frozen=True)
class Refused:
    """A port that nobody could bind."""

    port_id: str
    host: str


class AgentsNeutron(base.LibvirtNeutronFixture):  # type: ignore[misc]
    """A Neutron whose ports are judged by the agents of the host.

    :param test: The test that uses it.
    """

    _networks: dict[str, Body]

    def __init__(self, test: Any) -> None:
        super().__init__(test)
        self._ports: dict[str, Body] = {}
        self._agents: dict[str, Body] = {}
        self._created = 0
        #: Every binding that failed, in order.
        self.refused: list[Refused] = []

    # What a test prepares.

    def add_agent(self, host: str, agent_type: str) -> None:
        """Start an agent; it is alive until :meth:`kill_agents`."""
        agent_id = stable_uuid(f"{agent_type} on {host}")
        self._agents[agent_id] = {
            "id": agent_id,
            "host": host,
            "agent_type": agent_type,
            "binary": _BINARIES[agent_type],
            "alive": True,
            "admin_state_up": True,
            "configurations": _CONFIGURATIONS[agent_type],
        }

    def kill_agents(self, host: str) -> None:
        """Let every agent of *host* miss its heartbeats."""
        for agent in self._agents.values():
            if agent["host"] == host:
                agent["alive"] = False

    def add_port(
        self,
        name: str,
        vnic_type: str = "normal",
        *,
        network_id: str = VLAN_NETWORK,
        profile: Mapping[str, object] | None = None,
    ) -> str:
        """Create a port whose id depends on *name* only.

        :returns: The id.
        """
        body = {
            "id": stable_uuid(name),
            "name": name,
            "network_id": network_id,
            "binding:vnic_type": vnic_type,
            "binding:profile": dict(profile or {}),
        }
        return str(self.create_port({"port": body})["port"]["id"])

    def keep_only(self, network_id: str) -> None:
        """Leave the project one network."""
        self._networks = {network_id: self._networks[network_id]}

    # What Nova calls.

    def list_agents(self, retrieve_all: bool = True, **params: Any) -> Body:
        """Answer as ``GET /v2.0/agents``."""
        return {
            "agents": self._list_resource(self._agents, retrieve_all, **params)
        }

    def create_port(self, body: Body | None = None) -> Body:
        """Answer as ``POST /v2.0/ports``: any number, never bound."""
        self._created += 1
        number = self._created
        port = {
            "id": stable_uuid(f"port {number}"),
            "status": "ACTIVE",
            "admin_state_up": True,
            "tenant_id": self.tenant_id,
            "project_id": self.tenant_id,
            "device_id": "",
            "mac_address": f"fa:16:3e:00:00:{number:02x}",
            "binding:vnic_type": "normal",
            "binding:vif_type": _UNBOUND,
            "binding:vif_details": {},
            "binding:profile": {},
            "port_security_enabled": True,
            "security_groups": [],
        }
        port |= (body or {"port": {}})["port"]
        subnets = self._networks[port["network_id"]]["subnets"]
        port["fixed_ips"] = [
            {"ip_address": f"192.168.1.{number}", "subnet_id": subnet["id"]}
            for subnet in subnets
        ]
        self._ports[port["id"]] = port
        return self.show_port(port["id"])  # type: ignore[no-any-return]

    def update_port(self, port_id: str, body: Body | None = None) -> Body:
        """Answer as ``PUT /v2.0/ports/{id}``: binds, and never refuses."""
        changes = dict((body or {"port": {}})["port"])
        port = self._ports[port_id]
        bound_on, _ = self._get_active_binding(port_id)
        host = changes.get("binding:host_id", bound_on)
        if host is None and bound_on is None:
            port.update(changes)
            return self.show_port(port_id)  # type: ignore[no-any-return]
        if "binding:host_id" in changes:
            changes["binding:vif_type"] = self._vif_type(port, host)
            changes["binding:vif_details"] = self._vif_details(port)
        return super().update_port(  # type: ignore[no-any-return]
            port_id, {"port": changes}
        )

    def create_port_binding(self, port_id: str, body: Body) -> Body:
        """Answer as ``POST /v2.0/ports/{id}/bindings``."""
        host = body["binding"]["host"]
        vif_type = self._vif_type(self._ports[port_id], host)
        if vif_type == _FAILED:
            raise NeutronError(
                status_code=500,
                message=f"Binding for port {port_id} on host {host} could "
                "not be created or updated.",
            )
        answer: Body = super().create_port_binding(port_id, body)
        answer["binding"]["vif_type"] = vif_type
        return answer

    # Who binds what.

    def _vif_type(self, port: Body, host: str | None) -> str:
        if host is None:
            return _UNBOUND
        agent_type, vif_type = _BINDERS.get(_kind(port), _NOBODY)
        if self._served(port, host, agent_type):
            return vif_type
        self.refused.append(Refused(port["id"], host))
        return _FAILED

    def _served(self, port: Body, host: str, agent_type: str | None) -> bool:
        """Whether a live agent of the host carries the port's network."""
        network = self._networks[port["network_id"]]
        name = network["provider:physical_network"]
        if agent_type is None:
            return name is not None
        for agent in self._agents.values():
            if (agent["host"], agent["agent_type"]) != (host, agent_type):
                continue
            if not agent["alive"]:
                continue
            known = agent["configurations"]
            if name is None:
                return network["provider:network_type"] in known.get(
                    "tunnel_types", ()
                )
            return any(
                name in known.get(key, ())
                for key in ("bridge_mappings", "device_mappings")
            )
        return False

    def _vif_details(self, port: Body) -> Body:
        network = self._networks[port["network_id"]]
        if _BINDERS.get(_kind(port), _NOBODY)[0] == OVS_AGENT:
            return {"port_filter": True}
        return {"vlan": str(network["provider:segmentation_id"])}


def _kind(port: Body) -> str:
    """Give the key of the port in the table of binders."""
    vnic_type = str(port["binding:vnic_type"])
    if "switchdev" in port["binding:profile"].get("capabilities", ()):
        return f"{vnic_type} with switchdev"
    return vnic_type
