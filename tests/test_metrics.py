"""Accuracies equal the loops, and the identity between them."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import ablation as reference

from jaxdissect import metrics

labels = st.lists(st.integers(0, 3), min_size=12, max_size=12)


@settings(deadline=None)
@given(labels, labels)
def test_counts_and_accuracies_equal_the_reference(predictions, targets):
    counts = metrics.class_counts(
        jnp.array(predictions), jnp.array(targets), num_classes=4
    )
    expected = reference.class_counts(np.array(predictions), np.array(targets), 4)
    for got, want in zip(counts, expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert metrics.top1(counts) == reference.top1(expected[0], expected[2])
    present = expected[2] > 0
    np.testing.assert_allclose(
        metrics.recall(counts)[present],
        reference.recall(expected[0], expected[2])[present],
    )
    if present.sum() > 1:
        np.testing.assert_allclose(
            metrics.balanced_accuracy(counts)[present],
            reference.balanced_accuracy(*expected)[present],
        )


@settings(deadline=None)
@given(labels)
def test_mean_balanced_accuracy_follows_from_top1_on_balanced_data(predictions):
    targets = jnp.arange(12) % 4
    counts = metrics.class_counts(jnp.array(predictions), targets, num_classes=4)
    accuracy = metrics.top1(counts)
    identity = 0.5 * (accuracy + 1 - (1 - accuracy) / 3)
    np.testing.assert_allclose(metrics.balanced_accuracy(counts).mean(), identity)


def test_leading_axes_are_edits():
    predictions = jnp.array([[0, 1, 1], [0, 0, 0]])
    counts = metrics.class_counts(predictions, jnp.array([0, 1, 0]), num_classes=2)
    np.testing.assert_allclose(metrics.top1(counts), [2 / 3, 2 / 3])
    np.testing.assert_array_equal(counts.predicted, [[1, 2], [3, 0]])


def test_an_absent_class_counts_as_never_recalled():
    counts = metrics.class_counts(jnp.array([0]), jnp.array([0]), num_classes=2)
    assert metrics.recall(counts).tolist() == [1.0, 0.0]
