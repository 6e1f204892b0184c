# SPDX-License-Identifier: Apache-2.0
"""The pages on ``explain`` name all there is, and show what is printed."""

import json
import pathlib
import re
import shlex
import shutil

import pytest

import doc_examples
import explain_cases
from pci_pool import PciPool
import pci_sched
from pci_sched.cli import explain, explain_rows, main
from pci_sched.inputs import request_schema

DOC = pathlib.Path(__file__).parents[2] / "doc/source"
PAGE = (DOC / "cli/explain.rst").read_text("utf-8")
RUNBOOK = (DOC / "admin/links-runbook.rst").read_text("utf-8")
REFERENCE = (DOC / "reference/request-document.rst").read_text("utf-8")

_ACTIONS = explain.Explain(main.PciPool(), None).get_parser("x")._actions  # noqa: SLF001 - no other way
_OPTIONS = {option for each in _ACTIONS for option in each.option_strings}

#: What all of cliff's verbs have; the page refers to the help.
_CLIFFS = {
    "-h",
    "--help",
    "--fit-width",
    "--max-width",
    "--noindent",
    "--print-empty",
    "--quote",
    "--sort-ascending",
    "--sort-column",
    "--sort-descending",
}


def _is_row(page: str, word: str) -> bool:
    row = rf"^   \* - .*``{re.escape(word)}[ `]"
    return re.search(row, page, re.M) is not None


@pytest.mark.parametrize("option", sorted(_OPTIONS - _CLIFFS))
def test_the_page_has_a_row_for_every_option(option: str) -> None:
    assert _is_row(PAGE, option)


def test_the_page_names_no_option_that_is_not_there() -> None:
    rows = re.findall(r"^   \* - (``-.*)$", PAGE, re.M)
    named = {each for row in rows for each in re.findall(r"``(-[-\w]+)", row)}
    synopsis = PAGE.split("Synopsis\n")[1].split("Options\n")[0]
    named |= set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", synopsis))
    assert named <= _OPTIONS


@pytest.mark.parametrize("key", explain_rows.KEYS)
def test_the_page_has_a_row_for_every_key_of_a_verdict(key: str) -> None:
    assert _is_row(PAGE.split("Verdicts\n")[1], key)


@pytest.mark.parametrize(
    "word",
    [
        *explain_rows.COLUMNS,
        *explain_rows.ROOM_COLUMNS,
        *explain_rows.ROOM_KEYS,
    ],
)
def test_the_page_names_every_column(word: str) -> None:
    assert f"``{word}``" in PAGE


@pytest.mark.parametrize(
    ("command", "shown"),
    [*doc_examples.of_page(PAGE), *doc_examples.of_page(RUNBOOK)],
)
def test_an_example_shows_what_is_printed(
    command: str,
    shown: str,
    pci_pool: PciPool,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(explain_cases.EXAMPLES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert pci_pool(*shlex.split(command)).out == shown


def test_the_pages_have_examples() -> None:
    assert len(doc_examples.of_page(PAGE)) == 2
    assert len(doc_examples.of_page(RUNBOOK)) == 3


def _keys(schema: object) -> set[str]:
    """Every key that a schema gives a meaning to."""
    found: set[str] = set()
    if isinstance(schema, dict):
        for name, each in schema.items():
            if name == "properties":
                found |= set(each)
            found |= _keys(each)
    return found


def test_the_reference_names_every_key_and_word() -> None:
    schema = json.loads(request_schema.SCHEMA_FILE.read_text())
    words = _keys(schema)
    for part in schema["$defs"].values():
        for each in (part, *part.get("properties", {}).values()):
            words |= set(each.get("enum", ()))
    for word in words - {"true", "false"}:
        assert f"``{word}``" in REFERENCE, word
    assert f'"{request_schema.VERSION}"' in REFERENCE


def test_the_example_of_the_reference_is_a_request() -> None:
    text = REFERENCE.split(".. code-block:: json\n\n")[1].split("\nUnlike")[0]
    request = pci_sched.load_request(json.loads(text))
    assert [each.request_id for each in request.devices] == [
        "port-data",
        "nic",
    ]


def test_the_example_in_python_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = REFERENCE.split(".. code-block:: python\n\n")[1].split("\n``match")
    code = "".join(
        f"{line.removeprefix('   ')}\n" for line in text[0].splitlines()
    )
    monkeypatch.chdir(explain_cases.EXAMPLES)
    exec(compile(code, "example", "exec"), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == "port-data 0000:41:10.0\n"


def test_the_message_of_the_reference_is_what_is_said(
    pci_pool: PciPool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {
        "schema": request_schema.VERSION,
        "devices": [{"alias": "a", "count": 0}],
    }
    explain_cases.write(tmp_path / "request.json", document)
    monkeypatch.chdir(tmp_path)
    said = pci_pool("explain", "request.json").err
    assert " ".join(said.split()) in " ".join(REFERENCE.split())
