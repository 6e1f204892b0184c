# SPDX-License-Identifier: Apache-2.0
"""``explain`` and the links of a recorded host."""

import json
import pathlib

from pci_pool import PciPool

EXAMPLES = pathlib.Path(__file__).parents[2] / "doc/examples"


def _explain(
    pci_pool: PciPool, request: pathlib.Path, *files: pathlib.Path
) -> str:
    """Hold a request against the recorded host; ens3 has no carrier.

    :returns: Whether it fits, the code and the message.
    """
    named = [word for each in files for word in ("--config-file", each)]
    return pci_pool(
        "explain",
        request,
        *("--from", EXAMPLES / "compute1.json"),
        *("--agents", EXAMPLES / "agents.json"),
        *named,
        *("-f", "value", "-c", "fits", "-c", "code", "-c", "message"),
    ).out


def test_a_bond_needs_the_pf_without_a_link(pci_pool: PciPool) -> None:
    """By default it gets it, and is told so."""
    bond = EXAMPLES / "bond.json"
    found = _explain(pci_pool, bond, EXAMPLES / "nova.conf")
    assert found == (
        "yes  port-bond-a: 1 VF of 0000:41:00.0 on physnet1; port-bond-b: 1 VF"
        " of 0000:81:00.0 on physnet1 (link down)\n"
    )


def test_what_is_excluded_serves_nobody(pci_pool: PciPool) -> None:
    found = _explain(
        pci_pool,
        EXAMPLES / "bond.json",
        EXAMPLES / "nova.conf",
        EXAMPLES / "exclude.conf",
    )
    assert found.startswith("no LINK_DOWN requests port-bond-a, port-bond-b")


def test_a_good_link_is_preferred(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    """Although a trusted VF is rarer, and another one would do."""
    port = {
        "id": "one",
        "vnic_type": "direct",
        "segments": [{"network_type": "vlan", "physical_network": "physnet1"}],
    }
    request = tmp_path / "request.json"
    request.write_text(
        json.dumps({"schema": "pci-sched/request/1", "ports": [port]})
    )
    ignore = tmp_path / "ignore.conf"
    ignore.write_text("[pci_sched]\nlink_policies = *:ignore\n")
    nova_conf = EXAMPLES / "nova.conf"
    found = _explain(pci_pool, request, nova_conf)
    assert "of 0000:41:00.0 on" in found
    found = _explain(pci_pool, request, nova_conf, ignore)
    assert "of 0000:81:00.0 on" in found
