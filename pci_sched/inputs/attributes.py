# SPDX-License-Identifier: Apache-2.0
"""Single attributes of a sysfs tree, which may be anything or nothing.

Everything here answers in the model's two kinds of nothing: ``""`` for what
is not there, ``None`` for what is there and cannot be known (unreadable,
empty, of another form). No error of the file system leaves this module.
"""

import os

_PAGE = 4096

# Longer than any name or identifier of the kernel, and what a host document
# can hold.
_LONGEST = 1024

#: The largest count or index that is believed; the kernel's are 16 bits wide.
MAX_NUMBER = 0xFFFF

# A tree from outside may hold a FIFO where a file should be: never wait.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def plain(text: str) -> str:
    r"""Make text from outside safe to show.

    :param text: Any text.
    :returns: The text; characters that do not print (among them those that
        steer a terminal) become ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def clean(raw: bytes) -> str:
    r"""Turn bytes from outside into text that is safe to show.

    :param raw: Any bytes.
    :returns: The text as :func:`plain` makes it; bytes that are not UTF-8
        become ``\xNN``.
    """
    return plain(raw.decode("utf-8", "backslashreplace"))


def read_bytes(path: str) -> bytes | None:
    """Read at most a page.

    :param path: The file.
    :returns: Its bytes, ``b""`` if there is no such file, ``None`` if it
        cannot be read or is empty.
    """
    try:
        handle = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError:
        return None
    try:
        return os.read(handle, _PAGE) or None
    except OSError:
        return None
    finally:
        os.close(handle)


def read_text(path: str) -> str | None:
    """Read an attribute of one line.

    :param path: The file.
    :returns: The line without its end, ``""`` if there is no such file,
        ``None`` if it cannot be read, is empty, or too long to be one.
    """
    raw = read_bytes(path)
    if not raw:
        return "" if raw is not None else None
    text = clean(raw.strip())
    return text if 0 < len(text) <= _LONGEST else None


def parse_int(
    text: str | None, base: int = 10, limit: int = MAX_NUMBER
) -> int | None:
    """Read a number, not negative.

    :param text: What should be a number.
    :param base: 10, or 16 with or without a leading 0x.
    :param limit: The largest number that is believed.
    :returns: The number; ``None`` for all that is none, and for the
        negative ones by which the kernel says "no".
    """
    if not text or "_" in text or not text.isascii():
        # What Python takes for a number and the kernel never writes.
        return None
    try:
        number = int(text, base)
    except ValueError:
        return None
    return number if 0 <= number <= limit else None


def read_int(path: str, base: int = 10, limit: int = MAX_NUMBER) -> int | None:
    """Read an attribute that is a number, as :func:`parse_int` does.

    :param path: The file.
    :param base: 10 or 16.
    :param limit: The largest number that is believed.
    :returns: The number, if it is one.
    """
    return parse_int(read_text(path), base, limit)


def read_hex(path: str, digits: int) -> str | None:
    """Read an identifier such as ``0x8086``.

    :param path: The file.
    :param digits: How many hex digits the identifier has.
    :returns: Exactly *digits* lower-case hex digits, without the 0x.
    """
    number = read_int(path, 16, 16**digits - 1)
    return None if number is None else f"{number:0{digits}x}"


def read_target(path: str) -> str | None:
    """Read where a link points to, whether or not that is there.

    :param path: The link.
    :returns: Its target as written, ``""`` if there is no such link,
        ``None`` if it cannot be read or is no link.
    """
    try:
        target = os.readlink(path)
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    return target if target.isprintable() else clean(os.fsencode(target))


def read_target_name(path: str) -> str | None:
    """Read the last part of where a link points to.

    :param path: The link, such as a function's ``driver``.
    :returns: The name, ``""`` if there is no such link, ``None`` if it
        cannot be read, is no link, or too long to be a name.
    """
    target = read_target(path)
    if not target:
        return target
    name = target.rstrip("/").rpartition("/")[2]
    return name if 0 < len(name) <= _LONGEST else None


def list_names(path: str) -> tuple[str, ...] | None:
    """List a directory.

    :param path: The directory.
    :returns: The names as the file system has them, sorted; empty if there
        is no such directory, ``None`` if it cannot be read.
    """
    try:
        return tuple(sorted(os.listdir(path)))
    except FileNotFoundError:
        return ()
    except OSError:
        return None
