"""The stages all our networks are made of."""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array, lax

from jaxdissect.errors import BadInput
from jaxdissect.networks.stages import (
    Stage,
    Variables,
    Window,
    dropout_stage,
    function_stage,
    linear_stage,
    normalization_stage,
    whole_map,
)

Convolution = Callable[..., Array]
"""What `lax.conv_general_dilated` is, or something that agrees with it."""

he_normal = nn.initializers.he_normal()


def input_stage(mean: Sequence[float], std: Sequence[float]) -> Stage:
    """Images in [0, 1] to what the network was trained on: (x - mean) / std."""
    mean_array, std_array = jnp.asarray(mean), jnp.asarray(std)
    return function_stage("input", lambda x: (x - mean_array) / std_array)


def grey_stage() -> Stage:
    """The mean of the channels as the only one: [B H W c] -> [B H W 1]."""
    return function_stage("grey", lambda x: x.mean(-1, keepdims=True))


LUMINANCE = (0.299, 0.587, 0.114)
"""What red, green and blue weigh in the grey of ITU-R BT.601, as Pillow's."""


def luminance_stage() -> Stage:
    """Images in grey: [B H W 3] -> [B H W 1]; those of one channel as they are.

    >>> luminance_stage().apply({}, jnp.ones((1, 1, 1, 3))).round(6).tolist()
    [[[[1.0]]]]
    """

    def grey(x: Array) -> Array:
        if x.shape[-1] == 1:
            return x
        return (x * jnp.asarray(LUMINANCE, x.dtype)).sum(-1, keepdims=True)

    return function_stage("grey", grey)


def as_weights(variables: Variables, x: Array) -> Array:
    """x in the type of the kernel it meets, so that bfloat16 weights decide."""
    return x.astype(variables["params"]["kernel"].dtype)


def convolution(
    name: str,
    features: int,
    *,
    size: int = 3,
    stride: int = 1,
    padding: int = 1,
    groups: int = 1,
    bias: bool = True,
    convolve: Convolution = lax.conv_general_dilated,
) -> Stage:
    """A square convolution, in groups of units if so asked; `convolve` computes it."""
    module = nn.Conv(
        features,
        (size, size),
        strides=(stride, stride),
        padding=((padding, padding), (padding, padding)),
        feature_group_count=groups,
        use_bias=bias,
        kernel_init=he_normal,
        conv_general_dilated=convolve,
    )

    def apply(variables: Variables, x: Array) -> Array:
        return jnp.asarray(module.apply(variables, as_weights(variables, x)))

    def contributions(variables: Variables, x: Array) -> Array:
        # One group per input unit: the same products as the convolution itself.
        kernel = _every_unit(variables["params"]["kernel"], groups)
        rows, columns, units, outputs = kernel.shape
        z = lax.conv_general_dilated(
            x,
            kernel.reshape(rows, columns, 1, units * outputs),
            (stride, stride),
            ((padding, padding), (padding, padding)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=units,
        )
        return jnp.moveaxis(z.reshape(*z.shape[:3], units, outputs), 3, 1)

    window = Window(size, stride, padding)
    return linear_stage(
        name, module, contributions, apply=apply, window=lambda length: window
    )


def _every_unit(kernel: Array, groups: int) -> Array:
    """A kernel in groups, [h w U/groups M], as one of all units, [h w U M]."""
    if groups == 1:
        return kernel
    parts = jnp.split(kernel, groups, axis=-1)
    none = jnp.zeros_like(parts[0])
    rows = [
        jnp.concatenate([part if g == h else none for h in range(groups)], axis=-1)
        for g, part in enumerate(parts)
    ]
    return jnp.concatenate(rows, axis=-2)


def fully_connected(name: str, features: int) -> Stage:
    """A dense layer over all positions and units: [B H W U] -> [B 1 1 M].

    The kernel keeps the shape [H W U M], so that a unit's share is a slice of it.
    """
    module = nn.DenseGeneral(features, axis=(-3, -2, -1), kernel_init=he_normal)

    def flat(variables: Variables, x: Array) -> Array:
        kernel = variables["params"]["kernel"]
        if x.shape[1:] != kernel.shape[:3]:
            raise BadInput(
                f"the image size does not fit the weights: {name} gets maps of shape "
                f"{x.shape[1:]}, its kernel takes {kernel.shape[:3]}"
            )
        outputs = module.apply(variables, as_weights(variables, x))
        return jnp.asarray(outputs)[:, None, None, :]

    def contributions(variables: Variables, x: Array) -> Array:
        kernel = variables["params"]["kernel"]

        def of_unit(unit: Array) -> Array:
            return jnp.einsum("bhw,hwm->bm", x[..., unit], kernel[:, :, unit])

        # All units at once would copy the kernel, which in VGG-16 has 400 MB.
        units = jnp.arange(kernel.shape[2])
        z = lax.map(of_unit, units, batch_size=min(16, len(units)))
        return jnp.moveaxis(z, 0, 1)[:, :, None, None, :]

    return linear_stage(name, module, contributions, apply=flat, window=whole_map)


def activation(name: str, function: Callable[[Array], Array] = jax.nn.relu) -> Stage:
    """An elementwise nonlinearity, ReLU unless asked otherwise."""
    return function_stage(name, function, unitwise=True)


def max_pool(name: str, *, size: int = 2, stride: int = 2, padding: int = 0) -> Stage:
    """Max pooling; the first of equal values gets the gradient."""

    def larger(first: Array, second: Array) -> Array:
        return jnp.where((first >= second) | jnp.isnan(first), first, second)

    def pool(x: Array) -> Array:
        if padding:
            border = (padding, padding)
            outside = ((0, 0), border, border, (0, 0))
            x = jnp.pad(x, outside, constant_values=-jnp.inf)
        # XLA's own pooling gradient takes eight times longer than this on a CPU.
        height = (x.shape[1] - size) // stride + 1
        width = (x.shape[2] - size) // stride + 1
        windows = (
            x[:, i : i + stride * height : stride, j : j + stride * width : stride]
            for i in range(size)
            for j in range(size)
        )
        return functools.reduce(larger, windows)

    window = Window(size, stride, padding)
    return function_stage(name, pool, unitwise=True, window=lambda length: window)


def local_response_normalization(
    name: str, *, units: int = 5, alpha: float = 1e-4, beta: float = 0.75
) -> Stage:
    """Divide by (1 + alpha mean_n x_n^2)^beta, n over neighbouring units, as AlexNet.

    Units beyond the first and the last count as zeros in the mean.
    """

    def normalize(x: Array) -> Array:
        before = units // 2
        beyond = ((0, 0), (0, 0), (0, 0), (before, units - 1 - before))
        squares = jnp.pad(x * x, beyond)
        total = sum(
            lax.slice_in_dim(squares, n, n + x.shape[-1], axis=-1) for n in range(units)
        )
        return x / (1 + alpha / units * total) ** beta

    return function_stage(name, normalize)


def average_pool(name: str, cells: int) -> Stage:
    """Average to cells x cells whatever the image size, as torchvision does.

    Cell i averages positions floor(i n / cells) to ceil((i + 1) n / cells), so maps of
    cells x cells pass unchanged and smaller ones are repeated.
    """

    def weights(length: int) -> np.ndarray:
        cell = np.arange(cells)[:, None]
        first, end = cell * length // cells, -(-(cell + 1) * length // cells)
        position = np.arange(length)
        inside = (position >= first) & (position < end)
        return (inside / (end - first)).astype(np.float32)

    def pool(x: Array) -> Array:
        if x.shape[1:3] == (cells, cells):
            return x
        rows, columns = weights(x.shape[1]), weights(x.shape[2])
        return jnp.einsum("hH,wW,bHWu->bhwu", rows, columns, x)

    def window(length: int) -> Window:
        return Window(length / cells, length / cells)

    return function_stage(name, pool, unitwise=True, window=window)


def logits() -> Stage:
    """[B 1 1 K] -> [B K]."""
    return function_stage("logits", lambda x: x[:, 0, 0, :])


def unit_layer(
    linear: Callable[[str], Stage],
    name: str,
    *,
    suffix: str,
    batch_norm: bool = False,
    function: Callable[[Array], Array] = jax.nn.relu,
) -> list[Stage]:
    """Linear map, optional BatchNorm, nonlinearity, which has the plain name."""
    stages = [linear(f"{name}.{suffix}")]
    if batch_norm:
        stages.append(normalization_stage(f"{name}.bn"))
    return [*stages, activation(name, function)]


def classifier(
    num_classes: int, hidden: Sequence[int], *, first: int, dropout: float
) -> list[Stage]:
    """Fully connected layers fc<first>, ... and the logits, as in AlexNet and VGG."""
    stages: list[Stage] = []
    for number, features in enumerate(hidden, first):
        name = f"fc{number}"
        stages += unit_layer(
            functools.partial(fully_connected, features=features),
            name,
            suffix="dense",
        )
        stages.append(dropout_stage(f"drop{number}", dropout))
    return [*stages, fully_connected(f"fc{first + len(hidden)}", num_classes), logits()]
