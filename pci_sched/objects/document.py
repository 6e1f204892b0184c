# SPDX-License-Identifier: Apache-2.0
"""The ledger of a host as a JSON document, of any version that is known."""

from collections.abc import Mapping
from typing import Any, Final, cast

from oslo_versionedobjects import base, fields

from pci_sched import exception
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.objects import base as pci_base
from pci_sched.objects import ledger

#: The versions that are written and read, the oldest first.
VERSIONS: Final = ("1.0", "1.1")

_KEY: Final = f"{pci_base.PciSchedObject.OBJ_SERIAL_NAMESPACE}."

#: What a field may raise at a value that it does not take.
_WRONG: Final = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    OverflowError,
)


def write(
    snapshot: claim_snapshot.Snapshot, version: str = VERSIONS[-1]
) -> dict[str, Any]:
    """Write the ledger of a host.

    :param snapshot: The ledger.
    :param version: What the reader knows; what that version lacks is left
        out.
    :returns: What ``json.dumps`` takes.
    :raises exception.RequestInvalid: If there is no such version.
    """
    if version not in VERSIONS:
        raise exception.RequestInvalid(
            f"there is no version {version} of a ledger's document; there are"
            f" {', '.join(VERSIONS)}"
        )
    made = ledger.HostLedger.from_model(snapshot)
    # A reader does not care which fields were set: it is all of them.
    made.obj_reset_changes(recursive=True)
    return made.obj_to_primitive(target_version=version)


def read(document: object) -> claim_snapshot.Snapshot:
    """Read the ledger of a host, as this library or an older one wrote it.

    :param document: As ``json.loads`` gives it; is not changed.
    :returns: The ledger.
    """
    _check(document, "$", ledger.HostLedger)
    checked = cast("dict[str, Any]", document)
    return ledger.HostLedger.obj_from_primitive(checked).to_model()


def _check(
    value: object, path: str, wanted: type[pci_base.PciSchedObject]
) -> None:
    """Check an object, and all within it, before anything is built."""
    name = wanted.obj_name()
    if not isinstance(value, Mapping):
        raise exception.DocumentInvalid(path, f"is no object of {name}")
    for key, expected in (
        ("namespace", wanted.OBJ_PROJECT_NAMESPACE),
        ("name", name),
    ):
        found = value.get(f"{_KEY}{key}")
        if found != expected:
            raise exception.DocumentInvalid(
                path, f"{_KEY}{key} is {found!r}, and has to be {expected!r}"
            )
    version = value.get(f"{_KEY}version")
    _check_version(version, path, wanted)
    data = value.get(f"{_KEY}data")
    if not isinstance(data, Mapping):
        raise exception.DocumentInvalid(path, f"has no {_KEY}data")
    _check_changes(value.get(f"{_KEY}changes", []), path)
    for field, kind in wanted.fields.items():
        if field in data:
            _check_field(data[field], f"{path}.{field}", kind, wanted)
        elif wanted.has_field(field, str(version)):
            raise exception.DocumentInvalid(path, f"lacks {field}")


def _check_changes(changes: object, path: str) -> None:
    if not isinstance(changes, list) or not all(
        isinstance(each, str) for each in changes
    ):
        raise exception.DocumentInvalid(
            path, f"{_KEY}changes is no list of names"
        )


def _check_version(
    version: object, path: str, wanted: type[pci_base.PciSchedObject]
) -> None:
    name, newest = wanted.obj_name(), wanted.VERSION
    major, _dot, minor = newest.partition(".")
    known = [f"{major}.{number}" for number in range(int(minor) + 1)]
    if version not in known:
        raise exception.DocumentInvalid(
            path,
            f"is a {name} of version {version}, and this library reads"
            f" {', '.join(known)}; have it written for one of these, or"
            " upgrade pci_sched here",
        )


def _check_field(
    value: Any, path: str, kind: Any, owner: type[pci_base.PciSchedObject]
) -> None:
    """Check the value of one field."""
    if isinstance(kind, fields.ObjectField):
        _check(value, path, _class_of(kind.objname))
    elif isinstance(kind, fields.ListOfObjectsField):
        if not isinstance(value, list):
            raise exception.DocumentInvalid(path, "is no list")
        for number, each in enumerate(value):
            _check(each, f"{path}[{number}]", _class_of(kind.objname))
    else:
        known = owner()
        try:
            kind.coerce(known, path, kind.from_primitive(known, path, value))
        except _WRONG as error:
            raise exception.DocumentInvalid(path, str(error)) from error


def _class_of(name: str) -> type[pci_base.PciSchedObject]:
    found = base.VersionedObjectRegistry.obj_classes()[name][0]
    return cast("type[pci_base.PciSchedObject]", found)
