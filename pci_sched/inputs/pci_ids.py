# SPDX-License-Identifier: Apache-2.0
"""Names of vendors and products, from the system's pci.ids file."""

import functools
import pathlib

from pci_sched import exception
from pci_sched.inputs import attributes

#: Where distributions keep the file: hwdata, Debian's pci.ids, FreeBSD.
PLACES = (
    pathlib.Path("/usr/share/hwdata/pci.ids"),
    pathlib.Path("/usr/share/misc/pci.ids"),
    pathlib.Path("/usr/local/share/pciids/pci.ids"),
)


class PciIds:
    """The names in one pci.ids file, looked up on demand.

    The file is searched and not parsed: a host has a handful of products and
    the file tens of thousands.
    """

    def __init__(self, data: bytes = b"") -> None:
        """Take the bytes of the file; none means that nothing has a name."""
        self._data = b"\n" + data
        self._name = functools.cache(self._find)

    @classmethod
    def read(cls, path: pathlib.Path | None = None) -> "PciIds":
        """Read a file, or the system's.

        :param path: The file; by default the first of the usual places.
        :returns: The names; none if the system has no such file.
        :raises exception.InputInvalid: If *path* is given and unreadable.
        """
        places = PLACES if path is None else (path,)
        for place in places:
            try:
                return cls(place.read_bytes())
            except OSError as error:
                if path is not None:
                    raise exception.InputInvalid(
                        f"{path}: cannot be read: {error.strerror}"
                    ) from error
        return cls()

    def name(self, vendor_id: str | None, product_id: str | None) -> str:
        """Name a product.

        :param vendor_id: Four lower-case hex digits.
        :param product_id: Four lower-case hex digits.
        :returns: The product's name, the vendor's where the product has
            none, "" where neither has.
        """
        return self._name(vendor_id, product_id)

    def _find(self, vendor_id: str | None, product_id: str | None) -> str:
        begin = self._line(f"\n{vendor_id}  ", 0, len(self._data))
        if begin < 0:
            return ""
        end = begin
        # A vendor's products follow it, indented, among comments.
        while self._data[end : end + 1] in (b"\t", b"#") or end == begin:
            end = self._data.find(b"\n", end) + 1
            if not end:
                end = len(self._data)
                break
        product = self._line(f"\n\t{product_id}  ", begin, end)
        return self._text(product if product >= 0 else begin)

    def _line(self, prefix: str, begin: int, end: int) -> int:
        """Find where the text behind a line's prefix begins, or -1."""
        place = self._data.find(prefix.encode(), begin, end)
        return place + len(prefix) if place >= 0 else -1

    def _text(self, begin: int) -> str:
        line, _end, _rest = self._data[begin : begin + 256].partition(b"\n")
        return attributes.clean(line.strip())
