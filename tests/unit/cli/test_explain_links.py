# SPDX-License-Identifier: Apache-2.0
"""Which devices of a recorded host are marked for their links."""

import pytest

import made_hosts
from pci_sched.cli import explain_links
from pci_sched.inputs import link_policy
from pci_sched.model import device as pci_device
from pci_sched.pools import link_mark

_Link = pci_device.Link

_PF = "0000:41:00.0"
_OTHER = "0000:41:00.1"


def _marks(
    link: pci_device.Link | None, policies: tuple[str, ...], switch: str = ""
) -> list[str]:
    """Mark a host; give the marks of a PF, its VF and another PF."""

    def netdev(
        name: str, state: pci_device.Link | None
    ) -> tuple[pci_device.NetDev, ...]:
        made = pci_device.NetDev(
            name, link=state, bond="bond0", phys_switch_id=switch
        )
        return (made,)

    tags = ((pci_device.PHYSICAL_NETWORK, "physnet1"),)
    host = made_hosts.host(
        [
            made_hosts.pf(_PF, netdevs=netdev("ens1", link)),
            made_hosts.pf(_OTHER, netdevs=netdev("ens2", _Link.UP)),
            made_hosts.vf("0000:41:10.0", _PF, 0, tags=tags),
        ]
    )
    marked = explain_links.mark(host, link_policy.parse(policies))
    found = {
        str(each.address): str(dict(each.tags).get(link_mark.TAG, ""))
        for each in marked.devices
    }
    return [found[each] for each in (_PF, "0000:41:10.0", _OTHER)]


@pytest.mark.parametrize("link", [_Link.DOWN, _Link.NO_CARRIER])
def test_what_is_behind_a_bad_link_is_marked(link: pci_device.Link) -> None:
    assert _marks(link, ()) == ["avoid:down", "avoid:down", ""]
    excluded = ("physnet1:exclude", "*:ignore")
    assert _marks(link, excluded) == ["", "exclude:down", ""]
    assert _marks(link, ("*:ignore",)) == ["", "", ""]


@pytest.mark.parametrize("link", [_Link.UP, None])
def test_no_other_link_is_bad(link: pci_device.Link | None) -> None:
    assert _marks(link, ("*:exclude",)) == ["", "", ""]


def test_the_other_port_of_a_vf_lag_carries_the_traffic() -> None:
    assert _marks(_Link.DOWN, (), switch="a0369f") == ["", "", ""]
