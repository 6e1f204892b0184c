# SPDX-License-Identifier: Apache-2.0
"""What stock Nova 34 makes of the scenarios: the problem, on the real thing.

Every test here passes while Nova has the flaw; one that fails after an update
of Nova means that the flaw is gone, or has changed.
"""

from tests.nova_functional import agents_neutron, scenarios


class TestNormalPorts(scenarios.NormalPorts):
    """No stock filter knows which host can bind a ``normal`` port."""

    def test_a_normal_port_is_sent_to_an_sriov_host_and_rescheduled(
        self,
    ) -> None:
        """nova-compute finds out: ``_ensure_no_port_binding_failure``.

        The host that did nothing wrong now counts one failed build, and
        BuildFailureWeigher keeps the servers away from it that need its VFs.
        """
        became = self.boot_beside_an_idle_sriov_host("port")

        assert (became.status, became.host) == ("ACTIVE", "ovs1")
        assert became.asked == ("sriov1", "ovs1")
        assert became.failed_builds == {"sriov1": 1, "ovs1": 0}
        assert self.neutron.refused == [
            agents_neutron.Refused(
                agents_neutron.stable_uuid("normal"), "sriov1"
            )
        ]

    def test_a_network_is_sent_to_an_sriov_host_just_the_same(self) -> None:
        """nova-compute creates the ``normal`` port only after the claim."""
        became = self.boot_beside_an_idle_sriov_host("network")

        assert (became.status, became.host) == ("ACTIVE", "ovs1")
        assert became.asked == ("sriov1", "ovs1")
        assert became.failed_builds == {"sriov1": 1, "ovs1": 0}

    def test_a_boot_fails_for_good_although_a_good_host_exists(self) -> None:
        """Alternates come from the same list, and no filter runs again.

        ``SchedulerManager._get_alternate_hosts`` takes ``max_attempts`` - 1 of
        them; all are as bad as the first.
        """
        became = self.boot_beside_as_many_sriov_hosts_as_attempts()

        assert (became.status, became.host) == ("ERROR", None)
        assert sorted(became.asked) == ["sriov1", "sriov2", "sriov3"]
        assert "Exceeded max scheduling attempts 3" in became.fault
        assert "Binding failed for port" in became.fault
        assert became.failed_builds == {
            "sriov1": 1,
            "sriov2": 1,
            "sriov3": 1,
            "ovs1": 0,
        }

    def test_an_evacuation_ends_on_a_host_that_cannot_bind(self) -> None:
        """An evacuation has no alternates, and does not look at the binding.

        ``setup_instance_network_on_host`` stores ``binding_failed``; the
        libvirt driver then does not know that vif_type.
        """
        became = self.evacuate_beside_an_idle_sriov_host()

        assert (became.status, became.host) == ("ERROR", "ovs1")
        assert became.migration == "failed"
        assert became.asked == ("sriov1",)
        assert became.fault == "Unexpected vif_type=binding_failed"

    def test_a_live_migration_is_tried_in_vain_and_then_elsewhere(
        self,
    ) -> None:
        """The conductor binds the ports first and goes on after a refusal.

        ``LiveMigrationTask._call_livem_checks_on_host`` turns it into
        MigrationPreCheckError; ``_find_destination`` asks the scheduler anew.
        """
        became = self.live_migrate_beside_an_idle_sriov_host()

        assert (became.status, became.host) == ("ACTIVE", "ovs2")
        assert became.migration == "completed"
        assert became.asked == ("sriov1", "ovs1", "ovs2")


class TestDevicePorts(scenarios.DevicePorts):
    """Nova counts devices greedily, and forgets ports attached later."""

    def test_the_order_of_the_ports_decides_whether_they_fit(self) -> None:
        """``PciDeviceStats._apply_request`` takes what it needs in turn.

        The port that takes any VF takes the trusted one.
        """
        became = self.boot_in_both_orders()

        assert became["any"].status == "ERROR"
        assert became["any"].asked == ()
        assert "No valid host was found" in became["any"].fault
        assert became["trusted"].status == "ACTIVE"

    def test_a_pf_and_its_vf_pass_the_scheduler_and_fail_the_claim(
        self,
    ) -> None:
        """Both are free as far as counts go; one excludes the other.

        ``_decrease_pool_count`` ignores it, so PciPassthroughFilter and
        ``Claim._test_pci`` say yes; ``consume_requests`` does see it, says no,
        and does not put back the PF that it took off with the VF: available
        in Nova's rows, in no pool, also after an audit.
        """
        became = self.boot_with_a_pf_and_its_vf()

        assert (became.status, became.host) == ("ERROR", None)
        assert became.asked == ("sriov1",)
        assert became.failed_builds == {"sriov1": 1}
        assert "0000:81:00.0" in self.free_devices("sriov1")
        assert self.free_pools("sriov1") == {"type-VF": 4}

    def test_a_move_after_an_attach_ends_where_there_are_no_vfs(self) -> None:
        """``RequestSpec.pci_requests`` does not have the attached port.

        The move claim reads the instance's own requests and fails; the guest
        still runs, the server is in ERROR.
        """
        became = self.cold_migrate_after_attaching_a_vf()

        assert (became.status, became.host) == ("ERROR", "both1")
        assert became.asked == ("ovs1",)
        assert "Claim pci failed" in became.fault
        assert became.migration == "error"

    def test_a_move_after_an_attach_needs_an_alternate_to_get_on(
        self,
    ) -> None:
        """The claim that fails is retried on the next host of the list."""
        became = self.cold_migrate_after_attaching_a_vf("both2")

        assert (became.status, became.host) == ("VERIFY_RESIZE", "both2")
        assert became.asked == ("ovs1", "both2", "both1")
