# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with stock Nova, told once for every set of filters.

A scenario starts the hosts, asks the API, and returns what became of the
server. It judges nothing: ``test_stock.py`` says what stock Nova makes of it,
and a class with other ``enabled_filters``, or with something done in
``before_services_start``, says what those make of it.
"""

from collections.abc import Mapping
from typing import Any

from tests.nova_functional import cluster

Outcome = cluster.Outcome

#: A PF with one trusted VF and one that is not.
ONE_TRUSTED_VF = (
    {
        "address": "*:81:00.1",
        "physical_network": "physnet4",
        "trusted": "true",
    },
    {
        "address": "*:81:00.2",
        "physical_network": "physnet4",
        "trusted": "false",
    },
)

#: What a port says about the VF it wants.
PROFILES: Mapping[str, Mapping[str, object]] = {
    "any": {},
    "trusted": {"trusted": "true"},
}


class NormalPorts(cluster.Cluster):
    """A ``normal`` port, and hosts that only have SR-IOV."""

    def boot_beside_an_idle_sriov_host(self, kind: str) -> Outcome:
        """Boot while the only host with Open vSwitch is the fuller one.

        :param kind: ``port``, or ``network``: the user names only the network.
        """
        self.start_host("sriov1", cluster.SRIOV)
        self.start_host("ovs1", cluster.OVS, small=True)
        if kind == "port":
            networks: list[Any] = [self.neutron.add_port("normal")]
        else:
            networks = [{"uuid": cluster.VLAN_NETWORK}]
        return self.outcome(self.boot(networks))

    def boot_beside_as_many_sriov_hosts_as_attempts(self) -> Outcome:
        """Boot with three idle SR-IOV hosts and ``max_attempts`` 3."""
        self.flags(max_attempts=3, group="scheduler")
        for number in (1, 2, 3):
            self.start_host(f"sriov{number}", cluster.SRIOV)
        self.start_host("ovs1", cluster.OVS, small=True)
        return self.outcome(self.boot([self.neutron.add_port("normal")]))

    def evacuate_beside_an_idle_sriov_host(self) -> Outcome:
        """Evacuate a dead host; a small host with Open vSwitch is left."""
        server = self._boot_on_ovs1()
        self.kill_host("ovs1")
        self.act(server, "evacuate", {})
        self.ended_migration(server)
        return self.outcome(self.at_rest(server))

    def live_migrate_beside_an_idle_sriov_host(self) -> Outcome:
        """Move a running guest; a small host with Open vSwitch is there."""
        server = self._boot_on_ovs1()
        self.live_migrate(server)
        return self.outcome(server)

    def _boot_on_ovs1(self) -> cluster.Body:
        self.start_host("ovs1", cluster.OVS)
        self.start_host("sriov1", cluster.SRIOV)
        self.start_host("ovs2", cluster.OVS, small=True)
        return self.boot([self.neutron.add_port("normal")], host="ovs1")


class DevicePorts(cluster.Cluster):
    """Ports that need devices, counted greedily."""

    def boot_in_both_orders(self) -> dict[str, Outcome]:
        """Boot twice, one after the other, with one trusted VF and one not.

        :returns: What became of the server whose first port takes ``any`` VF
            and the second a ``trusted`` one, and of the other order; by the
            kind of the first port.
        """
        self.start_host(
            "sriov1", cluster.SRIOV, vfs=2, device_spec=ONE_TRUSTED_VF
        )
        became = {}
        for order in ("any", "trusted"), ("trusted", "any"):
            server = self.boot(
                [
                    self.neutron.add_port(
                        f"{kind} in {order}", "direct", profile=PROFILES[kind]
                    )
                    for kind in order
                ]
            )
            became[order[0]] = self.outcome(server)
            self.delete(server)
        return became

    def boot_with_a_pf_and_its_vf(self) -> Outcome:
        """Boot with ``direct`` and ``direct-physical`` where one PF is."""
        self.start_host("sriov1", cluster.SRIOV)
        return self.outcome(
            self.boot(
                [
                    self.neutron.add_port("vf", "direct"),
                    self.neutron.add_port("pf", "direct-physical"),
                ]
            )
        )

    def cold_migrate_after_attaching_a_vf(self, *others: str) -> Outcome:
        """Attach a ``direct`` port, then move, with an idle host without VFs.

        :param others: Further hosts, small and with VFs.
        """
        self.start_host("both1", cluster.BOTH)
        server = self.boot([self.neutron.add_port("normal")], host="both1")
        self.attach(server, self.neutron.add_port("vf", "direct"))
        self.start_host("ovs1", cluster.OVS)
        for name in others:
            self.start_host(name, cluster.BOTH, small=True)
        self.act(server, "migrate")
        return self.outcome(self.at_rest(server))
