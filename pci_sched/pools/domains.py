# SPDX-License-Identifier: Apache-2.0
"""The fault domains of the pools of one host."""

from collections.abc import Mapping
import functools
from typing import NamedTuple


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


def of_pf(
    address: str,
    *,
    lag: str | None,
    card: str | None,
    root_port: str | None,
    switch: str | None,
) -> FaultDomains:
    """Tell what somebody who saw a PF says of it.

    :param address: Of the PF.
    :param lag: Of the PFs of a VF-LAG, one for all; ``None`` for none.
    :param card: The card; ``None`` for what the address gives away.
    :param root_port: The port of a root complex, if it is known.
    :param switch: The switch, if it is known.
    :returns: What it fails with.
    """
    guess = of_address(address)
    return FaultDomains(lag or address, card or guess.card, root_port, switch)
