# SPDX-License-Identifier: Apache-2.0
"""Reading one value of ``[pci]alias``.

The rules are those of ``_ALIAS_SCHEMA`` and ``get_alias_from_config`` in
``nova.pci.request``.
"""

from collections.abc import Callable, Mapping
import dataclasses
import re
from typing import NamedTuple

from pci_sched import exception
from pci_sched.inputs import option_value
from pci_sched.model import device as pci_device

NAME = "name"
NUMA_POLICY = "numa_policy"
DEVICE_TYPE = "device_type"
LIVE_MIGRATABLE = "live_migratable"

#: What Nova's requests and pools call the device_type.
DEV_TYPE = "dev_type"

#: The policy where a value names none (``PCINUMAAffinityPolicy``).
DEFAULT_NUMA_POLICY = "legacy"

_NUMA_POLICIES = ("required", DEFAULT_NUMA_POLICY, "preferred", "socket")

#: Nova leaves vdpa out: such devices serve ports only.
_DEVICE_TYPES = (
    pci_device.DevType.PCI,
    pci_device.DevType.PF,
    pci_device.DevType.VF,
)

_MAX_NAME_CHARS = 256

#: ``nova.pci.utils.PCI_VENDOR_PATTERN``, to the letter: digits of any script
#: and a line's end pass, though no device has such an id.
_ID = re.compile(r"[\da-fA-F]{4}\n?")


class _Rule(NamedTuple):
    """What the text of one key must be."""

    takes: Callable[[str], object]
    allowed: str


def _one_of(words: tuple[str, ...]) -> _Rule:
    """Take some words, in exactly this spelling."""
    return _Rule(words.__contains__, " or ".join(f'"{w}"' for w in words))


_ANY_TEXT = _Rule(lambda _: True, "a text")
_ID_RULE = _Rule(_ID.fullmatch, "a text of four hex digits, without 0x")
_RULES: Mapping[str, _Rule] = {
    NAME: _Rule(
        lambda text: 1 <= len(text) <= _MAX_NAME_CHARS,
        f"a text of 1 to {_MAX_NAME_CHARS} characters",
    ),
    "capability_type": _one_of(("pci",)),
    "product_id": _ID_RULE,
    "vendor_id": _ID_RULE,
    DEVICE_TYPE: _one_of(_DEVICE_TYPES),
    NUMA_POLICY: _one_of(_NUMA_POLICIES),
    "resource_class": _ANY_TEXT,
    "traits": _ANY_TEXT,
    LIVE_MIGRATABLE: _Rule(
        lambda text: option_value.read_bool(text) is not None,
        f"{option_value.YES_WORDS}, {option_value.NO_WORDS}",
    ),
}

#: The keys a value may have; Nova takes no other.
KEYS = frozenset(_RULES)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AliasEntry:
    """One value of the option.

    :ivar position: ``[pci]alias[1]``, counted from 0.
    :ivar spec: What a device must have, keys and spelling as in Nova's
        ``InstancePCIRequest.spec``.
    :ivar text: The value as JSON.
    """

    position: str
    name: str
    numa_policy: str = DEFAULT_NUMA_POLICY
    spec: pci_device.Tags = ()
    text: str = ""

    @property
    def device_type(self) -> str | None:
        """The type that is asked for, or ``None`` for no matter which."""
        return next((str(v) for k, v in self.spec if k == DEV_TYPE), None)


def read(position: str, text: str) -> AliasEntry:
    """Read one value.

    :param position: Of the value, for messages.
    :param text: A JSON object; a list is none here.
    :returns: The value, its ids not yet looked for.
    :raises exception.AliasInvalid: If Nova would not take it.
    """
    fields = {
        key: _check(position, key, value)
        for key, value in _load(position, text).items()
    }
    if NAME not in fields:
        raise exception.AliasInvalid(
            position, NAME, "null", "is missing", _RULES[NAME].allowed
        )
    return AliasEntry(
        position=position,
        name=fields[NAME].strip(),
        numa_policy=fields.get(NUMA_POLICY, DEFAULT_NUMA_POLICY),
        spec=_build_spec(fields),
        text=option_value.write(fields),
    )


def _load(position: str, text: str) -> Mapping[str, object]:
    """Read the JSON object of one value."""
    problem = "is no object"
    try:
        value = option_value.load(text)
    except ValueError as err:
        problem = f"is no JSON ({err})"
    else:
        if isinstance(value, dict):
            return value
    raise exception.AliasInvalid(
        position,
        "",
        option_value.cut(text),
        problem,
        "one object; for several aliases repeat the option",
    )


def _check(position: str, key: str, value: object) -> str:
    """Judge one key and what it has."""
    rule = _RULES.get(key)
    if rule is None:
        problem, allowed = "is no key of an alias", ", ".join(sorted(KEYS))
    elif not isinstance(value, str):
        problem, allowed = "is no text", rule.allowed
    elif not rule.takes(value):
        problem, allowed = "is not allowed", rule.allowed
    else:
        return value
    raise exception.AliasInvalid(
        position, key, option_value.show(value), problem, allowed
    )


def _build_spec(fields: Mapping[str, str]) -> pci_device.Tags:
    """Write what a device must have as Nova's request does."""
    spec = {
        DEV_TYPE if key == DEVICE_TYPE else key: value
        for key, value in fields.items()
        if key not in (NAME, NUMA_POLICY)
    }
    if LIVE_MIGRATABLE in spec:
        wanted = option_value.read_bool(spec[LIVE_MIGRATABLE])
        spec[LIVE_MIGRATABLE] = "true" if wanted else "false"
    return tuple(sorted(spec.items()))
