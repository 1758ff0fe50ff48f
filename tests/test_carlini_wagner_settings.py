"""What the Carlini-Wagner attack is after, and what it refuses."""

from importlib import import_module
from inspect import unwrap  # past the checks of types, which are on under pytest only

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.attacks import LIGHT, away_from, carlini_wagner, towards
from jaxdissect.attacks.steps import check_bounds
from jaxdissect.errors import BadInput

# The package has a function of that name.
module = import_module("jaxdissect.attacks.carlini_wagner")

IMAGES = np.random.default_rng(0).uniform(0.3, 0.7, (6, 1, 2, 2)).astype(np.float32)
CLASSES = np.array([0, 1, 2, 3, 0, 1])


def identity(params, images):
    return images.reshape(len(images), -1)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**16), st.integers(2, 5))
def test_goals_are_margins_to_the_best_of_the_others(seed, classes):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(7, classes)).astype(np.float32)
    asked = generator.integers(0, classes, 7)
    expected = [
        z[k] - max(v for j, v in enumerate(z) if j != k)
        for z, k in zip(logits, asked, strict=True)
    ]
    asked = jnp.asarray(asked)
    np.testing.assert_allclose(towards(jnp.asarray(logits), asked), expected)
    np.testing.assert_allclose(
        away_from(jnp.asarray(logits), asked), -np.array(expected)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bounds": (1.0, 0.0)}, "`bounds` is .*the first must be below the second"),
        (
            {"bounds": (0.0, 0.5)},
            "`images` has values from .* `bounds` allows 0 to 0.5",
        ),
        ({"images": IMAGES * np.nan}, "`images` has values from nan"),
        ({"classes": CLASSES + 1}, "`classes` has 4; .* 0 to 3"),
        ({"classes": CLASSES - 1}, "`classes` has -1; .* 0 to 3"),
        ({"classes": CLASSES / 1}, "`classes` is float64; it must be of integers"),
        ({"bounds": (0.0, np.inf)}, "`bounds` is .*needs finite ones"),
        (
            {"images": IMAGES[:0], "classes": CLASSES[:0]},
            r"`images` has the shape \(0, .* may be empty",
        ),
    ],
)
def test_images_classes_and_bounds_that_cannot_be_are_refused(change, message):
    given = {"images": IMAGES, "classes": CLASSES} | change
    with pytest.raises(BadInput, match=message):
        unwrap(carlini_wagner)(identity, {}, **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "`learning_rate` is 0.0; it must be positive"),
        ({"steps": 0}, "`steps` is 0; it must be positive"),
        ({"searches": -1}, "`searches` is -1; it must be positive"),
        ({"constant": float("nan")}, "`constant` is nan; it must be positive"),
        ({"steps": 2.5}, "`steps` is 2.5; it must be a whole number"),
        ({"confidence": float("inf")}, "`confidence` is inf; .* finite"),
        ({"confidence": -0.1}, "`confidence` is -0.1; it must be at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    options = LIGHT._replace(**change)
    with pytest.raises(BadInput, match=message):
        carlini_wagner(identity, {}, IMAGES, CLASSES, settings=options)


def test_another_number_of_classes_than_images_is_refused():
    with pytest.raises(BadInput, match="`classes` has length 2; there are 6"):
        module._check(identity, {}, IMAGES, CLASSES[:2], LIGHT, (0.0, 1.0))


def test_a_tail_that_gives_no_logits_is_refused():
    with pytest.raises(BadInput, match=r"`tail\(params, images\)` has the shape"):
        unwrap(carlini_wagner)(lambda p, x: x.sum((1, 2, 3)), {}, IMAGES, CLASSES)


@pytest.mark.parametrize("bounds", [(0.0, 1.0, 2.0), ((0, 0, 0), (1, 1, 1)), 255.0])
def test_bounds_of_each_channel_are_refused(bounds):
    with pytest.raises(BadInput, match=r"`bounds` is .*the same for all channels"):
        unwrap(check_bounds)(bounds)
