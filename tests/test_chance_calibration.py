"""p-values of independent units and concepts keep their promise, others are small."""

import numpy as np
import pytest
from scipy import stats

from jaxdissect.dissection.chance import chance_level, p_values
from jaxdissect.dissection.moments import mask_moments
from jaxdissect.significance import false_discovery

pytestmark = pytest.mark.slow

GRID = 21


def null_of(units, concepts, strata=None):
    strata = np.zeros(len(units), int) if strata is None else strata
    measured = (
        mask_moments(masks, strata, num_strata=int(strata.max()) + 1)
        for masks in (units, concepts)
    )
    return chance_level(*measured)


def intersection_of(units, concepts):
    return np.einsum("ihwu,ihwc->uc", units, concepts, dtype=int, optimize=True)


def independent(seed, images=150, bias=1.0):
    """Units that answer to noise, bursting, and shapes; both rather at the top."""
    generator = np.random.default_rng(seed)
    gain = np.exp(generator.normal(size=(images, 1, 1, 8)))
    noise = generator.normal(size=(images, 7, 7, 8)) * gain
    noise -= bias * np.linspace(-1, 1, 7)[:, None, None] * gain
    noise = noise.repeat(3, 1).repeat(3, 2)
    units = noise > np.quantile(noise, 0.98, axis=(0, 1, 2))
    concepts = np.zeros((images, GRID, GRID, 6), bool)
    for image in concepts:
        for c, (rate, side) in enumerate([(0.5, 3), (0.05, 3), (0.5, 9), (0.03, 9)]):
            if generator.random() < rate:
                height, width = generator.integers(side // 2, 2 * side, 2)
                y, x = (generator.random(2) ** (1.5, 1) * (GRID - side)).astype(int)
                image[y : y + height, x : x + width, c] = True
        image[: generator.integers(3, 12), :, 4] = generator.random() < 0.4
        image[..., 5] = generator.random() < 0.05
    return units, concepts


def p_of_permutations(units, concepts, times, seed=0):
    generator, null = np.random.default_rng(seed), null_of(units, concepts)
    for _ in range(times):
        order = generator.permutation(len(concepts))
        yield p_values(intersection_of(units, concepts[order]), null)


@pytest.mark.parametrize("bias", [0.0, 2.0])
def test_independent_pairs_are_called_significant_as_often_as_promised(bias):
    p = np.stack(list(p_of_permutations(*independent(1, bias=bias), times=150)))
    for level, most in [(0.05, 1.15), (0.01, 1.4), (0.001, 2.0)]:
        share = (p <= level).mean((0, 1)) / level
        assert share.max() < 1.6 * most, level  # for every concept
        assert 0.3 < share.mean() < most or level < 0.01, level
        assert share.mean() < most


def test_false_discoveries_are_at_most_nominal():
    found = [
        (false_discovery(p) <= 0.05).any()
        for seed in range(8)
        for p in p_of_permutations(*independent(seed, images=80), times=25, seed=seed)
    ]
    # 200 tables without any truth: at .05 at most 17 with probability .99.
    assert sum(found) <= 17


@pytest.mark.parametrize("images", [60, 2000])
def test_p_values_of_whole_images_follow_the_hypergeometric_distribution(images):
    numbers = np.array([1, 2, 4, 10, images // 4])
    masks = (np.arange(images)[:, None] < numbers).reshape(images, 1, 1, -1)
    null = null_of(masks, masks)
    for seen in range(1, 16):
        exact = stats.hypergeom.sf(seen - 1, images, numbers[:, None], numbers)
        p = p_values(np.full_like(exact, seen, int), null)
        assert (p[exact < 0.05] >= 0.75 * exact[exact < 0.05]).all()
        assert (p <= 1.6 * exact)[(exact > 0.01) & (exact < 0.05)].all()


def borders(seed, number):
    """Full rows from the top down to a border, another in every image."""
    heights = np.random.default_rng(seed).integers(3, 9, (200, 1, 1, number))
    rows = np.arange(GRID)[:, None, None]
    return np.broadcast_to(rows < heights, (200, GRID, GRID, number))


def test_what_follows_position_only_has_a_high_iou_and_is_not_significant():
    units, concepts = borders(0, 30), borders(1, 30)
    both = intersection_of(units, concepts)
    areas = (m.sum((0, 1, 2)) for m in (units, concepts))
    assert (both / (np.add.outer(*areas) - both) > 0.6).all()
    p = p_values(both, null_of(units, concepts))
    for level in (0.05, 0.01):
        assert (p <= level).mean() < 1.5 * level


def test_what_never_varies_cannot_be_significant():
    units, always = borders(0, 8), np.zeros((200, GRID, GRID, 6), bool)
    always[:, :5] = True
    for one, other in [(units, always), (always, units), (always, always)]:
        p = p_values(intersection_of(one, other), null_of(one, other))
        assert (p == 1).all()


def test_what_follows_the_origin_of_images_only_is_not_significant():
    units, concepts = independent(3, images=600)
    strata, common = np.arange(600) % 2, [0, 2, 4]
    # Both are rare on the images of one origin.
    seldom = np.random.default_rng(4).random((2, 600)) < 0.05
    units, concepts = (
        masks & (often | (strata == 0))[:, None, None, None]
        for masks, often in zip((units, concepts[..., common]), seldom, strict=True)
    )
    both = intersection_of(units, concepts)
    apart = p_values(both, null_of(units, concepts, strata))
    mixed = p_values(both, null_of(units, concepts))
    assert (apart <= 0.05).mean() < 0.15 < 0.4 < (mixed <= 0.05).mean()


def test_a_planted_unit_is_significant_at_a_low_iou():
    _, concepts = independent(0)
    some = np.random.default_rng(1).random((*concepts.shape[:3], 1)) < 0.2
    planted = concepts[..., :4] & some
    p = p_values(intersection_of(planted, concepts), null_of(planted, concepts))
    assert (np.diag(p) < 1e-3).all()
    # It needs the images to be right: those of another order are chance again.
    p = p_values(intersection_of(planted[::-1], concepts), null_of(planted, concepts))
    assert (np.diag(p) > 0.01).all()


def placed(kind, seed, images=200, number=4, grid=56):
    """Shapes whose only variation is where they end, within the same few cells."""
    generator = np.random.default_rng((seed, 7))
    rows, columns = np.arange(grid)[:, None], np.arange(grid)
    masks = np.zeros((images, grid, grid, number), bool)
    for image, k in np.ndindex(images, number):
        step = generator.integers(0, 4)
        masks[image, ..., k] = {
            "rows": (rows < 20 + step) & (columns >= 0),
            "two rows": (rows < 30 + step % 2) & (columns >= 0),
            "half rows": (rows < 20 + step) & (columns < 28),
            "diagonal": rows + columns < 40 + step,
            "disc": (rows - 28) ** 2 + (columns - 28) ** 2 < (8 + step) ** 2,
            "comb": (rows + columns) % 2 == step % 2,
            "corner": (rows < 2) & (columns < 2) & (step == 0),
        }[kind]
    return masks


KINDS = ("rows", "two rows", "half rows", "diagonal", "disc", "comb", "corner")


def exact_variance(units, concepts):
    """Of every pair, from all pairs of images."""
    flat = [
        np.moveaxis(m.reshape(len(m), -1, m.shape[-1]).astype(np.float64), -1, 0)
        for m in (units, concepts)
    ]
    u, c = (m - m.mean(1, keepdims=True) for m in flat)
    return [[((a @ b.T) ** 2).sum() / (len(a) - 1) for b in c] for a in u]


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_that_vary_in_the_same_narrow_band_keep_their_deviation(kind):
    units, concepts = placed(kind, 0), placed(kind, 1)
    exact = exact_variance(units, concepts)
    ratio = np.sqrt(null_of(units, concepts).variance / exact)
    # Before sketches .72 for rows and diagonals, .5 and less for others.
    assert ratio.min() > 0.9 and ratio.max() < 1.15


def test_rows_above_a_border_in_one_band_are_significant_as_often_as_promised():
    units, concepts = placed("rows", 0, number=8), placed("rows", 1, number=8)
    p = np.stack(list(p_of_permutations(units, concepts, times=60)))
    # With a deviation a third too small .01 came up 4.6 times as often as it should.
    assert (p <= 0.01).mean() < 0.016 and (p <= 0.05).mean() < 0.07
