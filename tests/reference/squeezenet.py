"""SqueezeNet v1.1 as its weights' description has it: loops, float64, NCHW arrays."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import convolve2d

FIRES = tuple(f"fire{n}" for n in range(2, 10))
POOLED_BEFORE = ("fire2", "fire4", "fire6")
SLOPE = 0.55


def random_arrays(seed, classes):
    """Made-up arrays under the published keys, in thin layers that all differ."""
    rng = np.random.default_rng(seed)
    arrays = {}

    def add(name, units, inputs, size):
        arrays[f"{name}_W"] = rng.normal(0, inputs**-0.5, (units, inputs, size, size))
        arrays[f"{name}_b"] = rng.normal(size=units)
        if name != "conv10":
            arrays[f"{name}_bn_beta"] = rng.normal(size=units)
            arrays[f"{name}_bn_gamma"] = rng.uniform(0.5, 1.5, units)
            arrays[f"{name}_bn_mean"] = rng.normal(size=units)
            arrays[f"{name}_bn_inv_std"] = rng.uniform(0.3, 0.9, units)

    add("conv1", 4, 3, 3)
    inputs = 4
    for n, fire in enumerate(FIRES, 1):
        add(f"{fire}_squeeze1x1", 2, inputs, 1)
        add(f"{fire}_expand1x1", n, 2, 1)
        add(f"{fire}_expand3x3", 3, 2, 3)
        inputs = n + 3
    add("conv10", classes, inputs, 1)
    return {key: a.astype(np.float32) for key, a in arrays.items()}


def taps(arrays, image):
    """{layer: [units height width]} and the logits of an image [3 height width]."""
    found = {"conv1": unit(arrays, "conv1", image, stride=2, pad=1)}
    x = found["conv1"]
    for fire in FIRES:
        if fire in POOLED_BEFORE:
            x = sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2].max((3, 4))
        q = unit(arrays, f"{fire}_squeeze1x1", x)
        halves = (
            unit(arrays, f"{fire}_expand1x1", q),
            unit(arrays, f"{fire}_expand3x3", q, pad=1),
        )
        x = found[fire] = np.concatenate(halves)
    found["logits"] = unit(arrays, "conv10", x).mean((1, 2))
    return found


def unit(arrays, name, x, stride=1, pad=0):
    """True convolution, bias, batch norm if there is one, leaky ReLU."""
    column = {
        key.removeprefix(f"{name}_"): a.astype(np.float64)[:, None, None]
        for key, a in arrays.items()
        if key.startswith(f"{name}_") and a.ndim == 1
    }
    x = np.pad(x.astype(np.float64), ((0, 0), (pad, pad), (pad, pad)))
    maps = []
    for kernels in arrays[f"{name}_W"].astype(np.float64):
        pairs = zip(x, kernels, strict=True)
        maps.append(sum(convolve2d(channel, k, "valid") for channel, k in pairs))
    y = np.stack(maps)[:, ::stride, ::stride] + column["b"]
    if "bn_mean" in column:
        y = (y - column["bn_mean"]) * (column["bn_gamma"] * column["bn_inv_std"])
        y = y + column["bn_beta"]
    return np.where(y < 0, SLOPE * y, y)
