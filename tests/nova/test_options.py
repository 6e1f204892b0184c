# SPDX-License-Identifier: Apache-2.0
"""Our options beside Nova's in one configuration."""

import nova.conf

from pci_sched import conf as pci_conf


def test_our_group_is_none_of_nova_s_and_can_be_registered_there() -> None:
    conf = nova.conf.CONF
    assert "pci_sched" not in conf
    pci_conf.register_opts(conf)
    assert conf.pci_sched.fact_sources == ["neutron"]
    ((group, options),) = pci_conf.list_opts()
    conf.unregister_opts(options, group=group)
