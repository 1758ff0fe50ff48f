"""Detectors by IoU and beyond chance are both said, and the latter stand first."""

import csv

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxdissect import dissection
from jaxdissect.data.concepts import Concept
from jaxdissect.dissection.counts import Overlap
from jaxdissect.experiments.dissect import LayerResult
from jaxdissect.experiments.dissect import tables as unit_tables
from jaxdissect.pages import tables

CONCEPTS = [("car", "object"), ("red", "colour"), ("sky", "object")]


def layer(iou, q):
    """Units of these IoUs with their own concept, and q-values of that."""
    own = np.arange(len(iou)) % 3
    table = np.zeros((len(iou), 3))
    table[np.arange(len(iou)), own] = iou
    none = np.zeros(1, np.int64)
    overlap = Overlap(*[none] * 5, pixels=np.array(9))._replace(
        unit=np.zeros(len(iou), np.int64)
    )
    result = dissection.Dissection(
        np.ones(len(iou), np.float32), overlap, table, dissection.label_units(table)
    )
    if q is None:
        return result, None
    q = np.broadcast_to(np.array(q)[:, None], table.shape)
    return result, dissection.Certainty(iou, iou, table, q, q)


units = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.02, 0.1, 0.3]), st.sampled_from([0.0, 0.05, 0.2])
    ),
    min_size=1,
    max_size=12,
)


@given(units)
def test_counts_and_order_are_those_of_a_loop(units):
    iou, q = (np.array(column) for column in zip(*units, strict=True))
    result, sure = layer(iou, q)
    detectors = [u for u in range(len(iou)) if iou[u] > 0.04]
    above = [u for u in detectors if q[u] <= 0.05]
    counts = dissection.tally(result.detectors, sure)
    assert counts == (
        *(len(iou), len(detectors), len({u % 3 for u in detectors})),
        *(len(above), len({u % 3 for u in above})),
    )
    assert counts.differ == (len(above) < len(detectors))
    order = sorted(range(len(iou)), key=lambda u: (u not in above, -iou[u], u))
    assert dissection.by_significance(result.detectors, sure).tolist() == order
    untested = dissection.tally(result.detectors)
    assert untested == (*counts[:3], None, None) and not untested.differ


def test_the_table_of_units_lists_what_is_beyond_chance_first(tmp_path):
    result, sure = layer(np.array([0.3, 0.02, 0.1, 0.2]), [0.5, 0.0, 0.01, 0.9])
    table = unit_tables.units_table(result, CONCEPTS, certainty=sure)
    tables.write_csv(tmp_path / "units.csv", *table)
    rows = list(csv.DictReader((tmp_path / "units.csv").open()))
    # A low IoU is no detector, however sure.
    assert [row["unit"] for row in rows] == ["2", "0", "1", "3"]
    assert [row["beyond_chance"] for row in rows] == ["True", "False", "False", "False"]
    for q in (None, [0.0, 0.9, 0.0, 0.0]):  # they do not differ: as numbered
        result, sure = layer(np.array([0.3, 0.02, 0.1, 0.2]), q)
        table = unit_tables.units_table(result, CONCEPTS, certainty=sure)
        assert [row[0] for row in table.rows] == [0, 1, 2, 3]


def said(iou, q):
    result, sure = layer(np.array(iou), q)
    concepts = tuple(Concept(*pair) for pair in CONCEPTS)
    of_layer = LayerResult(
        layer="conv5",
        findings=dissection.Findings(result, None, None, sure),
        concepts=concepts,
        categories=("object", "colour"),
        protocol=dissection.PNAS20,
        headline=dissection.headline(
            result, CONCEPTS, dissection.PNAS20, certainty=sure
        ),
        cards=[],
        facts={},
        num_images=1,
        absent="",
        cells="",
    )
    return repr(of_layer).splitlines()


def test_the_console_says_both():
    head, *labels = said([0.3, 0.2, 0.1], [0.9, 0.01, 0.02])
    assert head == (
        "conv5: 3 of 3 units are detectors by IoU, 2 of them beyond chance "
        "(q <= 0.05), of 3 different concepts, 2 beyond chance (3 counted by "
        "category, by IoU)"
    )
    assert labels == [
        "  0.200  colour/red",
        "  0.100  object/sky",
        "  0.300  object/car  (not beyond chance)",
    ]
    head, *labels = said([0.3, 0.2, 0.1], None)
    assert head == (
        "conv5: 3 of 3 units are detectors by IoU (chance not tested) of 3 different "
        "concepts (3 counted by category)"
    )
    assert labels[0] == "  0.300  object/car"
