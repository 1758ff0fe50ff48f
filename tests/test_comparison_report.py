"""The comparison's page and tables, on made-up dissections."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from jaxdissect import dissection
from jaxdissect.dissection import PNAS20, Dissection, label_units, matching
from jaxdissect.dissection import matching as comparison
from jaxdissect.dissection.matching import Side
from jaxdissect.errors import BadInput
from jaxdissect.experiments.contrast import page as comparison_report
from jaxdissect.experiments.contrast.tables import comparison_tables, pairs
from jaxdissect.experiments.dissect import cards
from jaxdissect.pages.numbers import MINUS

NASTY = '</script><b title="x">'
CONCEPTS = [("tree", "object"), (NASTY, "object"), ("roof", "part"), ("red", "colour")]
OTHERS = [*CONCEPTS[1:], ("sky", "object")]
CATEGORIES = ("object", "part", "colour")

# Units by number: kept, relabelled, gained, lost, neither; the first side has one more.
A = [[0.05, 0.3, 0, 0], [0, 0, 0.2, 0.1], [0, 0.03, 0, 0],
     [0, 0, 0, 0.12], [0, 0, 0, 0], [0.1, 0, 0, 0]]  # fmt: skip
B = [[0.2, 0, 0, 0], [0, 0.1, 0.15, 0], [0.09, 0, 0, 0],
     [0, 0, 0.02, 0], [0, 0, 0, 0.01]]  # fmt: skip
STATUS = ["kept", "relabelled", "gained", "lost", "neither", "unmatched"]


def side(iou, concepts):
    iou = np.array(iou, float)
    return Side(Dissection(np.ones(len(iou)), None, iou, label_units(iou)), concepts)


def shown(one, name, **facts):
    result, concepts = one
    strips = [f"data:,{name[-1]}{unit}" for unit in range(len(result.iou))]
    units = cards.unit_cards(result, concepts, strips, [["farm"]] * len(strips))
    numbers = dissection.headline(result, concepts, PNAS20)
    return comparison_report.Shown(name, facts, numbers, units)


def compared(first=A, second=B, clear=None):
    a, b = side(first, CONCEPTS), side(second, OTHERS)
    units = np.arange(min(len(first), len(second)))
    matched = matching.Matching(units, units, np.linspace(1, 0.5, len(units)))
    changes = comparison.unit_changes(a, b, matched)
    left = shown(a, f"A {NASTY} a", network="tiny", seed="0", epoch="1")
    right = shown(b, "epoch 2 b", network="tiny", seed="1", images="9")
    both = pairs(left.cards, right.cards, changes, clear=clear)
    return left, right, comparison.concept_changes(a, b), both


def page_of(*args, **kwargs):
    return comparison_report.render("conv5", *compared(*args, **kwargs), CATEGORIES)


def page_data(page):
    pattern = r'<script type="application/json" id="page-data">(.*?)</script>'
    return json.loads(re.search(pattern, page, re.DOTALL)[1])


def article(page, number):
    pattern = rf'<article[^>]*id="pair-{number}".*?</article>'
    return re.search(pattern, page, re.DOTALL)[0]


def words(text):
    """What is to be read, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


# Pairs and tables


def test_every_unit_is_in_one_pair():
    *_, both = compared()
    assert [pair.status for pair in both] == STATUS
    assert [pair.first.unit for pair in both] == list(range(6))
    assert [pair.second and pair.second.unit for pair in both] == [0, 1, 2, 3, 4, None]
    alone = both[-1]
    assert (alone.similarity, alone.iou_change, alone.is_clear) == (None, None, None)


def test_units_of_the_second_alone_come_last():
    *_, both = compared(A[:1], B)
    assert [pair.second.unit for pair in both] == list(range(5))
    assert [pair.first is None for pair in both] == [False] + [True] * 4


def test_tables_hold_what_the_comparison_found():
    left, right, concepts, both = compared(clear=np.array([True] + [False] * 4))
    found = comparison_tables(both, concepts)
    columns = found["units"].columns
    rows = [dict(zip(columns, row, strict=True)) for row in found["units"].rows]
    assert [row["status"] for row in rows] == STATUS
    assert [row["unit_a"] for row in rows] == list(range(6))
    assert [row["iou_a"] for row in rows] == [card.iou for card in left.cards]
    assert [row["label_b"] for row in rows[:5]] == [card.label for card in right.cards]
    assert rows[0]["clear"] is True and rows[1]["clear"] is False
    assert rows[0]["iou_change"] == pytest.approx(-0.1)
    alone = ("unit_b", "iou_b", "same_label", "similarity", "iou_change", "clear")
    assert {rows[5][name] for name in alone} == {""}
    assert found["concepts"].rows[1:] == [
        [NASTY, "object", 1, 2, 0.3, 0.2, "kept"],
        ["roof", "part", 1, 0, 0.2, 0.1, "lost"],
        ["red", "colour", 1, 1, 0.12, 0.15, "kept"],
        ["sky", "object", 0, 0, 0.0, 0.01, "unshared"],
    ]


def test_pairs_that_cannot_be_made_are_refused():
    left, right, _, _ = compared()
    same = matching.match_by_number(np.ones((5, 5)))
    units = comparison.unit_changes(side(A, CONCEPTS), side(B, OTHERS), same)
    with pytest.raises(BadInput, match="`second` has no card of unit 4"):
        pairs(left.cards, right.cards[:4], units)
    with pytest.raises(BadInput, match="`clear` has 2 entries for 5"):
        pairs(left.cards, right.cards, units, clear=np.ones(2, bool))


# Page


def test_every_pair_shows_both_units_and_their_images():
    page = page_of()
    for number, (a, b) in enumerate(zip(A[:5], B, strict=True)):
        shown_pair = article(page, number)
        assert f'src="data:,a{number}"' in shown_pair
        assert f'src="data:,b{number}"' in shown_pair
        for iou in (a, b):
            assert f"{max(iou):.3f} IoU" in words(shown_pair)
    assert "no counterpart" in words(article(page, 5))
    assert "no label" in words(article(page, 4))


def test_pairs_say_what_became_of_the_unit():
    page = page_of()
    for number, status in enumerate(STATUS):
        said = words(article(page, number))
        assert said.startswith(comparison_report.UNIT_STATUS[status])
        is_changed = 'class="pair changed"' in article(page, number)
        assert is_changed == (number in (1, 2, 3))
    assert f"IoU {MINUS}0.100" in words(article(page, 0))
    assert "IoU +0.060 similarity 0.75" in words(article(page, 2))


def test_pairs_are_in_order_of_iou_without_a_script():
    found = re.findall(r'<article[^>]*id="pair-(\d+)"', page_of())
    assert found == ["0", "1", "3", "2", "4", "5"]


def test_headline_stands_side_by_side():
    page = words(page_of())
    assert f"rule, by IoU 4 of 6 units 3 of 5 units {MINUS}1 sign" in page
    assert f"of any unit with a concept 0.300 0.200 {MINUS}0.100" in page
    assert "3 of 5 matched units have the same label on both sides, 1 of them" in page


def test_significance_is_shown_and_where_it_was_not_tested_that_is_said():
    left, right, *rest = compared()
    said = "match their label beyond chance chance not tested chance not tested"
    assert said in words(page_of())
    left, right = (
        one._replace(headline=one.headline._replace(significant_detectors=n))
        for one, n in ((left, 4), (right, 1))
    )
    page = words(comparison_report.render("conv5", left, right, *rest, CATEGORIES))
    assert f"match their label beyond chance 4 1 {MINUS}3" in page
    left = left._replace(headline=left.headline._replace(significant_detectors=None))
    page = words(comparison_report.render("conv5", left, right, *rest, CATEGORIES))
    assert "match their label beyond chance chance not tested 1" in page


def test_facts_are_told_apart_where_they_differ():
    page = words(page_of())
    assert "The same on both sides: network tiny." in page
    assert "seed 0 1 epoch 1 images 9" in page


def test_concepts_are_grouped_with_their_counts():
    page = page_of()
    sections = r'aria-labelledby="group-(\w+)">(.*?)</section>'
    groups = {k: words(text) for k, text in re.findall(sections, page, re.DOTALL)}
    assert set(groups) == {"gained", "lost", "kept", "unshared"}
    assert groups["gained"].endswith("none")
    assert groups["lost"].endswith("roof 1 → 0")
    assert groups["kept"].endswith(f"{NASTY} 1 → 2 red 1 → 1")
    assert groups["unshared"].endswith("tree 1 → 0")
    assert "0 concepts are detected on neither side" in words(page)


def test_intervals_are_mentioned_where_there_are_any():
    assert "interval" not in words(page_of())
    page = page_of(clear=np.array([True, False, False, False, False]))
    assert "more than the intervals allow" in words(article(page, 0))
    assert "within the intervals" in words(article(page, 1))
    assert "have no value in common" in words(page)


def test_texts_are_escaped_and_the_page_refers_to_nothing_outside():
    page = page_of()
    assert NASTY not in page and "<b title" not in page
    assert page_data(page)[0]["a"] == [0, NASTY, "object", 0.3]
    assert not re.search(r"https?:|//[a-z]+\.|@import|<link", page)
    assert {source[:6] for source in re.findall(r'src="([^"]*)"', page)} == {"data:,"}


def test_sides_without_detectors_make_a_page():
    nothing = [[0, 0, 0, 0]] * 2
    assert "0 of 2 matched units have the same label" in words(
        page_of(nothing, nothing)
    )


# The script, in a browser


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Opens the page at an address fragment and gives the DOM the script made."""
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed; the page's script needs a browser")
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(page_of(), encoding="utf-8")
    switches = "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync"
    place = (folder / "page.html").as_uri()

    def dom(fragment):
        profile = f"--user-data-dir={folder / 'profile'}"
        command = ["chromium", *switches.split(), profile, "--dump-dom"]
        command.append(f"{place}#{fragment}")
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60
        ).stdout

    return dom


@pytest.mark.parametrize(
    ("fragment", "order"),
    [
        ("changed=only", [1, 3, 2]),
        ("find=red&sort=unit", [1, 3]),
        ('concept=["roof","part"]', [1]),
        ("status=kept&status=neither&status=unmatched&sort=similarity", [0, 4, 5]),
        ("sort=change", [3, 0, 2, 1, 4, 5]),
        ("sort=iou", [0, 1, 3, 2, 4, 5]),
    ],
)
def test_script_filters_and_sorts(opened, fragment, order):
    dom = opened(fragment)
    tags = re.findall(r'<article[^>]*id="pair-\d"[^>]*>', dom)
    visible = [tag for tag in tags if "hidden" not in tag]
    assert [int(re.search(r"pair-(\d)", tag)[1]) for tag in visible] == order
    assert len(tags) == 6 and f"{len(order)} of 6</output>" in dom
