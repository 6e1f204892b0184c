# SPDX-License-Identifier: Apache-2.0
"""The policy of each physical network, as an operator writes it."""

import pytest

from pci_sched.inputs import link_policy

_IGNORE, _AVOID, _EXCLUDE = link_policy.LinkPolicy


@pytest.mark.parametrize(
    ("items", "of_a", "of_b", "of_none"),
    [
        ([], _AVOID, _AVOID, _AVOID),
        (["*:ignore"], _IGNORE, _IGNORE, _IGNORE),
        (["a:exclude"], _EXCLUDE, _AVOID, _AVOID),
        (["a:exclude", " *:ignore "], _EXCLUDE, _IGNORE, _IGNORE),
    ],
)
def test_a_network_has_its_policy_or_that_of_the_others(
    items: list[str],
    of_a: link_policy.LinkPolicy,
    of_b: link_policy.LinkPolicy,
    of_none: link_policy.LinkPolicy,
) -> None:
    policies = link_policy.parse(items)
    assert policies.of("a") is of_a
    assert policies.of("b") is of_b
    assert policies.of(None) is of_none


def test_a_name_may_have_a_colon() -> None:
    assert link_policy.parse(["x:y:exclude"]).of("x:y") is _EXCLUDE


@pytest.mark.parametrize(
    "item", ["", "a", "exclude", ":exclude", "a:", "a:drop", "a:EXCLUDE"]
)
def test_anything_else_says_what_is_allowed(item: str) -> None:
    with pytest.raises(ValueError, match="ignore, avoid, exclude"):
        link_policy.parse([item])


def test_one_network_has_one_policy() -> None:
    with pytest.raises(ValueError, match=r"a.? has two"):
        link_policy.parse(["a:avoid", "a:exclude"])


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["*:ignore"], True),
        (["*:ignore", "a:ignore"], True),
        (["*:ignore", "a:avoid"], False),
        (["a:ignore"], False),
    ],
)
def test_it_is_known_whether_any_link_matters(
    items: list[str], *, expected: bool
) -> None:
    assert link_policy.parse(items).ignores_all == expected
