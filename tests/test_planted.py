"""Planted truth: a network whose units are the concepts' own masks."""

import numpy as np
import pytest

from jaxdissect import dissection
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.upsampling import Centres

CELLS, IMAGES = 32, 56
CATEGORY = [scenes.CATEGORIES.index(c.category) for c in scenes.CONCEPTS]


@pytest.fixture(scope="module")
def planted():
    """Labels of scenes, and a unit for each concept of a common enough size."""
    labels = scenes.render(0, range(IMAGES), size=CELLS).labels
    masks = (labels[..., None] == np.arange(1, len(CATEGORY) + 1)).any(-2)
    share = masks.mean((0, 1, 2))
    concepts = np.flatnonzero((share > 0.001) & (share < 0.2))
    noise = np.random.default_rng(0).random(masks[..., concepts].shape)
    return labels, masks, concepts, (masks[..., concepts] + noise / 8).astype("f4")


@pytest.mark.parametrize("preset", ["PNAS20", "CVPR17", "LITE"])
def test_every_unit_is_labelled_with_its_concept_at_the_ceiling(planted, preset):
    labels, masks, concepts, acts = planted
    protocol = getattr(dissection, preset)
    cuts = [slice(i, i + 20) for i in range(0, IMAGES, 20)]
    found = dissection.dissect(
        lambda: (({"conv": acts[cut]}, labels[cut]) for cut in cuts),
        scenes.CONCEPTS,
        {"conv": Centres.square(0.0, 1.0)},
        CELLS,
        num_images=IMAGES,
        protocol=protocol,
    )["conv"]
    assert len(concepts) > 60
    for unit, concept in enumerate(concepts):
        label = found.detectors.concept[unit]
        own = found.iou[unit, concept]
        # Two concepts may be on the very same pixels; then either is right. Where a
        # unit counts only on the images on which it meets a category, a rarer concept
        # of another one may do even better.
        if protocol.union != "met":
            assert (masks[..., label] == masks[..., concept]).all()
        kin = masks[..., np.array(CATEGORY) == CATEGORY[concept]].any((1, 2, 3))
        counted = IMAGES if protocol.union == "global" else kin.sum()
        pixels = counted * CELLS**2
        area = masks[..., concept].sum() / pixels
        mass = found.overlap.unit[unit] / pixels
        if protocol.union == "global":
            assert abs(mass - protocol.tail_mass) < 1e-3
        ceiling = min(area, mass) / max(area, mass)
        if protocol.union != "global" and area < mass:
            continue  # some of the tail may lie on images that do not count
        assert own == pytest.approx(ceiling, rel=1e-6)
        assert found.detectors.iou[unit] >= own
