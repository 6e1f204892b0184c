# SPDX-License-Identifier: Apache-2.0
"""The options of the group ``[pci_sched]`` in nova.conf.

There is no global configuration: whoever has a ``ConfigOpts`` (Nova's, or a
new one) registers the options on it and passes it on.
"""

from oslo_config import cfg

from pci_sched.conf import compute, l2, ledger, link, scheduler, weigher

#: The group they are in.
GROUP = cfg.OptGroup(
    "pci_sched",
    title="pci_sched options",
    help="Exact scheduling of PCI devices and ports, by pci_sched.",
)

_ROOMS = (l2, scheduler, weigher, compute, link, ledger)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register every option; again on the same *conf* it does nothing.

    :param conf: Before or after its files were read.
    """
    conf.register_group(GROUP)
    for room in _ROOMS:
        conf.register_opts(room.OPTIONS, group=GROUP)


def find_problem(conf: cfg.ConfigOpts) -> str:
    """Say which option has a value that makes no sense.

    oslo.config looks at a value when it is read, and not before.

    :param conf: With the options registered.
    :returns: What it says of the first one; "" if there is none.
    """
    for room in _ROOMS:
        for option in room.OPTIONS:
            try:
                conf[GROUP.name][option.dest]
            except cfg.Error as error:
                return str(error)
    return ""


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """List every option, for ``oslo-config-generator``.

    :returns: The group and its options, in the order of a sample file.
    """
    return [(GROUP, [option for room in _ROOMS for option in room.OPTIONS])]
