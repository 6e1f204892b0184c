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

Who binds what is said by :mod:`tests.nova_functional.binders`.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any
import uuid

from nova.network import neutron as nova_neutron
from nova.tests.functional.libvirt import base

from tests.nova_functional import binders, l2_agents, neutron_client

Body = dict[str, Any]

#: A network of each type, as the parent class has them.
FLAT_NETWORK: str = base.LibvirtNeutronFixture.network_1["id"]
VLAN_NETWORK: str = base.LibvirtNeutronFixture.network_4["id"]
TUNNEL_NETWORK: str = base.LibvirtNeutronFixture.network_3["id"]

#: The physical network of VLAN_NETWORK: where the SR-IOV devices are.
PHYSICAL_NETWORK = l2_agents.PHYSICAL_NETWORK

OVS_AGENT = l2_agents.OVS
SRIOV_AGENT = l2_agents.SRIOV

#: What Nova's client makes of an error answer.
NeutronError = neutron_client.errors.NeutronClientException


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
        self._foreign: set[str] = set()
        self._created = 0
        #: Every binding that failed, in order.
        self.refused: list[Refused] = []
        #: What was asked by whoever has Nova's client.
        self.log = neutron_client.Log()

    # What a test prepares.

    def add_agent(
        self, host: str, agent_type: str, **configurations: object
    ) -> None:
        """Start an agent; it is alive until :meth:`kill_agents`."""
        agent_id = stable_uuid(f"{agent_type} on {host}")
        self._agents[agent_id] = l2_agents.make(
            agent_id, host, agent_type, configurations
        )

    def serve_without_agents(self, host: str) -> None:
        """Let a driver outside Neutron's tree bind everything on *host*."""
        self._foreign.add(host)

    def stop_serving(self, host: str) -> None:
        """Take that driver away from *host*."""
        self._foreign.discard(host)

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
        **more: object,
    ) -> str:
        """Create a port whose id depends on *name* only.

        :param more: Further fields of the port.
        :returns: The id.
        """
        body = {
            **more,
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

    def list_agents(self, **params: Any) -> Body:
        """Answer as ``GET /v2.0/agents``."""
        return {"agents": self._list_resource(self._agents, True, **params)}

    def _get_client(self, context: Any, admin: bool = False) -> Any:
        client = super()._get_client(context, admin)
        return nova_neutron.ClientWrapper(
            neutron_client.CountingClient(client, self.log), client.is_admin
        )

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
            "mac_address": f"fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}",
            "binding:vnic_type": "normal",
            "binding:vif_type": binders.UNBOUND,
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
            # The profile that counts is the new one: Nova writes into it what
            # the device can do.
            profile = changes.get("binding:profile") or port["binding:profile"]
            asked = port | {"binding:profile": profile}
            changes["binding:vif_type"] = self._vif_type(asked, host)
            changes["binding:vif_details"] = binders.details(
                asked, self._networks[port["network_id"]]
            )
        return super().update_port(  # type: ignore[no-any-return]
            port_id, {"port": changes}
        )

    def create_port_binding(self, port_id: str, body: Body) -> Body:
        """Answer as ``POST /v2.0/ports/{id}/bindings``."""
        host, port = body["binding"]["host"], self._ports[port_id]
        profile = body["binding"].get("profile") or port["binding:profile"]
        asked = port | {"binding:profile": profile}
        vif_type = self._vif_type(asked, host)
        if vif_type == binders.FAILED:
            raise NeutronError(
                status_code=500,
                message=f"Binding for port {port_id} on host {host} could "
                "not be created or updated.",
            )
        answer: Body = super().create_port_binding(port_id, body)
        answer["binding"]["vif_type"] = vif_type
        return answer

    # Who binds what.

    def binds(
        self, port_id: str, host: str, capabilities: Sequence[str] = ()
    ) -> bool:
        """Tell whether a port would be bound on *host*; nothing changes.

        :param capabilities: Of the VFs of the host, if the port takes one.
        """
        port = self._ports[port_id]
        if port["binding:vnic_type"] in binders.OF_VFS:
            profile = {"capabilities": list(capabilities)}
            port = port | {"binding:profile": profile}
        return self._would_be(port, host) != binders.FAILED

    def _would_be(self, port: Body, host: str) -> str:
        return binders.vif_type(
            port,
            self._networks[port["network_id"]],
            [each for each in self._agents.values() if each["host"] == host],
            foreign=host in self._foreign,
        )

    def _vif_type(self, port: Body, host: str | None) -> str:
        if host is None:
            return binders.UNBOUND
        became = self._would_be(port, host)
        if became == binders.FAILED:
            self.refused.append(Refused(port["id"], host))
        return became
