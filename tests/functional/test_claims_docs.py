# SPDX-License-Identifier: Apache-2.0
"""The pages of claims name all there is, and show what is printed."""

import argparse
from collections.abc import Iterator
import importlib
import pathlib
import re

from cliff import lister
import pytest

import claims_ledger
import nova_cases
from pci_pool import PciPool
from pci_sched.claims import finding, repair, states
from pci_sched.cli import (
    claims_audit,
    claims_history,
    claims_list,
    claims_nova,
    claims_show,
    ledger_source,
    main,
)

PAGE = pathlib.Path(__file__).parents[2] / "doc/source/cli/claims.rst"
REFERENCE = PAGE.parents[1] / "reference/claims.rst"

_VERBS = ("list", "show", "history", "audit", "repair")


def _parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for verb in _VERBS:
        place = main.VERBS[f"claims {verb}"]
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        yield verb, command(main.PciPool(), None).get_parser(verb)


def _section(verb: str) -> str:
    """The part of the page that is about a verb, and what they share."""
    page = PAGE.read_text("utf-8")
    shared = page.split("\nclaims list\n")[0]
    own = page.split(f"\nclaims {verb}\n")[1]
    return shared + re.split(r"\nclaims \w+\n", own)[0]


def _options(parser: argparse.ArgumentParser) -> set[str]:
    return {
        option
        for action in parser._actions  # noqa: SLF001 - no other way
        for option in action.option_strings
    }


def _common() -> set[str]:
    """The options of every verb, for the form of what is listed."""
    verb = claims_list.List(main.PciPool(), None)
    return _options(lister.Lister.get_parser(verb, "list"))


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        (verb, option)
        for verb, parser in _parsers()
        for option in sorted(_options(parser) - _common())
    ],
)
def test_the_page_has_a_row_for_every_option(verb: str, option: str) -> None:
    assert re.search(
        rf"^   \* - .*``{re.escape(option)}[ `]", _section(verb), re.M
    )


def test_the_page_names_no_option_that_is_not_there() -> None:
    known = {each for _verb, parser in _parsers() for each in _options(parser)}
    page = PAGE.read_text("utf-8").replace("virsh list --all --uuid", "")
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", page)) <= known


@pytest.mark.parametrize(
    ("verb", "columns"),
    [
        ("list", claims_list.COLUMNS),
        ("show", claims_show.COLUMNS),
        ("history", claims_history.COLUMNS),
        ("audit", (claims_nova.COLUMN, *claims_audit.COLUMNS)),
    ],
)
def test_the_page_has_a_row_for_every_column(
    verb: str, columns: tuple[str, ...]
) -> None:
    section = _section(verb)
    for column in columns:
        assert re.search(rf"^   \* - ``{column}``$", section, re.M)


def _explained() -> Iterator[tuple[finding.Code, str]]:
    """What the reference says of each code."""
    page = REFERENCE.read_text("utf-8")
    for code in finding.Code:
        rest = page.split(f"\n{code}\n{'~' * len(code)}\n")[1]
        yield code, re.split(r"\n\w+\n~~~", rest)[0]


@pytest.mark.parametrize(("code", "text"), list(_explained()))
def test_the_reference_has_cause_and_cure_of_every_code(
    code: finding.Code, text: str
) -> None:
    assert "**Cause.**" in text
    cure = text.split("**Cure.**")[1]
    assert ("``claims repair``" in cure) == (code in repair.REPAIRABLE)


def test_the_reference_names_every_state_and_act() -> None:
    page = REFERENCE.read_text("utf-8")
    for word in (*states.ClaimState, *states.Act):
        assert f"``{word}``" in page


def test_the_table_of_states_is_that_of_the_code() -> None:
    page = REFERENCE.read_text("utf-8")
    table = page.split(".. list-table:: States and acts\n")[1].split("\n\n\n")[
        0
    ]
    rows = re.findall(
        r"^   \* - ``(.*)``\n     - (.*)\n     - ``(.*)``$", table, re.M
    )
    written = {
        (None if before == "nothing" else before, act): after
        for act, listed, after in rows
        for before in listed.replace("``", "").split(", ")
    }
    assert written == {
        (before and before.value, act.value): after.value
        for (before, act), after in states.TABLE.items()
    }


def test_the_example_of_a_repair_shows_what_is_printed(
    pci_pool: PciPool, tmp_path: pathlib.Path
) -> None:
    page = PAGE.read_text("utf-8")
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    claims_ledger.write(url)
    for verb in ("list", "audit"):
        command = f"$ pci-pool claims {verb} -c"
        block = page.split(command)[1].split("\n\n")[0]
        columns, _, shown = block.partition("\n")
        given = ("--db", url, "-c", *columns.split())
        printed = pci_pool("claims", verb, *given).out
        assert [line.strip() for line in shown.splitlines()] == (
            printed.splitlines()
        )


def test_the_example_of_nova_shows_what_is_printed(
    pci_pool: PciPool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_nova, "PAUSE_S", 0)
    monkeypatch.setattr(ledger_source, "NOVA_CONF", tmp_path / "none")
    monkeypatch.setattr("pci_sched.db.ledger.STATE_PATH", str(tmp_path))
    cell = nova_cases.Cell()
    cell.instances[0]["deleted"] = 1
    pools = cell.pools()
    cell.set_pools(
        pool
        for pool in pools
        if (pool["address"], pool["dev_type"])
        != (nova_cases.PF_B, nova_cases.Type.PF)
    )
    url = cell.write(f"sqlite:///{tmp_path}/nova_cell1.db")
    page = PAGE.read_text("utf-8")
    command = '$ pci-pool claims audit --nova-db "$URL" -c'
    block = page.split(command)[1].split("\n\n")[0]
    columns, _, shown = block.partition("\n")
    given = ("claims", "audit", "--nova-db", url, "-c", *columns.split())
    assert [line.strip() for line in shown.splitlines()] == (
        pci_pool(*given).out.splitlines()
    )
