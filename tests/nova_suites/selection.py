# SPDX-License-Identifier: Apache-2.0
"""Which of Nova's tests are run, and what is known of them beforehand."""

from collections.abc import Iterator, Mapping
from importlib import metadata
import pathlib
import tomllib
from typing import Any, NamedTuple

_HERE = pathlib.Path(__file__).parent

#: Every set that can be asked for.
SETS: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (_HERE / "suites.toml").read_text()
)

#: What is known beforehand of single tests.
_KNOWN: Mapping[str, Any] = tomllib.loads(
    (_HERE / "differences.toml").read_text()
)

#: Where Nova is. It is not imported here: Nova's tests decide on eventlet
#: when they are.
NOVA = pathlib.Path(str(metadata.distribution("nova").locate_file("nova")))


class Difference(NamedTuple):
    """A test of Nova's that has to fail.

    :ivar test: Its name, with those of its module and class.
    :ivar why: What it asserts, and why that cannot hold.
    """

    test: str
    why: str


class Noise(NamedTuple):
    """An error of ours that a test of Nova's brings about.

    :ivar test: The end of its name.
    :ivar error: The beginning of the message.
    :ivar why: How.
    """

    test: str
    error: str
    why: str


def nova_version() -> str:
    """Give the release of Nova that is installed."""
    return metadata.version("nova")


def modules(name: str) -> list[str]:
    """List what a set consists of, as far as this release of Nova has it."""
    return [each for each in SETS[name]["modules"] if _exists(each)]


def missing(name: str) -> list[str]:
    """List what this release of Nova does not have of a set."""
    return [each for each in SETS[name]["modules"] if not _exists(each)]


def count(name: str) -> int | None:
    """Give the number of the tests of a set; ``None`` if nobody counted."""
    known: Mapping[str, int] = SETS[name].get("tests", {})
    return known.get(nova_version())


def calls(name: str) -> tuple[str, ...]:
    """Name what of the compute hook a set has to have called."""
    return tuple(SETS[name]["calls"])


def differences(circumstances: frozenset[str]) -> Iterator[Difference]:
    """List the tests that have to fail.

    :param circumstances: What is switched on, and the release of Nova.
    """
    for entry in _KNOWN.get("difference", ()):
        if circumstances.issuperset(entry["when"]):
            for test in entry["tests"]:
                yield Difference(test, entry["why"])


def noise() -> Iterator[Noise]:
    """List the errors of ours that tests of Nova's bring about."""
    for entry in _KNOWN.get("noise", ()):
        for test in entry["tests"]:
            yield Noise(test, entry["error"], entry["why"])


def _exists(place: str) -> bool:
    module = place.partition("::")[0]
    path = NOVA.parent.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()
