"""Names of files and folders as text that any page, table or terminal can show."""

import os

MARK = "\N{REPLACEMENT CHARACTER}"


def shown(name: str | os.PathLike[str]) -> str:
    """A file's name as text, different for different names.

    Names of files are bytes, and not all bytes are UTF-8. A byte that is none, and a
    control character, becomes "\ufffd" and two hexadecimal digits; a "\ufffd" that is
    there itself becomes two, so that no two names look alike.

    Args:
        name: as Python's functions for files give it, or a whole path.

    >>> shown(os.fsdecode(b"caf\\xe9.png")), shown("café.png")
    ('caf\ufffde9.png', 'café.png')
    """
    return "".join(map(_shown, os.fspath(name)))


def _shown(letter: str) -> str:
    code = ord(letter)
    if letter == MARK:
        return MARK + MARK
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is not UTF-8
        return f"{MARK}{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"{MARK}{code:02x}"
    return f"{MARK}u{code:04x}" if 0xD800 <= code <= 0xDFFF else letter
