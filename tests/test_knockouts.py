"""Units of several layers removed together: counts, and the networks without them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import make_example
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import networks
from jaxdissect.ablation import knockout_counts, split_keeps
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate

RNG = np.random.default_rng(0)
FIRST = RNG.normal(size=(3, 4)).astype(np.float32)
SECOND = RNG.normal(size=(4, 3)).astype(np.float32)
IMAGES = RNG.normal(size=(12, 1, 1, 3)).astype(np.float32)
TARGETS = RNG.integers(0, 3, 12)
KEEPS = {
    "first": RNG.integers(0, 2, (5, 4)).astype(np.float32),
    "second": RNG.integers(0, 2, (5, 3)).astype(np.float32),
}


def outputs(params, images, keeps):
    hidden = jax.nn.relu(images[:, 0, 0] @ params[0]) * keeps["first"]
    return (hidden @ params[1]) * keeps["second"]


def counted(batches, **options):
    statistic = knockout_counts(
        outputs, (FIRST, SECOND), KEEPS, num_classes=3, **options
    )
    return accumulate(statistic, batches)


def test_every_edit_is_counted_as_if_it_were_alone():
    found = counted([(IMAGES, TARGETS)])
    for n in range(5):
        hidden = np.maximum(IMAGES[:, 0, 0] @ FIRST, 0) * KEEPS["first"][n]
        answers = ((hidden @ SECOND) * KEEPS["second"][n]).argmax(1)
        for k in range(3):
            own = k == TARGETS
            assert found.correct[n, k] == (answers[own] == k).sum()
            assert found.predicted[n, k] == (answers == k).sum()
            assert np.broadcast_to(found.true, (5, 3))[n, k] == own.sum()


@pytest.mark.slow
@settings(deadline=None, max_examples=8)
@given(st.permutations(range(12)), st.sampled_from([1, 2, 3, 5, 8]))
def test_neither_order_nor_batches_nor_how_many_run_at_once_matter(order, at_once):
    order = np.array(order)
    batches = [(IMAGES[part], TARGETS[part]) for part in np.split(order, 3)]
    expected = counted([(IMAGES, TARGETS)])
    for found, whole in zip(
        counted(batches, side_by_side=at_once), expected, strict=True
    ):
        np.testing.assert_array_equal(found, whole)


def test_different_numbers_of_edits_are_refused():
    keeps = KEEPS | {"second": np.ones((4, 3), np.float32)}
    with pytest.raises(BadInput, match="`keeps` has different numbers of edits"):
        knockout_counts(outputs, {}, keeps, num_classes=3)


@pytest.mark.parametrize("wrong", [3, -1])
def test_targets_that_are_no_classes_are_refused(wrong):
    targets = np.where(np.arange(12) == 4, wrong, TARGETS)
    with pytest.raises(BadInput, match=r"`targets` has (-1|3); allowed are 0 to 2"):
        counted([(IMAGES, targets)])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**16))
def test_edits_numbered_through_are_split_layer_by_layer(sizes, seed):
    units = {f"conv{n}": size for n, size in enumerate(sizes)}
    keeps = np.random.default_rng(seed).random((3, sum(sizes)))
    found = split_keeps(keeps, units)
    assert {layer: keep.shape for layer, keep in found.items()} == {
        layer: (3, size) for layer, size in units.items()
    }
    np.testing.assert_array_equal(np.concatenate([*found.values()], 1), keeps)


def test_edits_of_other_numbers_of_units_are_refused():
    with pytest.raises(BadInput, match="`keeps` is of 5 units"):
        split_keeps(np.ones((1, 5)), {"conv1": 2, "conv2": 2})


@pytest.fixture(scope="module")
def lenet():
    return make_example("lenet")


def keeps_of(example, layers, **removed):
    network, params, images = example
    acts = networks.taps(network, layers)(params, images)
    keeps = {layer: np.ones(acts[layer].shape[-1], np.float32) for layer in acts}
    for layer, units in removed.items():
        keeps[layer][units] = 0
    return jax.tree.map(jnp.asarray, keeps)


def test_without_no_units_the_network_is_itself_bit_for_bit(lenet):
    layers = ("conv1", "conv3")
    keeps = keeps_of(lenet, layers)
    found = networks.without_units(lenet.network, layers)(*lenet[1:], keeps)
    whole = networks.apply(*lenet)
    np.testing.assert_array_equal(found, whole)


def test_without_units_is_the_tail_of_their_maps_at_zero(lenet):
    network, params, images = lenet
    keeps = keeps_of(lenet, ("conv2",), conv2=[1, 4])
    trunk, tail = networks.split(network, "conv2")
    expected = tail(params, trunk(params, images) * keeps["conv2"])
    found = networks.without_units(network, ("conv2",))(params, images, keeps)
    np.testing.assert_array_equal(found, expected)
    assert (found != networks.apply(network, params, images)).any()


def test_without_a_whole_late_layer_earlier_ones_do_not_matter(lenet):
    _, params, images = lenet
    layers = ("conv1", "conv3")
    answer = networks.without_units(lenet.network, layers)
    late = answer(params, images, keeps_of(lenet, layers, conv3=slice(None)))
    both = keeps_of(lenet, layers, conv1=slice(None), conv3=slice(None))
    np.testing.assert_array_equal(answer(params, images, both), late)


def test_an_unknown_layer_is_refused(lenet):
    with pytest.raises(BadInput, match="conv9"):
        networks.without_units(lenet.network, ("conv1", "conv9"))
