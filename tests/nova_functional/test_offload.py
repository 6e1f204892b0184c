# SPDX-License-Identifier: Apache-2.0
"""A card says by itself that its switch is offloaded.

nova-compute writes what libvirt says of a VF (``network_caps``) into the
profile of the port when it binds it, over what the user has written there
(``API._get_vf_pci_device_profile``): a plain ``direct`` port on a card in
switchdev mode is bound by Open vSwitch, and needs no ``capabilities``.
"""

import fixtures

from tests.nova_functional import cluster, host_kinds, kinds_cluster, l2_agents


class Offload(cluster.Cluster):
    """A host with Open vSwitch alone, whose card is in switchdev mode."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch(
                "nova.virt.libvirt.host.Host._get_pcinet_info",
                lambda *_args: ["rx", "switchdev"],
            )
        )
        kind = host_kinds.KINDS["ovs-offload"]
        self.start_host("offload", (l2_agents.OVS,), cards=kind.cards)

    def boots(self) -> None:
        """Create a server with a port that says nothing of the switch."""
        port_id = self.neutron.add_port("plain", "direct")
        server = self.boot([port_id])
        assert (server["status"], self.host_of(server)) == (
            "ACTIVE",
            "offload",
        )
        port = self.neutron.show_port(port_id)["port"]
        assert port["binding:vif_type"] == "ovs"
        assert "switchdev" in port["binding:profile"]["capabilities"]


class TestStock(Offload):
    """Stock Nova."""

    def test_a_plain_direct_port_is_offloaded_by_the_card(self) -> None:
        self.boots()


class TestFilter(kinds_cluster.Filtered, Offload):
    """With the filter."""

    def test_a_plain_direct_port_is_offloaded_by_the_card(self) -> None:
        self.boots()
