# SPDX-License-Identifier: Apache-2.0
"""What the verbs of ``pci-pool claims`` share."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
import contextlib
import datetime
from typing import TYPE_CHECKING

from cliff import app as cliff_app

from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.cli import command, facts, ledger_source
from pci_sched.model import address as pci_address

if TYPE_CHECKING:
    # Slow to import; dump needs what is here without it.
    from pci_sched.db import store as db_store


class LedgerLister(command.Listing):
    """A verb that lists something of one host's ledger."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options that say which ledger, and which host in it."""
        parser = super().get_parser(prog_name)
        ledger_source.add_argument(parser)
        parser.add_argument(
            "--host",
            metavar="NAME",
            help="the host, by its name or its node's UUID (by default the"
            " only one of the ledger)",
        )
        return parser

    def say(self, text: str) -> None:
        """Tell a person something that is no row."""
        self.app.stderr.write(f"{text}\n")


@contextlib.contextmanager
def opened(
    parsed_args: argparse.Namespace,
    app: cliff_app.App,
    likely: str | None = None,
) -> Iterator[tuple["db_store.SqlClaimStore", pci_claim.HostKey]]:
    """Open the ledger for a block.

    :param parsed_args: The options.
    :param app: The application.
    :param likely: The host that is meant where the options name none, if the
        ledger has it.
    :yields: The ledger, and the host that the options choose.
    """
    store = ledger_source.open_store(parsed_args, app, tracks=False)
    try:
        hosts = store.hosts()
        is_there = any(each.name == likely for each in hosts)
        wanted = parsed_args.host or (likely if is_there else None)
        yield store, choose(hosts, wanted)
    finally:
        store.close()


def choose(
    hosts: Sequence[pci_claim.HostKey], wanted: str | None
) -> pci_claim.HostKey:
    """Choose a host of a ledger.

    :param hosts: All that the ledger has.
    :param wanted: A name or a UUID; ``None`` for the only one.
    :returns: The host.
    :raises exception.InputInvalid: If that is not exactly one.
    """
    found = [
        each for each in hosts if wanted in (None, each.name, each.node_uuid)
    ]
    if len(found) == 1:
        return found[0]
    if not hosts:
        raise exception.InputInvalid(
            "the ledger has no host yet; the first claim or sync adds one"
        )
    if not found:
        raise exception.InputInvalid(
            f"--host {wanted}: the ledger has no such host; it has"
            f" {_name(hosts)}"
        )
    raise exception.InputInvalid(
        f"which host? Choose one by --host: {_name(found)}"
    )


def _name(hosts: Sequence[pci_claim.HostKey]) -> str:
    """Name hosts, by their UUIDs where names do not tell them apart."""
    names = [each.name for each in hosts]
    return ", ".join(
        each.name
        if names.count(each.name) == 1
        else f"{each.node_uuid} ({each.name})"
        for each in hosts
    )


def moment(at: datetime.datetime | None) -> str:
    """Write a time, in UTC.

    :param at: With a time zone; ``None`` for never.
    :returns: As ISO 8601 has it, to the second.
    """
    if at is None:
        return facts.NONE
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def devices(addresses: Iterable[pci_address.PciAddress]) -> tuple[str, ...]:
    """Write addresses as one value of a row."""
    return tuple(map(str, addresses))
