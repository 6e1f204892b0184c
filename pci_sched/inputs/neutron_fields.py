# SPDX-License-Identifier: Apache-2.0
"""Single values of what Neutron's API writes, each with its JSON path."""

from collections.abc import Iterator, Mapping
import json
import re
from typing import Any

from pci_sched import exception

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN = 60


def shown(value: object) -> str:
    """Write a value from outside into a message, short and safe.

    :param value: Anything.
    :returns: JSON of at most 60 characters, ASCII only.
    """
    try:
        text = json.dumps(value, default=repr)
    except (ValueError, TypeError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def join(path: str, key: str) -> str:
    """Name a key of an object.

    :param path: The path of the object.
    :param key: The key, quoted in the path unless it is a plain word.
    :returns: The path of the key's value.
    """
    return f"{path}.{key}" if _PLAIN.fullmatch(key) else f'{path}["{key}"]'


def _wrong(path: str, value: object, wanted: str) -> exception.DocumentInvalid:
    return exception.DocumentInvalid(path, f"{shown(value)} is no {wanted}")


def _read(entry: Mapping[str, Any], key: str, path: str) -> object:
    if key not in entry:
        raise exception.DocumentInvalid(path, f'there is no key "{key}"')
    return entry[key]


def read_text(entry: Mapping[str, Any], key: str, path: str) -> str:
    """Read a text that must be there and not be empty.

    :param entry: The object.
    :param key: The key in it.
    :param path: The path of the object.
    :returns: The text.
    :raises exception.DocumentInvalid: If there is none.
    """
    value = _read(entry, key, path)
    if not isinstance(value, str) or not value:
        raise _wrong(join(path, key), value, "text")
    return value


def read_optional_text(
    entry: Mapping[str, Any], key: str, path: str
) -> str | None:
    """Read a text that may be missing, null or empty.

    :param entry: The object.
    :param key: The key in it.
    :param path: The path of the object.
    :returns: The text, ``None`` where there is none.
    :raises exception.DocumentInvalid: If something else stands there.
    """
    value = entry.get(key)
    if value is None or isinstance(value, str):
        return value or None
    raise _wrong(join(path, key), value, "text")


def read_flag(
    entry: Mapping[str, Any],
    key: str,
    path: str,
    *,
    default: bool | None = None,
) -> bool:
    """Read true or false.

    :param entry: The object.
    :param key: The key in it.
    :param path: The path of the object.
    :param default: What a missing key or null means; ``None`` if it must be
        there.
    :returns: The flag.
    :raises exception.DocumentInvalid: If something else stands there.
    """
    if default is not None and entry.get(key) is None:
        return default
    value = _read(entry, key, path)
    if not isinstance(value, bool):
        raise _wrong(join(path, key), value, "true or false")
    return value


def read_configurations(entry: Mapping[str, Any]) -> Mapping[str, object]:
    """Read an agent's configurations, whatever an agent put there.

    :param entry: The agent.
    :returns: The configurations; empty for what is no object.
    """
    value = entry.get("configurations")
    return value if isinstance(value, Mapping) else {}


def read_list(
    value: object, path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Go through a list of objects.

    :param value: The list.
    :param path: Its path.

    :yields: The path of each object and the object.
    :raises exception.DocumentInvalid: If it is no list of objects.
    """
    if not isinstance(value, list):
        raise _wrong(path, value, "list")
    for index, entry in enumerate(value):
        if not isinstance(entry, Mapping):
            raise _wrong(f"{path}[{index}]", entry, "object")
        yield f"{path}[{index}]", entry


def unwrap_list(
    document: object, key: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Go through the list of a body, or a list without one.

    :param document: The body or the list.
    :param key: The key of the list in the body.
    :returns: The path of each object and the object.
    :raises exception.DocumentInvalid: If there is no list of objects.
    """
    if isinstance(document, Mapping):
        return read_list(_read(document, key, "$"), join("$", key))
    return read_list(document, "$")


def unwrap_object(document: object, key: str) -> tuple[str, Mapping[str, Any]]:
    """Find the object of a body, or an object without one.

    :param document: The body or the object.
    :param key: The key of the object in the body.
    :returns: The path of the object and the object.
    :raises exception.DocumentInvalid: If there is no object.
    """
    if not isinstance(document, Mapping):
        raise _wrong("$", document, "object")
    if key not in document:
        return "$", document
    inner = document[key]
    if not isinstance(inner, Mapping):
        raise _wrong(join("$", key), inner, "object")
    return join("$", key), inner
