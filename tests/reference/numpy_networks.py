"""Pretrained networks in plain numpy: float64, [B U H W], tensors by PyTorch's names.

Each function takes a state dictionary and normalized images, and returns {layer: acts}
of what comes after each nonlinearity and pooling, and the logits. Sources: the
publications named in ``torch_networks.py`` and ``torch_resnets.py``.
"""

from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def convolve(state, name, x, *, stride=1, padding=0, groups=1):
    """A convolution as PyTorch's: not mirrored, the same padding on all sides."""
    kernel = state[f"{name}.weight"].astype(np.float64)
    border = (padding, padding)
    x = np.pad(x, ((0, 0), (0, 0), border, border))
    windows = sliding_window_view(x, kernel.shape[2:], (2, 3))
    windows = windows[:, :, ::stride, ::stride]
    maps = [
        np.einsum("buhwij,muij->bmhw", w, k, optimize=True)
        for w, k in zip(
            np.split(windows, groups, axis=1),
            np.split(kernel, groups, axis=0),
            strict=True,
        )
    ]
    y = np.concatenate(maps, axis=1)
    bias = state.get(f"{name}.bias", np.zeros(len(kernel)))
    return y + bias[:, None, None]


def normalize(state, name, x):
    """BatchNorm by its running statistics, which become these maps' if it has none."""
    if f"{name}.running_mean" not in state:
        state[f"{name}.running_mean"] = x.mean((0, 2, 3)).astype(np.float32)
        state[f"{name}.running_var"] = x.var((0, 2, 3)).astype(np.float32)
    scale, offset, mean, var = (
        state[f"{name}.{part}"].astype(np.float64)[:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * scale + offset


def relu(x):
    return np.maximum(x, 0)


def max_pool(x, size, stride, padding=0):
    border = (padding, padding)
    x = np.pad(x, ((0, 0), (0, 0), border, border), constant_values=-np.inf)
    windows = sliding_window_view(x, (size, size), (2, 3))
    return windows[:, :, ::stride, ::stride].max((4, 5))


def respond(x, units=5, alpha=1e-4, beta=0.75):
    """Local response normalization over neighbouring units (NIPS 2012, section 3.3).

    As Caffe, alpha is divided by the number of neighbours, and k is 1.
    """
    y = np.empty_like(x)
    for unit in range(x.shape[1]):
        first = max(0, unit - units // 2)
        neighbours = x[:, first : unit + units // 2 + 1]
        total = (neighbours**2).sum(1)
        y[:, unit] = x[:, unit] / (1 + alpha / units * total) ** beta
    return y


def average(x, grid):
    """Means of grid x grid overlapping cells of near-equal size."""
    height, width = x.shape[2:]
    y = np.empty((*x.shape[:2], grid, grid))
    for i in range(grid):
        rows = slice(i * height // grid, -(-(i + 1) * height // grid))
        for j in range(grid):
            columns = slice(j * width // grid, -(-(j + 1) * width // grid))
            y[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
    return y


def heads(state, names, x):
    """fc6, fc7 and the logits of maps, which are flattened units first."""
    found, x = {}, x.reshape(len(x), -1)
    for layer, name in zip(("fc6", "fc7", "logits"), names, strict=True):
        x = x @ state[f"{name}.weight"].T.astype(np.float64) + state[f"{name}.bias"]
        x = x if layer == "logits" else relu(x)
        found[layer] = x
    return found


def vgg16(state, x, *, batch_norm=False, groups=(2, 2, 3, 3, 3), grid=7):
    found, number = {}, 0
    for group, depth in enumerate(groups, 1):
        for n in range(1, depth + 1):
            x = convolve(state, f"features.{number}", x, padding=1)
            if batch_norm:
                x = normalize(state, f"features.{number + 1}", x)
            x = found[f"conv{group}_{n}"] = relu(x)
            number += 3 if batch_norm else 2
        x = found[f"pool{group}"] = max_pool(x, 2, 2)
        number += 1
    x = found["avgpool"] = average(x, grid)
    return found | heads(state, [f"classifier.{n}" for n in (0, 3, 6)], x)


def alexnet(state, x):
    found = {}
    for n, (number, stride, padding) in enumerate(
        ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)), 1
    ):
        x = convolve(state, f"features.{number}", x, stride=stride, padding=padding)
        x = found[f"conv{n}"] = relu(x)
        if n in (1, 2, 5):
            x = found[f"pool{n}"] = max_pool(x, 3, 2)
    x = found["avgpool"] = average(x, 6)
    return found | heads(state, [f"classifier.{n}" for n in (1, 4, 6)], x)


def caffe_alexnet(state, x):
    found = {}
    for n, (stride, padding, groups) in enumerate(
        ((4, 0, 1), (1, 2, 2), (1, 1, 1), (1, 1, 2), (1, 1, 2)), 1
    ):
        shape = {"stride": stride, "padding": padding, "groups": groups}
        x = found[f"conv{n}"] = relu(convolve(state, f"conv{n}", x, **shape))
        if n in (1, 2, 5):
            x = found[f"pool{n}"] = max_pool(x, 3, 2)
        if n in (1, 2):
            x = found[f"norm{n}"] = respond(x)
    return found | heads(state, ["fc6", "fc7", "fc8"], x)


def resnet(state, x, *, blocks, bottleneck, padded=False):
    """A stem of 7 x 7 has stride 2 and is pooled; one of 3 x 3 is not."""
    size = state["conv1.weight"].shape[-1]
    x = convolve(state, "conv1", x, stride=2 if size == 7 else 1, padding=size // 2)
    x = relu(normalize(state, "bn1", x))
    found = {"conv1": x}
    if size == 7:
        x = found["pool1"] = max_pool(x, 3, 2, padding=1)
    for group, number in enumerate(blocks, 1):
        for n in range(number):
            name = f"layer{group}.{n}"
            stride = 2 if group > 1 and n == 0 else 1
            steps = [(3, stride), (3, 1)]
            if bottleneck:
                steps = [(1, 1), (3, stride), (1, 1)]
            convolved = partial(_normalized, state)
            around = x
            for way in ("downsample", "shortcut"):
                if f"{name}.{way}.0.weight" in state:
                    norm = f"{name}.{way}.1"
                    around = convolved(f"{name}.{way}.0", norm, x, 1, stride)
            for m, (size, step) in enumerate(steps, 1):
                x = convolved(f"{name}.conv{m}", f"{name}.bn{m}", x, size, step)
                if m < len(steps):
                    x = found[f"{name}.conv{m}"] = relu(x)
            if padded and stride == 2:
                around = _every_other_cell(around, x.shape[1])
            x = found[name] = relu(x + around)
    x = x.mean((2, 3))
    head = "fc" if "fc.weight" in state else "linear"
    return found | {"logits": x @ state[f"{head}.weight"].T + state[f"{head}.bias"]}


def _every_other_cell(x, units):
    """Option A of section 4.1: as many units of zeros before as behind."""
    wide = np.zeros((len(x), units, *x[0, 0, ::2, ::2].shape))
    first = (units - x.shape[1]) // 2
    wide[:, first : first + x.shape[1]] = x[:, :, ::2, ::2]
    return wide


def _normalized(state, conv, norm, x, size, stride):
    x = convolve(state, conv, x, stride=stride, padding=size // 2)
    return normalize(state, norm, x)
