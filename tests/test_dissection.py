"""Dissection: exact counts, planted truths, laws of labels and presets."""

import functools

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import dissection as reference

from jaxdissect import dissection
from jaxdissect.dissection.layers import make_layers
from jaxdissect.dissection.pipeline import overlap_of_layers
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate
from jaxdissect.upsampling import Centres

CATEGORIES = [0, 1, 0, 2]


def random_masks(seed, units=3, images=4):
    rng = np.random.default_rng(seed)
    unit_masks = rng.random((images, 5, 6, units)) < 0.3
    concepts = rng.random((images, 5, 6, len(CATEGORIES))) < 0.4
    # Some images carry no label of some categories.
    concepts &= rng.random((images, 1, 1, len(CATEGORIES))) < 0.6
    return unit_masks, concepts


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_streamed_overlap_equals_the_reference(seed, cut):
    units, concepts = random_masks(seed)
    batches = [(jnp.array(u), jnp.array(c)) for u, c in _cut(units, concepts, cut)]
    counts = accumulate(dissection.overlap(CATEGORIES), batches)
    expected = reference.overlap(units, concepts, np.array(CATEGORIES))
    for name, value in expected.items():
        key = "pixels" if name == "pixels" else name
        np.testing.assert_array_equal(getattr(counts, key), value, err_msg=name)
        assert getattr(counts, key).dtype == np.int64
    np.testing.assert_allclose(
        dissection.iou_global(counts), reference.iou_global(expected)
    )
    np.testing.assert_allclose(
        dissection.iou_within_category(counts, CATEGORIES),
        reference.iou_category(expected, np.array(CATEGORIES)),
    )


def _cut(units, concepts, cut):
    yield units[:cut], concepts[:cut]
    yield units[cut:], concepts[cut:]


def test_iou_is_symmetric_bounded_and_one_for_equal_masks():
    units, concepts = random_masks(3, units=len(CATEGORIES))
    concepts[0, 0, 0] = True  # every concept is seen
    counts = accumulate(dissection.overlap(CATEGORIES), [(units, concepts)])
    swapped = accumulate(dissection.overlap(CATEGORIES), [(concepts, units)])
    iou = dissection.iou_global(counts)
    np.testing.assert_array_equal(iou, dissection.iou_global(swapped).T)
    assert ((iou >= 0) & (iou <= 1)).all()
    same = accumulate(dissection.overlap(CATEGORIES), [(concepts, concepts)])
    np.testing.assert_array_equal(np.diag(dissection.iou_global(same)), 1)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.lists(st.sampled_from([0, 0.01, 0.04, 0.041, 0.2]), min_size=4, max_size=4),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([">", ">="]),
)
def test_labels_and_unique_counts_equal_the_reference(rows, rule):
    iou, strict = np.array(rows, float), rule == ">"
    detectors = dissection.label_units(iou, min_iou=0.04, rule=rule)
    expected = reference.label_units(iou, 0.04, strict)
    for unit, (concept, best) in enumerate(expected):
        assert detectors.iou[unit] == best
        assert detectors.is_detector[unit] == (concept is not None)
        if concept is not None:
            assert detectors.concept[unit] == concept
    assert dissection.unique_labels(detectors) == reference.unique_labels(
        iou, 0.04, strict
    )
    assert dissection.unique_by_category(
        iou, CATEGORIES, min_iou=0.04, rule=rule
    ) == reference.unique_by_category(iou, np.array(CATEGORIES), 0.04, strict)


def planted(seed=0, images=40, cells=8):
    """Acts that answer to a small square, beside a unit that answers to noise."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((images, cells, cells, 1), np.uint8)
    for image, (y, x) in zip(labels[::4], rng.integers(0, 7, (10, 2)), strict=True):
        image[y : y + 2, x : x + 2] = 1
    noise = rng.random(labels.shape)
    labels = np.concatenate([labels, np.where(noise > 0.9, 2, 0)], -1)
    square = (labels[..., :1] == 1) + 0.01 * rng.random(noise.shape)
    dead = np.zeros_like(noise)
    acts = np.concatenate([square, rng.random(noise.shape), dead], -1)
    return acts.astype(np.float32), labels.astype(np.uint8)


def dissect_one(acts, labels, categories, centres, size, *, batch=15, **options):
    """Dissect one layer whose activations are all here."""
    parts = [slice(i, i + batch) for i in range(0, len(acts), batch)]
    found = dissection.dissect(
        lambda: (({"conv": acts[part]}, labels[part]) for part in parts),
        [(str(c), str(category)) for c, category in enumerate(categories)],
        {"conv": centres},
        size,
        num_images=len(acts),
        **options,
    )
    return found["conv"]


def dissect_planted(protocol, acts, labels, **options):
    size, centres = acts.shape[1], Centres.square(0.0, 1.0)
    return dissect_one(
        acts, labels, [0, 1], centres, size, protocol=protocol, **options
    )


@pytest.mark.parametrize("preset", [dissection.PNAS20, dissection.CVPR17])
def test_a_planted_unit_gets_its_concept_near_the_ceiling(preset):
    acts, labels = planted()
    result = dissect_planted(preset._replace(stride=1), acts, labels)
    area, mass = (labels == 1).mean() * labels.shape[-1], preset.tail_mass
    ceiling = min(area, mass) / max(area, mass)
    assert result.detectors.concept[0] == 0
    if preset.union == "global":
        assert ceiling * 0.9 < result.iou[0, 0] <= ceiling * 1.001
    assert result.detectors.concept[2] == dissection.NO_LABEL
    assert not result.detectors.is_detector[2]


@pytest.mark.slow
def test_batches_do_not_change_a_dissection():
    acts, labels = planted()
    whole = dissect_planted(dissection.PNAS20, acts, labels, batch=40)
    parts = dissect_planted(dissection.PNAS20, acts, labels, batch=7)
    assert_same(whole, parts)


def assert_same(a, b):
    chex.assert_trees_all_equal(a, b)


def test_the_order_of_images_does_not_change_a_dissection():
    acts, labels = planted()
    order = np.random.default_rng(0).permutation(len(acts))
    assert_same(
        dissect_planted(dissection.PNAS20, acts, labels),
        dissect_planted(dissection.PNAS20, acts[order], labels[order]),
    )


@pytest.mark.parametrize("grid", ["upsampled", "native"])
def test_thresholds_counted_in_little_memory_are_the_same(grid):
    acts, labels = planted()
    protocol = dissection.PNAS20._replace(quantile_grid=grid)
    assert_same(
        dissect_planted(protocol, acts, labels),
        dissect_planted(protocol, acts, labels, memory_bytes=20_000),
    )


def test_shards_merge_into_the_whole():
    acts, labels = planted()
    layers = make_layers(
        {"conv": acts}, labels, {"conv": Centres.square(0.0, 1.0)}, 8, dissection.PNAS20
    )
    thresholds = {"conv": np.full(3, 0.5, np.float32)}
    statistic = overlap_of_layers(layers, thresholds, [0, 1])
    shards = [statistic.measure({"conv": acts[i::3]}, labels[i::3]) for i in range(3)]
    merged = statistic.value(functools.reduce(statistic.merge, shards))
    assert_same(merged, accumulate(statistic, [({"conv": acts}, labels)]))


@pytest.mark.slow
def test_layers_in_one_pass_are_those_dissected_apart():
    acts, labels = planted()
    both = {"early": acts, "late": acts[:, ::2, ::2] ** 2}
    centres = {"early": Centres.square(0.0, 1.0), "late": Centres.square(0.5, 2.0)}
    found = dissection.dissect([(both, labels)], [("0", "0"), ("1", "1")], centres, 8)
    for name, maps in both.items():
        apart = dissect_one(maps, labels, [0, 1], centres[name], 8)
        assert_same(found[name], apart)


def test_a_dead_unit_covers_nothing():
    masks = dissection.unit_masks(jnp.zeros((1, 2, 2, 1)), jnp.zeros(1))
    assert not masks.any()


def test_fewer_detectors_at_a_higher_iou():
    iou = np.random.default_rng(0).random((50, 4)) / 5
    found = [
        dissection.label_units(iou, min_iou=m).is_detector.sum()
        for m in np.linspace(0, 0.3, 20)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] == 0


def test_presets_are_the_published_conventions():
    pnas20, cvpr17 = dissection.PNAS20, dissection.CVPR17
    assert pnas20 == dissection.Protocol(
        level="tail_mass",
        tail_mass=0.01,
        quantile_grid="upsampled",
        alignment="receptive_field",
        padding="zeros",
        union="global",
        min_iou=0.04,
        rule=">",
        min_iqr=-1.0,
        stride=4,
    )
    assert cvpr17 == dissection.Protocol(
        level="tail_mass",
        tail_mass=0.005,
        quantile_grid="native",
        alignment="receptive_field",
        padding="edge",
        union="category",
        min_iou=0.04,
        rule=">=",
        min_iqr=-1.0,
        stride=2,
    )
    assert cvpr17._replace(alignment="tiles", union="met") == dissection.LITE
    assert (
        cvpr17._replace(
            level="iqr",
            quantile_grid="upsampled",
            alignment="tiles",
            min_iou=0.05,
            rule=">",
            min_iqr=0.01,
        )
        == dissection.GAN19
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("tail_mass", 2.0), ("quantile_grid", "both"), ("union", "all"), ("rule", "<"),
     ("min_iou", -1.0), ("stride", 0), ("padding", "wrap")],
)  # fmt: skip
def test_protocol_values_that_mean_nothing_are_refused(name, value):
    acts, labels = planted(images=40)
    with pytest.raises(BadInput, match=f"`{name}`"):
        dissect_planted(dissection.PNAS20._replace(**{name: value}), acts, labels)


@pytest.mark.parametrize("grid", ["upsampled", "native"])
@pytest.mark.parametrize("padding", ["zeros", "edge"])
@pytest.mark.parametrize("union", ["global", "category"])
def test_a_whole_dissection_equals_the_reference(grid, padding, union):
    """Maps and label grid of different sizes, real centres, several batches."""
    rng = np.random.default_rng(1)
    acts = rng.normal(size=(6, 3, 3, 4)).astype(np.float32)
    labels = rng.integers(0, 5, (6, 8, 8, 2)).astype(np.uint8)
    labels[0] = np.where(np.isin(labels[0], (2, 4)), 0, labels[0])
    centres, size = Centres.square(7.5, 16.0), 48
    protocol = dissection.Protocol(
        tail_mass=0.1, quantile_grid=grid, padding=padding, union=union, stride=6
    )
    result = dissect_one(
        acts, labels, CATEGORIES, centres, size, batch=4, protocol=protocol
    )
    place = ((7.5,) * 2, (16.0,) * 2, padding)
    up = np.stack([reference.upsample(a, (8, 8), (size, size), *place) for a in acts])
    values = (up if grid == "upsampled" else acts).reshape(-1, 4)
    thresholds = reference.upper_quantile(values, 0.1)
    np.testing.assert_allclose(result.thresholds, thresholds, atol=1e-6)
    concepts = np.stack([(labels == c + 1).any(-1) for c in range(4)], -1)
    counts = reference.overlap(up > thresholds, concepts, np.array(CATEGORIES))
    by_category = reference.iou_category(counts, np.array(CATEGORIES))
    expected = reference.iou_global(counts) if union == "global" else by_category
    # A value within rounding of its threshold may fall on either side of it.
    np.testing.assert_allclose(result.iou, expected, atol=0.01)


def test_permuting_units_permutes_the_rows():
    acts, labels = planted()
    order = [2, 0, 1]
    result = dissect_planted(dissection.PNAS20, acts, labels)
    permuted = dissect_planted(dissection.PNAS20, acts[..., order], labels)
    np.testing.assert_array_equal(permuted.iou, result.iou[order])
    np.testing.assert_array_equal(
        permuted.detectors.concept, result.detectors.concept[order]
    )


def test_an_empty_probe_set_is_refused():
    with pytest.raises(BadInput, match="`batches` is empty"):
        dissection.dissect([], [("car", "object")], {}, 4)
