# SPDX-License-Identifier: Apache-2.0
"""The form of a host document, checked against its published JSON Schema."""

from collections.abc import Iterator
import functools
import json
import pathlib
import re
from typing import Any

import jsonschema
from jsonschema import exceptions as schema_exceptions
from jsonschema import protocols, validators

from pci_sched import exception

#: The version written, and the only one read so far.
VERSION = "pci-sched/host/1"

#: Where the schema of that version is; it is part of the public interface.
SCHEMA_FILE = pathlib.Path(__file__).with_name("host-1.schema.json")

_SHOWN = 60


def _check_pattern(
    _validator: protocols.Validator, pattern: str, text: Any, _schema: Any
) -> Iterator[schema_exceptions.ValidationError]:
    # Python's $ also matches before a last line end, that of JSON Schema not.
    if isinstance(text, str) and (
        text.endswith("\n") or not re.search(pattern, text)
    ):
        yield schema_exceptions.ValidationError("another form")


@functools.cache
def _validator() -> protocols.Validator:
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    extend: Any = validators.extend
    extended = extend(
        jsonschema.Draft202012Validator, {"pattern": _check_pattern}
    )
    validator: protocols.Validator = extended(schema)
    return validator


def shown(value: object) -> str:
    """Write a value from outside into a message, short and safe.

    :param value: Anything that JSON can hold.
    :returns: JSON of at most 60 characters, ASCII only.
    """
    text = json.dumps(value, default=repr)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _problem(error: schema_exceptions.ValidationError) -> str:
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "required":
        missing = next(
            key for key in schema["required"] if key not in instance
        )
        return f'the key "{missing}" is missing'
    return f"{shown(instance)} should be {schema['description']}"


def _path(error: schema_exceptions.ValidationError) -> str:
    """Write the place of an error as a JSON path, safe to show."""
    steps = (
        f"[{step}]" if isinstance(step, int) else _member(step)
        for step in error.absolute_path
    )
    return "$" + "".join(steps)


def _member(key: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII)
    return f".{key}" if plain else f"[{shown(key)}]"


def check(document: object) -> dict[str, Any]:
    """Check a document against the schema.

    :param document: What JSON holds.
    :returns: The same document.
    :raises exception.DocumentInvalid: If it has another form; the first
        place is named.
    """
    if not isinstance(document, dict):
        raise exception.DocumentInvalid(
            "$", f"{shown(document)} should be an object, a host document"
        )
    version = document.get("schema")
    if version != VERSION:
        raise exception.DocumentInvalid(
            "$.schema",
            f'{shown(version)} should be "{VERSION}", the version that this'
            " release reads",
        )
    for error in _validator().iter_errors(document):
        raise exception.DocumentInvalid(_path(error), _problem(error))
    return document
