# SPDX-License-Identifier: Apache-2.0
"""The states of a claim and what leads from one to the next, as one table."""

from collections.abc import Mapping
import enum
from typing import Final


class ClaimState(enum.StrEnum):
    """How far a claim has come; the last two are its ends.

    Of a live claim the devices are held. An ended claim holds nothing and is
    only in the history.
    """

    CLAIMED = "claimed"
    ALLOCATED = "allocated"
    FREED = "freed"
    ABORTED = "aborted"

    @property
    def is_live(self) -> bool:
        """Whether devices are held."""
        return self in (ClaimState.CLAIMED, ClaimState.ALLOCATED)


class Act(enum.StrEnum):
    """What is done to a claim; the words of the history."""

    CLAIM = "claim"
    ATTACH = "attach"
    CONFIRM = "confirm"
    ABORT = "abort"
    EXPIRE = "expire"
    DETACH = "detach"
    RELEASE = "release"
    FINISH_MOVE = "finish_move"
    REVERT_MOVE = "revert_move"
    #: Written by a repair, after what an authority says.
    ADOPT = "adopt"
    #: Written by a repair, where the history told otherwise: how a claim is.
    #: The claim itself does not change by it.
    RESTATE = "restate"
    #: These are done to devices.
    SYNC = "sync"
    QUARANTINE = "quarantine"
    CLEAR = "clear"


_NONE: Final = None
_CLAIMED: Final = ClaimState.CLAIMED
_ALLOCATED: Final = ClaimState.ALLOCATED
_FREED: Final = ClaimState.FREED
_ABORTED: Final = ClaimState.ABORTED

#: From a state, by an act, to a state; what is not listed may not happen.
#: ``None`` is the state of a claim that is not there yet. The side of a move
#: that stays is confirmed by the end of the move.
TABLE: Final[Mapping[tuple[ClaimState | None, Act], ClaimState]] = {
    (_NONE, Act.CLAIM): _CLAIMED,
    (_NONE, Act.ATTACH): _CLAIMED,
    (_NONE, Act.ADOPT): _ALLOCATED,
    (_CLAIMED, Act.CONFIRM): _ALLOCATED,
    (_ALLOCATED, Act.CONFIRM): _ALLOCATED,
    (_CLAIMED, Act.ABORT): _ABORTED,
    (_CLAIMED, Act.EXPIRE): _ABORTED,
    (_CLAIMED, Act.DETACH): _FREED,
    (_ALLOCATED, Act.DETACH): _FREED,
    (_CLAIMED, Act.RELEASE): _FREED,
    (_ALLOCATED, Act.RELEASE): _FREED,
    (_CLAIMED, Act.FINISH_MOVE): _FREED,
    (_ALLOCATED, Act.FINISH_MOVE): _FREED,
    (_CLAIMED, Act.REVERT_MOVE): _ABORTED,
    (_ALLOCATED, Act.REVERT_MOVE): _FREED,
}


def following(state: ClaimState | None, act: Act) -> ClaimState | None:
    """Tell where an act leads.

    :param state: Of the claim; ``None`` before there is one.
    :param act: What is done to it.
    :returns: The next state; ``None`` if it may not happen.
    """
    return TABLE.get((state, act))
