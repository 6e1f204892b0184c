# SPDX-License-Identifier: Apache-2.0
"""What entries of device_spec select, and should not."""

import pytest

from lint_cases import FIRST, SECOND, Case, Code, Value, check, lint
from made_hosts import host, pf, plain, vf
from pci_sched.model import device as pci_device

SPEC = "[pci]device_spec"

_VMD = host(
    [
        plain("10000:01:00.0", vendor_id="8086", product_id="0953"),
        plain("0000:02:00.0", vendor_id="8086", product_id="10d3"),
    ],
    name="vmd",
)

_NAMED = host(
    [
        plain(
            "0000:02:00.0",
            vendor_id="8086",
            product_id="10d3",
            netdevs=(pci_device.NetDev("eth0"),),
        )
    ]
)

_UNKNOWN_IDS = host(
    [
        pf("0000:41:00.0", product_id=None),
        vf("0000:41:10.0", "0000:41:00.0", 0, product_id=None),
    ]
)

_NOTHING = [
    Case(
        sentence="ids of no device match nothing",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[{"vendor_id": "15b3", "product_id": "101e"}],
        where=[f"{SPEC}[0]"],
        says=['"15b3"', "no device of compute-1 has these ids"],
        advises=["dump --all --devices"],
    ),
    Case(
        sentence="an address of no device matches nothing",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[FIRST, [SECOND, {"address": "0000:42:00.0"}]],
        where=[f"{SPEC}[1][1]"],
        says=["no device of compute-1 is at this address"],
    ),
    Case(
        sentence="where only the ids are wrong the message has the right ones",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[{"address": "0000:08:00.0", "product_id": "20b0"}],
        where=[f"{SPEC}[0]"],
        says=["1 device (0000:08:00.0) at this address", "10de:20f1"],
    ),
    Case(
        sentence="ids that nobody knows are shown as unknown",
        code=Code.SPEC_MATCHES_NOTHING,
        on=_UNKNOWN_IDS,
        specs=[{"address": "0000:41:10.0", "product_id": "10ca"}],
        where=[f"{SPEC}[0]"],
        says=["8086:?"],
    ),
    Case(
        sentence="a devname that is not there matches nothing",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[{"devname": "eth7"}],
        where=[f"{SPEC}[0]"],
        says=["no PCI function of compute-1 has a netdev 'eth7'"],
    ),
    Case(
        sentence="Nova skips a device of a domain above ffff",
        code=Code.SPEC_MATCHES_NOTHING,
        on=_VMD,
        specs=[{"product_id": "0953"}],
        where=[f"{SPEC}[0]"],
        says=["a domain above ffff: 1 device (10000:01:00.0)"],
    ),
    Case(
        sentence="Nova skips it even if an expression names its domain",
        code=Code.SPEC_MATCHES_NOTHING,
        on=_VMD,
        specs=[{"address": {"domain": "10000"}}],
        where=[f"{SPEC}[0]"],
        says=["a domain above ffff: 1 device (10000:01:00.0)"],
    ),
    Case(
        sentence="a device that Nova skips is no reason for another's mistake",
        code=Code.SPEC_MATCHES_NOTHING,
        on=_VMD,
        specs=[{"address": "0000:03:00.0"}],
        where=[f"{SPEC}[0]"],
        says=["no device of vmd is at this address"],
    ),
    Case(
        sentence="a long entry is cut in the message",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[{"vendor_id": "15b3", "physical_network": "x" * 500}],
        where=[f"{SPEC}[0]"],
        says=["xxx...: no device"],
    ),
    Case(
        sentence="upper-case digits of an expression match nothing",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[{"address": {"bus": "C1"}}],
        where=[f"{SPEC}[0]"],
    ),
    Case(
        sentence="an entry that matches a device is none that matches nothing",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[FIRST, SECOND, {"vendor_id": "0x10DE"}],
    ),
    Case(
        sentence="what lacks only a serial number does not match nothing",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[{"address": "0000:81:10.0", "remote_managed": "true"}],
    ),
    Case(
        sentence="what an earlier entry takes still matches",
        code=Code.SPEC_MATCHES_NOTHING,
        specs=[FIRST, FIRST],
    ),
]

_VFS = {"vendor_id": "8086", "product_id": "10ca"}

_SHADOWED = [
    Case(
        sentence="a rule before its exception leaves it no effect",
        code=Code.SPEC_SHADOWED,
        specs=[_VFS, {**SECOND, "trusted": "true"}],
        where=[f"{SPEC}[1]"],
        says=[
            f"{SPEC}[0] stands before it and takes all that it matches,",
            "1 device (0000:81:10.0): it has no effect",
        ],
        advises=["put the narrower entry first"],
    ),
    Case(
        sentence="entries that overlap shadow each other in part",
        code=Code.SPEC_SHADOWED,
        specs=[
            {"address": "*:41:*.*", "physical_network": "a"},
            {**_VFS, "physical_network": "b"},
        ],
        where=[f"{SPEC}[1]"],
        says=[f"{SPEC}[0] stands before it", "takes 2 devices", "from it"],
    ),
    Case(
        sentence="exceptions that leave nothing to the rule shadow it",
        code=Code.SPEC_SHADOWED,
        specs=[FIRST, SECOND, _VFS],
        where=[f"{SPEC}[2]"],
        says=[
            f"{SPEC}[0] and {SPEC}[1] stand before it and take all",
            "3 devices (0000:41:10.0, 0000:41:10.2, 0000:81:10.0)",
        ],
        advises=["or take out the one that has no effect"],
    ),
    Case(
        sentence="only the entry that gets a device is said to take it",
        code=Code.SPEC_SHADOWED,
        specs=[
            {**_VFS, "physical_network": "a"},
            {**_VFS, "physical_network": "b"},
            {**_VFS, "physical_network": "c"},
        ],
        where=[f"{SPEC}[1]", f"{SPEC}[2]"],
        says=[f"{SPEC}[0] stands before it"],
    ),
    Case(
        sentence="a rule of the same tags before does not hide another's loss",
        code=Code.SPEC_SHADOWED,
        specs=[
            {"address": "0000:41:10.0", "physical_network": "b"},
            {**_VFS, "physical_network": "a"},
            {**_VFS, "physical_network": "b"},
        ],
        where=[f"{SPEC}[2]"],
        says=[f"{SPEC}[1] stands before it", "takes 2 devices"],
    ),
    Case(
        sentence="an exception before its rule is how it should be",
        code=Code.SPEC_SHADOWED,
        specs=[SECOND, _VFS],
    ),
    Case(
        sentence="entries of the same tags do not shadow each other",
        code=Code.SPEC_SHADOWED,
        specs=[_VFS, {**_VFS, "address": "0000:41:00.0"}, _VFS],
    ),
    Case(
        sentence="entries for different devices do not shadow each other",
        code=Code.SPEC_SHADOWED,
        specs=[FIRST, SECOND],
    ),
    Case(
        sentence="what falls through for want of a serial shadows nothing",
        code=Code.SPEC_SHADOWED,
        specs=[
            {"address": "0000:81:10.0", "remote_managed": "true"},
            {"address": "0000:81:10.0", "physical_network": "a"},
        ],
    ),
]

_BOTH = [
    Case(
        sentence="the address of a PF selects the PF and its VFs",
        code=Code.PF_AND_VF_ASSIGNABLE,
        specs=[{"address": "0000:41:00.0", "physical_network": "a"}],
        where=["0000:41:00.0"],
        says=["the PF and 2 VFs (0000:41:10.0, 0000:41:10.2)"],
        advises=['"product_id": "10ca"', '"10c9" for the PF'],
    ),
    Case(
        sentence="two entries can select a PF and its VFs",
        code=Code.PF_AND_VF_ASSIGNABLE,
        specs=[FIRST, {"product_id": "10c9", "trusted": "true"}],
        where=["0000:41:00.0"],
    ),
    Case(
        sentence="no product_id tells a PF and VFs of the same ids apart",
        code=Code.PF_AND_VF_ASSIGNABLE,
        specs=[{"vendor_id": "1b36", "product_id": "0010"}],
        where=["0000:c1:00.0"],
        says=["the PF and 1 VF (0000:c1:00.1)"],
        advises=["by its addresses: both have the same ids"],
    ),
    Case(
        sentence="no product_id is advised where it is not known",
        code=Code.PF_AND_VF_ASSIGNABLE,
        on=_UNKNOWN_IDS,
        specs=[{"vendor_id": "8086"}],
        where=["0000:41:00.0"],
        advises=["by its addresses or its product_id"],
    ),
    Case(
        sentence="with Placement nova-compute does not start with both",
        code=Code.PF_AND_VF_ASSIGNABLE,
        specs=[{"address": "0000:41:00.0", "physical_network": None}],
        report_in_placement=True,
        where=["0000:41:00.0"],
        says=["with [pci]report_in_placement nova-compute does not start"],
    ),
    Case(
        sentence="one VF without a network is enough for that",
        code=Code.PF_AND_VF_ASSIGNABLE,
        specs=[
            {"address": "0000:41:10.0", "physical_network": "physnet1"},
            {"address": "0000:41:00.0"},
        ],
        report_in_placement=True,
        where=["0000:41:00.0"],
        says=["with [pci]report_in_placement nova-compute does not start"],
    ),
    Case(
        sentence="VFs alone are fine",
        code=Code.PF_AND_VF_ASSIGNABLE,
        specs=[FIRST, {"address": {"bus": "c1", "function": "[1-7]"}}],
    ),
    Case(
        sentence="a PF alone is fine, also beside the VFs of another",
        code=Code.PF_AND_VF_ASSIGNABLE,
        specs=[FIRST, {"address": "0000:81:00.0", "product_id": "10c9"}],
    ),
]

_DEVNAME = [
    Case(
        sentence="a devname is fragile, and the advice has the address",
        code=Code.DEVNAME_FRAGILE,
        on=_NAMED,
        specs=[{"devname": "eth0"}],
        where=[f"{SPEC}[0]"],
        says=["'eth0' is a name"],
        advises=['"address": "0000:02:00.0"'],
    ),
    Case(
        sentence="a devname that is not there is fragile too",
        code=Code.DEVNAME_FRAGILE,
        specs=[{"devname": "eth0"}],
        where=[f"{SPEC}[0]"],
        advises=["use the address of the device"],
    ),
    Case(
        sentence="with Placement nova-compute does not start with a devname",
        code=Code.DEVNAME_FRAGILE,
        on=_NAMED,
        specs=[{"devname": "eth0"}],
        report_in_placement=True,
        where=[f"{SPEC}[0]"],
        says=["with [pci]report_in_placement nova-compute does not start"],
    ),
    Case(
        sentence="an address is not fragile, nor an empty devname",
        code=Code.DEVNAME_FRAGILE,
        on=_NAMED,
        specs=[{"address": "0000:02:00.0", "devname": ""}, {"devname": None}],
    ),
]

_PREFIX = [
    Case(
        sentence="one digit of a bus in a regular expression is a prefix",
        code=Code.ADDRESS_PREFIX,
        specs=[{"address": {"bus": "8"}, "physical_network": "a"}],
        where=[f"{SPEC}[0]"],
        says=[
            '"bus": "8" does not mean bus 08, but every bus that begins with'
            " 8: 2 devices (0000:81:00.0, 0000:81:10.0)"
        ],
        advises=['write "bus": "08"', '"8.*"'],
    ),
    Case(
        sentence="each field that is a prefix is a finding",
        code=Code.ADDRESS_PREFIX,
        specs=[{"address": {"bus": "4", "slot": "1"}}],
        where=[f"{SPEC}[0]", f"{SPEC}[0]"],
        says=["2 devices (0000:41:10.0, 0000:41:10.2)"],
    ),
    Case(
        sentence="all digits of a field are no prefix",
        code=Code.ADDRESS_PREFIX,
        specs=[{"address": {"bus": "08"}}, {"address": {"function": "0"}}],
    ),
    Case(
        sentence="a prefix that matches only the number is none",
        code=Code.ADDRESS_PREFIX,
        specs=[{"address": {"domain": "0", "bus": "08"}}],
    ),
    Case(
        sentence="a prefix that matches nothing is another finding",
        code=Code.ADDRESS_PREFIX,
        specs=[{"address": {"bus": "e"}}],
    ),
    Case(
        sentence="an expression that is meant as one is no prefix",
        code=Code.ADDRESS_PREFIX,
        specs=[{"address": {"bus": "8.*"}}, {"address": {"bus": "[48]"}}],
    ),
    Case(
        sentence="a text matches numbers, so one digit is no prefix",
        code=Code.ADDRESS_PREFIX,
        specs=[{"address": "0000:8:00.0"}],
    ),
]

CASES = [*_NOTHING, *_SHADOWED, *_BOTH, *_DEVNAME, *_PREFIX]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_entry_is_judged_by_what_it_selects(case: Case) -> None:
    check(case)


_PF_OF = {"address": "0000:41:00.0", "product_id": "10c9"}
_NETWORK = {"physical_network": "physnet1"}


@pytest.mark.parametrize(
    "specs",
    [
        [{**_PF_OF, **_NETWORK}, FIRST],
        [_PF_OF, FIRST],
        [{**_PF_OF, **_NETWORK}, {**FIRST, "physical_network": None}],
    ],
    ids=["both sides", "the VFs", "the PF"],
)
def test_placement_does_not_see_a_side_that_has_a_network(
    specs: list[Value],
) -> None:
    """So Nova starts, and the message does not say otherwise."""
    (found,) = lint(specs, report_in_placement=True)
    assert found.code is Code.PF_AND_VF_ASSIGNABLE
    assert "report_in_placement" not in found.message
