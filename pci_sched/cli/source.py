# SPDX-License-Identifier: Apache-2.0
"""Which host a verb looks at, and which of its devices Nova may give away."""

import argparse
import os
import pathlib
import socket
from typing import TextIO

from pci_sched.cli import nova_records, progress
from pci_sched.inputs import attributes, sysfs
from pci_sched.model import host as pci_host

#: Where nova-compute's configuration is on the machine it runs on.
NOVA_CONF = pathlib.Path("/etc/nova/nova.conf")


def is_there(path: pathlib.Path) -> bool:
    """Tell whether there is a file, even one that cannot be read.

    Then the reader says why; who has no right to /etc/nova wants to know.

    :param path: Of the file.
    :returns: Whether it is not known to be missing.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def add_options(
    parser: argparse.ArgumentParser, *, knows_nova: bool = False
) -> None:
    """Add the options of all verbs that look at a host.

    :param parser: The verb's parser.
    :param knows_nova: Whether the verb reads Nova's databases, too.
    """
    group = parser.add_argument_group("source")
    one = group.add_mutually_exclusive_group()
    add_tree(one)
    add_document(one)
    more = ""
    if knows_nova:
        nova_records.add_option(one)
        more = "; with --nova-db, which host is meant (by default all)"
    group.add_argument(
        "--host",
        metavar="NAME",
        type=_name,
        help="the host's name (by default this machine's, the directory's or"
        f" the document's){more}",
    )
    add_configuration(
        group,
        "a nova.conf; its [pci]device_spec says which devices are assignable,"
        " and their tags (can be repeated)",
    )


def add_tree(
    group: argparse._MutuallyExclusiveGroup, when: str = "the default"
) -> None:
    """Add the options of a verb that reads a tree of the kernel.

    :param group: What the tree is one of.
    :param when: When it is this machine's, without any option.
    """
    group.add_argument(
        "--live",
        action="store_true",
        help=f"this machine's /sys ({when})",
    )
    group.add_argument(
        "--root",
        type=pathlib.Path,
        metavar="DIR",
        help="the directory that holds a copied tree under the name sys",
    )


def add_document(group: argparse._MutuallyExclusiveGroup) -> None:
    """Add the option of a verb that reads a recorded host.

    :param group: What the document is one of.
    """
    group.add_argument(
        "--from",
        dest="document",
        type=pathlib.Path,
        metavar="FILE",
        help="a host document, as pci-pool record writes it",
    )


def add_configuration(group: argparse._ArgumentGroup, meaning: str) -> None:
    """Add the options that name a nova.conf.

    :param group: Where they belong.
    :param meaning: What is read of it.
    """
    group.add_argument(
        "--config-file",
        action="append",
        default=[],
        type=pathlib.Path,
        metavar="FILE",
        help=meaning,
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


def has_configuration(parsed_args: argparse.Namespace) -> bool:
    """Tell whether a nova.conf was named.

    :param parsed_args: The options.
    :returns: Whether there is anything to read a device_spec from.
    """
    return bool(parsed_args.config_file or parsed_args.config_dir)


def _default_name(root: pathlib.Path | None) -> str:
    """Name a tree: by its etc/hostname, else by its directory."""
    if root is None:
        return socket.gethostname()
    hostname = attributes.read_text(f"{root}/etc/hostname")
    directory = os.fsencode(root.resolve().name)
    return hostname or attributes.clean(directory) or socket.gethostname()


def _name(text: str) -> str:
    """Read a host's name as a document can hold it."""
    return attributes.clean(os.fsencode(text))


def _read_tree(
    parsed_args: argparse.Namespace, stderr: TextIO
) -> pci_host.Host:
    line = progress.Progress(stderr)

    def warn(text: str) -> None:
        line.erase()
        stderr.write(f"{text}\n")

    try:
        return sysfs.read_host(
            parsed_args.root or "/",
            name=parsed_args.host or _default_name(parsed_args.root),
            progress=line,
            warn=warn,
        )
    finally:
        line.erase()


def _read_document(parsed_args: argparse.Namespace) -> pci_host.Host:
    # The schema's checker is slow to import, and only documents need it.
    import dataclasses

    from pci_sched.inputs import recording

    host = recording.read_file(parsed_args.document)
    if parsed_args.host:
        host = dataclasses.replace(host, name=parsed_args.host)
    return host


def read_hardware(
    parsed_args: argparse.Namespace, stderr: TextIO
) -> pci_host.Host:
    """Read the host that the options name, whatever Nova may do with it.

    :param parsed_args: The options of :func:`add_options`.
    :param stderr: Where progress and warnings go.
    :returns: The host.
    :raises exception.PciSchedException: If it cannot be read.
    """
    if parsed_args.document:
        return _read_document(parsed_args)
    return _read_tree(parsed_args, stderr)


def read(parsed_args: argparse.Namespace, stderr: TextIO) -> pci_host.Host:
    """Read the host that the options name, device_spec applied.

    :param parsed_args: The options of :func:`add_options`.
    :param stderr: Where progress and warnings go.
    :returns: The host.
    :raises exception.PciSchedException: If it cannot be read, or the
        configuration is wrong.
    """
    host = read_hardware(parsed_args, stderr)
    if not has_configuration(parsed_args):
        return host
    # oslo.config is slow to import, and only a nova.conf needs it.
    from pci_sched.inputs import device_spec, nova_conf

    config = nova_conf.read(parsed_args.config_file, parsed_args.config_dir)
    specs = device_spec.parse(
        config.device_spec,
        host,
        report_in_placement=config.report_in_placement,
    )
    return device_spec.select(host, specs)
