# SPDX-License-Identifier: Apache-2.0
"""What the filter makes of the scenarios that go wrong with stock Nova.

The same scenarios as in ``test_stock.py``, alone and beside the filters that
count devices in stock Nova.
"""

from nova import conf

from pci_sched.nova import scheduler_matcher
from tests.nova_functional import cluster, kinds_cluster, scenarios

_STOCK = cluster.Cluster.enabled_filters


class NormalPorts(kinds_cluster.Filtered, scenarios.NormalPorts):
    """The filter knows which host can bind a ``normal`` port."""

    def nothing_went_wrong(self, became: cluster.Outcome, host: str) -> None:
        """Check that the first host asked was the right one."""
        assert (became.status, became.host) == ("ACTIVE", host)
        assert became.asked == (host,)
        assert set(became.failed_builds.values()) == {0}
        assert self.neutron.refused == []


class TestNormalPorts(NormalPorts):
    """The filter alone."""

    def test_a_normal_port_goes_straight_to_open_vswitch(self) -> None:
        self.nothing_went_wrong(
            self.boot_beside_an_idle_sriov_host("port"), "ovs1"
        )

    def test_a_network_goes_straight_to_open_vswitch(self) -> None:
        self.nothing_went_wrong(
            self.boot_beside_an_idle_sriov_host("network"), "ovs1"
        )

    def test_hosts_that_cannot_bind_use_up_no_attempts(self) -> None:
        self.nothing_went_wrong(
            self.boot_beside_as_many_sriov_hosts_as_attempts(), "ovs1"
        )

    def test_an_evacuation_ends_where_the_port_binds(self) -> None:
        became = self.evacuate_beside_an_idle_sriov_host()

        # What was stopped by the failure of its host is started by the user.
        assert (became.status, became.host) == ("SHUTOFF", "ovs2")
        assert became.asked == ("ovs2",)
        assert became.migration == "done"
        assert self.neutron.refused == []

    def test_a_live_migration_asks_no_host_in_vain(self) -> None:
        became = self.live_migrate_beside_an_idle_sriov_host()

        assert (became.status, became.host) == ("ACTIVE", "ovs2")
        assert "sriov1" not in became.asked
        assert became.migration == "completed"
        assert self.neutron.refused == []


class TestNormalPortsBesideStock(NormalPorts):
    """With NUMATopologyFilter and PciPassthroughFilter before it."""

    enabled_filters = (*_STOCK, "VnicTypeFilter")

    def test_hosts_that_cannot_bind_use_up_no_attempts(self) -> None:
        self.nothing_went_wrong(
            self.boot_beside_as_many_sriov_hosts_as_attempts(), "ovs1"
        )


class DevicePorts(kinds_cluster.Filtered, scenarios.DevicePorts):
    """The filter counts exactly, and knows of ports attached later."""

    def refused_and_nothing_lost(self, became: cluster.Outcome) -> None:
        """Check that no compute was asked, and that all is still free."""
        assert (became.status, became.host) == ("ERROR", None)
        assert became.asked == ()
        assert "No valid host was found" in became.fault
        assert set(became.failed_builds.values()) == {0}
        assert self.free_pools("sriov1") == {"type-PF": 1, "type-VF": 4}


class TestDevicePorts(DevicePorts):
    """The filter alone."""

    def test_a_pf_and_its_vf_are_refused_before_anything_is_lost(
        self,
    ) -> None:
        self.refused_and_nothing_lost(self.boot_with_a_pf_and_its_vf())

    def test_a_move_after_an_attach_stays_where_no_host_has_vfs(self) -> None:
        became = self.cold_migrate_after_attaching_a_vf()

        assert (became.status, became.host) == ("ACTIVE", "both1")
        assert became.asked == ()
        assert became.fault == ""

    def test_a_move_after_an_attach_goes_where_vfs_are(self) -> None:
        became = self.cold_migrate_after_attaching_a_vf("both2")

        assert (became.status, became.host) == ("VERIFY_RESIZE", "both2")
        assert became.asked == ("both2", "both1")

    def test_an_order_that_nova_refuses_passes_and_fails_the_claim(
        self,
    ) -> None:
        """Nova's greedy count sits in the claim, too.

        ``Claim._test_pci`` in nova-compute: no filter can help, only the
        compute hook.
        """
        became = self.boot_in_both_orders()

        assert became["any"].status == "ERROR"
        assert became["any"].asked == ("sriov1",)
        assert became["trusted"].status == "ACTIVE"


class TestDevicePortsBesideStock(DevicePorts):
    """With NUMATopologyFilter and PciPassthroughFilter after it."""

    enabled_filters = ("VnicTypeFilter", *_STOCK)

    def test_a_pf_and_its_vf_are_refused_before_anything_is_lost(
        self,
    ) -> None:
        self.refused_and_nothing_lost(self.boot_with_a_pf_and_its_vf())

    def test_a_move_after_an_attach_goes_where_vfs_are(self) -> None:
        became = self.cold_migrate_after_attaching_a_vf("both2")

        assert (became.status, became.host) == ("VERIFY_RESIZE", "both2")
        assert became.asked == ("both2", "both1")

    def test_without_the_seam_a_yes_of_ours_stays_refused(self) -> None:
        """``PciPassthroughFilter`` counts in the order of the ports."""
        became = self.boot_in_both_orders()

        assert became["any"].status == "ERROR"
        assert became["any"].asked == ()
        assert "No valid host was found" in became["any"].fault
        assert became["trusted"].status == "ACTIVE"


class TestDevicePortsWithSeam(DevicePorts):
    """``[pci_sched]scheduler_matcher``: all of the scheduler counts exactly.

    nova-compute runs in this process too, and is not changed: its name of
    the count is another one.
    """

    enabled_filters = (*_STOCK, "VnicTypeFilter")

    def before_services_start(self) -> None:
        super().before_services_start()
        self.flags(scheduler_matcher=True, group="pci_sched")
        self.addCleanup(self._take_seam_out)

    def _take_seam_out(self) -> None:
        self.flags(scheduler_matcher=False, group="pci_sched")
        scheduler_matcher.follow(conf.CONF)

    def test_the_scheduler_takes_any_order_and_nova_compute_does_not(
        self,
    ) -> None:
        became = self.boot_in_both_orders()

        assert became["any"].status == "ERROR"
        assert became["any"].asked == ("sriov1",)
        assert "Exhausted all hosts available" in became["any"].fault
        assert became["trusted"].status == "ACTIVE"

    def test_a_pf_and_its_vf_are_refused_before_anything_is_lost(
        self,
    ) -> None:
        self.refused_and_nothing_lost(self.boot_with_a_pf_and_its_vf())
