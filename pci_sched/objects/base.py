# SPDX-License-Identifier: Apache-2.0
"""What all versioned objects share."""

from typing import Any, ClassVar

from oslo_utils import versionutils
from oslo_versionedobjects import base

#: In a registry that all libraries of a process share, ours start so.
PREFIX = "PciSched"


class PciSchedObject(base.VersionedObject):
    """A value as it leaves the process.

    A minor version adds fields and never changes one, so that an older reader
    can be given all that it knows.

    :cvar since: The version that added a field, of those that came later than
        1.0.
    """

    OBJ_PROJECT_NAMESPACE = "pci_sched"
    OBJ_SERIAL_NAMESPACE = "pci_sched_object"

    since: ClassVar[dict[str, str]] = {}

    @classmethod
    def obj_name(cls) -> str:
        """Name the object in documents."""
        return f"{PREFIX}{cls.__name__}"

    def obj_make_compatible(
        self, primitive: dict[str, Any], target_version: str
    ) -> None:
        """Take out what a reader of an older version does not know.

        :param primitive: Is changed.
        :param target_version: What the reader knows.
        """
        super().obj_make_compatible(primitive, target_version)
        for name in self.since:
            if not self.has_field(name, target_version):
                primitive.pop(name, None)

    @classmethod
    def has_field(cls, name: str, version: str) -> bool:
        """Tell whether a version of the object has a field.

        :param name: Of the field.
        :param version: Of the object.
        :returns: Whether it was added by then.
        """
        as_tuple = versionutils.convert_version_to_tuple
        return as_tuple(cls.since.get(name, "1.0")) <= as_tuple(version)
