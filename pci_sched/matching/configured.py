# SPDX-License-Identifier: Apache-2.0
"""The values of the options of ``[pci_sched]``, as what matching takes.

Whoever reads the options, a scheduler or ``pci-pool``, asks here, so that the
same words mean the same to both.
"""

from collections.abc import Iterable

from pci_sched.matching import binding, options
from pci_sched.model import request as pci_request

_NOVA = "nova"

#: Where ``device_choice`` is no word of :class:`.options.Fill`, Nova packs.
_FILLS = {fill.value: fill for fill in options.Fill}


def matching_options(
    device_choice: str, search_budget: int
) -> options.Options:
    """Say how devices are counted.

    :param device_choice: ``[pci_sched]device_choice``.
    :param search_budget: ``[pci_sched]search_budget``.
    :returns: The options.
    """
    tag_rules = options.TagRules.STRICT
    if device_choice == _NOVA:
        tag_rules = options.TagRules.NOVA
    return options.Options(
        tag_rules=tag_rules,
        fill=_FILLS.get(device_choice, options.Fill.PACK),
        node_budget=search_budget,
        inquest_budget=search_budget,
    )


def binding_options(
    mechanism_drivers: Iterable[str], prohibited: Iterable[str]
) -> binding.Options:
    """Say how Neutron is configured.

    :param mechanism_drivers: ``[pci_sched]mechanism_drivers``.
    :param prohibited: ``[pci_sched]prohibited_vnic_types``, whose form the
        option's own type has checked.
    :returns: The options.
    """
    return binding.Options(
        mechanism_drivers=tuple(mechanism_drivers),
        prohibited=frozenset(map(_read_pair, prohibited)),
    )


def _read_pair(text: str) -> tuple[str, pci_request.VnicType]:
    driver, _colon, vnic_type = text.partition(":")
    return driver, pci_request.VnicType(vnic_type)
