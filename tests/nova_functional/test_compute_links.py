# SPDX-License-Identifier: Apache-2.0
"""Links that nova-computes see, and hosts that a scheduler chooses."""

from nova import objects

from pci_sched.pools import link_mark
from tests.nova_functional import cluster, kinds_cluster, test_compute_drift

_HOSTS = ("one", "two")


class TestLinks(kinds_cluster.Filtered, test_compute_drift.Rooted):
    """Two hosts of a kind, each with one card."""

    enabled_filters = (*cluster.Cluster.enabled_filters, "VnicTypeFilter")

    def prepare(self) -> None:
        super().prepare()
        self.flags(
            link_policies=["physnet4:exclude"],
            link_hold_down=0,
            link_flap_count=99,
            group="pci_sched",
        )
        self.roots = {name: self._directory() for name in _HOSTS}

    def start_hosts(self) -> None:
        """Start both, each with hardware of its own."""
        for name, root in self.roots.items():
            self.plug_card(root)
            self.flags(host_root=str(root), group="pci_sched")
            self.start_host(name, cluster.SRIOV)

    def put_up(self, *names: str) -> None:
        """Have the carrier on these hosts only, and audit all of them."""
        for name, root in self.roots.items():
            carrier = root / "sys/class/net/ens1f0/carrier"
            carrier.write_text(f"{int(name in names)}\n")
        self.audit()

    def marks(self, name: str) -> set[str | None]:
        """List the marks of the pools of a host that schedulers are told."""
        node = objects.ComputeNode.get_by_nodename(self.admin_context, name)
        return {pool.tags.get(link_mark.TAG) for pool in node.pci_device_pools}

    def test_hosts_with_an_excluded_link_are_not_chosen_meanwhile(
        self,
    ) -> None:
        """One audit is enough, each way."""
        self.start_hosts()
        for up, down in (("one", "two"), ("two", "one")):
            self.put_up(up)
            assert self.marks(up) == {None}
            assert self.marks(down) == {"exclude:down"}
            server = self.boot([self.neutron.add_port(f"on {up}", "direct")])
            outcome = self.outcome(server)
            assert (outcome.status, outcome.asked) == ("ACTIVE", (up,))

        self.put_up()
        nowhere = self.boot([self.neutron.add_port("nowhere", "direct")])
        outcome = self.outcome(nowhere)
        assert (outcome.status, outcome.asked) == ("ERROR", ())
        assert "No valid host" in outcome.fault
        # What servers have they keep, and it is said.
        kept = [line for line in self.lines.said if "stay with" in line]
        assert len(kept) == len(_HOSTS)

        self.put_up(*_HOSTS)
        server = self.boot([self.neutron.add_port("again", "direct")])
        assert server["status"] == "ACTIVE"
        self.all_agreed()
