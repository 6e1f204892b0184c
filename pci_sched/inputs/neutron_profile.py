# SPDX-License-Identifier: Apache-2.0
"""The binding profile of a port, in Neutron's API or in Nova's cache."""

from collections.abc import Mapping

from pci_sched.inputs import option_value


def read_capabilities(profile: object) -> frozenset[str] | None:
    """Read which capabilities a profile asks for, such as ``switchdev``.

    :param profile: ``binding:profile``; none if the caller may not see it.
    :returns: ``None`` if nobody knows.
    """
    if not isinstance(profile, Mapping):
        return None
    capabilities = profile.get("capabilities", [])
    if not isinstance(capabilities, list):
        return None
    return frozenset(each for each in capabilities if isinstance(each, str))


def read_trusted(profile: object) -> bool | None:
    """Read whether a profile asks for a trusted device.

    Any word that does not mean yes means no, as in
    ``nova.network.neutron.API._get_trusted_mode_from_port``.

    :param profile: As for :func:`read_capabilities`.
    :returns: ``None`` if it says nothing of it, or nobody knows.
    """
    trusted = profile.get("trusted") if isinstance(profile, Mapping) else None
    return None if trusted is None else bool(option_value.read_bool(trusted))
