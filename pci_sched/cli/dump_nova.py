# SPDX-License-Identifier: Apache-2.0
"""What ``pci-pool dump --nova-db`` shows: hosts as Nova has them."""

import argparse
from collections.abc import Iterator, Sequence
import dataclasses

from cliff import app as cliff_app

from pci_sched import exception
from pci_sched.cli import nova_host, nova_records, selection, source
from pci_sched.model import host as pci_host

#: The column before all others.
COLUMN = "host"

#: A host, and what is to be seen of it.
Shown = tuple[pci_host.Host, selection.Selection]


def read(
    parsed_args: argparse.Namespace, app: cliff_app.App
) -> Sequence[Shown]:
    """Read the hosts that the options name.

    :param parsed_args: The options of ``dump``.
    :param app: The application.
    :returns: The hosts, in the order of the databases.
    :raises exception.InputInvalid: If they cannot be read, or an option has
        no meaning here.
    """
    _check(parsed_args)
    computes = nova_records.read(
        nova_records.urls(parsed_args, app),
        parsed_args.host,
        with_users=False,
    )
    hosts = []
    for compute, name in zip(
        computes, nova_records.names(computes), strict=True
    ):
        for note in compute.notes:
            app.stderr.write(f"{name}: {note}\n")
        hosts.append(nova_host.make(compute, name))
    return list(_select(parsed_args, hosts))


def only(found: Sequence[Shown]) -> Shown:
    """Take the one host of a picture.

    :param found: The hosts.
    :returns: The host.
    :raises exception.InputInvalid: If there are several.
    """
    if len(found) == 1:
        return found[0]
    names = nova_records.list_names([host.name for host, _wanted in found])
    raise exception.InputInvalid(
        f"this format shows one host; choose it by --host: {names}"
    )


def _check(parsed_args: argparse.Namespace) -> None:
    """Refuse options that would be passed over in silence."""
    if parsed_args.db is not None:
        raise exception.InputInvalid(
            "--db and --nova-db both say who holds the devices; choose one"
            " (`pci-pool claims audit` compares the two)"
        )
    if source.has_configuration(parsed_args):
        raise exception.InputInvalid(
            "Nova's records say which devices are assignable: --nova-db goes"
            " without --config-file and --config-dir"
        )


def _select(
    parsed_args: argparse.Namespace, hosts: Sequence[pci_host.Host]
) -> Iterator[Shown]:
    """Leave out the hosts that lack a PF that is asked for."""
    is_any = False
    missing: exception.InputInvalid | None = None
    for host in hosts:
        try:
            wanted = selection.Selection.of(parsed_args, host)
        except exception.InputInvalid as error:
            missing = error
            continue
        is_any = True
        # Nova has rows of assignable devices only.
        yield host, dataclasses.replace(wanted, everything=True)
    if missing is not None and not is_any:
        raise missing
