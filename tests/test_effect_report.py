"""What units do, on the report page; and cards kept in a file, on made-up numbers."""

import html
import json
import math
import re
import shutil
import subprocess

import pytest

from jaxdissect.dissection import PNAS20
from jaxdissect.dissection.tally import Headline
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import cards
from jaxdissect.experiments.dissect import page as dissection_report
from jaxdissect.experiments.dissect.cards import Match, UnitCard
from jaxdissect.experiments.dissect.effect_cards import (
    ClassCard,
    ClassUnit,
    Service,
    UnitEffects,
)

CATEGORIES = ("object", "part")
NASTY = '</script><b title="x">&'
NOTHING = (0.0, 0.0, 0.0)
MARKS = ("effects", "relies", 'id="classes"', "served", "nats", "bootstrap", "costs")


def unit_cards():
    labels = [("tree", "object"), ("roof", "part"), ("", ""), ("car", "object")]
    next_best = Match("red", "object", 0.02)
    return [
        UnitCard(
            unit,
            *label,
            0.2 - 0.05 * unit if label[0] else 0.0,
            bool(label[0]),
            0.1 + unit / 3,
            "data:,",
            ("farm", "street"),
            (Match(*label, 0.2 - 0.05 * unit), next_best) if label[0] else (),
        )
        for unit, label in enumerate(labels)
    ]


def unit_effects(name="farm"):
    """Unit 1 is the street's; unit 3 serves the class `name` most; unit 2 nothing."""
    return [
        UnitEffects(0.0024, -0.001, 0.0061, (Service(name, *NOTHING, 0.014, False),)),
        UnitEffects(
            -0.0016,
            -0.003,
            0.0,
            (
                Service("street", 0.12345, 0.1, 0.1512, 1.234, True),
                Service(name, -0.002, -0.004, 0.00001, 0.006, False),
            ),
        ),
        UnitEffects(*NOTHING, ()),
        UnitEffects(0.01, 0.0, 0.02, (Service(name, 0.03, 0.01, 0.05, 0.5, True),)),
    ]


def class_cards(name="farm"):
    units = (
        ClassUnit(3, "car", "object", 0.05, 0.03, 0.01, 0.05, 0.5),
        ClassUnit(2, "", "", 0.0, *NOTHING, 0.004),
    )
    street = ClassUnit(1, "roof", "part", 0.15, 0.12345, 0.1, 0.1512, 1.234)
    return [
        ClassCard(name, 0.975, 0.9861, units),
        ClassCard("street", 1.0, 0.9996, (street,)),
        ClassCard("park", 0.9, 0.95, ()),
    ]


def page_of(**kwargs):
    found = unit_cards()
    numbers = Headline(3, 4, 3, 3, 0.2, 0.1)
    facts = {"network": "tiny"}
    return dissection_report.render(
        "Layer conv5", facts, numbers, found, CATEGORIES, PNAS20, **kwargs
    )


def full_page(name="farm"):
    return page_of(effects=unit_effects(name), classes=class_cards(name))


def page_data(page):
    pattern = r'<script type="application/json" id="page-data">(.*?)</script>'
    return json.loads(re.search(pattern, page, re.DOTALL)[1])


def text(markup):
    """What a reader sees, in one line."""
    words = html.unescape(re.sub(r"<[^>]*>", "", markup)).split()
    return " ".join(words).replace("\N{MINUS SIGN}", "-")


def card_html(page, unit):
    return re.search(rf'<article[^>]*id="unit-{unit}".*?</article>', page, re.DOTALL)[0]


def classes_html(page):
    return re.search(r'<section id="classes".*?</section>', page, re.DOTALL)[0]


def without(value, number):
    """A named tuple with one of its fields, at any depth, set to a number."""
    for name, part in value._asdict().items():
        if isinstance(part, float):
            yield value._replace(**{name: number})
        elif isinstance(part, tuple) and part:
            for changed in without(part[0], number):
                yield value._replace(**{name: (changed, *part[1:])})


# What the page says


def test_page_without_effects_shows_none():
    page = page_of()
    assert page == page_of(effects=(), classes=[])
    assert not [mark for mark in MARKS if mark in page]
    assert page_data(page).keys() == {"categories", "units"}


def test_effects_only_add_to_the_page():
    before, after = (
        [part.strip() for part in re.split("[<\n]", page) if "page-data" not in part]
        for page in (page_of(), full_page())
    )
    left = iter(after)
    assert all(part in left for part in before)


def test_unit_card_tells_what_removing_it_costs():
    page = full_page()
    costs = "removing it costs: top-1"
    assert f"{costs} 0.2 points [-0.1, 0.6] farm 0.00 points [0, 0] · 0.01 nats" in (
        text(card_html(page, 0))
    )
    assert f"{costs} -0.2 points [-0.3, 0.0] street* 12.35 points [10.00, 15.12]" in (
        text(card_html(page, 1))
    )
    assert "farm -0.20 points [-0.40, 0.00] · 0.01 nats" in text(card_html(page, 1))
    assert text(card_html(page, 2)).endswith(f"{costs} 0.0 points [0, 0]")


def test_services_are_listed_in_the_order_given():
    shown = text(card_html(full_page(), 1))
    assert shown.index("street") < shown.rindex("farm")


def test_only_significant_services_are_marked():
    page = full_page()
    marked = re.findall(r"<strong>([^<]*\*)</strong>", page)
    assert sorted(marked) == ["farm*", "street*"]
    assert "<strong>street*</strong>" in card_html(page, 1)
    assert "<strong>farm*</strong>" in card_html(page, 3)


def test_effects_belong_to_units_in_order_of_number():
    found = unit_cards()[::-1]
    numbers = Headline(3, 4, 3, 3, 0.2, 0.1)
    page = dissection_report.render(
        "a", {}, numbers, found, CATEGORIES, PNAS20, effects=unit_effects()
    )
    assert "street*" in card_html(page, 1)


def test_class_row_tells_its_accuracy_and_its_units():
    rows = re.findall(r'<div class="relies">.*?</div>', full_page(), re.DOTALL)
    assert [text(row) for row in rows] == [
        "farm 98.6 % balanced 97.5 % recall "
        "unit 3 car 0.050 3.00 [1.00, 5.00] · 0.50 nats "
        "unit 2 no label 0.00 [0, 0] · 0.00 nats",
        "street 100.0 % balanced 100.0 % recall "
        "unit 1 roof 0.150 12.35 [10.00, 15.12] · 1.23 nats",
        "park 95.0 % balanced 90.0 % recall",
    ]


def test_links_of_classes_lead_to_cards():
    page = full_page()
    links = re.findall(r'href="#([^"]*)"', classes_html(page))
    assert links == ["unit-3", "unit-2", "unit-1"]
    assert all(page.count(f'id="{link}"') == 1 for link in links)


def test_filter_offers_every_served_class_once():
    menu = re.search(r'<select id="served">.*?</select>', full_page(), re.DOTALL)[0]
    assert re.findall(r'value="([^"]*)"', menu) == ["", "farm", "street"]


def test_reading_notes_explain_the_numbers():
    notes = text(full_page().split("How to read this page")[1].split("<script")[0])
    for words in ("percentage points", "chance is 50 %", "paired bootstrap", "nats"):
        assert words in notes.lower()
    assert "not used for ranking" in notes and "asterisk*" in notes
    assert "[0, 0] means that no image changed its answer" in notes


def test_data_of_the_page_hold_the_effects():
    data = page_data(full_page())
    assert data["effects"].keys() == set("0123")
    first = data["effects"]["1"]
    assert first["top1_drop"] == -0.0016 and first["low"] == -0.003
    assert first["services"][0] == {
        "class_name": "street",
        "drop": 0.12345,
        "low": 0.1,
        "high": 0.1512,
        "nats": 1.234,
        "significant": True,
    }
    assert data["classes"][0]["units"][0]["unit"] == 3
    assert data["units"] == page_data(page_of())["units"]


def test_effects_and_classes_come_alone_as_well():
    alone = page_of(effects=unit_effects())
    assert "street*" in card_html(alone, 1) and 'id="classes"' not in alone
    alone = page_of(classes=class_cards())
    assert classes_html(alone) and "removing it costs" not in alone
    assert 'id="served"' not in alone and 'byId("served")' not in alone


def test_names_of_classes_are_escaped():
    page = full_page(NASTY)
    assert NASTY not in page and "<b title" not in page
    assert page.count("</script>") == 2
    assert NASTY in text(card_html(page, 0)) and NASTY in text(classes_html(page))
    assert page_data(page)["effects"]["0"]["services"][0]["class_name"] == NASTY


def test_page_with_effects_refers_to_nothing_outside_itself():
    page = full_page()
    assert not re.search(r"https?:|//[a-z]+\.|@import|<link", page)
    assert "{%" not in page and "{{" not in page


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(number):
    effects, classes = unit_effects(), class_cards()
    for broken in without(effects[1], number):
        with pytest.raises(ValueError, match="JSON"):
            page_of(effects=[effects[0], broken, *effects[2:]])
    for broken in without(classes[0], number):
        with pytest.raises(ValueError, match="JSON"):
            page_of(classes=[broken])


def test_effects_of_too_few_units_are_refused():
    with pytest.raises(BadInput, match="`effects` has 3 entries for 4 units"):
        page_of(effects=unit_effects()[:3])


def test_class_that_relies_on_an_unknown_unit_is_refused():
    unit = ClassUnit(4, "", "", 0.0, *NOTHING, 0.0)
    with pytest.raises(BadInput, match="unit 4 for 'farm'"):
        page_of(classes=[ClassCard("farm", 1.0, 1.0, (unit,))])


# Cards in a file


def test_cards_come_back_as_they_were(tmp_path):
    kept = [
        *unit_cards(),
        UnitCard(
            7, NASTY, "part", 1 / 3, True, -1e-30, "data:,é", ("\ud800\r", ""), ()
        ),
    ]
    cards.save_cards(tmp_path / "cards.json", kept)
    found = cards.load_cards(tmp_path / "cards.json")
    assert found == kept
    assert isinstance(found[0], UnitCard) and isinstance(found[0].ranking[0], Match)


def test_page_from_kept_cards_is_the_same(tmp_path):
    cards.save_cards(tmp_path / "cards.json", unit_cards())
    numbers = Headline(3, 4, 3, 3, 0.2, 0.1)
    page = dissection_report.render(
        "Layer conv5",
        {"network": "tiny"},
        numbers,
        cards.load_cards(tmp_path / "cards.json"),
        CATEGORIES,
        PNAS20,
        effects=unit_effects(),
        classes=class_cards(),
    )
    assert page == full_page()


def test_cards_that_are_not_finite_are_not_written(tmp_path):
    card = unit_cards()[0]._replace(threshold=math.nan)
    with pytest.raises(ValueError, match="JSON"):
        cards.save_cards(tmp_path / "cards.json", [card])
    assert not list(tmp_path.iterdir())


def damaged(found):
    """Texts that are no file of cards, each damaged in another way."""
    entries = json.loads(found)
    first = entries[0]
    yield from ("", found[: len(found) // 2], "{}", "3", "[3]", "[" * 100_000)
    yield json.dumps([{"unit": 0}])
    yield json.dumps([{**first, "more": 1}])
    yield json.dumps([{**first, "ranking": [{"label": "red"}]}])
    yield json.dumps([{**first, "captions": [1]}])
    yield from (
        json.dumps([{**first, name: value}])
        for name, value in [
            ("unit", "0"),
            ("unit", True),
            ("label", None),
            ("iou", math.nan),
            ("threshold", -math.inf),
            ("is_detector", 1),
            ("captions", "farm"),
            ("ranking", {}),
            ("ranking", [first["ranking"][0] | {"q": "small"}]),
            ("low", "0.1"),
            ("edges", [0.1, None]),
            ("counts", [1.5]),
        ]
    )


def test_damaged_files_are_refused_by_name(tmp_path):
    path = tmp_path / "cards.json"
    cards.save_cards(path, unit_cards())
    for content in damaged(path.read_text(encoding="utf-8")):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(BadInput, match=re.escape(str(path))):
            cards.load_cards(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=re.escape(str(path))):
        cards.load_cards(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.json"):
        cards.load_cards(tmp_path / "nowhere.json")


# The script, in a browser


@pytest.fixture
def opened(tmp_path):
    """Opens the page at an address fragment and gives the DOM the script made."""
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed; the page's script needs a browser")
    file = tmp_path / "report.html"
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync"
    )

    def dom(page, fragment):
        file.write_text(page, encoding="utf-8")
        command = [
            "chromium",
            *switches.split(),
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"{file.as_uri()}#{fragment}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.stdout

    return dom


def shown(dom):
    found = re.findall(r'<article[^>]*id="unit-(\d)"([^>]*)>', dom)
    return "".join(unit for unit, attributes in found if "hidden" not in attributes)


@pytest.mark.slow
def test_script_sorts_by_the_largest_drop_and_filters_by_class(opened):
    page = full_page()
    assert shown(opened(page, "sort=drop")) == "1302"
    assert shown(opened(page, "sort=drop&serves=farm")) == "301"
    assert shown(opened(page, "serves=nowhere")) == "0132"


@pytest.mark.slow
def test_script_runs_on_pages_with_effects_or_classes_alone(opened):
    for page in (page_of(effects=unit_effects()), page_of(classes=class_cards())):
        assert "4 of 4 units" in opened(page, "")


def test_link_shows_a_unit_that_the_filters_hide(opened):
    click = (
        "<script>document.querySelector('#classes a[href$=\"-2\"]').click()</script>"
    )
    page = full_page().replace("</body>", click + "</body>")
    assert shown(opened(page, "serves=street")) == "0132"
