# SPDX-License-Identifier: Apache-2.0
"""The extra specs of flavors that are ours, for nova-api to check.

Nova finds them by an entry point. It checks a flavor's extra specs from
microversion 2.86 on.
"""

from typing import Final

from nova.api.validation.extra_specs import base

from pci_sched.inputs import nova_spread

_VALIDATORS: Final = (
    base.ExtraSpecValidator(
        name=nova_spread.LEVEL_SPEC,
        description=(
            "What the PCI devices of a server must not have in common: those"
            " of its ports on one physical network, and those of each alias."
            " Evaluated by pci_sched."
        ),
        value={
            "type": str,
            "description": "A PF, a card, a switch or a root port; or none.",
            "enum": [nova_spread.NONE, *nova_spread.LEVELS],
        },
    ),
    base.ExtraSpecValidator(
        name=nova_spread.POLICY_SPEC,
        description=(
            "Whether a host where that is not possible is refused (hard), or"
            " is only worse than others (soft, the default)."
        ),
        value={
            "type": str,
            "description": "A policy.",
            "enum": list(nova_spread.POLICIES),
        },
    ),
)


def register() -> list[base.ExtraSpecValidator]:
    """List the extra specs, as Nova asks for them."""
    return list(_VALIDATORS)
