"""Upsampling as two matrix products equals the definition, written as loops."""

import numpy as np
import pytest
from reference import dissection as reference

from jaxdissect.upsampling import Axis, bilinear_matrix, upsample


@pytest.mark.parametrize("padding", ["zeros", "edge"])
@pytest.mark.parametrize("axis", [Axis(7.5, 16.0), Axis(15.0, 16.0)])
def test_upsampling_equals_the_reference(padding, axis):
    acts = np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float32)
    rows = bilinear_matrix(3, 12, 48, axis, padding=padding)
    columns = bilinear_matrix(2, 8, 32, axis, padding=padding)
    expected = reference.upsample(
        acts,
        (12, 8),
        (48, 32),
        (axis.offset,) * 2,
        (axis.step,) * 2,
        padding,
    )
    got = upsample(acts[None], rows, columns)[0]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_vgg_at_224_has_the_published_edge_weight():
    matrix = bilinear_matrix(14, 56, 224, Axis(7.5, 16.0), padding="zeros")
    assert matrix[0, 0] == 0.625
    np.testing.assert_allclose(matrix[2:-2].sum(1), 1)


def test_a_grid_of_the_same_size_changes_nothing():
    same = bilinear_matrix(6, 6, 96, Axis(7.5, 16.0), padding="zeros")
    np.testing.assert_array_equal(same, np.eye(6))
