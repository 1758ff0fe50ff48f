"""What ablation refuses, and in which words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdissect import ablation
from jaxdissect.ablation import Examples
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate

TAIL = ablation.by_replaying(lambda params, acts: acts.sum((1, 2)))
ACTS = np.eye(3, dtype=np.float32)[:, None, None]
TARGETS = np.arange(3)


def units(examples, num_units=3, **options):
    sweep = ablation.unit_effects(TAIL, {}, num_units, num_classes=3, **options)
    return accumulate(sweep, examples)


@pytest.mark.parametrize(
    ("order", "said"),
    [([0, 0, 1], "unit 0 twice"), ([0, 1, 3], "unit 3"), ([-1, 0, 1], "-1; allowed")],
)
def test_an_order_names_every_unit_once(order, said):
    with pytest.raises(BadInput, match=f"`order` has {said}"):
        ablation.removal_keeps(np.array(order), [1])


@pytest.mark.parametrize("count", [-1, 4])
def test_a_count_is_between_none_and_all(count):
    with pytest.raises(BadInput, match=f"`counts` has {count}"):
        ablation.removal_keeps(np.arange(3), [count])


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ([], "is empty"),
        ([[0], []], "nothing in set 1"),
        ([[0, 3]], "unit 3 in set 0; allowed are 0 to 2"),
        ([[-1]], "unit -1"),
        ([[1, 1]], "unit 1 twice in set 0"),
    ],
)
def test_sets_name_units_that_are_there_once(sets, said):
    with pytest.raises(BadInput, match=f"`sets` .*{said}"):
        ablation.set_keeps(sets, 3)


def test_masks_are_zeros_and_ones():
    with pytest.raises(BadInput, match="`keeps` has values other than 0 and 1"):
        ablation.set_effects(TAIL, {}, np.full((1, 3), 0.5), num_classes=3)


def test_units_must_be_those_of_the_layer():
    with pytest.raises(BadInput, match="`acts` has 3 units; the edits are of 4"):
        units([Examples(ACTS, TARGETS)], num_units=4)


@pytest.mark.parametrize("label", [3, -1])
def test_labels_are_classes(label):
    with pytest.raises(BadInput, match=f"`targets` has {label}; allowed are 0 to"):
        units([Examples(ACTS, np.array([0, 1, label]))])


def test_every_class_needs_an_image():
    with pytest.raises(BadInput, match="`targets` has no image of class 2"):
        units([Examples(ACTS, np.array([0, 1, 1]))])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_activations_are_finite(value):
    with pytest.raises(BadInput, match="not finite"):
        units([Examples(np.where(ACTS > 0, value, 0).astype(np.float32), TARGETS)])


def test_replacements_lead_to_finite_outputs():
    with pytest.raises(BadInput, match="`replacement` leads to outputs that are not"):
        units([Examples(ACTS, TARGETS, np.full(1, np.nan, np.float32))])


def test_one_image_must_fit():
    with pytest.raises(BadInput, match="`memory_bytes` is 10; one edit of one image"):
        units([Examples(ACTS, TARGETS)], memory_bytes=10)


def test_resampling_needs_another_image():
    with pytest.raises(BadInput, match="has 1 image"):
        ablation.resampled(jax.random.key(0), ACTS[:1])


def test_ranking_and_reporting_on_shared_images_is_refused():
    rng = np.random.default_rng(0)
    acts = rng.uniform(size=(9, 2, 2, 3)).astype(np.float32)
    ranked = units([Examples(acts[:6], np.arange(6) % 3)])
    fresh = units([Examples(acts[6:], np.arange(3))])
    ablation.check_different_images(ranked, fresh)
    overlapping = units([Examples(acts[5:8], np.arange(3))])
    with pytest.raises(
        BadInput, match="1 of the 3 images reported on were also ranked"
    ):
        ablation.check_different_images(ranked, overlapping)


def test_a_dead_layer_s_images_are_not_mistaken_for_shared_ones():
    dead = units([Examples(jnp.zeros_like(ACTS), TARGETS)])
    ablation.check_different_images(dead, dead)


def test_one_silent_image_in_each_set_is_not_a_shared_one():
    rng = np.random.default_rng(0)
    acts = rng.uniform(size=(6, 2, 2, 3)).astype(np.float32)
    acts[[0, 3]] = 0
    ranked, fresh = (
        units([Examples(acts[at], TARGETS)]) for at in ([0, 1, 2], [3, 4, 5])
    )
    ablation.check_different_images(ranked, fresh)
