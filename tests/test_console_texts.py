"""Strangers' texts on the console and on pages do nothing there."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdissect.errors import BadInput, escaped, printable
from jaxdissect.pages import base as pages
from jaxdissect.runs import console

HARMFUL = "\x1b[31m\r\x00\x07\u202e\u2066\u2028\x85\ud800"


@given(st.text(alphabet=st.characters()), st.integers(8, 400))
def test_what_is_printable_is_one_short_line(text, longest):
    said = printable(text, longest)
    assert not set(said) & set("\n\r\x1b\x00\u202e\u2028") and "\ud800" not in said
    assert len(said) <= 10 * longest
    assert escaped(said) == said
    said.encode()


def test_harmless_texts_are_as_they_are():
    for text in ("straße 家 🌳", "a b", "", "नमस्ते", "x" * 300):
        assert printable(text) == text


def test_the_console_escapes_what_a_terminal_obeys():
    inner = io.StringIO()
    console.Forgiving(inner).write(f"a\tb\n{HARMFUL}")
    said = inner.getvalue()
    assert said.startswith("a\tb\n\\x1b[31m\\r\\x00\\x07\\u202e")
    assert said.replace("\n", "").replace("\t", "").isprintable()


def test_pages_escape_them_too():
    made = pages.environment().from_string("<p title='{{ name }}'>{{ name }}</p>")
    page = made.render(name=f"<{HARMFUL}>")
    assert "&lt;\\x1b[31m" in page and page.isprintable()
    page.encode()


def test_messages_are_printable():
    with pytest.raises(BadInput) as error:
        raise BadInput(f"`layer` is {HARMFUL}{'o' * 100_000}, which is none; b")
    said = str(error.value)
    assert said.isprintable() and len(said) < 400 and said.endswith("is none; b")
