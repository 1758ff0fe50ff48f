"""Augmentation: only mirrors, moves and turns, each image by itself."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaxdissect.errors import BadInput
from jaxdissect.training import augmentation
from jaxdissect.training.augmentation import (
    augment,
    flip,
    light,
    rotate,
    shade,
    shift,
)

NUM = 64


def coordinates(height, width):
    """An image whose channels are row and column, counted from 1; black is neither."""
    return np.stack(np.indices((height, width)) + 1, -1).astype(np.float32)


def repeated(image, num=NUM):
    return jnp.repeat(jnp.asarray(image)[None], num, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("border", "mode"), [("edge", "edge"), ("zeros", "constant")])
def test_augmentation_only_mirrors_and_moves(key, border, mode):
    image = coordinates(8, 8)
    moved = augment(key, repeated(image), distance=2, border=border)
    candidates = {
        np.pad(side, ((2, 2), (2, 2), (0, 0)), mode=mode)[
            y : y + 8, x : x + 8
        ].tobytes()
        for side in (image, image[:, ::-1])
        for y in range(5)
        for x in range(5)
    }
    seen = {np.asarray(m).tobytes() for m in moved}
    assert seen <= candidates
    assert len(candidates) == 50 and len(seen) > 20


@pytest.mark.slow
def test_all_moves_are_equally_likely(key):
    num = 900
    moved = np.asarray(shift(key, repeated(coordinates(3, 3), num), distance=1))
    # What is in the middle says where it came from: nine places, a hundred times each.
    places, counts = np.unique(moved[:, 1, 1], axis=0, return_counts=True)
    assert len(places) == 9
    # Four and a half deviations, of sqrt(900 / 9 * 8 / 9).
    assert np.abs(counts - num / 9).max() < 43


def test_mirroring_never_and_always(key):
    images = repeated(coordinates(4, 6))
    np.testing.assert_array_equal(augment(key, images, mirror=0.0, distance=0), images)
    np.testing.assert_array_equal(
        augment(key, images, mirror=1.0, distance=0), images[:, :, ::-1]
    )
    mirrored = np.asarray(flip(key, images, probability=0.25) != images).any((1, 2, 3))
    # Of 64 coins that fall so with probability 1/4, 4 to 30 do, but once in 10^4.
    assert 4 <= mirrored.sum() <= 30


def turned_by(angle, image, monkeypatch):
    """Images turned by this very angle, in degrees."""
    end = "maxval" if angle > 0 else "minval"
    with monkeypatch.context() as patch:
        patch.setattr(
            jax.random, "uniform", lambda key, shape, **ends: jnp.full(shape, ends[end])
        )
        return rotate(jax.random.key(0), repeated(image, 2), degrees=abs(angle))


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 8, 32])
def test_right_angles_are_exact(size, monkeypatch):
    image = coordinates(size, size)
    for angle, quarters in {90.0: 1, -90.0: -1, 180.0: 2, -180.0: 2}.items():
        for got in turned_by(angle, image, monkeypatch):
            np.testing.assert_array_equal(got, np.rot90(image, quarters))


@pytest.mark.parametrize("angle", [15.0, -40.0, 110.0])
@pytest.mark.parametrize("shape", [(32, 32), (9, 13)])
def test_a_turn_is_scipy_s_with_the_nearest_pixel_and_black_outside(
    angle, shape, monkeypatch
):
    image = coordinates(*shape)
    want = scipy.ndimage.rotate(
        image, angle, reshape=False, order=0, mode="grid-constant"
    )
    for got in turned_by(angle, image, monkeypatch):
        # A place half-way between two pixels may fall either way.
        assert (np.asarray(got) == want).all(-1).mean() > 0.99


def angles_of(images):
    """The angle of each turned image of coordinates, in degrees."""
    height, width = images.shape[1:3]
    middle = np.array([(height + 1) / 2, (width + 1) / 2])
    place = coordinates(height, width) - middle
    angles = []
    for image in np.asarray(images):
        inside = image[..., 0] > 0
        y, x = (image[inside] - middle).T
        row, column = place[inside].T
        cross, dot = (y * column - x * row).sum(), (y * row + x * column).sum()
        angles.append(np.degrees(np.arctan2(cross, dot)))
    return np.array(angles)


@pytest.mark.slow
def test_angles_are_uniform_between_the_limits(key):
    angles = angles_of(rotate(key, repeated(coordinates(24, 24), 256), degrees=30.0))
    assert np.abs(angles).max() < 30.5
    shares = (np.sort(angles) + 30) / 60
    # Kolmogorov and Smirnov's distance, at a level of 1e-4.
    assert np.abs(shares - np.linspace(0, 1, 256)).max() < 0.14


@pytest.mark.slow
def test_a_turn_of_zero_is_none(key):
    images = repeated(coordinates(5, 7))
    np.testing.assert_array_equal(rotate(key, images, degrees=0.0), images)
    options = {"mirror": 0.5, "distance": 2}
    np.testing.assert_array_equal(
        augment(key, images, degrees=0.0, **options), augment(key, images, **options)
    )


def uniform_between(values, low, high):
    """Whether values are, by Kolmogorov and Smirnov's distance at a level of 1e-4."""
    shares = (np.sort(values) - low) / (high - low)
    return (
        np.abs(shares - np.linspace(0, 1, len(shares))).max() < 2.3 / len(shares) ** 0.5
    )


@pytest.mark.slow
def test_light_is_a_ramp_of_the_logarithm_with_uniform_height_and_slope(key):
    dark = repeated(0.1 * coordinates(4, 9) / 9, 256)
    lit = np.log(np.asarray(light(key, dark, strength=1.5)) / dark)
    heights = lit[:, 0, 4, 0]
    slopes = lit[:, 0, -1, 0] - heights
    ramps = slopes[:, None] * np.linspace(-1, 1, 9)
    want = (heights[:, None] + ramps)[:, None, :, None]
    np.testing.assert_allclose(lit, np.broadcast_to(want, lit.shape), atol=1e-5)
    assert uniform_between(heights, -0.75, 0.75)
    assert uniform_between(slopes, -1.5, 1.5)
    assert abs(np.corrcoef(heights, slopes)[0, 1]) < 0.25  # four deviations
    white = np.asarray(light(key, jnp.ones((256, 2, 9, 1)), strength=1.5))
    np.testing.assert_allclose(
        white[..., 0], np.minimum(np.exp(want[..., 0]), 1).repeat(2, 1), rtol=1e-5
    )


@pytest.mark.slow
def test_a_shadow_falls_on_one_side_no_deeper_than_asked(key):
    images = repeated(coordinates(3, 41), 512)
    kept = np.asarray(shade(key, images, depth=0.9)) / images
    assert np.ptp(kept, axis=(1, 3)).max() < 1e-5
    kept = kept[:, 0, :, 0]
    assert kept.max() <= 1 and kept.min() >= 0.1 - 1e-6
    on_right = kept[:, -1] < kept[:, 0]
    assert 200 < on_right.sum() < 312  # 256 with a standard deviation of 11
    across = np.where(on_right[:, None], kept, kept[:, ::-1])
    assert (np.diff(across) <= 1e-6).all()
    # logit((1 - kept) / d) is 12 (v - e), so three places tell edge and depth.
    u = np.linspace(-1, 1, 41)
    errors = []
    for row in across.astype(float):
        grid = np.linspace(-0.2, 1.2, 57)
        shapes = 1 / (1 + np.exp(-12 * (u - grid[:, None])))
        depths = ((1 - row) * shapes).sum(1) / (shapes**2).sum(1)
        errors.append(np.abs(1 - depths[:, None] * shapes - row).max(1).min())
    assert max(errors) < 0.05


@pytest.mark.slow
def test_no_light_and_no_shadow_change_nothing(key):
    images = repeated(coordinates(5, 7)) / 7
    np.testing.assert_array_equal(light(key, images, strength=0.0), images)
    np.testing.assert_array_equal(shade(key, images, depth=0.0), images)
    lit = augment(key, images, mirror=0.0, distance=0, side_light=1.0)
    shaded = augment(key, images, mirror=0.0, distance=0, shadow=1.0)
    both = augment(key, images, mirror=0.0, distance=0, side_light=1.0, shadow=1.0)
    assert len({np.asarray(x).tobytes() for x in (images, lit, shaded, both)}) == 4
    np.testing.assert_allclose(both, shaded / images * lit, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("border", ["edge", "zeros"])
def test_images_do_not_leak_into_each_other(key, border):
    grey = jnp.arange(1.0, NUM + 1)[:, None, None, None] * jnp.ones((1, 6, 6, 1))
    seen = augment(key, grey, distance=3, border=border, degrees=90.0)
    for number, image in enumerate(np.asarray(seen), 1):
        assert set(np.unique(image)) <= {0.0, float(number)}
        assert number in image


@pytest.mark.slow
def test_the_key_decides_and_images_draw_for_themselves(key):
    images = repeated(coordinates(8, 8))
    options = {"distance": 2, "degrees": 20.0}
    first = np.asarray(augment(key, images, **options))
    np.testing.assert_array_equal(first, augment(key, images, **options))
    assert not np.array_equal(first, augment(jax.random.key(1), images, **options))
    assert len({image.tobytes() for image in first}) > NUM // 2


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        *((flip, "probability", value) for value in (-0.1, 1.5, float("nan"))),
        (shift, "distance", -1),
        (shift, "border", "mirror"),
        *((rotate, "degrees", value) for value in (-1.0, 181.0, float("nan"))),
        *((light, "strength", value) for value in (-1.0, float("inf"), float("nan"))),
        *((shade, "depth", value) for value in (-0.1, 1.1, float("nan"))),
    ],
)
def test_options_that_mean_nothing_are_refused(function, name, value):
    unchecked = inspect.unwrap(getattr(augmentation, function.__name__))
    options = {"distance": 1} if function is shift else {}
    with pytest.raises(BadInput, match=f"`{name}` is {value!r}; it must"):
        unchecked(jax.random.key(0), jnp.ones((1, 4, 4, 3)), **{**options, name: value})


@pytest.mark.slow
def test_augment_refuses_a_turn_below_zero(key):
    with pytest.raises(BadInput, match=r"`degrees` is -5\.0"):
        augment(key, jnp.ones((1, 4, 4, 3)), degrees=-5.0)
