"""A network of one's own: SqueezeNet for the scenes of Places365, in plain JAX.

python dissect.py --network examples/squeezenet_places365.py:build --weights FOLDER

Iandola et al., 2016, arXiv 1602.07360; weights: github.com/urbste/squeezenet_places365.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdissect import adapters, networks

LAYERS = (
    "conv1 pool1 fire2 fire3 pool3 fire4 fire5 pool5 fire6 fire7 fire8 fire9 logits"
)
MEAN_BGR = np.array([104.05, 112.51, 116.68], np.float32)  # of pixels from 0 to 255


def build(folder, size=224):
    kinds = {"conv": first, "pool": pool, "fire": fire, "logi": last}
    functions = {name: kinds[name[:4]] for name in LAYERS.split()}
    weights = load(folder / "squeezenet_places365.npz")
    params = {name: weights.get(name, {}) for name in functions}
    network, params = adapters.chain(functions, params, jnp.zeros((1, size, size, 3)))
    lines = (folder / "categories_places365.txt").read_text().splitlines()
    classes = tuple(line.split()[0] for line in lines)
    return networks.Classifier(network, params, size, classes)


def load(file):  # {layer: {convolution: (kernel, bias)}}, BatchNorm folded in
    arrays, weights = dict(np.load(file)), {}
    for name in (key[:-2] for key in arrays if key.endswith("_W")):
        # Theano convolves where JAX correlates, so the kernels are mirrored.
        kernel, bias = arrays[f"{name}_W"][:, :, ::-1, ::-1], arrays[f"{name}_b"]
        if f"{name}_bn_mean" in arrays:
            mean, beta, gamma, inverse_std = (
                arrays[f"{name}_bn_{key}"]
                for key in ("mean", "beta", "gamma", "inv_std")
            )
            scale = gamma * inverse_std
            kernel, bias = (
                kernel * scale[:, None, None, None],
                (bias - mean) * scale + beta,
            )
        layer, _, part = name.replace("conv10", "logits").partition("_")
        weights.setdefault(layer, {})[part] = (kernel, bias)
    return weights


def convolve(weights, x, stride=1, padding=0):
    z = lax.conv_general_dilated(
        *(x, weights[0], (stride, stride), [(padding, padding)] * 2),
        dimension_numbers=("NHWC", "OIHW", "NHWC"),
    )
    return jax.nn.leaky_relu(z + weights[1], 0.55)


def first(weights, images):  # RGB in [0, 1], as all tools give them
    return convolve(weights[""], (255 * images[..., ::-1] - MEAN_BGR) / 255, 2, 1)


def pool(weights, x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")


def fire(weights, x):
    x = convolve(weights["squeeze1x1"], x)
    wide = convolve(weights["expand3x3"], x, padding=1)
    return jnp.concatenate([convolve(weights["expand1x1"], x), wide], axis=-1)


def last(weights, x):
    return convolve(weights[""], x).mean((1, 2))
