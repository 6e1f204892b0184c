# SPDX-License-Identifier: Apache-2.0
"""The options of ``explain`` that say which hosts."""

import argparse

from pci_sched.cli import source


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which hosts.

    :param parser: The verb's parser.
    """
    # The other verbs look at one host.
    parser.set_defaults(document=None)
    group = parser.add_argument_group("source")
    one = group.add_mutually_exclusive_group()
    source.add_tree(one)
    one.add_argument(
        "--from",
        dest="documents",
        action="append",
        default=[],
        metavar="FILE",
        help="host documents, one or many in a file, one after the other; -"
        " reads standard input (can be repeated)",
    )
    one.add_argument(
        "--nova-db",
        action="append",
        default=[],
        metavar="URL",
        help="the database of a cell of Nova's; it is read and never written"
        " (can be repeated)",
    )
    group.add_argument(
        "--host",
        metavar="NAME",
        help="the name of the host of --live or --root (by default this"
        " machine's or the directory's)",
    )
    group.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="look at this host only (can be repeated)",
    )
    source.add_configuration(
        group,
        "a nova.conf: its [pci]alias, its options of [pci_sched], and its"
        " [pci]device_spec if it has any (can be repeated)",
    )
