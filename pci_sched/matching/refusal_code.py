# SPDX-License-Identifier: Apache-2.0
"""Why a host cannot serve a request, as codes."""

import enum


class RefusalCode(enum.StrEnum):
    """One code for each rule; the order is the order of the rules.

    But the link comes last of what keeps a pool from serving: where it is the
    reason, nothing else is in the way.

    The first ones say what keeps a pool from serving a request at all; they
    are also what a pool is counted under that a request cannot use.
    """

    #: No free device is of the type that the request asks for.
    NO_DEVICES_OF_TYPE = "NO_DEVICES_OF_TYPE"
    #: The type fits, the vendor or product does not.
    DEVICE_IDS = "DEVICE_IDS"
    #: The devices hang on another physical network, or on none.
    PHYSICAL_NETWORK = "PHYSICAL_NETWORK"
    #: Another tag of the device_spec differs from what the request asks for.
    TAGS = "TAGS"
    #: A whole PF, which only a request for ``type-PF`` gets.
    PF_NOT_REQUESTED = "PF_NOT_REQUESTED"
    #: A vdpa device, which only a request for ``vdpa`` gets.
    VDPA_NOT_REQUESTED = "VDPA_NOT_REQUESTED"
    #: A remote-managed device, which only a request for it gets.
    REMOTE_MANAGED_NOT_REQUESTED = "REMOTE_MANAGED_NOT_REQUESTED"
    #: live_migratable is not as the request asks for.
    LIVE_MIGRATABLE = "LIVE_MIGRATABLE"
    #: Placement chose other resource providers, or another number of them.
    PROVIDER = "PROVIDER"
    #: Too far from the guest's cells for the request's policy.
    NUMA = "NUMA"
    #: Must be spread, and nobody knows what the device fails with.
    SPREAD_DOMAIN_UNKNOWN = "SPREAD_DOMAIN_UNKNOWN"
    #: Devices fit, but their link is bad and link_policies excludes them.
    LINK_DOWN = "LINK_DOWN"
    #: Devices fit, but there are fewer than the request wants.
    COUNT = "COUNT"
    #: Only by using a PF whole and a child of it at once.
    PF_AND_VF_CONFLICT = "PF_AND_VF_CONFLICT"
    #: Only with two devices of a spread group in one fault domain.
    SPREAD = "SPREAD"
    #: Each request alone can be served, but not all of them together.
    CONTENTION = "CONTENTION"
    #: Undecided: the search ended at its node budget.
    SEARCH_LIMIT = "SEARCH_LIMIT"
