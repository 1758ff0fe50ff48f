"""What a page says of units: ranking, chance, certainty, activity, the headline."""

import numpy as np
from made_up import (
    CATEGORIES,
    CONCEPTS,
    DEAD,
    DOUBTFUL,
    activity,
    certainty,
    dissection,
    unit_cards,
)

from jaxdissect.dissection import (
    PNAS20,
    Dissection,
    headline,
    label_units,
    unique_labels,
)
from jaxdissect.experiments.dissect import cards, page
from jaxdissect.experiments.dissect.cards import Match


def test_ranking_is_in_order_of_iou_and_begins_with_the_label():
    iou = np.random.default_rng(0).uniform(0.01, 1, (7, 5))
    result = Dissection(np.ones(7), None, iou, label_units(iou))
    for card, row in zip(unit_cards(result), iou, strict=True):
        assert [m.iou for m in card.ranking] == sorted(row, reverse=True)
        assert [m.label for m in card.ranking] == [
            CONCEPTS[c][0] for c in np.argsort(-row)
        ]
        assert (card.label, card.category, card.iou) == card.best[:3]


def test_ranking_is_as_long_as_asked_and_leaves_out_what_is_never_met():
    result = dissection()
    assert [len(card.ranking) for card in unit_cards(result)] == [5, 5, 0, 4, 5, 5]
    short = unit_cards(result, num_ranked=2)
    assert [len(card.ranking) for card in short] == [2, 2, 0, 2, 2, 2]


def test_certainty_belongs_to_the_unit_and_the_concept():
    result = dissection()
    known = certainty(result)
    for unit, card in enumerate(unit_cards(result, certainty=known)):
        for match in card.ranking:
            c = CONCEPTS.index((match.label, match.category))
            assert match.chance == known.chance[unit, c]
            assert match.q == known.q_values[unit, c]
        if card.ranking:
            assert (card.low, card.high) == (known.low[unit], known.high[unit])


def test_dead_unit_has_nothing_to_be_certain_of():
    card = unit_cards(dissection(), certainty=certainty(dissection()))[DEAD]
    assert (card.low, card.high) == (None, None)
    assert card.best == Match("", "", 0.0) and card.best.is_significant is None


def test_matches_are_significant_up_to_a_false_discovery_rate_of_five_percent():
    said = [Match("a", "b", 0.1, 0.0, q).is_significant for q in (0.0, 0.05, 0.051, 1)]
    assert said == [True, True, False, False]
    assert Match("a", "b", 0.1).is_significant is None


def test_what_was_not_measured_is_none():
    card = unit_cards(dissection())[0]
    assert card.low is None and card.best.chance is None and card.best.q is None
    assert card.edges == () and card.counts == ()


def test_activity_and_tail_mass_are_those_of_the_unit():
    result = dissection()
    for unit, card in enumerate(unit_cards(result, activity=activity(result))):
        assert card.tail_mass == unit / 1000
        assert card.counts == (900, 90, 9, 0)
        np.testing.assert_allclose(card.edges[2], result.thresholds[unit])


def test_headline_counts_what_the_dissection_found():
    result = dissection()
    found = headline(result, CONCEPTS, PNAS20)
    assert found[:4] == (4, 6, unique_labels(result.detectors), 3)
    assert (found.best_iou, found.median_iou) == (0.2, 0.2)
    assert found.significant_detectors is None and found.significant_labels is None


def test_headline_counts_detectors_and_labels_above_chance():
    result = dissection(11)
    known = certainty(result)
    found = headline(result, CONCEPTS, PNAS20, certainty=known)
    best = [known.q_values[u, c] for u, c in enumerate(result.detectors.concept)]
    above = [
        CONCEPTS[c]
        for c, q, is_one in zip(
            result.detectors.concept, best, result.detectors.is_detector, strict=True
        )
        if is_one and q <= 0.05
    ]
    assert found.significant_detectors == len(above) == found.detectors - 1
    assert found.significant_labels == len(set(above))
    assert not result.detectors.is_detector[3] and best[3] <= 0.05
    assert result.detectors.is_detector[DOUBTFUL] and best[DOUBTFUL] > 0.05


def test_measured_cards_come_back_from_a_file_as_they_were(tmp_path):
    result = dissection()
    kept = unit_cards(
        result, certainty=certainty(result), activity=activity(result), strip="data:,é"
    )
    cards.save_cards(tmp_path / "cards.json", kept)
    assert cards.load_cards(tmp_path / "cards.json") == kept


def test_bars_are_grouped_by_category_and_count_detectors_only():
    bars = page.histogram(unit_cards(dissection(11)), CATEGORIES).bars
    assert [(bar.label, bar.units) for bar in bars] == [
        ("tree", (0, 5, 10)),
        ("car", (1, 6)),
        ("leg & arm", (8,)),
        ("roof", (7,)),
        ("red", (4, 9)),
    ]
    assert bars[0].height == page.PLOT_HEIGHT
