# SPDX-License-Identifier: Apache-2.0
"""What a nova.conf says of PCI devices, read with oslo.config's own parser."""

from collections.abc import Iterable, Sequence
import dataclasses
import functools
import pathlib
from typing import Any

from oslo_config import cfg, iniparser

from pci_sched import exception

#: What oslo.config's parser finds: section, option, values.
_Sections = dict[str, dict[str, Any]]

_PCI = "pci"
_SCHEDULER = "filter_scheduler"


def _options() -> tuple[tuple[cfg.Opt, str], ...]:
    """Make the options, with their older names.

    As in ``nova.conf.pci`` and ``nova.conf.scheduler``. Anew for each read,
    because oslo.config warns of an older name once for each such object.
    """
    device_spec = cfg.MultiStrOpt(
        "device_spec",
        default=[],
        deprecated_opts=[
            cfg.DeprecatedOpt("passthrough_whitelist", group=_PCI),
            cfg.DeprecatedOpt("pci_passthrough_whitelist", group="DEFAULT"),
        ],
    )
    alias = cfg.MultiStrOpt(
        "alias",
        default=[],
        deprecated_name="pci_alias",
        deprecated_group="DEFAULT",
    )
    return (
        (device_spec, _PCI),
        (alias, _PCI),
        (cfg.BoolOpt("report_in_placement", default=False), _PCI),
        (cfg.BoolOpt("pci_in_placement", default=False), _SCHEDULER),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NovaPciConfig:
    """The options of one nova.conf that PCI passthrough goes by."""

    #: The values of ``[pci]device_spec`` in their order, not yet read.
    device_spec: tuple[str, ...] = ()
    #: The values of ``[pci]alias`` in their order, not yet read.
    alias: tuple[str, ...] = ()
    #: ``[pci]report_in_placement``.
    report_in_placement: bool = False
    #: ``[filter_scheduler]pci_in_placement``.
    pci_in_placement: bool = False


def read(
    files: Sequence[pathlib.Path], directories: Sequence[pathlib.Path] = ()
) -> NovaPciConfig:
    """Read configuration files as Nova does, but not its environment.

    The values of a repeated option add up over all files, deprecated names
    included. ``$name`` stands for an option of the same group or of
    ``[DEFAULT]``, ``$group.name`` for any, ``$$`` for a dollar sign. Nova
    knows the defaults of all its options; here such an option must be in the
    files.

    :param files: Nova's ``--config-file``, in that order.
    :param directories: Nova's ``--config-dir``: what is called ``*.conf``
        there is read after the files.
    :returns: The values; other options are not looked at.
    :raises exception.ConfigInvalid: If a file or directory cannot be read,
        or a value is none that its option takes.
    """
    paths = [*files, *(path for each in directories for path in _list(each))]
    sections: _Sections = {}
    for path in paths:
        _parse(path, sections)
    conf = cfg.ConfigOpts()
    for option, group in _options():
        conf.register_opt(option, group=group)
    try:
        conf(
            args=[],
            project="nova",
            default_config_files=[str(path) for path in paths],
            default_config_dirs=[],
            use_env=False,
        )
        return _build(conf, sections)
    except (cfg.Error, ValueError, RecursionError) as err:
        names = ", ".join(str(path) for path in paths)
        raise exception.ConfigInvalid(names, str(err)) from err


def _list(directory: pathlib.Path) -> Iterable[pathlib.Path]:
    """List the files of a directory that oslo.config reads, in its order."""
    try:
        return sorted(
            path
            for path in directory.iterdir()
            if path.suffix == ".conf" and not path.name.startswith(".")
        )
    except OSError as err:
        raise exception.ConfigInvalid(
            str(directory), err.strerror or str(err)
        ) from err


def _parse(path: pathlib.Path, sections: _Sections) -> None:
    """Read one file by itself, so that an error can name it."""
    try:
        cfg.ConfigParser(str(path), sections).parse()
    except OSError as err:
        problem = err.strerror or str(err)
        raise exception.ConfigInvalid(str(path), problem) from err
    except (iniparser.ParseError, UnicodeDecodeError) as err:
        raise exception.ConfigInvalid(str(path), str(err)) from err


def _build(conf: cfg.ConfigOpts, sections: _Sections) -> NovaPciConfig:
    """Take the values out of oslo.config."""
    pci = functools.partial(_get, conf, sections, _PCI)
    return NovaPciConfig(
        device_spec=tuple(pci("device_spec")),
        alias=tuple(pci("alias")),
        report_in_placement=pci("report_in_placement"),
        pci_in_placement=_get(conf, sections, _SCHEDULER, "pci_in_placement"),
    )


def _get(
    conf: cfg.ConfigOpts, sections: _Sections, group: str, name: str
) -> Any:
    """Get a value; an option that it refers to is registered on the way.

    Only so can the few options above refer to any of Nova's without all of
    them being known here.
    """
    try:
        return conf[group][name]
    except cfg.NoSuchGroupError as err:
        conf.register_group(cfg.OptGroup(err.group_name))
    except cfg.NoSuchOptError as err:
        _register(conf, sections, err.opt_name)
    return _get(conf, sections, group, name)


def _register(
    conf: cfg.ConfigOpts, sections: _Sections, reference: str
) -> None:
    """Register an option that the value of another refers to."""
    first, dot, rest = reference.partition(".")
    group, name = (first, rest) if dot else (None, first)
    if name not in sections.get(group or "DEFAULT", {}):
        raise ValueError(
            f"${reference} is used in a value, but no file sets it"
        )
    conf.register_opt(cfg.StrOpt(name), group=group)
