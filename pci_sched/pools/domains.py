# SPDX-License-Identifier: Apache-2.0
"""The fault domains of the pools of one host."""

from collections.abc import Iterable, Mapping
import functools
from typing import NamedTuple, Protocol


class FaultDomains(NamedTuple):
    """The names of what a PF, or a plain device, fails with.

    Two devices fail together exactly if the names of a level are equal;
    ``None`` says that nobody knows.
    """

    pf: str | None = None
    card: str | None = None
    root_port: str | None = None
    switch: str | None = None


#: By the address of a PF or of a plain device.
DomainsByRoot = Mapping[str, FaultDomains]


@functools.lru_cache(maxsize=4096)
def of_address(root: str | None) -> FaultDomains:
    """Tell what an address alone gives away: the PF and its slot.

    A card that sits in two slots is not seen as one.

    :param root: ``dddd:bb:ss.f`` of a PF or of a plain device.
    :returns: Ports and switches are not known.
    """
    if root is None:
        return FaultDomains()
    return FaultDomains(pf=root, card=root.rpartition(".")[0] or root)


#: The same as pairs, sorted by whoever made them.
Domains = tuple[tuple[str, FaultDomains], ...]


class SeenFunction(Protocol):
    """What somebody who saw a PF, or a plain device, says of it."""

    @property
    def address(self) -> object:
        """Its own; ``str`` gives it as ``dddd:bb:ss.f``."""

    @property
    def lag(self) -> str | None:
        """Of the PFs of a VF-LAG, one for all; ``None`` for none."""

    @property
    def card(self) -> str | None:
        """The card; ``None`` for what the address gives away."""

    @property
    def root_port(self) -> str | None:
        """The port of a root complex, if it is known."""

    @property
    def switch(self) -> str | None:
        """The switch, if it is known."""


def of_functions(functions: Iterable[SeenFunction]) -> Domains:
    """Tell what fails with each of some PFs or plain devices.

    :param functions: What was seen of them.
    :returns: In their order, without those of which no more is known than
        their addresses give away.
    """
    found = [(str(each.address), _of_function(each)) for each in functions]
    return tuple(
        (address, place)
        for address, place in found
        if place != of_address(address)
    )


def _of_function(seen: SeenFunction) -> FaultDomains:
    guess = of_address(str(seen.address))
    return FaultDomains(
        seen.lag or guess.pf,
        seen.card or guess.card,
        seen.root_port,
        seen.switch,
    )
