# SPDX-License-Identifier: Apache-2.0
"""Faults of ours that must not become faults of Nova's."""

from collections.abc import Callable, Iterator
import contextlib

#: Far more than anybody reads, and an end to what is remembered.
_MOST_WORDS = 100


class Faults:
    """Says each kind of fault once, however often it happens.

    A fault that comes with one host of a request mostly comes with all of
    them, and with the next request again.
    """

    def __init__(self, say: Callable[..., None]) -> None:
        """Say nothing yet.

        :param say: Such as a method of a logger.
        """
        self._say = say
        self._said: set[tuple[str, type]] = set()
        self._words: dict[str, set[str]] = {}

    def note(self, what: str, error: Exception | str) -> None:
        """Say what happened, unless a fault of the kind was said before.

        :param what: What happens instead of what was wanted.
        :param error: Why. Exceptions of one type are of one kind, and so are
            all words.
        """
        kind = (what, type(error))
        if kind in self._said:
            return
        self._said.add(kind)
        if isinstance(error, str):
            self._say("%s: %s (said once)", what, error)
        else:
            name = type(error).__name__
            self._say(
                "%s: %s: %s (said once)", what, name, error, exc_info=error
            )

    @contextlib.contextmanager
    def catching(self, what: str) -> Iterator[None]:
        """Leave a block at its first fault, note it, and go on behind it.

        :param what: As for :meth:`note`.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - Nova goes on, whatever
            self.note(what, error)

    def note_each(self, what: str, words: str) -> None:
        """Say what somebody wrote that makes no sense, unless it was said.

        :param what: What happens instead of what was wanted.
        :param words: Where it is and what is wrong. Other words are said
            again, until there were a hundred.
        """
        said = self._words.setdefault(what, set())
        if words in said or len(said) == _MOST_WORDS:
            return
        said.add(words)
        last = (
            "; no more of these are said" if len(said) == _MOST_WORDS else ""
        )
        self._say("%s: %s (said once%s)", what, words, last)
