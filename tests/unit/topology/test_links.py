# SPDX-License-Identifier: Apache-2.0
"""Bad links, and what they cut off."""

import pytest

import made_hosts
from pci_sched.model import device as pci_device
from pci_sched.topology import links

_PFS = ("0000:41:00.0", "0000:41:00.1", "0000:81:00.0")


def _pf(address: str, bond: str, switch: str) -> pci_device.Device:
    netdev = pci_device.NetDev("ens1", phys_switch_id=switch, bond=bond)
    return made_hosts.pf(address, netdevs=(netdev,))


@pytest.mark.parametrize(
    ("bond", "switch", "bad", "expected"),
    [
        pytest.param("", "", (0,), (0,), id="alone"),
        pytest.param("bond0", "", (0,), (0,), id="a bond helps no VF"),
        pytest.param("bond0", "a0", (0,), (), id="the other port carries"),
        pytest.param("bond0", "a0", (0, 1), (0, 1), id="nothing carries"),
        pytest.param("bond0", "a0", (), (), id="nothing is bad"),
    ],
)
def test_what_is_cut_off(
    bond: str, switch: str, bad: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    pfs = [_pf(each, bond, switch) for each in _PFS[:2]]
    # Another one, of which nothing is known but that it is well.
    pfs.append(made_hosts.pf(_PFS[2], netdevs=None))
    found = links.cut_off(pfs, [made_hosts.at(_PFS[each]) for each in bad])
    assert found == {made_hosts.at(_PFS[each]) for each in expected}
