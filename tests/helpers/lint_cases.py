# SPDX-License-Identifier: Apache-2.0
"""Cases for the rules of ``pci-pool check``: host, nova.conf, finding."""

from collections.abc import Sequence
import dataclasses
import json
from typing import Any

from made_hosts import host, pf, plain, vf
from pci_sched.cli.lint import finding, rules
from pci_sched.inputs import nova_conf
from pci_sched.model import host as pci_host

Code = finding.Code

#: A value of an option: a text as it stands there, or what its JSON says.
Value = str | dict[str, Any] | list[Any]

#: Two network cards with VFs, an accelerator whose VFs have its own ids, and
#: a plain card.
HOST = host(
    [
        pf("0000:41:00.0", card_serial_number="SN1", vf_product_id="10ca"),
        vf("0000:41:10.0", "0000:41:00.0", 0, card_serial_number="SN1"),
        vf("0000:41:10.2", "0000:41:00.0", 1, card_serial_number="SN1"),
        pf("0000:81:00.0", card_serial_number="", vf_product_id="10ca"),
        vf("0000:81:10.0", "0000:81:00.0", 0, card_serial_number=""),
        pf("0000:c1:00.0", vendor_id="1b36", product_id="0010"),
        vf(
            "0000:c1:00.1",
            "0000:c1:00.0",
            0,
            vendor_id="1b36",
            product_id="0010",
        ),
        plain("0000:08:00.0", vendor_id="10de", product_id="20f1"),
    ]
)

#: Selects the two VFs of the first card, and is right in all it says.
FIRST = {
    "address": "0000:41:00.0",
    "product_id": "10ca",
    "physical_network": "physnet1",
}

#: Selects the VF of the second card.
SECOND = {
    "address": "0000:81:00.0",
    "product_id": "10ca",
    "physical_network": "physnet2",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A nova.conf on a host, and whether one code is found.

    :ivar sentence: What the case shows; its id.
    :ivar where: The place of each finding of the code; none if it must not
        be found.
    :ivar says: What every message says.
    :ivar advises: What every advice says.
    """

    sentence: str
    code: Code
    specs: Sequence[Value] = ()
    aliases: Sequence[Value] = ()
    where: Sequence[str] = ()
    says: Sequence[str] = ()
    advises: Sequence[str] = ()
    on: pci_host.Host = HOST
    report_in_placement: bool = False
    pci_in_placement: bool = False

    def __str__(self) -> str:
        """Be the id of a test."""
        return self.sentence


def _write(values: Sequence[Value]) -> tuple[str, ...]:
    return tuple(
        value if isinstance(value, str) else json.dumps(value)
        for value in values
    )


def lint(
    specs: Sequence[Value] = (),
    aliases: Sequence[Value] = (),
    on: pci_host.Host = HOST,
    *,
    report_in_placement: bool = False,
    pci_in_placement: bool = False,
) -> list[finding.Finding]:
    """Apply all rules."""
    config = nova_conf.NovaPciConfig(
        device_spec=_write(specs),
        alias=_write(aliases),
        report_in_placement=report_in_placement,
        pci_in_placement=pci_in_placement,
    )
    return list(rules.lint(on, config))


def run(case: Case) -> list[finding.Finding]:
    """Give the findings of the case's code."""
    return [
        found
        for found in lint(
            case.specs,
            case.aliases,
            case.on,
            report_in_placement=case.report_in_placement,
            pci_in_placement=case.pci_in_placement,
        )
        if found.code is case.code
    ]


def check(case: Case) -> None:
    """Assert that the code is found exactly where the case says."""
    found = run(case)
    assert [each.where for each in found] == list(case.where)
    for each in found:
        for words in case.says:
            assert words in each.message
        for words in case.advises:
            assert words in each.advice
