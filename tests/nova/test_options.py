# SPDX-License-Identifier: Apache-2.0
"""Our options beside Nova's in one configuration."""

import nova.conf
from nova.conf import opts as nova_opts

from pci_sched import conf as pci_conf


def test_our_group_is_none_of_nova_s() -> None:
    names = {
        str(getattr(group, "name", group))
        for group, _options in nova_opts.list_opts()
    }
    assert "pci_sched" not in names


def test_it_can_be_registered_on_nova_s_configuration_again_and_again() -> (
    None
):
    pci_conf.register_opts(nova.conf.CONF)
    pci_conf.register_opts(nova.conf.CONF)
    assert nova.conf.CONF.pci_sched.fact_sources == ["neutron"]
