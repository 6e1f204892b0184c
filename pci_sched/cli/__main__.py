# SPDX-License-Identifier: Apache-2.0
"""The process ``pci-pool``, and ``python -m pci_sched.cli``."""

import gc
import os
import signal
import sys

# What a shell says of a process that the signal ended.
_BROKEN_PIPE = 128 + signal.SIGPIPE


def run() -> int:
    """Run ``pci-pool`` as a process of its own.

    The search for garbage is switched off before anything is imported: the
    process ends before any would pile up, and the search is a tenth of the
    time of a small dump.

    :returns: The exit code.
    """
    gc.disable()
    _open_streams()
    from pci_sched.cli import main

    return _flush(main.main())


def _open_streams() -> None:
    """Have a stream wherever a shell closed one, as by ``>&-``.

    Else the next file that is opened would be taken for it. In this order,
    each gets the number that is its own.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _flush(code: int) -> int:
    """Write what is still buffered, while its failure can be told."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would try once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return _BROKEN_PIPE
        if not code:
            sys.stderr.write(f"standard output: {error.strerror}\n")
        return code or 1
    return code


if __name__ == "__main__":
    sys.exit(run())
