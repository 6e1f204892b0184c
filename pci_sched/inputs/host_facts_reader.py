# SPDX-License-Identifier: Apache-2.0
"""Reading what a compute told of its host; any text at all can be read."""

from collections.abc import Callable, Mapping
import dataclasses
import json
from typing import Any, TypeVar

from pci_sched import exception
from pci_sched.inputs import host_facts, oddity
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

_Fact = TypeVar("_Fact")

_Functions = tuple[host_facts.FunctionFacts, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class FactsReading:
    """What a text says, and what could not be read of it.

    :ivar facts: ``None`` if nothing of it can be used; the oddities say why.
    """

    facts: host_facts.HostFacts | None
    oddities: tuple[oddity.Oddity, ...] = ()


class _Unreadable(Exception):
    """A part that cannot be used; never leaves this module."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.oddity = oddity.Oddity(path, problem)


def is_readable(version: int, newest: int = host_facts.VERSION) -> bool:
    """Tell whether a version can be read: the newest and the one before.

    :param version: ``v`` of a text, from 1.
    :param newest: The newest that the reader knows.
    :returns: Whether a compute of that version is understood.
    """
    return max(1, newest - 1) <= version <= newest


def read(text: str) -> FactsReading:
    """Read what a compute told; fields that are not known are ignored.

    :param text: ``HostState.stats["pci_sched:host"]``, or any other text.
    :returns: The facts as far as they make sense. Agents of which one makes
        no sense are not known at all: the list would look complete.
    """
    oddities: list[oddity.Oddity] = []

    def functions(value: object, path: str) -> _Functions:
        return _read_functions(value, path, oddities)

    try:
        document = _load(text)
    except _Unreadable as err:
        return FactsReading(None, (err.oddity,))
    facts = host_facts.HostFacts(
        time_s=_read(document, "t", _read_time, oddities),
        agents=_read(document, "l2", _read_agents, oddities),
        pfs=_read(document, "pf", functions, oddities),
        plain=_read(document, "pci", functions, oddities),
        dropped=_read(document, "x", _read_words, oddities) or (),
    )
    return FactsReading(facts, tuple(oddities))


def _load(text: str) -> Mapping[str, Any]:
    """Read the JSON and its version."""
    try:
        document = json.loads(text)
    except RecursionError as err:
        raise _Unreadable("$", "is nested too deep") from err
    except ValueError as err:
        raise _Unreadable("$", f"is no JSON ({err})") from err
    if not isinstance(document, dict):
        raise _Unreadable("$", f"{oddity.show(document)} is no object")
    version = document.get("v")
    if isinstance(version, bool) or not isinstance(version, int):
        raise _Unreadable("$.v", f"{oddity.show(version)} is no version")
    if not is_readable(version):
        raise _Unreadable(
            "$.v",
            f"{oddity.show(version)} is no version known here; the newest is"
            f" {host_facts.VERSION}",
        )
    return document


def _read(
    document: Mapping[str, Any],
    key: str,
    reader: Callable[[object, str], _Fact],
    oddities: list[oddity.Oddity],
    path: str = "$",
) -> _Fact | None:
    """Read one field; ``None`` if it is not there or makes no sense."""
    if document.get(key) is None:
        return None
    try:
        return reader(document[key], oddity.join(path, key))
    except _Unreadable as err:
        oddities.append(err.oddity)
        return None


def _wrong(path: str, value: object, wanted: str) -> _Unreadable:
    return _Unreadable(path, f"{oddity.show(value)} is no {wanted}")


def _read_time(value: object, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(path, value, "time")
    return value


def _read_text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(path, value, "text")
    return value


def _read_list(value: object, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(path, value, "list")
    return value


def _read_object(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(path, value, "object")
    return value


def _read_words(value: object, path: str) -> tuple[str, ...]:
    return tuple(
        word for word in _read_list(value, path) if isinstance(word, str)
    )


def _read_flag(entry: Mapping[str, Any], key: str, path: str) -> bool:
    value = entry.get(key, True)
    if not isinstance(value, bool):
        raise _wrong(oddity.join(path, key), value, "true or false")
    return value


def _read_agents(value: object, path: str) -> tuple[pci_host.L2Agent, ...]:
    return tuple(
        _read_agent(entry, f"{path}[{number}]")
        for number, entry in enumerate(_read_list(value, path))
    )


def _read_agent(value: object, path: str) -> pci_host.L2Agent:
    entry = _read_object(value, path)
    return pci_host.L2Agent(
        agent_type=_read_text(entry.get("t"), oddity.join(path, "t")),
        alive=_read_flag(entry, "a", path),
        admin_state_up=_read_flag(entry, "u", path),
        configurations=_read_object(
            entry.get("c", {}), oddity.join(path, "c")
        ),
    )


def _read_functions(
    value: object, path: str, oddities: list[oddity.Oddity]
) -> _Functions:
    """Read PFs or plain devices; one without an address is left out."""
    found: dict[pci_address.PciAddress, host_facts.FunctionFacts] = {}
    for number, entry in enumerate(_read_list(value, path)):
        place = f"{path}[{number}]"
        try:
            facts = _read_function(_read_object(entry, place), place, oddities)
        except _Unreadable as err:
            oddities.append(err.oddity)
        else:
            found.setdefault(facts.address, facts)
    return tuple(found[address] for address in sorted(found))


def _read_function(
    entry: Mapping[str, Any], path: str, oddities: list[oddity.Oddity]
) -> host_facts.FunctionFacts:
    def text(key: str) -> str | None:
        return _read(entry, key, _read_text, oddities, path)

    root_port = text("r")
    return host_facts.FunctionFacts(
        address=_read_address(entry.get("a"), oddity.join(path, "a")),
        link=_read(entry, "l", _read_link, oddities, path),
        card=text("c"),
        bond=text("b"),
        lag=text("g"),
        root_port=root_port,
        switch=text("s") or root_port,
    )


def _read_address(value: object, path: str) -> pci_address.PciAddress:
    try:
        return pci_address.PciAddress.parse(_read_text(value, path))
    except exception.AddressInvalid as err:
        raise _wrong(path, value, "PCI address") from err


def _read_link(value: object, path: str) -> pci_device.Link:
    try:
        return pci_device.Link(_read_text(value, path))
    except ValueError as err:
        raise _wrong(path, value, "state of a link") from err
