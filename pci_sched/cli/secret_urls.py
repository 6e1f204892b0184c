# SPDX-License-Identifier: Apache-2.0
"""Passwords on the command line, out of sight before anything is done.

Parsers, logs and errors repeat what they were given. So they are given URLs
without anything secret, and only the verb that connects asks for the whole.
"""

from collections.abc import Iterable
import re

#: What stands for what is not shown.
HIDDEN = "***"

# Greedy: a password may have any of the characters that end a URL's parts.
_PASSWORD = re.compile(r"([A-Za-z][\w+.-]*://[^:/?#@\s]*):.*@", re.S)
_QUERY = re.compile(r"([A-Za-z][\w+.-]*://[^?]*)\?.+", re.S)


def hide(text: str) -> str:
    """Take what may be secret out of a URL within a text.

    :param text: An argument of a command line.
    :returns: The same without a password and without what follows a ``?``.
    """
    text = _PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _QUERY.sub(rf"\1?{HIDDEN}", text)


class Vault:
    """The arguments of a command line, and what was hidden in them.

    :ivar shown: The arguments, nothing secret in them.
    """

    def __init__(self, argv: Iterable[str]) -> None:
        """Hide what is secret.

        :param argv: The arguments.
        """
        given = list(argv)
        # Who repeats what is shown has not asked for what is hidden.
        values = [_split(each)[1] for each in given]
        self._whole = {each: each for each in values if hide(each) == each}
        self.shown = [self._hide(each) for each in given]

    def whole(self, shown: str) -> str:
        """Give a value as it was.

        :param shown: The value of an argument.
        :returns: With what was hidden.
        """
        return self._whole.get(shown, shown)

    def _hide(self, argument: str) -> str:
        option, value = _split(argument)
        shown = hide(value)
        while self._whole.setdefault(shown, value) != value:
            shown = shown.replace(HIDDEN, f"{HIDDEN}*", 1)
        return f"{option}{shown}"


def _split(argument: str) -> tuple[str, str]:
    """Tell the value, which alone is asked for, however it was written."""
    option, equals, value = argument.partition("=")
    if equals and option.startswith("--"):
        return f"{option}{equals}", value
    return "", argument
