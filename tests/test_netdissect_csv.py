"""NetDissect's tables: published ones counted as published, ours there and back."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import dissection
from jaxdissect.dissection import Overlap, netdissect_table
from jaxdissect.dissection.netdissect_table import seen_iou
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import netdissect

GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "golden" / "netdissect"
ORDER = ("object", "part", "scene", "texture", "material", "color")

# Units, detectors, unique labels, unique by category; then, by category in `ORDER`,
# units, labels of the best category, labels of every category that passes.
PUBLISHED = {
    "caffe_reference_places365": (
        *(256, 118, 72, 91),
        *((60, 9, 8, 38, 2, 1), (32, 6, 6, 25, 2, 1), (40, 9, 13, 25, 2, 2)),
    ),
    "caffe_reference_places205": (
        *(256, 107, 60, 79),
        *((64, 8, 5, 27, 2, 1), (30, 6, 3, 19, 1, 1), (36, 8, 12, 20, 1, 2)),
    ),
    "caffe_reference_imagenet": (
        *(256, 97, 50, 61),
        *((32, 16, 2, 40, 3, 4), (17, 8, 1, 21, 1, 2), (21, 8, 4, 23, 1, 4)),
    ),
    "ResNet-152-model_imagenet": (
        *(2048, 1325, 197, 242),
        *(
            (633, 67, 276, 330, 16, 3),
            (63, 16, 68, 43, 5, 2),
            (75, 23, 89, 45, 8, 2),
        ),
    ),
}


@pytest.fixture(scope="module", params=PUBLISHED)
def published(request):
    """(name, table) of every published file."""
    file = GOLDEN / f"{request.param}.csv"
    if not file.exists():
        pytest.skip(f"the published tables are not in {GOLDEN}")
    return request.param, netdissect.read_netdissect(file)


@pytest.mark.parametrize("rule", [">", ">="])
def test_published_tables_give_the_published_counts(published, rule):
    name, table = published
    units, detectors, labels, by_category, *_ = PUBLISHED[name]
    found = netdissect.headline(table, dissection.CVPR17._replace(rule=rule))
    assert found[:4] == (detectors, units, labels, by_category)
    assert found.best_iou == table.score[0] == table.score.max()


def test_published_tables_give_the_published_counts_of_every_category(published):
    name, table = published
    iou, concepts = seen_iou(table)
    categories = np.array([category for _, category in concepts])
    found = dissection.label_units(iou, rule=">=")
    best = [concepts[c] for c in found.concept[found.is_detector]]
    for category, *expected in zip(ORDER, *PUBLISHED[name][4:], strict=True):
        within = iou[:, categories == category]
        labels = [label for label, of in best if of == category]
        unique = dissection.unique_labels(dissection.label_units(within, rule=">="))
        assert [len(labels), len(set(labels)), unique] == expected


def test_every_published_iou_follows_from_its_counts(published):
    name, table = published
    with (GOLDEN / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(table.units.tolist()) == list(range(len(rows)))
    for r, row in enumerate(rows):
        assert (int(row["unit"]), row["label"]) == (table.units[r] + 1, table.label[r])
        for g, category in enumerate(table.categories):
            truth, on, both = (
                float(row[f"{category}-{part}"])
                for part in ("truth", "activation", "intersect")
            )
            assert abs(both / (truth + on - both) - table.iou[r, g]) < 1e-6
            counts = table.truth[r, g], table.activation[r, g], table.intersect[r, g]
            assert counts == (truth, on, both)
            assert row[f"{category}-label"] == table.labels[r][g]


def test_a_label_without_a_name_is_no_label(published):
    name, table = published
    texture = table.categories.index("texture")
    nameless = np.array([labels[texture] == "" for labels in table.labels])
    assert nameless.sum() == (374 if name.startswith("ResNet") else 0)
    assert (table.intersect[nameless, texture] > 0).all()
    assert not any(label == "" for label, _ in seen_iou(table)[1])


# Our own


CONCEPTS = [("tree", "object"), ("sky", "object"), ("red", "hue"), ("leg", "part")]
CATEGORIES = ("hue", "part", "object")
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)


def possible(seed, union, units, digits):
    """Counts as they could be, and the IoU of that union."""
    rng = np.random.default_rng(seed)
    numbers = [CATEGORIES.index(category) for _, category in CONCEPTS]
    unit = rng.integers(0, 10 ** digits[0], units)
    within = rng.integers(0, unit[:, None] + 1, (units, len(CATEGORIES)))
    concept = rng.integers(1, 10 ** digits[1], len(CONCEPTS))
    both = rng.integers(0, np.minimum(within[:, numbers], concept) + 1)
    both[rng.random(both.shape) < 0.4] = 0
    counts = Overlap(both, unit, concept, within, unit.sum(keepdims=True), unit.sum())
    if union == "global":
        iou = dissection.iou_global(counts)
    else:
        iou = dissection.iou_within_category(counts, numbers)
    found = dissection.label_units(iou, rule=">=")
    return dissection.Dissection(np.ones(units), counts, iou, found)


@pytest.mark.parametrize("union", ["global", "category"])
@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    units=st.integers(1, 4),
    digits=st.tuples(st.integers(0, 9), st.integers(1, 9)),
    names=st.lists(texts, min_size=4, max_size=4, unique=True),
)
def test_what_is_written_is_read_again(
    tmp_path_factory, union, seed, units, digits, names
):
    result = possible(seed, union, units, digits)
    concepts = [(name, of) for name, (_, of) in zip(names, CONCEPTS, strict=True)]
    file = tmp_path_factory.mktemp("table") / "a.csv"
    netdissect.write(file, result, concepts, CATEGORIES, union=union)
    table, counts = netdissect.read_netdissect(file), result.overlap
    assert table.categories == ("object", "part", "hue")
    assert (np.diff(table.score) <= 0).all()
    told = netdissect.headline(table)._asdict()
    expected = dissection.headline(result, concepts, dissection.CVPR17)._asdict()
    # Equal IoU in two categories: which is the label is left to the order.
    assert told | {"unique_labels": 0} == expected | {"unique_labels": 0}
    for row, unit in enumerate(table.units):
        best = result.detectors.concept[unit]
        named = concepts[best] if best >= 0 else ("", "")
        assert (table.label[row], table.category[row]) == named
        assert table.score[row] == result.iou[unit].max()
        for g, category in enumerate(table.categories):
            c = max(
                (c for c in range(4) if concepts[c][1] == category),
                key=lambda c: result.iou[unit, c],
            )
            on = counts.unit[unit]
            if union == "category":
                on = counts.unit_in_category[unit, CATEGORIES.index(category)]
            numbers = counts.concept[c], on, counts.intersection[unit, c]
            expected = (names[c], *numbers) if result.iou[unit, c] else ("", 0, 0, 0)
            written = table.truth, table.activation, table.intersect
            assert (table.labels[row][g], *(x[row, g] for x in written)) == expected
            assert table.iou[row, g] == result.iou[unit, c]


def small():
    """Two units, the second dead, with counts by hand."""
    counts = Overlap(
        intersection=np.array([[4, 0, 2, 1], [0, 0, 0, 0]]),
        unit=np.array([9, 0]),
        concept=np.array([5, 7, 4, 3]),
        unit_in_category=np.array([[3, 6, 8], [0, 0, 0]]),
        pixels_in_category=np.array([9, 9, 9]),
        pixels=np.array(9),
    )
    iou = dissection.iou_global(counts)
    result = dissection.Dissection(np.ones(2), counts, iou, dissection.label_units(iou))
    return result


def test_the_file_has_the_published_form(tmp_path):
    file = tmp_path / "a.csv"
    netdissect.write(file, small(), CONCEPTS, CATEGORIES, union="global")
    head, first, dead = file.read_bytes().decode().splitlines()
    parts = ("label", "truth", "activation", "intersect", "iou")
    assert head.split(",") == [
        *("unit", "category", "label", "score"),
        *(f"{c}-{part}" for c in ("object", "part", "hue") for part in parts),
    ]
    assert first == (
        f"1,object,tree,0.4,tree,5,9,4,0.4,leg,3,9,1,{1 / 11},red,4,9,2,{2 / 11}"
    )
    assert dead == "2,,,0.0," + ",".join([",0,0,0,0.0"] * 3)
    assert netdissect.headline(netdissect.read_netdissect(file))[:4] == (
        1,
        2,
        1,
        3,
    )


def test_a_layer_of_dead_units_makes_a_table():
    dead = small()._replace(iou=np.zeros((2, 4)))
    table = netdissect_table.netdissect_table(
        dead, CONCEPTS, CATEGORIES, union="global"
    )
    assert netdissect.headline(table)[:4] == (0, 2, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CONCEPTS, CATEGORIES, "category"), "`union` is 'category'.*do not follow"),
        ((CONCEPTS, ("hue", "part"), "global"), "has category 'object'; .* hue, part$"),
        (([("", "hue"), *CONCEPTS[1:]], CATEGORIES, "global"), "empty name"),
    ],
)
def test_what_the_format_cannot_say_is_refused(tmp_path, arguments, message):
    concepts, categories, union = arguments
    file = tmp_path / "a.csv"
    with pytest.raises(BadInput, match=message):
        netdissect.write(file, small(), concepts, categories, union=union)
    assert not file.exists()
