# SPDX-License-Identifier: Apache-2.0
"""The options of ``explain`` that say which hosts."""

import argparse
import pathlib


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which hosts.

    :param parser: The verb's parser.
    """
    # The other verbs look at one host.
    parser.set_defaults(document=None)
    group = parser.add_argument_group("source")
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        "--live", action="store_true", help="this machine's /sys (the default)"
    )
    one.add_argument(
        "--root",
        type=pathlib.Path,
        metavar="DIR",
        help="the directory that holds a copied tree under the name sys",
    )
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
    _add_configuration(group)


def _add_configuration(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--config-file",
        action="append",
        default=[],
        type=pathlib.Path,
        metavar="FILE",
        help="a nova.conf: its [pci]alias, its options of [pci_sched], and its"
        " [pci]device_spec if it has any (can be repeated)",
    )
    group.add_argument(
        "--config-dir",
        action="append",
        default=[],
        type=pathlib.Path,
        metavar="DIR",
        help="a directory of *.conf files, read after the --config-file (can"
        " be repeated)",
    )
