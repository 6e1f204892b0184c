# SPDX-License-Identifier: Apache-2.0
"""What the tags of device_spec mean to Nova, and do not."""

import pytest

from lint_cases import FIRST, SECOND, Case, Code, check, lint
from made_hosts import host, pf, vf
from pci_sched.model import device as pci_device

SPEC = "[pci]device_spec"

_NOT_STRING = [
    Case(
        sentence=f"{key} as a JSON boolean divides scheduler and compute",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, key: True}],
        where=[f"{SPEC}[0]"],
        says=[
            f'"{key}": true is no text',
            'the scheduler reads "True" and says yes to a port',
            "nova-compute reads true and says no",
        ],
        advises=[f'write "{key}": "true"'],
    )
    for key in ("trusted", "remote_managed")
] + [
    Case(
        sentence="a network whose name is a number has to be a text",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "physical_network": 5}],
        where=[f"{SPEC}[0]"],
        says=['the scheduler reads "5"', "nova-compute reads 5"],
        advises=['write "physical_network": "5"'],
    ),
    Case(
        sentence="a number is never what a port asks for as trusted",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "trusted": 1}],
        where=[f"{SPEC}[0]"],
        says=['ports ask for "true" or "false" only'],
        advises=['write "trusted": "true"'],
    ),
    Case(
        sentence="a number that stands for nothing leaves the choice",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "trusted": 7}],
        where=[f"{SPEC}[0]"],
        advises=['write "trusted": "true" or "false"'],
    ),
    Case(
        sentence="a resource class that is a number ends nova-compute",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "resource_class": 5}],
        where=[f"{SPEC}[0]"],
        says=["nova-compute fails on it with [pci]report_in_placement"],
        advises=['write "resource_class": "5"'],
    ),
    Case(
        sentence="a number in a tag of the operator's own is compared with"
        " nothing",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "rack": 1.5}],
        where=[f"{SPEC}[0]"],
        says=["nothing compares it"],
    ),
    Case(
        sentence="a text is a text, in any case of letters",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "trusted": "True", "remote_managed": "FALSE"}],
    ),
    Case(
        sentence="null is no value, so it need not be a text",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "physical_network": None, "trusted": None}],
    ),
    Case(
        sentence="Nova itself makes a text of managed and live_migratable",
        code=Code.TAG_NOT_STRING,
        specs=[{**FIRST, "managed": False, "live_migratable": 1}],
    ),
]

_NEVER = [
    Case(
        sentence="no port asks for remote_managed yes",
        code=Code.TAG_NEVER_MATCHES,
        specs=[{**FIRST, "remote_managed": "yes"}],
        where=[f"{SPEC}[0]"],
        says=['"remote_managed": "yes"', "no port is given such a device"],
        advises=['write "remote_managed": "true"'],
    ),
    Case(
        sentence="no port asks for trusted 0",
        code=Code.TAG_NEVER_MATCHES,
        specs=[[FIRST, {**SECOND, "trusted": "0"}]],
        where=[f"{SPEC}[0][1]"],
        says=["a port whose profile has trusted is not given such a device"],
        advises=['write "trusted": "false"'],
    ),
    Case(
        sentence="a word for neither yes nor no leaves the choice",
        code=Code.TAG_NEVER_MATCHES,
        specs=[{**FIRST, "trusted": "maybe"}],
        where=[f"{SPEC}[0]"],
        advises=['write "trusted": "true" or "false"'],
    ),
    Case(
        sentence="blanks around the word are compared too",
        code=Code.TAG_NEVER_MATCHES,
        specs=[{**FIRST, "trusted": "true "}],
        where=[f"{SPEC}[0]"],
    ),
    Case(
        sentence="trusted True is what ports ask for",
        code=Code.TAG_NEVER_MATCHES,
        specs=[{**FIRST, "trusted": "True"}, {**SECOND, "trusted": "false"}],
    ),
    Case(
        sentence="the words of tags that no port names are free",
        code=Code.TAG_NEVER_MATCHES,
        specs=[{**FIRST, "managed": "yes", "traits": "yes"}],
    ),
    Case(
        sentence="a tag that is no text is another finding",
        code=Code.TAG_NEVER_MATCHES,
        specs=[{**FIRST, "trusted": 1}, {**SECOND, "trusted": None}],
    ),
]

_UNKNOWN = [
    Case(
        sentence="a misspelled tag is unknown, and the right one is named",
        code=Code.TAG_UNKNOWN,
        specs=[{"product_id": "10ca", "physical_netwrok": "physnet1"}],
        where=[f"{SPEC}[0]"],
        says=['"physical_netwrok" is no key that Nova knows', "no request"],
        advises=['did you mean "physical_network"?'],
    ),
    Case(
        sentence="a selecting key in upper case selects nothing",
        code=Code.TAG_UNKNOWN,
        specs=[{**FIRST, "Vendor_ID": "8086"}],
        where=[f"{SPEC}[0]"],
        says=["it selects nothing"],
        advises=['did you mean "vendor_id"?'],
    ),
    Case(
        sentence="a key that is like no other is to be taken out",
        code=Code.TAG_UNKNOWN,
        specs=[{**FIRST, "device_type": "type-VF"}],
        where=[f"{SPEC}[0]"],
        advises=["take it out; vendor_id, product_id, address and devname"],
    ),
    Case(
        sentence="dev_type as a tag overwrites the type in Nova's pools",
        code=Code.TAG_UNKNOWN,
        specs=[{**FIRST, "dev_type": "type-PF"}],
        where=[f"{SPEC}[0]"],
        says=["overwrites what Nova itself keeps"],
    ),
    Case(
        sentence="each unknown key is a finding",
        code=Code.TAG_UNKNOWN,
        specs=[{**FIRST, "": "x", "rack": "r1"}],
        where=[f"{SPEC}[0]", f"{SPEC}[0]"],
    ),
    Case(
        sentence="every tag that Nova documents is known",
        code=Code.TAG_UNKNOWN,
        report_in_placement=True,
        specs=[
            {
                **FIRST,
                "trusted": "true",
                "remote_managed": "false",
                "resource_class": "CUSTOM_A",
                "traits": "CUSTOM_B",
                "managed": "no",
                "live_migratable": "yes",
                "one_time_use": "no",
            }
        ],
    ),
]

_CASE = [
    Case(
        sentence="networks that differ in case are one to Nova",
        code=Code.PHYSNET_CASE,
        specs=[FIRST, {**SECOND, "physical_network": "PhysNet1"}],
        where=[f"{SPEC}[1]"],
        says=[f'"PhysNet1" and "physnet1" ({SPEC}[0])', "two to Neutron"],
        advises=["ML2"],
    ),
    Case(
        sentence="every other spelling is found once",
        code=Code.PHYSNET_CASE,
        specs=[
            {**FIRST, "physical_network": "a"},
            {**FIRST, "physical_network": "A"},
            {**FIRST, "physical_network": "a"},
            {**FIRST, "physical_network": "A"},
        ],
        where=[f"{SPEC}[1]"],
    ),
    Case(
        sentence="different networks, and one network twice, are fine",
        code=Code.PHYSNET_CASE,
        specs=[FIRST, SECOND, FIRST],
    ),
    Case(
        sentence="null and numbers have no case",
        code=Code.PHYSNET_CASE,
        specs=[
            {**FIRST, "physical_network": None},
            {**SECOND, "physical_network": True},
        ],
    ),
]

_BY_IDS = {"vendor_id": "8086", "remote_managed": "true"}

_ON_PF = [
    Case(
        sentence="ids that fit a PF make it remote-managed",
        code=Code.REMOTE_MANAGED_ON_PF,
        specs=[{**_BY_IDS, "physical_network": None}],
        where=["0000:41:00.0"],
        says=["supports for VFs only", "no port and no flavor is given"],
        advises=['add the "product_id" of the VFs, "10ca"'],
    ),
    Case(
        sentence="the ids of the VFs are not advised where nobody knows them",
        code=Code.REMOTE_MANAGED_ON_PF,
        on=host([pf("0000:41:00.0", card_serial_number="SN1")]),
        specs=[_BY_IDS],
        where=["0000:41:00.0"],
        advises=["by their product_id or their addresses"],
    ),
    Case(
        sentence="remote-managed VFs are what the tag is for",
        code=Code.REMOTE_MANAGED_ON_PF,
        specs=[{**_BY_IDS, "product_id": "10ca", "physical_network": None}],
    ),
    Case(
        sentence="a PF whose tag says no is not remote-managed",
        code=Code.REMOTE_MANAGED_ON_PF,
        specs=[{"product_id": "10c9", "remote_managed": "false"}],
    ),
    Case(
        sentence="a PF that an earlier entry takes is not remote-managed",
        code=Code.REMOTE_MANAGED_ON_PF,
        specs=[{"product_id": "10c9"}, _BY_IDS],
    ),
]

_UNREAD = host(
    [
        pf("0000:41:00.0", card_serial_number=None, vf_product_id="10ca"),
        vf("0000:41:10.0", "0000:41:00.0", 0, card_serial_number=None),
    ]
)

_SERIAL = [
    Case(
        sentence="a card without a serial number cannot be remote-managed",
        code=Code.REMOTE_MANAGED_NO_SERIAL,
        specs=[{**_BY_IDS, "product_id": "10ca"}],
        where=[f"{SPEC}[0]"],
        says=["1 device (0000:81:10.0) without a serial number"],
        advises=["select only cards with a serial number"],
    ),
    Case(
        sentence="a serial number that nobody could read is said to be so",
        code=Code.REMOTE_MANAGED_NO_SERIAL,
        on=_UNREAD,
        specs=[{**_BY_IDS, "product_id": "10ca"}],
        where=[f"{SPEC}[0]"],
        says=["could not be read", "cannot be told"],
        advises=["as root"],
    ),
    Case(
        sentence="cards with a serial number can be remote-managed",
        code=Code.REMOTE_MANAGED_NO_SERIAL,
        specs=[{**FIRST, "remote_managed": "true"}],
    ),
    Case(
        sentence="what is not remote-managed needs no serial number",
        code=Code.REMOTE_MANAGED_NO_SERIAL,
        specs=[SECOND, {**SECOND, "remote_managed": "false"}],
    ),
]

_NO_NETWORK = {"address": "0000:41:00.0", "product_id": "10ca"}

_TUNNEL = [
    Case(
        sentence="VFs without a network can go to a tunnelled port",
        code=Code.UNTAGGED_VF_TUNNEL,
        specs=[{**_NO_NETWORK, "trusted": "true"}],
        where=["0000:41:00.0"],
        says=["2 VFs (0000:41:10.0, 0000:41:10.2) without", "tunnelled"],
        advises=['"physical_network" (null for hardware offload)'],
    ),
    Case(
        sentence="VFs are reported by PF, those of no known PF by themselves",
        code=Code.UNTAGGED_VF_TUNNEL,
        on=host(
            [
                vf("0000:41:10.0", "0000:41:00.0", 0),
                vf("0000:81:10.0", "0000:81:00.0", 0, parent_addr=None),
            ]
        ),
        specs=[{"product_id": "10ca"}],
        where=["0000:41:00.0", "0000:81:10.0"],
    ),
    Case(
        sentence="null as the network is what a tunnelled port asks for",
        code=Code.UNTAGGED_VF_TUNNEL,
        specs=[{**_NO_NETWORK, "physical_network": None}],
    ),
    Case(
        sentence="VFs with a network go to no tunnelled port",
        code=Code.UNTAGGED_VF_TUNNEL,
        specs=[FIRST, SECOND],
    ),
    Case(
        sentence="remote-managed VFs go only to ports that ask for such",
        code=Code.UNTAGGED_VF_TUNNEL,
        specs=[{**_NO_NETWORK, "remote_managed": "true"}],
    ),
    Case(
        sentence="VFs that say they are not remote-managed are as any",
        code=Code.UNTAGGED_VF_TUNNEL,
        specs=[{**_NO_NETWORK, "remote_managed": "False"}],
        where=["0000:41:00.0"],
    ),
    Case(
        sentence="PFs, vdpa devices and plain devices are not VFs",
        code=Code.UNTAGGED_VF_TUNNEL,
        on=host(
            [
                pf("0000:41:00.0"),
                vf(
                    "0000:41:10.0",
                    "0000:41:00.0",
                    0,
                    dev_type=pci_device.DevType.VDPA,
                ),
            ]
        ),
        specs=[{"vendor_id": "8086"}],
    ),
    Case(
        sentence="VFs that Nova does not give away go nowhere",
        code=Code.UNTAGGED_VF_TUNNEL,
        specs=[FIRST],
    ),
]

CASES = [
    *_NOT_STRING,
    *_NEVER,
    *_UNKNOWN,
    *_CASE,
    *_ON_PF,
    *_SERIAL,
    *_TUNNEL,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_tag_is_judged_by_what_nova_makes_of_it(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("value", [0, False])
def test_placement_does_not_fail_on_a_value_that_it_takes_for_none(
    value: object,
) -> None:
    (found,) = lint([{**FIRST, "traits": value}])
    assert "nothing compares it" in found.message


def test_tags_that_are_too_long_for_a_line_are_cut() -> None:
    long = "x" * 5000
    found = lint(
        [
            {**FIRST, long: 7, "trusted": long, "physical_network": long},
            {**SECOND, "physical_network": long.upper()},
        ]
    )
    assert {each.code for each in found} == {
        Code.TAG_NOT_STRING,
        Code.TAG_NEVER_MATCHES,
        Code.TAG_UNKNOWN,
        Code.PHYSNET_CASE,
    }
    assert all(len(each.message + each.advice) < 700 for each in found)
