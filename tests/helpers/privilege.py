# SPDX-License-Identifier: Apache-2.0
"""Lets a test that runs as root be an ordinary user for a while."""

from collections.abc import Iterator
import contextlib
import os

_NOBODY = 65534


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Give up root's right to read everything, within the block."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)
