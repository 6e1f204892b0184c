# SPDX-License-Identifier: Apache-2.0
"""The reference page of ``pci-pool check`` has every code, and is right."""

import pathlib
import re

import pytest

from lint_cases import HOST
from pci_sched.cli.lint import finding, rules
from pci_sched.inputs import nova_conf

_PAGE = pathlib.Path(__file__).parents[4] / "doc/source/cli/check.rst"

_HEADING = re.compile(r"^(?P<title>[A-Z_]{4,})\n(?P<line>[~=-]+)$", re.M)
_EXAMPLE = re.compile(r"^\.\. code-block:: ini\n\n((?:   .+\n)+)", re.M)


def _sections() -> dict[str, str]:
    """Cut the page at the headings that are codes."""
    _before, *parts = re.split(_HEADING, _PAGE.read_text())
    return dict(zip(parts[::3], parts[2::3], strict=True))


def test_every_code_is_a_heading_exactly_once() -> None:
    titles = [match["title"] for match in _HEADING.finditer(_PAGE.read_text())]
    assert titles == [code.value for code in finding.Code]


@pytest.mark.parametrize("code", finding.Code)
def test_a_section_has_a_meaning_one_example_and_what_to_do(
    code: finding.Code,
) -> None:
    section = _sections()[code]
    assert len(_EXAMPLE.findall(section)) == 1
    meaning, advice = _EXAMPLE.split(section)[::2]
    assert meaning.strip().endswith(".")
    # Why it hurts is one paragraph at least, what to do another.
    assert len(advice.strip().split("\n\n")) >= 2


@pytest.mark.parametrize("code", finding.Code)
def test_the_example_of_a_code_gives_that_finding(
    code: finding.Code, tmp_path: pathlib.Path
) -> None:
    (example,) = _EXAMPLE.findall(_sections()[code])
    conf = tmp_path / "nova.conf"
    lines = [line.strip() for line in example.splitlines()]
    conf.write_text("\n".join(["[pci]", *lines]) + "\n")
    found = rules.lint(HOST, nova_conf.read([conf]))
    assert code in {each.code for each in found}
