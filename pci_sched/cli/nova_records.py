# SPDX-License-Identifier: Apache-2.0
"""Nova's records of compute nodes, out of the databases of its cells."""

import argparse
import collections
from collections.abc import Iterable, Sequence

from cliff import app as cliff_app

from pci_sched import exception
from pci_sched.cli import main
from pci_sched.model import nova_record

#: How many hosts a message names.
_MOST = 10


def add_option(
    group: argparse._ActionsContainer, meaning: str = "the database"
) -> None:
    """Add the option that names the databases.

    :param group: Where it belongs.
    :param meaning: What is done with the database.
    """
    group.add_argument(
        "--nova-db",
        action="append",
        default=[],
        metavar="URL",
        help=f"{meaning} of a cell of Nova's; it is read and never written"
        " (can be repeated)",
    )


def urls(parsed_args: argparse.Namespace, app: cliff_app.App) -> list[str]:
    """Give the URLs back their passwords.

    :param parsed_args: The options of :func:`add_option`.
    :param app: Knows the passwords that no parser has seen.
    :returns: The whole URLs: never to be shown.
    """
    given: list[str] = parsed_args.nova_db
    return [main.whole(app, each) for each in given]


def search(
    places: Iterable[str], wanted: str | None, *, with_users: bool = True
) -> list[nova_record.Compute]:
    """Read the compute nodes that there are.

    :param places: The URLs of the databases, one for each cell.
    :param wanted: The host, the hypervisor's name, or the UUID of the node;
        ``None`` for all.
    :param with_users: Whether instances and their moves are read, too.
    :returns: In the order of the databases.
    """
    # SQLAlchemy is slow to import, and only databases need it.
    from pci_sched.inputs import nova_cell

    return [
        compute
        for each in places
        for compute in nova_cell.read(each, wanted, with_users=with_users)
    ]


def read(
    places: Iterable[str], wanted: str | None, *, with_users: bool = True
) -> list[nova_record.Compute]:
    """Read the compute nodes that have to be there.

    :param places: As for :func:`search`.
    :param wanted: As for :func:`search`.
    :param with_users: As for :func:`search`.
    :returns: In the order of the databases.
    :raises exception.InputInvalid: If there is none.
    """
    places = list(places)
    found = search(places, wanted, with_users=with_users)
    if found:
        return found
    if wanted is None:
        raise exception.InputInvalid("--nova-db: there is no compute node")
    there = names(search(places, None, with_users=False))
    raise exception.InputInvalid(
        f"--host {wanted}: Nova has no such host; it has {list_names(there)}"
    )


def names(computes: Sequence[nova_record.Compute]) -> list[str]:
    """Name compute nodes so that they can be told apart.

    :param computes: All that are shown.
    :returns: For each the host, with the node where it has several.
    """
    nodes = collections.Counter(each.host for each in computes)
    return [
        each.host if nodes[each.host] == 1 else f"{each.host} ({each.node})"
        for each in computes
    ]


def list_names(given: Sequence[str]) -> str:
    """Write some names into a message.

    :param given: The names.
    :returns: The first of them, and how many more there are.
    """
    more = len(given) - _MOST
    listed = ", ".join(given[:_MOST]) or "none"
    return f"{listed} and {more} more" if more > 0 else listed
