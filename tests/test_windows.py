"""Measured windows sit where the declared ones do."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import NETWORKS, every_network
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxdissect.networks.stages import Window
from jaxdissect.networks.windows import measured_windows


def centre_and_step(window, rows):
    """Of the first cell; the step of a single cell says nothing."""
    size, stride, padding, _ = window
    return (size - 1) / 2 - padding, stride if rows > 1 else 0


@every_network
def test_every_stage_has_its_cells_where_it_says(name):
    build, shape = NETWORKS[name]
    if name.startswith("resnet"):
        shape = (160, 160, 3)  # of maps of 3 rows no block shows its window of 7
    rng = np.random.default_rng(0)
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    for stage in build()[:-1]:
        shapes = jax.eval_shape(partial(stage.init, jax.random.key(0)), x)
        outputs = jax.eval_shape(stage.apply, shapes, x)
        declared = stage.windows(*x.shape[1:3])
        if declared[0] != Window():  # else it is BatchNorm, ReLU or dropout
            variables = jax.tree.map(lambda a: jnp.array(rng.random(a.shape)), shapes)
            measured = measured_windows(partial(stage.apply, variables), x.shape[1:])
            for axis in (0, 1):
                cells = outputs.shape[1 + axis]
                got, want = (
                    centre_and_step(w[axis], cells) for w in (measured, declared)
                )
                assert got == pytest.approx(want), stage.name
        x = outputs


def measured_window(function, shape):
    """Along rows."""
    return measured_windows(function, shape)[0]


def convolution(size, stride, padding, *, dilation=1):
    """Over rows; padding is (before, behind) or a name."""
    kernel = jnp.ones((size, 1, 1, 1))
    padding = padding if isinstance(padding, str) else [padding, (0, 0)]
    return lambda x: lax.conv_general_dilated(
        x,
        kernel,
        (stride, 1),
        padding,
        rhs_dilation=(dilation, 1),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 7), st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))
def test_windows_of_convolutions_are_exact(size, stride, before, behind):
    before, behind = min(before, size - 1), min(behind, size - 1)
    function = convolution(size, stride, (before, behind))
    assert measured_window(function, (24, 1, 1)) == Window(size, stride, before)


def test_same_padding_of_stride_two_is_behind_the_map():
    function = convolution(3, 2, "SAME")
    assert measured_window(function, (16, 1, 1)) == Window(3, 2, 0)
    assert measured_window(function, (15, 1, 1)) == Window(3, 2, 1)


def test_a_dilated_window_is_as_large_as_it_reaches():
    function = convolution(3, 1, (2, 2), dilation=2)
    assert measured_window(function, (16, 1, 1)) == Window(5, 1, 2)


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_small_maps_tell_the_centres_of_common_windows(length):
    same, half = convolution(3, 1, (1, 1)), convolution(3, 2, (1, 1))
    assert centre_and_step(measured_window(same, (length, 1, 1)), 2) == (0, 1)
    if length > 2:
        assert centre_and_step(measured_window(half, (length, 1, 1)), 2) == (0, 2)


def test_columns_do_not_matter():
    pad = lambda x: jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))  # noqa: E731
    function = lambda x: (pad(x)[:, :-2] + pad(x)[:, 2:]).sum(2, keepdims=True)  # noqa: E731
    assert measured_window(function, (8, 5, 2)) == Window(3, 1, 1)


@pytest.mark.parametrize(
    ("function", "window"),
    [
        (lambda x: x / abs(x).sum((1, 2), keepdims=True), Window(1, 1)),
        (lambda x: jnp.zeros((len(x), 4, 4, 1)), Window(2, 2)),
        (lambda x: jnp.fft.fft(x, axis=1).real[:, ::2], Window(2, 2)),
    ],
)
def test_without_a_window_cells_divide_the_map(function, window):
    assert measured_window(function, (8, 8, 2)) == window._replace(known=False)


@pytest.mark.parametrize("keepdims", [True, False])
def test_one_cell_sees_the_whole_map(keepdims):
    function = lambda x: x.mean((1, 2), keepdims=keepdims)  # noqa: E731
    assert measured_windows(function, (8, 6, 2)) == (Window(8, 8), Window(6, 6))


def test_nonlinearities_that_hide_nan_are_seen_through():
    rectified = lambda x: jnp.where(x > 0, x, 0)[:, ::2]  # noqa: E731
    assert measured_window(rectified, (16, 4, 8)) == Window(1, 2, 0)


def test_few_calls_are_made():
    calls = []

    def function(x):
        calls.append(x.shape)
        return x

    measured_windows(function, (64, 2, 1))
    batches = [shape for shape in calls if shape[0] > 1]
    assert set(batches) == {(9, 64, 2, 1)} and len(batches) == np.log2(64 * 2)


def transposed(x, size, strides):
    """Every input position adds a kernel to the output, without padding."""
    return lax.conv_transpose(x, jnp.ones((*size, 1, 1)), strides, "VALID")


BORDER = ((0, 0), (1, 1), (2, 0), (0, 0))
HALVES, THIRDS = (-1 / 4, 1 / 2), (-1 / 3, 1 / 3)


@pytest.mark.parametrize(
    ("function", "shape", "places"),
    [
        # Cells of a finer map, both for a factor and for a kernel that says where.
        (lambda x: x.repeat(2, 1).repeat(3, 2), (8, 40), (HALVES, THIRDS)),
        (lambda x: transposed(x, (2, 3), (2, 3)), (8, 10), (HALVES, THIRDS)),
        (lambda x: transposed(x, (4, 1), (2, 1)), (8, 10), ((-0.75, 1 / 2), (0, 1))),
        (lambda x: x.repeat(3, 1)[:, ::2], (8, 6), ((-1 / 3, 2 / 3), (0, 1))),
        (lambda x: jnp.pad(x, BORDER), (9, 40), ((-1, 1), (-2, 1))),
        (lambda x: jnp.pad(x, BORDER, "reflect"), (9, 40), ((-1, 1), (-2, 1))),
        (lambda x: x[:, 2::3, :-4], (16, 12), ((2, 3), (0, 1))),
    ],
)
def test_other_maps_sit_where_they_are(function, shape, places):
    windows = measured_windows(function, (*shape, 1))
    for (size, stride, padding, known), (offset, step) in zip(
        windows, places, strict=True
    ):
        assert known and stride == pytest.approx(step)
        assert (size - 1) / 2 - padding == pytest.approx(offset)


def attended(size):
    """Attention within squares of size x size cells."""

    def function(x):
        _, height, width, units = x.shape
        apart = x.reshape(-1, height // size, size, width // size, size, units)
        within = jax.nn.softmax(apart, axis=(2, 4)) * apart
        return (apart + within.sum((2, 4), keepdims=True)).reshape(x.shape)

    return function


def test_cells_that_see_their_square_stay_in_place():
    for window in measured_windows(attended(4), (16, 24, 2)):
        size, stride, padding, known = window
        assert (size, stride, known) == (4, 1, True) and padding == 1.5


def test_what_small_maps_leave_open_is_an_estimate():
    half = convolution(3, 2, (1, 1))  # on 3 rows like one of size 2, stride 1 on them
    assert measured_window(half, (3, 1, 1)) == Window(3, 2, 1, known=False)
    assert measured_window(half, (4, 1, 1)) == Window(3, 2, 1)
    rectified = jax.nn.relu
    assert measured_windows(rectified, (2, 2, 3)) == (Window(), Window())


@pytest.mark.parametrize("patch", [(16, 4), (4, 16), (2, 32)])
def test_a_square_made_of_tokens_that_lie_otherwise_is_an_estimate(patch):
    """64 patches in 4 rows or 16 are no map of 8 x 8, whatever their number."""
    height, width = patch

    def function(x):
        tokens = x.reshape(-1, 64 // height, height, 64 // width, width, 1)
        return tokens.mean((2, 4)).reshape(-1, 8, 8, 1)

    rows, columns = measured_windows(function, (64, 64, 1))
    # Rows of 8 within rows of 16 are all of one place, so these are known.
    assert rows.known == (height > 4) and not columns.known
