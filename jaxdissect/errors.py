"""What a caller can put right, and how a stranger's text is shown; imports no JAX."""

import re
import unicodedata

BIDI = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Characters that turn the order of what follows them."""


def printable(text: str, longest: int = 900) -> str:
    r"""A stranger's text as one line that does nothing to a terminal, page or figure.

    Control characters and those that turn the order of letters are escaped; words of
    more than 300 characters, and texts of more than `longest`, lose their middle.

    >>> printable("a\x1b[31m\nb"), printable("straße 家"), printable("o" * 9, longest=5)
    ('a\\x1b[31m\\nb', 'straße 家', 'ooo…o')
    """
    if len(text) > 300:
        text = re.sub(r"\S{301,}", lambda word: _cut(word[0], 140), text)
    return escaped(_cut(text, longest))


def escaped(text: str, kept: str = "") -> str:
    r"""A text whose control characters, and those that turn letters, are escaped.

    >>> escaped("a\x1b[2J\n", kept="\n")
    'a\\x1b[2J\n'
    """
    if text.isprintable():
        return text
    return "".join(char if char in kept else _escaped(char) for char in text)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def _escaped(char: str) -> str:
    harmless = unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
    if harmless and char not in BIDI:
        return char
    return char.encode("unicode_escape").decode()


class BadInput(ValueError):
    """A value the caller can put right.

    The message is one sentence that names the argument, key or file, what was found
    and what is allowed. Scripts print it as it is and exit with code 2; whatever names
    of strangers it holds, it is `printable`.
    """

    def __str__(self) -> str:
        return printable(super().__str__())
