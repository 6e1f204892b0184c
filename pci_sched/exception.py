# SPDX-License-Identifier: Apache-2.0
"""Every error pci_sched raises, as one tree.

::

    PciSchedException
    ├── AddressInvalid          text that is no PCI address
    ├── RequestInvalid          a request that contradicts itself
    ├── InputInvalid            something from outside cannot be used
    │   ├── SysfsNotFound       a root without a readable PCI tree
    │   ├── DocumentInvalid     a document, with the JSON path
    │   ├── NeutronUnusable     Neutron, or its answer
    │   ├── EntryInvalid        an entry of a repeated option
    │   │   ├── SpecInvalid     of [pci]device_spec
    │   │   └── AliasInvalid    of [pci]alias
    │   └── ConfigInvalid       a configuration file
    ├── NoAnswer                somebody was asked in vain
    ├── ClaimRefused            a host cannot serve what is claimed
    ├── ClaimUnknown            there is no such claim
    ├── ClaimConflict           a claim that is beyond what is asked
    └── LedgerUnusable          the database of claims
        ├── LedgerBusy          others were always faster
        ├── LedgerAway          it does not answer
        ├── LedgerRefused       it refused what it was given
        ├── SchemaUnfit         its tables are of another version
        └── MigrationsMissing   the migrations were not installed
"""

from collections.abc import Iterable
from typing import Protocol


class PciSchedException(Exception):
    """The root of the tree; ``str()`` of any of these is for a person."""


class AddressInvalid(PciSchedException, ValueError):
    """A text that is no PCI address."""

    def __init__(self, text: str) -> None:
        """Name the text and the form it should have."""
        super().__init__(
            f"{text!r} is no PCI address; the form is domain:bus:slot.function"
            " in hex, like 0000:41:10.2"
        )


class RequestInvalid(PciSchedException, ValueError):
    """A request that contradicts itself."""


class InputInvalid(PciSchedException):
    """Something from outside cannot be used; the message says where."""


class SysfsNotFound(InputInvalid):
    """A root directory without a PCI tree that can be read."""


class DocumentInvalid(InputInvalid):
    """A document that cannot be read.

    :ivar path: The JSON path of the value that is wrong, ``$`` for all of it.
    """

    def __init__(self, path: str, problem: str) -> None:
        """Name the place and what is wrong there."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class NeutronUnusable(InputInvalid):
    """Neutron, or its answer, cannot be used.

    :ivar is_away: Whether nobody is there to answer, so that another call
        would fail as slowly.
    """

    def __init__(self, problem: str, *, is_away: bool = False) -> None:
        """Say what is wrong, and what to do."""
        super().__init__(problem)
        self.is_away = is_away


class EntryInvalid(InputInvalid):
    """An entry of a repeated option that Nova would not take.

    :ivar position: ``[pci]device_spec[2]``, counted from 0; the first entry
        of a list there is ``[pci]device_spec[2][0]``.
    :ivar key: The key within the entry; "" where all of it is wrong.
    :ivar value: What stands there, as JSON, long ones cut.
    :ivar problem: What is wrong with it.
    :ivar allowed: What Nova takes there.
    """

    def __init__(
        self, position: str, key: str, value: str, problem: str, allowed: str
    ) -> None:
        """Name the place, what stands there and what could stand there."""
        place = (
            f'{position}, "{key}": {value}'
            if key
            else (f"{position}: {value}")
        )
        super().__init__(f"{place}: {problem}; allowed: {allowed}")
        self.position = position
        self.key = key
        self.value = value
        self.problem = problem
        self.allowed = allowed


class SpecInvalid(EntryInvalid):
    """An entry of ``[pci]device_spec`` that Nova would not take."""


class AliasInvalid(EntryInvalid):
    """An entry of ``[pci]alias`` that Nova would not take."""


class ConfigInvalid(InputInvalid):
    """A configuration file that cannot be read, or a value no option has.

    :ivar path: The file or directory.
    """

    def __init__(self, path: str, problem: str) -> None:
        """Name the file and what is wrong with it."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class NoAnswer(PciSchedException):
    """There was no answer in time, or nobody was asked."""


class Refusal(Protocol):
    """What is needed here of a :class:`.matching.refusal.Refusal`."""

    @property
    def code(self) -> str:
        """The reason, in short."""
        ...


class ClaimRefused(PciSchedException):
    """A host cannot serve what is claimed.

    :ivar refusal: What :func:`~pci_sched.matching.host_match.match` gives.
    """

    def __init__(
        self, host: str, refusal: Refusal, words: Iterable[str]
    ) -> None:
        """Name the host, the reason as a code, and what it lacks."""
        super().__init__(
            f"host {host} cannot serve the claim, {refusal.code}:"
            f" {'; '.join(words)}"
        )
        self.refusal = refusal


class ClaimUnknown(PciSchedException):
    """There is no such claim, and there never was."""

    def __init__(self, claim_id: str, host: str) -> None:
        """Name the claim and the host whose ledger was asked."""
        super().__init__(f"host {host} has no claim {claim_id}")
        self.claim_id = claim_id


class ClaimConflict(PciSchedException):
    """A claim, or a move, that is beyond what is asked of it."""

    def __init__(self, what: str, problem: str) -> None:
        """Name the claim or the move and what is in the way."""
        super().__init__(f"claim {what}: {problem}")


class LedgerUnusable(PciSchedException):
    """The database of claims cannot be used; the message says why."""


class LedgerBusy(LedgerUnusable):
    """Others changed the ledger each time, until patience ended."""


class LedgerAway(LedgerUnusable):
    """The database does not answer; what was begun may be done or not."""


class LedgerRefused(LedgerUnusable):
    """The database refused a change; nothing of it is written."""


class SchemaUnfit(LedgerUnusable):
    """The tables are older or newer than this library can write."""


class MigrationsMissing(LedgerUnusable):
    """The migration scripts are neither installed nor in a source tree."""
