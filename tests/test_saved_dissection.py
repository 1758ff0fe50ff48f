"""A dissection read back from its folder is the one that was written."""

import json

import jax
import numpy as np
import pytest

from jaxdissect import dissection
from jaxdissect.dissection import GAN19, PNAS20, Dissection, Overlap, label_units
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import cards
from jaxdissect.experiments.dissect.saved import iou_intervals, load_dissection

CONCEPTS = (("tree", "object"), ("tree", "part"), ("rød", "colour"))
IOU = np.array([[0.1, 0.2, 0.2], [0.0, 0.0, 0.0], [0.03, 0.01, 0.0], [0.3, 0.1, 0]])


def made_up(is_detector=None):
    counts = Overlap(
        intersection=np.arange(12).reshape(4, 3),
        unit=np.arange(4) + 20,
        concept=np.arange(3) + 30,
        unit_in_category=np.arange(12).reshape(4, 3),
        pixels_in_category=np.full(3, 90),
        pixels=np.array(100),
        unit_met=np.arange(12).reshape(4, 3) // 2,
    )
    found = label_units(IOU)
    if is_detector is not None:
        found = found._replace(is_detector=np.array(is_detector))
    thresholds = np.linspace(0, 1, 4, dtype=np.float32)
    return Dissection(thresholds, counts, IOU, found, CONCEPTS)


def write(folder, result, protocol=PNAS20, *, without="", summary=()):
    """The files of a run of `dissect`."""
    names, categories = (np.array(part) for part in zip(*CONCEPTS, strict=True))
    arrays = {
        **{"iou": result.iou, "thresholds": result.thresholds},
        **{"concepts": names, "categories": categories},
        **{"top_images": np.zeros((4, 2)), **result.overlap._asdict()},
    }
    arrays.pop(without, None)
    np.savez_compressed(folder / "iou.npz", **arrays)
    units = cards.unit_cards(result, CONCEPTS, ["data:,"] * 4, [["farm"]] * 4)
    cards.save_cards(folder / "cards.json", units[::-1])
    entries = {
        **dissection.headline(result, CONCEPTS, protocol)._asdict(),
        "protocol": protocol._asdict(),
        "facts": {"layer": "conv5", "network": "tiny"},
        **dict(summary),
    }
    (folder / "summary.json").write_text(json.dumps(entries))
    return folder


@pytest.mark.parametrize("is_detector", [None, [True, False, True, False]])
def test_every_number_comes_back(tmp_path, is_detector):
    result = made_up(is_detector)
    found = load_dissection(write(tmp_path, result, GAN19))
    jax.tree.map(np.testing.assert_array_equal, found.result, result)
    assert found.result.thresholds.dtype == np.float32
    assert found.concepts == CONCEPTS
    assert [card.unit for card in found.cards] == [0, 1, 2, 3]
    assert found.headline == dissection.headline(result, CONCEPTS, GAN19)
    assert found.protocol == GAN19
    assert list(found.facts) == ["layer", "network"]
    assert found.result.detectors.concept[1] == dissection.NO_LABEL


def test_summaries_without_significance_are_read(tmp_path):
    folder = write(tmp_path, made_up())
    summary = json.loads((folder / "summary.json").read_text())
    del summary["significant_detectors"], summary["significant_labels"]
    (folder / "summary.json").write_text(json.dumps(summary))
    assert load_dissection(folder).headline.significant_detectors is None


def test_intervals_are_those_of_the_cards(tmp_path):
    units = load_dissection(write(tmp_path, made_up())).cards
    assert iou_intervals(units) is None
    measured = [
        card._replace(low=card.iou / 2, high=card.iou * 2) if card.label else card
        for card in units
    ]
    low, high = iou_intervals(measured)
    np.testing.assert_array_equal(low, IOU.max(1) / 2)
    np.testing.assert_array_equal(high, IOU.max(1) * 2)


def test_folders_from_before_meeting_was_counted_are_read(tmp_path):
    found = load_dissection(write(tmp_path, made_up(), without="unit_met"))
    assert found.result.overlap.unit_met is None


@pytest.mark.parametrize("name", ["iou.npz", "cards.json", "summary.json"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    folder = write(tmp_path, made_up())
    whole = (folder / name).read_bytes()
    for contents in (b"", whole[: len(whole) // 2], b"[]", b'{"a": 1}', b"\xff\xfe"):
        (folder / name).write_bytes(contents)
        # An empty list of cards is whole, but of no unit.
        said = rf"{name}(: `| is damaged).*dissect again|cards\.json of 0"
        with pytest.raises(BadInput, match=said):
            load_dissection(folder)
    (folder / name).unlink()
    with pytest.raises(BadInput, match=f"cannot read .*{name}: No such file"):
        load_dissection(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"without": "pixels_in_category"}, r"iou\.npz: .*pixels_in_cat"),
        (
            {"summary": {"protocol": {"old": 1}}},
            r"summary\.json: `protocol` has .* 'old'",
        ),
        ({"summary": {"facts": None}}, r"summary\.json: `facts` is None"),
    ],
)
def test_what_another_version_wrote_is_refused(tmp_path, settings, message):
    folder = write(tmp_path, made_up(), **settings)
    with pytest.raises(BadInput, match=message + ".*dissect again"):
        load_dissection(folder)


def test_files_of_different_dissections_are_refused(tmp_path):
    folder = write(tmp_path, made_up())
    units = cards.load_cards(folder / "cards.json")
    cards.save_cards(folder / "cards.json", units[:3])
    with pytest.raises(BadInput, match=r"4 units and cards\.json of 3"):
        load_dissection(folder)
    cards.save_cards(
        folder / "cards.json", [units[0]._replace(label="sky"), *units[1:]]
    )
    with pytest.raises(BadInput, match="label 'sky', which is none of the concepts"):
        load_dissection(folder)
