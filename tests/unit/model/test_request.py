# SPDX-License-Identifier: Apache-2.0
"""What an instance may ask for."""

import pytest

from pci_sched import exception
from pci_sched.model import request as pci_request


def test_a_group_is_spread_in_one_way() -> None:
    """Else the order would decide which counts."""
    spreads = (
        pci_request.Spread("a"),
        pci_request.Spread("a", pci_request.SpreadLevel.CARD),
    )
    with pytest.raises(exception.RequestInvalid, match="group a is given"):
        pci_request.InstanceRequest(spreads=spreads)


def test_placement_chooses_once() -> None:
    """One list of providers for each request."""
    with pytest.raises(exception.RequestInvalid, match="of r is given twice"):
        pci_request.InstanceRequest(
            providers=(("q", ("1",)), ("r", ("1",)), ("r", ("2",)))
        )
