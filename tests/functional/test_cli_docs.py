# SPDX-License-Identifier: Apache-2.0
"""The reference pages name all there is, and show what is really printed."""

import argparse
from collections.abc import Callable, Iterator
import json
import pathlib
import re
import shlex
import textwrap

import pytest

import nova_cases
from pci_pool import PciPool
import pci_sched
from pci_sched.cli import (
    command,
    device_table,
    dump,
    dump_nova,
    facts,
    main,
    pool_table,
    record,
)
from pci_sched.inputs import host_schema, pci_ids
import recorded

Tree = Callable[[str], pathlib.Path]

DOC = pathlib.Path(__file__).parents[2] / "doc/source"

VERBS: dict[str, type[command.HostCommand]] = {
    "dump": dump.Dump,
    "record": record.Record,
}

_PROMPT = "$ pci-pool "


def _page(name: str) -> str:
    return (DOC / name).read_text("utf-8")


def _parser(verb: str) -> argparse.ArgumentParser:
    return VERBS[verb](main.PciPool(), None).get_parser(verb)


def _actions() -> Iterator[tuple[str, argparse.Action]]:
    for verb in VERBS:
        for action in _parser(verb)._actions:  # noqa: SLF001 - no other way
            yield verb, action


def _row_of(page: str, word: str) -> bool:
    """Tell whether a table of the page has a row for a word."""
    return (
        re.search(rf"^   \* - .*``{re.escape(word)}[ `]", page, re.M)
        is not None
    )


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        (verb, option)
        for verb, action in _actions()
        for option in action.option_strings
    ],
)
def test_a_page_has_a_row_for_every_option(verb: str, option: str) -> None:
    assert _row_of(_page(f"cli/{verb}.rst"), option)


@pytest.mark.parametrize("verb", VERBS)
def test_a_page_names_no_option_that_is_not_there(verb: str) -> None:
    known = {
        option
        for each, action in _actions()
        for option in action.option_strings
        if each == verb
    }
    page = _page(f"cli/{verb}.rst")
    rows = re.findall(r"^   \* - (``-.*)$", page, re.M)
    named = {
        option for row in rows for option in re.findall(r"``(--?[\w-]+)", row)
    }
    assert named <= known


@pytest.mark.parametrize("verb", VERBS)
def test_the_synopsis_names_no_option_that_is_not_there(verb: str) -> None:
    known = {
        option
        for each, action in _actions()
        for option in action.option_strings
        if each == verb
    }
    synopsis = _page(f"cli/{verb}.rst").split("Synopsis\n")[1]
    block = synopsis.split("::", 1)[1].split("Options\n")[0]
    assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", block)) <= known


@pytest.mark.parametrize(
    "choice",
    [
        str(choice)
        for verb, action in _actions()
        if verb == "dump"
        for choice in action.choices or ()
    ],
)
def test_the_page_names_every_choice_of_an_option(choice: str) -> None:
    assert f"``{choice}``" in _page("cli/dump.rst")


def test_the_page_has_a_row_for_every_column() -> None:
    page = _page("cli/dump.rst")
    pools, devices = page.split("Of pools\n")[1].split("Of devices\n")
    for column in pool_table.COLUMNS:
        assert _row_of(pools, column)
    assert _row_of(page, dump_nova.COLUMN)
    for column in device_table.COLUMNS:
        same = f"``{column}``" in devices.split(".. list-table::")[0]
        assert same or _row_of(devices, column)


def test_the_page_has_a_row_for_every_metric_and_names_its_labels(
    pci_pool: PciPool, tree: Tree
) -> None:
    argv = ("dump", "-f", "prometheus", "--root", tree("two-numa"))
    page = _page("cli/dump.rst").split("Prometheus metrics\n")[1]
    text = pci_pool.text(*argv)
    metrics = re.findall(r"^# TYPE (\w+) gauge$", text, re.M)
    assert len(metrics) == 4
    for metric in metrics:
        assert _row_of(page, metric)
    for label in set(re.findall(r"(\w+)=\"", text)):
        assert f"``{label}``" in page


def test_the_page_names_the_words_of_the_rows() -> None:
    page = _page("cli/dump.rst")
    for word in ("?", "-", "(tunnelled)", "ignored by Nova"):
        assert f"``{word}``" in page
    assert facts.TUNNELLED == "(tunnelled)"


def _keys(schema: object) -> Iterator[str]:
    """Every key that a schema gives a meaning to."""
    if isinstance(schema, dict):
        for name, each in schema.items():
            if name == "properties":
                yield from each
            yield from _keys(each)


def test_the_page_of_the_document_has_a_row_for_every_key() -> None:
    page = _page("reference/host-document.rst")
    schema = json.loads(host_schema.SCHEMA_FILE.read_text())
    for key in set(_keys(schema)) - {"node", "socket"}:
        assert _row_of(page, key)
    assert f'"{host_schema.VERSION}"' in page
    assert "``node``" in page
    assert "``socket``" in page


def test_the_example_of_the_document_is_one() -> None:
    page = _page("reference/host-document.rst")
    example = page.split(".. code-block:: json\n\n")[1].split("\nAbsent")[0]
    host = pci_sched.load_host(json.loads(example))
    assert [str(each.address) for each in host.devices] == [
        "0000:41:00.0",
        "0000:41:10.0",
    ]


def _examples(verb: str) -> Iterator[tuple[str, str]]:
    """The commands of a page that are followed by their output."""
    page = _page(f"cli/{verb}.rst")
    for block in re.findall(
        r"^( *)\.\. code-block:: console\n\n((?:\1   .*\n|\n)+)", page, re.M
    ):
        text = textwrap.dedent(block[1]).strip("\n")
        first, _, output = text.partition("\n")
        if output and not output.startswith("$ "):
            yield first.removeprefix(_PROMPT), output + "\n"


@pytest.mark.parametrize(
    ("command_line", "shown"), [*_examples("dump"), *_examples("record")]
)
def test_an_example_shows_what_is_printed(
    command_line: str,
    shown: str,
    pci_pool: PciPool,
    tree: Tree,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("two-numa", "non-sriov"):
        (tmp_path / name).symlink_to(tree(name))
    config = _page("cli/dump.rst").split(".. code-block:: ini\n\n")[1]
    config = config.split("\nPrometheus")[0]
    (tmp_path / "nova.conf").write_text(textwrap.dedent(config))
    nova_cases.Cell().write(f"sqlite:///{tmp_path}/nova_cell1.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pci_ids, "PLACES", (recorded.HOSTS / "pci.ids",))
    printed = pci_pool.text(*shlex.split(command_line))
    if shown.endswith("...\n"):
        assert printed.startswith(shown.removesuffix("...\n"))
    else:
        # An editor takes the blank of an empty last cell away.
        assert [line.rstrip() for line in printed.splitlines()] == (
            shown.splitlines()
        )


def test_every_page_has_examples_with_output() -> None:
    assert len(list(_examples("dump"))) == 7
    assert len(list(_examples("record"))) == 1
