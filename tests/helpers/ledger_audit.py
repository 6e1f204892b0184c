# SPDX-License-Identifier: Apache-2.0
"""What is left in a ledger once all its clients are dead."""

import contextlib
import dataclasses

import ledger_cases
import ledger_load
import plain_ledger

_CAPACITY = ledger_cases.ask(
    ledger_cases.VF,
    count=ledger_load.PFS * ledger_load.VFS,
)


@dataclasses.dataclass
class Tally:
    """How many of which fault there were; all but orphans must be 0.

    :ivar doubles: Devices with two owners.
    :ivar lost: Confirmed claims that are not as they were confirmed.
    :ivar leaks: Claims and devices that stay held by nobody.
    :ivar orphans: Claims of dead clients that were not confirmed to them.
    :ivar confirmed: Claims that were, in all.
    :ivar live: Those of them that nobody had ended by then.
    :ivar faults: All else that must not be, in words.
    """

    doubles: int = 0
    lost: int = 0
    leaks: int = 0
    orphans: int = 0
    confirmed: int = 0
    live: int = 0
    faults: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        """Give the figures in one line."""
        return (
            f"{self.confirmed} claims confirmed, {self.live} of them live at"
            f" an audit, {self.orphans} orphans released, {self.doubles}"
            f" doubles, {self.lost} confirmed lost, {self.leaks} leaks"
        )

    @property
    def bad(self) -> list[str]:
        """Everything that is wrong; empty if nothing is."""
        figures = {
            "doubles": self.doubles,
            "confirmed lost": self.lost,
            "leaks": self.leaks,
        }
        return self.faults + [
            f"{n} {what}" for what, n in figures.items() if n
        ]


def audit(url: str, books: ledger_load.Books, tally: Tally) -> None:
    """Hold a ledger against what its dead clients were told, and clear it.

    Claims of servers that nobody knows are released, once; afterwards there
    is what was confirmed, and nothing else. Then that is released too, and
    every device must be there to be claimed.

    :param url: Of the database.
    :param books: What the clients were told; emptied.
    :param tally: Gets the figures.
    """
    tally.faults += books.wrong
    _count(url, books, tally)
    _release(url, books, tally)
    _count(url, books, tally)
    tally.confirmed += books.told
    tally.live += len(books.confirmed)
    left = _claims(url).keys() - books.confirmed.keys()
    tally.leaks += len(left)
    books.told = 0
    books.confirmed.clear()
    books.ended.clear()
    _release(url, books, Tally())
    ledger = plain_ledger.read(url)
    tally.faults += plain_ledger.faults(ledger)
    tally.leaks += len(ledger["holdings"]) + len(ledger["claims"])
    for host in ledger_load.HOSTS:
        with ledger_cases.tracking(url, host) as tracker:
            tracker.claim("everything", _CAPACITY)
            tracker.release("everything")


def prepare(url: str) -> None:
    """Bring the hosts into a ledger."""
    for host in ledger_load.HOSTS:
        with ledger_cases.tracking(url, host) as tracker:
            tracker.sync(ledger_load.HARDWARE)


def _count(url: str, books: ledger_load.Books, tally: Tally) -> None:
    """Count what is wrong as the ledger stands."""
    ledger = plain_ledger.read(url)
    doubled = plain_ledger.doubles(ledger)
    given = [
        (host, address)
        for (host, _), addresses in books.confirmed.items()
        for address in addresses
    ]
    tally.doubles += len(doubled) + len(given) - len(set(given))
    tally.faults += plain_ledger.faults(ledger)
    claims = _claims(url)
    for key, addresses in books.confirmed.items():
        claim = claims.get(key)
        devices = claim and sorted(each[0] for each in claim.holdings)
        if not claim or claim.state != "allocated" or devices != [*addresses]:
            tally.lost += 1
            tally.faults.append(f"{key}: {addresses} confirmed, now {claim}")
    tally.leaks += len(books.ended & claims.keys())


def _release(url: str, books: ledger_load.Books, tally: Tally) -> None:
    """Release what nobody knows: all of a server that nobody knows."""
    claims = _claims(url)
    known = {
        (host, claims[host, claim_id].instance_uuid)
        for host, claim_id in books.confirmed.keys() & claims.keys()
    }
    with contextlib.ExitStack() as stack:
        trackers = {
            host: stack.enter_context(
                ledger_cases.tracking(url, host, tracks="")
            )
            for host in ledger_load.HOSTS
        }
        for (host, claim_id), claim in claims.items():
            if (host, claim_id) in books.confirmed:
                continue
            tally.orphans += 1
            if (host, claim.instance_uuid) not in known:
                trackers[host].release(claim.instance_uuid, reason="orphan")
                continue
            for request in {each[2] for each in claim.holdings}:
                trackers[host].detach(
                    claim.instance_uuid, request, reason="orphan"
                )


def _claims(url: str) -> dict[ledger_load.Key, plain_ledger.Live]:
    """Read the live claims, by the names of their hosts."""
    ledger = plain_ledger.read(url)
    names = {row["host_id"]: row["name"] for row in ledger["hosts"]}
    return {
        (names[host_id], claim_id): claim
        for (host_id, claim_id), claim in plain_ledger.live(ledger).items()
    }
