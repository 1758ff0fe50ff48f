"""The figure all figures are: texts on it are what they say, whatever they say.

Names of classes, concepts and files are strangers' texts. matplotlib would set what is
between two dollar signs as a formula, and fail where it is none; a letter that its font
lacks would be a warning, and a very long name would leave no room for the axes.
"""

import warnings
from typing import Any

import matplotlib
from matplotlib import figure
from matplotlib.text import Text

from jaxdissect.errors import printable

LONGEST = 100
"""Letters of a line."""
LONGEST_TICK = 40
"""Letters of what stands at a tick."""

HARMLESS = ("Glyph", "constrained_layout not applied", "Tight layout not applied")
"""How warnings begin about letters that fonts lack, and names that need much room."""


class Figure(figure.Figure):
    """A figure whose texts are plain, and not too long.

    >>> made = Figure()
    >>> title = made.subplots().set_title(r"costs $\\frac$ and $")
    >>> made.draw_without_rendering()
    >>> title.get_text()
    'costs $\\\\frac$ and $'
    """

    def draw(self, renderer: Any) -> None:
        """As the base class."""
        for axes in self.get_axes():
            for axis in (axes.xaxis, axes.yaxis):
                _shorten(axis.get_major_formatter())
        for text in self.findobj(Text):
            assert isinstance(text, Text)
            text.set_parse_math(False)
            text.set_text(shown(text.get_text(), LONGEST))
        # Ticks may be made while drawing.
        with (
            matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}),
            warnings.catch_warnings(),
        ):
            for beginning in HARMLESS:
                warnings.filterwarnings("ignore", message=beginning)
            super().draw(renderer)


def shown(text: str, longest: int) -> str:
    r"""A text of one or several lines, each `printable`.

    >>> shown("first\nsecond\x00", 5)
    'first\nsec…0'
    """
    if len(text) <= longest and text.isprintable():
        return text
    lines = text.split("\n", maxsplit=3)
    return "\n".join(printable(printable(line), longest) for line in lines)


def _shorten(formatter: Any) -> None:
    """Have what a formatter says at ticks cut, once and for all."""
    whole = formatter.format_ticks
    if "format_ticks" not in vars(formatter):
        formatter.format_ticks = lambda values: [
            shown(text, LONGEST_TICK) for text in whole(values)
        ]
