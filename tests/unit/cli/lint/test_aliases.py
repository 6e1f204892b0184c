# SPDX-License-Identifier: Apache-2.0
"""Whether a host has what the aliases ask for."""

import pytest

from lint_cases import FIRST, SECOND, Case, Code, check
from made_hosts import host, vf
from pci_sched.model import device as pci_device

ALIAS = "[pci]alias"

_PFS = {"address": "0000:81:00.0", "product_id": "10c9"}
_GPU = {"vendor_id": "10de", "product_id": "20f1"}


def _alias(product: str = "10ca", **more: str) -> dict[str, str]:
    return {"name": "a", "vendor_id": "8086", "product_id": product, **more}


_VDPA = host(
    [
        vf(
            "0000:41:10.0",
            "0000:41:00.0",
            0,
            dev_type=pci_device.DevType.VDPA,
        )
    ]
)

_NOTHING = [
    Case(
        sentence="ids of no device serve nothing",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[FIRST],
        aliases=[_alias("1572")],
        where=[f"{ALIAS}[0]"],
        says=["alias 'a': no device of compute-1 has these ids"],
        advises=["meant for other hosts may stay"],
    ),
    Case(
        sentence="devices that no device_spec selects serve nothing",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[FIRST],
        aliases=[_alias(), {"name": "gpu", **_GPU}],
        where=[f"{ALIAS}[1]"],
        says=["1 device (0000:08:00.0)", "no device_spec selects them"],
    ),
    Case(
        sentence="a flavor is never given a remote-managed device",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[{**FIRST, "remote_managed": "true"}],
        aliases=[_alias(device_type="type-VF")],
        where=[f"{ALIAS}[0]"],
        says=["remote-managed", "ports only"],
    ),
    Case(
        sentence="live_migratable is asked for as a tag",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[FIRST, {**SECOND, "live_migratable": "no"}],
        aliases=[_alias(live_migratable="yes")],
        where=[f"{ALIAS}[0]"],
        says=['without the tag "live_migratable": "true"'],
        advises=["or add the tag to the device_spec"],
    ),
    Case(
        sentence="capability_type is asked for as a tag, which nobody has",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[FIRST],
        aliases=[_alias(capability_type="pci")],
        where=[f"{ALIAS}[0]"],
        advises=["take the key out of the alias"],
    ),
    Case(
        sentence="alternatives none of which is served are found one by one",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[FIRST],
        aliases=[
            _alias("1572", device_type="type-VF"),
            _alias("1573", device_type="type-VF"),
        ],
        where=[f"{ALIAS}[0]", f"{ALIAS}[1]"],
    ),
    Case(
        sentence="an alternative for other hosts is no finding",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[FIRST],
        aliases=[
            _alias("1572", device_type="type-VF"),
            _alias(device_type="type-VF"),
        ],
    ),
    Case(
        sentence="a tag in the other case of letters is the same tag",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[{**FIRST, "live_migratable": "YES"}],
        aliases=[_alias(live_migratable="on")],
    ),
    Case(
        sentence="traits are Placement's, and ids may be in upper case",
        code=Code.ALIAS_MATCHES_NOTHING,
        specs=[FIRST],
        aliases=[_alias("10CA", traits="CUSTOM_A")],
    ),
    Case(
        sentence="an alias of a resource class is Placement's",
        code=Code.ALIAS_MATCHES_NOTHING,
        pci_in_placement=True,
        aliases=[{"name": "a", "resource_class": "CUSTOM_A"}],
    ),
]

_TYPE = [
    Case(
        sentence="VFs do not serve an alias for PFs",
        code=Code.ALIAS_WRONG_TYPE,
        specs=[FIRST],
        aliases=[_alias(device_type="type-PF")],
        where=[f"{ALIAS}[0]"],
        says=[
            "alias 'a' asks for type-PF, but its ids are those of 2 type-VF"
            " devices (0000:41:10.0, 0000:41:10.2)"
        ],
        advises=['write "device_type": "type-VF"'],
    ),
    Case(
        sentence="without a device_type Nova gives no PF",
        code=Code.ALIAS_WRONG_TYPE,
        specs=[_PFS],
        aliases=[_alias("10c9")],
        where=[f"{ALIAS}[0]"],
        says=["has no device_type", "1 type-PF device (0000:81:00.0)"],
        advises=['write "device_type": "type-PF"'],
    ),
    Case(
        sentence="no device_type is advised where Nova has none",
        code=Code.ALIAS_WRONG_TYPE,
        on=_VDPA,
        specs=[{"product_id": "10ca"}],
        aliases=[_alias()],
        where=[f"{ALIAS}[0]"],
        says=["1 vdpa device (0000:41:10.0)"],
        advises=["Nova gives vdpa devices to ports only"],
    ),
    Case(
        sentence="an alternative of the wrong type is found all the same",
        code=Code.ALIAS_WRONG_TYPE,
        specs=[FIRST, _PFS],
        aliases=[
            _alias(device_type="type-VF"),
            _alias("10c9", device_type="type-VF"),
        ],
        where=[f"{ALIAS}[1]"],
    ),
    Case(
        sentence="the types that are asked for serve",
        code=Code.ALIAS_WRONG_TYPE,
        specs=[FIRST, _PFS, _GPU],
        aliases=[
            _alias(),
            _alias("10c9", device_type="type-PF") | {"name": "b"},
            {"name": "c", **_GPU, "device_type": "type-PCI"},
            {"name": "d", **_GPU},
        ],
    ),
    Case(
        sentence="one device of the right type among others is enough",
        code=Code.ALIAS_WRONG_TYPE,
        specs=[{"vendor_id": "1b36"}],
        aliases=[{"name": "n", "vendor_id": "1b36", "product_id": "0010"}],
    ),
]

CASES = [*_NOTHING, *_TYPE]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_alias_is_judged_by_what_could_serve_it(case: Case) -> None:
    check(case)
