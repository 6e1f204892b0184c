# SPDX-License-Identifier: Apache-2.0
"""The words of the options, as what matching takes."""

import pytest

from pci_sched.matching import configured, options
from pci_sched.model import request as pci_request

_Rules, _Fill = options.TagRules, options.Fill


@pytest.mark.parametrize(
    ("word", "rules", "fill"),
    [
        ("nova", _Rules.NOVA, _Fill.PACK),
        ("best", _Rules.STRICT, _Fill.PACK),
        ("pack", _Rules.STRICT, _Fill.PACK),
        ("spread", _Rules.STRICT, _Fill.SPREAD),
    ],
)
def test_a_device_choice_says_how_tags_compare_and_pools_fill(
    word: str, rules: options.TagRules, fill: options.Fill
) -> None:
    found = configured.matching_options(word, 7)
    assert (found.tag_rules, found.fill) == (rules, fill)
    assert found.node_budget == found.inquest_budget == 7


def test_a_prohibited_kind_of_port_is_a_pair() -> None:
    found = configured.binding_options(
        ["ovn"], ["sriovnicswitch:direct-physical"]
    )
    assert found.mechanism_drivers == ("ovn",)
    kind = pci_request.VnicType.DIRECT_PHYSICAL
    assert found.prohibited == {("sriovnicswitch", kind)}
