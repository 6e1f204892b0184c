# SPDX-License-Identifier: Apache-2.0
"""What a ledger is held against: the hardware, and lists of instances."""

import argparse
from collections.abc import Collection, Mapping
import datetime
import json
import pathlib
import re
import socket
from typing import TextIO

from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import store as claim_store
from pci_sched.claims import truths as claim_truths
from pci_sched.cli import nova_records, source
from pci_sched.inputs import device_spec, nova_conf
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host

#: The instances of a hypervisor, as :class:`.truths.Truths` has them.
Instances = Mapping[str, frozenset[pci_address.PciAddress] | None]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)

#: Where the names of a file's instances are cut off in an error.
_LONGEST = 40


def _minutes(text: str) -> datetime.timedelta:
    number = float(text)
    if not 0 <= number < 1e6:
        raise ValueError(text)
    return datetime.timedelta(minutes=number)


# argparse writes the name of the type into its message.
_minutes.__name__ = "number of minutes"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to hold a ledger against.

    :param parser: The verb's parser; it has the options of a ledger.
    """
    group = parser.add_argument_group(
        "truths", "what the ledger is compared with"
    )
    one = group.add_mutually_exclusive_group()
    source.add_tree(one, "the default if the host is this machine")
    source.add_document(one)
    nova_records.add_option(group)
    group.add_argument(
        "--instances",
        type=pathlib.Path,
        metavar="FILE",
        help="the instances that the hypervisor knows: one UUID in a line, or"
        " JSON that gives each its PCI addresses",
    )
    group.add_argument(
        "--grace",
        type=_minutes,
        default=claim_truths.GRACE,
        metavar="MINUTES",
        help="how old a claim has to be before a missing instance is a"
        " finding (by default 60)",
    )


def read(
    parsed_args: argparse.Namespace,
    store: claim_store.ClaimStore,
    host: pci_claim.HostKey,
    stderr: TextIO,
) -> claim_truths.Truths:
    """Ask whom the options name.

    :param parsed_args: The options of :func:`add_options` and of a ledger.
    :param store: The ledgers.
    :param host: Whose ledger it is.
    :param stderr: Where progress and warnings go.
    :returns: What they say.
    """
    read_at = datetime.datetime.now(datetime.UTC)
    instances = None
    if parsed_args.instances is not None:
        file: pathlib.Path = parsed_args.instances
        # What was claimed since the list was made is not judged by it.
        read_at = min(read_at, _written_at(file))
        instances = read_instances(file, known_to(store, host))
    return claim_truths.Truths(
        read_at=read_at,
        hardware=_read_hardware(parsed_args, host.name, stderr),
        hypervisor=instances,
        grace=parsed_args.grace,
    )


def of_one_host(parsed_args: argparse.Namespace) -> str:
    """Tell which truth was given that can be of one host only.

    :param parsed_args: The options of :func:`add_options`.
    :returns: The option; "" if there is none.
    """
    given = {
        "--live": parsed_args.live,
        "--root": parsed_args.root,
        "--from": parsed_args.document,
        "--instances": parsed_args.instances,
    }
    return next((option for option, value in given.items() if value), "")


def is_here(host: str) -> bool:
    """Tell whether a host is this machine.

    :param host: Its name; one of the two may lack the domain.
    :returns: Whether the names agree.
    """
    here = socket.gethostname().lower()
    name = host.lower()
    if "." in here and "." in name:
        return here == name
    return here.split(".")[0] == name.split(".")[0]


def _read_hardware(
    parsed_args: argparse.Namespace, host: str, stderr: TextIO
) -> pci_host.Host | None:
    is_named = parsed_args.live or parsed_args.root or parsed_args.document
    if not (is_named or is_here(host)):
        return None
    options = argparse.Namespace(**vars(parsed_args))
    is_live = not (parsed_args.root or parsed_args.document)
    if is_live and not source.has_configuration(parsed_args):
        is_nova = source.is_there(source.NOVA_CONF)
        options.config_file = [source.NOVA_CONF] if is_nova else []
    # A document says itself whose it is.
    options.host = None if parsed_args.document else host
    seen = source.read_hardware(options, stderr)
    if parsed_args.document and seen.name != host:
        raise exception.InputInvalid(
            f"--from {parsed_args.document} is of host {seen.name}, the ledger"
            f" of host {host}; take a document of that host"
        )
    return _selected(seen, options)


def _selected(
    seen: pci_host.Host, options: argparse.Namespace
) -> pci_host.Host:
    """Apply the device_spec; without any, the ledger knows what it was."""
    if not source.has_configuration(options):
        return seen
    config = nova_conf.read(options.config_file, options.config_dir)
    if not config.device_spec:
        return seen
    specs = device_spec.parse(
        config.device_spec,
        seen,
        report_in_placement=config.report_in_placement,
    )
    return device_spec.select(seen, specs)


def _written_at(file: pathlib.Path) -> datetime.datetime:
    try:
        changed = file.stat().st_mtime
    except OSError as error:
        raise exception.InputInvalid(f"{file}: {error.strerror}") from error
    return datetime.datetime.fromtimestamp(changed, datetime.UTC)


def known_to(
    store: claim_store.ClaimStore, host: pci_claim.HostKey
) -> frozenset[str]:
    """List the instances that have a claim.

    :param store: The ledgers.
    :param host: Whose ledger.
    :returns: Their ids, which need not be UUIDs.
    """
    claims = store.read(host).claims.values()
    return frozenset(claim.instance_uuid for claim in claims)


def read_instances(file: pathlib.Path, known: Collection[str]) -> Instances:
    """Read a list of instances.

    What is no UUID, and not known either, is no instance: from a list of
    names, say, all instances would seem to be gone.

    :param file: One UUID in a line, or a JSON object of lists of addresses;
        null there says that the addresses are not known.
    :param known: Ids that are as good as a UUID.
    :returns: The instances; with addresses as far as the file has any.
    :raises exception.InputInvalid: If it is no such file, or is empty: that
        is what a command leaves behind that failed.
    """
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise exception.InputInvalid(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise exception.InputInvalid(
            f"{file}: it is no text in UTF-8"
        ) from error
    if not text.strip():
        raise exception.InputInvalid(
            f"{file}: it is empty; if there is really no instance, it has to"
            " hold {}"
        )
    if text.lstrip().startswith("{"):
        return _read_json(file, text, known)
    return dict.fromkeys(
        _id(f"{file}, line {number}", line.strip(), known)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    )


def _id(place: str, text: str, known: Collection[str]) -> str:
    """Read an instance's id as the ledger has it, or else as Nova does."""
    if text in known:
        return text
    if not _UUID.fullmatch(text):
        raise exception.InputInvalid(
            f"{place}: {text[:_LONGEST]!r} is no UUID; each has to be one, as"
            " `virsh list --all --uuid` prints them"
        )
    uuid = text.lower()
    return next((each for each in known if each.lower() == uuid), uuid)


def _read_json(
    file: pathlib.Path, text: str, known: Collection[str]
) -> Instances:
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise exception.InputInvalid(f"{file}: no JSON: {error}") from error
    found: dict[str, frozenset[pci_address.PciAddress] | None] = {}
    for instance, given in raw.items():
        is_list = isinstance(given, list)
        if given is not None and not is_list:
            raise exception.InputInvalid(
                f"{file}: $.{instance}: it has to be a list of PCI addresses,"
                " or null if they are not known"
            )
        found[_id(f"{file}: $", instance, known)] = (
            _addresses(file, instance, given) if is_list else None
        )
    return found


def _addresses(
    file: pathlib.Path, instance: str, given: list[object]
) -> frozenset[pci_address.PciAddress]:
    try:
        return frozenset(
            pci_address.PciAddress.parse(str(each)) for each in given
        )
    except exception.AddressInvalid as error:
        raise exception.InputInvalid(
            f"{file}: $.{instance}: {error}"
        ) from error


def describe(truths: claim_truths.Truths) -> str:
    """Say what a ledger was held against, and what not.

    :param truths: What was asked.
    :returns: One line for a person.
    """
    asked = ["its history"]
    missing = []
    for name, truth, option in (
        ("the hardware", truths.hardware, "--live, --root or --from"),
        ("Nova", truths.nova, "--nova-db"),
        ("the hypervisor", truths.hypervisor, "--instances"),
    ):
        if truth is None:
            missing.append(f"{name} ({option})")
        else:
            asked.append(name)
    line = f"the ledger was compared with {_list(asked)}"
    if missing:
        line += f"; not with {_list(missing)}"
    return line


def _list(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
