# SPDX-License-Identifier: Apache-2.0
"""What stock nova-compute gets wrong, and what the compute hook makes of it.

The same scenarios twice. Where the hook is, the scheduler is Nova's own all
the same, unless a class says so.
"""

from tests.nova_functional import (
    cluster,
    compute_scenarios,
    hooked,
    kinds_cluster,
    scenarios,
)

Held = compute_scenarios.Held


class TestStock(compute_scenarios.Flaws):
    """Nova 34 as it is; a test that fails tells that Nova has changed."""

    def test_a_failed_boot_loses_a_pf_that_is_free(self) -> None:
        """``consume_requests`` puts back the VF, and not the PF above it.

        The rows of Nova say that all is free, and no audit mends the pools.
        """
        became = self.boot_a_pf_after_a_failed_boot()

        assert (became.status, became.host) == ("ERROR", None)
        assert became.asked == ()
        assert len(self.available()["sriov1"]) == 5

    def test_a_live_migration_loses_the_device_of_a_flavor(self) -> None:
        """The claim for the ports takes the place of that for the flavor."""
        assert self.live_migrate_with_a_flavor_s_vf_and_a_port_s() == "sriov2"

        assert {
            name: len(found) for name, found in self.available().items()
        } == {"sriov1": 4, "sriov2": 3}

    def test_a_failed_attachment_keeps_its_device(self) -> None:
        """Only a driver that fails has the claim undone."""
        self.attach_what_neutron_does_not_bind()

        assert len(self.available()["both1"]) == 3

    def test_a_pf_near_the_guest_hides_a_vf(self) -> None:
        """PFs count as near devices, and are excluded only then."""
        became = self.boot_near_pfs_that_nobody_wants()

        assert (became.status, became.asked) == ("ERROR", ())
        assert "No valid host was found" in became.fault

    def test_a_move_forgets_that_a_far_device_would_do(self) -> None:
        """``_move_claim`` makes the requests anew, without the policy."""
        became, held = self.cold_migrate_to_a_far_device()

        assert (became.status, became.host) == ("ERROR", "numa1")
        assert became.asked == ("numa2",)
        assert "cannot fit the given host NUMA topology" in became.fault
        assert held == Held(("preferred",), (1,))


class HookedFlaws(hooked.Hooked, compute_scenarios.Flaws):
    """The compute hook."""


class TestHooked(HookedFlaws):
    """The hook alone."""

    def tearDown(self) -> None:
        try:
            self.scheduler_is_stock()
        finally:
            super().tearDown()

    def test_a_pf_and_its_vf_fail_the_claim_before_anything_is_lost(
        self,
    ) -> None:
        """The scheduler says yes as before; the claim does not begin.

        What was free is free, and the next server gets the PF.
        """
        failed = self.boot_with_a_pf_and_its_vf()

        assert (failed.status, failed.host) == ("ERROR", None)
        assert failed.asked == ("sriov1",)
        assert self.free_pools("sriov1") == {"type-PF": 1, "type-VF": 4}
        alone = self.neutron.add_port("pf alone", "direct-physical")
        assert self.boot([alone])["status"] == "ACTIVE"
        assert self.counted() == {"sriov1": 1}

    def test_a_live_migration_loses_nothing(self) -> None:
        assert self.live_migrate_with_a_flavor_s_vf_and_a_port_s() == "sriov2"

        assert {
            name: len(found) for name, found in self.available().items()
        } == {"sriov1": 4, "sriov2": 4}
        assert self.counted() == {"sriov1": 0, "sriov2": 0}

    def test_a_failed_attachment_gives_its_device_back(self) -> None:
        server = self.attach_what_neutron_does_not_bind()

        assert len(self.available()["both1"]) == 5
        assert self.held(server) == Held((), ())
        assert self.counted() == {"both1": 0}

    def test_a_pf_near_the_guest_is_refused_by_the_scheduler(self) -> None:
        became = self.boot_near_pfs_that_nobody_wants()

        assert (became.status, became.asked) == ("ERROR", ())

    def test_the_order_of_the_ports_is_refused_by_the_scheduler(self) -> None:
        became = self.boot_in_both_orders()

        assert (became["any"].status, became["any"].asked) == ("ERROR", ())
        assert became["trusted"].status == "ACTIVE"

    def test_a_move_knows_that_a_far_device_will_do(self) -> None:
        became, held = self.cold_migrate_to_a_far_device()

        assert (became.status, became.host) == ("VERIFY_RESIZE", "numa2")
        assert held == Held(("preferred",), (1, 1))
        self.all_agreed()


class TestHookAndMatcher(hooked.EveryPart, compute_scenarios.Flaws):
    """The hook, and ``[pci_sched]scheduler_matcher``."""

    def test_any_order_of_the_ports_gets_its_devices(self) -> None:
        became = self.boot_in_both_orders()

        assert became["any"].status == "ACTIVE"
        assert became["trusted"].status == "ACTIVE"

    def test_a_pf_near_the_guest_hides_no_vf(self) -> None:
        became = self.boot_near_pfs_that_nobody_wants()

        assert (became.status, became.host) == ("ACTIVE", "numa1")
        self.all_agreed()


class TestHookAndFilter(
    hooked.Hooked, kinds_cluster.Filtered, scenarios.DevicePorts
):
    """The hook, and ``VnicTypeFilter`` beside Nova's own filters."""

    enabled_filters = ("VnicTypeFilter", *cluster.Cluster.enabled_filters)

    def test_a_move_after_an_attach_goes_where_vfs_are(self) -> None:
        became = self.cold_migrate_after_attaching_a_vf("both2")

        assert (became.status, became.host) == ("VERIFY_RESIZE", "both2")
        assert became.asked == ("both2", "both1")
        self.scheduler_is_stock()
        assert self.counted() == {"both1": 1, "ovs1": 0, "both2": 1}
