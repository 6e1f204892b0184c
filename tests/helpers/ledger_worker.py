# SPDX-License-Identifier: Apache-2.0
"""A process that claims and releases until it is told to stop.

It runs whichever pci_sched comes first on PYTHONPATH. Each line that it
prints is a word: ``claimed`` for each claim that was made and released, and
at the end ``stopped``, or ``unfit`` with the reason.
"""

import pathlib
import sys
import time

import ledger_cases
from pci_sched import exception

#: What the process says.
CLAIMED, STOPPED, UNFIT = "claimed", "stopped", "unfit"


def work(url: str, stop: pathlib.Path) -> str:
    """Claim and release.

    :param url: Of the ledger.
    :param stop: Ends the work when it is there.
    :returns: The last line.
    """
    with ledger_cases.tracking(url) as tracker:
        while not stop.exists():
            instance = ledger_cases.uid()
            request = ledger_cases.ask(ledger_cases.VF, prefix=instance[:8])
            try:
                claim = tracker.claim(instance, request)
                tracker.confirm(claim.claim_id)
                tracker.release(instance)
            except exception.SchemaUnfit as unfit:
                return f"{UNFIT} {unfit}"
            sys.stdout.write(f"{CLAIMED}\n")
            sys.stdout.flush()
            # One that never rests leaves the others no turn.
            time.sleep(0.05)
    return STOPPED


if __name__ == "__main__":
    url_given, stop_given = sys.argv[1:]
    sys.stdout.write(work(url_given, pathlib.Path(stop_given)) + "\n")
