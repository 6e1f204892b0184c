# SPDX-License-Identifier: Apache-2.0
"""What an operator may choose about matching."""

import dataclasses
import enum


class TagRules(enum.StrEnum):
    """What a request that names no value matches.

    ``nova``: a key with a null value also matches a device without the key.

    ``strict``: only a device that says null itself. A port of a tunnelled
    network asks for a null ``physical_network``, and a device that nobody
    tagged is not meant for it.
    """

    NOVA = "nova"
    STRICT = "strict"


class Fill(enum.StrEnum):
    """Which pools are used first, all else being equal.

    ``pack``: the pools with the fewest free devices.

    ``spread``: the pools with the most, so that they even out.
    """

    PACK = "pack"
    SPREAD = "spread"


#: How many nodes may be looked at to decide between yes and no, and to look
#: for a better plan than the first. A node takes a millisecond at most.
NODE_BUDGET = 2_000
IMPROVEMENT_BUDGET = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How to match.

    :ivar node_budget: How many nodes of the search tree may be looked at to
        decide between yes and no; at least one. A node is one flow problem.
        Answers depend on this number and never on time.
    :ivar improvement_budget: The same to look for the cheapest plan.
    :ivar inquest_budget: The same to find out why a request cannot be served.
    """

    tag_rules: TagRules = TagRules.NOVA
    fill: Fill = Fill.PACK
    node_budget: int = NODE_BUDGET
    improvement_budget: int = IMPROVEMENT_BUDGET
    inquest_budget: int = NODE_BUDGET
