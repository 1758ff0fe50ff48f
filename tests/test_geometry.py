"""Cells sit where they do along either axis, whatever the other one is like."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from flax import nnx
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax import lax

from jaxdissect import adapters, networks
from jaxdissect.networks.resnet import residual_stage
from jaxdissect.networks.windows import measured_windows

SIZE = 48

axes = st.tuples(
    st.integers(1, 5),  # size of the kernel
    st.integers(1, 3),  # stride
    st.tuples(st.integers(0, 2), st.integers(0, 2)),  # padding before, behind
    st.integers(1, 2),  # dilation
)


def seen_by(cell, layers):
    """The positions of the image, borders aside, that a cell of the last layer sees."""
    seen = {cell}
    for size, stride, (before, _), dilation in reversed(layers):
        seen = {c * stride - before + k * dilation for c in seen for k in range(size)}
    return seen


def cells_of(length, layers):
    for size, stride, (before, behind), dilation in layers:
        length = 1 + (length + before + behind - dilation * (size - 1) - 1) // stride
    return length


def check_axis(axis, length, layers):
    """Every cell sits in the middle of what it sees."""
    for cell in range(cells_of(length, layers)):
        seen = seen_by(cell, layers)
        middle = (min(seen) + max(seen)) / 2
        assert axis.offset + cell * axis.step == pytest.approx(middle)
    assert axis.known


def convolved(rows, columns, variables, x):
    """A convolution of which each axis has its size, stride, padding and dilation."""
    del variables
    sizes, strides, padding, dilation = zip(rows, columns, strict=True)
    return lax.conv_general_dilated(
        x,
        jnp.ones((*sizes, x.shape[-1], 1)),
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def chained(layers, shape=(SIZE, SIZE)):
    """A hand-written network of convolutions: [(rows, columns)] of each."""
    functions = {f"conv{n}": partial(convolved, *both) for n, both in enumerate(layers)}
    functions["logits"] = lambda variables, x: x.mean((1, 2))
    return adapters.chain(functions, {}, jnp.zeros((1, *shape, 3)))[0]


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(axes, axes), min_size=1, max_size=2))
def test_every_axis_has_its_own_windows(layers):
    network = chained(layers)
    for depth in range(1, len(layers) + 1):
        centres = networks.centres(network, f"conv{depth - 1}", SIZE)
        for axis, its in zip(centres, zip(*layers[:depth], strict=True), strict=True):
            check_axis(axis, SIZE, its)


@settings(deadline=None, max_examples=12)
@example((1, 4), (1, 4), (20, 24))  # XLA's maximum passes over NaN here
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(20, 31), st.integers(20, 31)),
)
def test_same_padding_of_any_map(sizes, strides, shape):
    """SAME pads so that ceil(length / stride) cells come out, the odd one behind."""

    def function(x):
        return lax.reduce_window(
            x, -jnp.inf, lax.max, (1, *sizes, 1), (1, *strides, 1), "SAME"
        )

    windows = measured_windows(function, (*shape, 2))
    for window, *axis in zip(windows, shape, sizes, strides, strict=True):
        length, size, stride = axis
        padded = max(0, (-(-length // stride) - 1) * stride + size - length)
        middle = (window.size - 1) / 2 - window.padding
        assert middle == (size - 1) / 2 - padded // 2
        assert window.known and window.stride == stride


def tall(kind):
    """Layers with a rectangular kernel, of a kind of one's own."""
    if kind == "linen":
        module = nn.Sequential([
            nn.Conv(4, (3, 6), (2, 4), padding=((0, 1), (2, 3))),
            nn.relu,
            lambda x: nn.max_pool(x, (2, 1), (2, 1)),
            nn.Conv(4, (3, 5), padding="VALID", kernel_dilation=(1, 2)),
            lambda x: x.mean((1, 2)),
        ])  # fmt: skip
        image = jnp.zeros((1, SIZE, SIZE, 3))
        variables = module.init(jax.random.key(0), image)
        return adapters.linen_network(module, variables, image)[0]
    rngs = nnx.Rngs(0)
    model = nnx.Sequential(
        nnx.Conv(3, 4, (3, 6), (2, 4), padding=((0, 1), (2, 3)), rngs=rngs),
        nnx.relu,
        lambda x: nnx.max_pool(x, (2, 1), (2, 1)),
        nnx.Conv(4, 4, (3, 5), padding="VALID", kernel_dilation=(1, 2), rngs=rngs),
        lambda x: x.mean((1, 2)),
    )
    return adapters.nnx_network(model, jnp.zeros((1, SIZE, SIZE, 3)))[0]


@pytest.mark.parametrize("kind", [pytest.param("linen", marks=pytest.mark.slow), "nnx"])
def test_models_of_ones_own_have_two_axes(kind):
    network = tall(kind)
    layer = networks.layer_names(network)[-2]
    rows = ((3, 2, (0, 1), 1), (2, 2, (0, 0), 1), (3, 1, (0, 0), 1))
    columns = ((6, 4, (2, 3), 1), (1, 1, (0, 0), 1), (5, 1, (0, 0), 2))
    centres = networks.centres(network, layer, SIZE)
    check_axis(centres.rows, SIZE, rows)
    check_axis(centres.columns, SIZE, columns)


def test_stages_may_look_at_axes_differently():
    flat = networks.stages.Window(1, 1), networks.stages.Window(4, 4)
    stage = networks.stages.function_stage("flat", lambda x: x)
    stage = stage._replace(windows=lambda height, width: flat)
    halved = networks.layers.max_pool("half")
    block = residual_stage("block", (stage, halved), ())
    for layers in ((stage, halved), (block,)):
        centres = networks.centres(layers, layers[-1].name, SIZE)
        assert centres == ((0.5, 2, True), (3.5, 8, True))
