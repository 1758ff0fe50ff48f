"""What units say of pictures, as one HTML page that needs nothing but a browser."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxdissect.pages import base
from jaxdissect.pages.numbers import MINUS

PALETTE_SIZE = 6
"""Colours in the style sheet; further categories begin again with the first."""

LEAST = 1e-3
"""Probabilities nearer to 0 or 1 are only said to be so."""

TIMES = "\N{MULTIPLICATION SIGN}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

NAMED = 3
"""Units for a class, and against it, that a sentence names."""


class Voice(NamedTuple):
    """A unit that speaks for a class, or against it.

    Attributes:
        unit: its number, 0-based.
        label: its best concept, any characters; empty for a unit without one.
        category: that concept's category, or empty.
        iou: its IoU with that concept, in [0, 1].
        is_detector: whether it passes the detector rule.
        drop: of the class's score without the unit, to first order; against where
            negative.
        share: of all that speaks for the class, or against it, in [0, 1].
        where: the picture as a `data:` address, coloured where the unit speaks.
        top_images: the first of the unit's own top images, likewise.
        link: to the unit in the dissection's report, or empty.
    """

    unit: int
    label: str
    category: str
    iou: float
    is_detector: bool
    drop: float
    share: float
    where: str
    top_images: tuple[str, ...]
    link: str


class ClassAnswer(NamedTuple):
    """A class asked about.

    Attributes:
        name: any characters.
        probability: in [0, 1].
        said: a sentence, from `sentence`.
        speaking: units for it, the strongest first.
        opposing: units against it, the strongest first.
    """

    name: str
    probability: float
    said: str
    speaking: Sequence[Voice]
    opposing: Sequence[Voice]


class PictureAnswer(NamedTuple):
    """What is said of a picture.

    Attributes:
        name: any characters.
        detail: what it is, or empty.
        picture: itself, as a `data:` address.
        best: (class, probability) of the most probable ones.
        classes: those asked about.
    """

    name: str
    detail: str
    picture: str
    best: Sequence[tuple[str, float]]
    classes: Sequence[ClassAnswer]


def render(
    title: str,
    facts: Mapping[str, str],
    answers: Sequence[PictureAnswer],
    categories: Sequence[str],
    *,
    score: str,
) -> str:
    """Write the page: predictions, and which units speak for and against them.

    All texts may hold any characters.

    Args:
        title: of the page.
        facts: what was asked and how, in reading order.
        answers: one for each picture.
        categories: of concepts, in the order of their colours.
        score: what gradients are of, "probability" or "logit".

    Returns:
        HTML, to be written in UTF-8.

    >>> one = ClassAnswer("farm", 0.93, "No unit speaks.", [], [])
    >>> answer = PictureAnswer("a.jpg", "", "data:,", [("farm", 0.93)], [one])
    >>> page = render("Why?", {"layer": "conv5"}, [answer], ["object"], score="logit")
    >>> page[:15], page.count('<section class="question"')
    ('<!doctype html>', 1)
    """
    template = base.environment(percent=percent, amount=amount).get_template(
        "explain.html.j2"
    )
    return template.render(
        title=title,
        facts=facts,
        answers=answers,
        colour={name: i % PALETTE_SIZE for i, name in enumerate(categories)},
        score=score,
    )


def sentence(
    name: str,
    probability: float,
    speaking: Sequence[tuple[int, str]],
    opposing: Sequence[tuple[int, str]],
) -> str:
    """Who speaks for a class, and who against it, in words.

    Args:
        name: of the class.
        probability: of it.
        speaking: (unit, what it detects or empty), the strongest first.
        opposing: the same of those against it.

    >>> sentence("farm", 0.93, [(12, "barn"), (7, "")], [])
    'farm (p 0.930): for it speak unit 12 (barn) and unit 7; against it none.'
    """
    verb = "speaks" if len(speaking) == 1 else "speak"
    return (
        f"{name} (p {chance(probability)}): for it {verb if speaking else 'speaks'} "
        f"{_listed(speaking)}; against it {_listed(opposing)}."
    )


def silence(name: str, probability: float, layer: str, score: str) -> str:
    """Why no unit says anything, in words.

    >>> silence("farm", 1.0, "conv5", "probability")
    'farm (p > 0.999): the probability has saturated, so that its gradients are all \
zero and units of conv5 cannot be told apart; ask again with --score logit.'
    """
    what = f"{name} (p {chance(probability)}): "
    if score == "logit":
        return f"{what}no unit of {layer} has a say, for or against."
    return (
        f"{what}the probability has saturated, so that its gradients are all zero and "
        f"units of {layer} cannot be told apart; ask again with --score logit."
    )


def chance(probability: float) -> str:
    """A probability in three digits; never rounded to 0 or 1.

    >>> chance(0.5), chance(0.00001), chance(0.99999)
    ('0.500', '< 0.001', '> 0.999')
    """
    if probability < LEAST:
        return f"< {LEAST}"
    if probability > 1 - LEAST:
        return f"> {1 - LEAST}"
    return f"{probability:.3f}"


def percent(probability: float) -> str:
    """The same in percent.

    >>> percent(0.5), percent(0.00001), percent(0.99999)
    ('50.0 %', '< 0.1 %', '> 99.9 %')
    """
    bound = {True: "< 0.1 %", False: "> 99.9 %"}
    if LEAST <= probability <= 1 - LEAST:
        return f"{100 * probability:.1f} %"
    return bound[probability < LEAST]


def amount(value: float) -> str:
    """A number of any size in two digits, with its sign.

    >>> amount(0.2), amount(12.34), amount(3.2e-7) == f"+3.2 {TIMES} 10⁻⁷"
    ('+0.20', '+12', True)
    """
    digits, _, power = f"{value:+#.2g}".rstrip(".").partition("e")
    if power:
        raised = str(int(power)).translate(SUPERSCRIPTS)
        digits = f"{digits} {TIMES} 10{raised}"
    return digits.replace("-", MINUS)


def _listed(units: Sequence[tuple[int, str]]) -> str:
    named = [f"unit {n} ({label})" if label else f"unit {n}" for n, label in units]
    *others, last = named[:NAMED] or ["none"]
    return f"{', '.join(others)} and {last}" if others else last
