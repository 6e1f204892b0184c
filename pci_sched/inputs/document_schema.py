# SPDX-License-Identifier: Apache-2.0
"""The form of a versioned document, checked against its published schema.

A message names the place of the first mistake, what stands there and what
would be right; the last is the ``description`` in the schema.
"""

from collections.abc import Iterator
import dataclasses
import functools
import json
import pathlib
import re
from typing import Any

import jsonschema
from jsonschema import exceptions as schema_exceptions
from jsonschema import protocols, validators

from pci_sched import exception

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
def _validator(file: pathlib.Path) -> protocols.Validator:
    schema = json.loads(file.read_text("utf-8"))
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
    if error.validator == "additionalProperties":
        known = schema["properties"]
        extra = next(key for key in instance if key not in known)
        return f"no key {shown(extra)} is known; known: {', '.join(known)}"
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


@dataclasses.dataclass(frozen=True, slots=True)
class DocumentSchema:
    """One kind of document in one version.

    :ivar version: What stands under its key ``schema``.
    :ivar kind: What a person calls it, with its article.
    :ivar file: Where its schema is; that is part of the public interface.
    """

    version: str
    kind: str
    file: pathlib.Path

    def check(self, document: object) -> dict[str, Any]:
        """Check a document against the schema.

        :param document: What JSON holds.
        :returns: The same document.
        :raises exception.DocumentInvalid: If it has another form; the first
            place is named.
        """
        if not isinstance(document, dict):
            raise exception.DocumentInvalid(
                "$", f"{shown(document)} should be an object, {self.kind}"
            )
        version = document.get("schema")
        if version != self.version:
            raise exception.DocumentInvalid(
                "$.schema",
                f'{shown(version)} should be "{self.version}", the version'
                " that this release reads",
            )
        for error in _validator(self.file).iter_errors(document):
            raise exception.DocumentInvalid(_path(error), _problem(error))
        return document
