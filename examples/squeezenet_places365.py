"""A network of one's own: SqueezeNet v1.1 for 365 kinds of scenes, in plain JAX.

Nothing here is a class of jaxdissect. Dissection, ablation and gradients ask for two
functions that meet at a layer, and get them for conv1 and fire2 to fire9:

    trunk(params, images, layer) -> acts     up to and including the layer
    tail(params, acts, layer) -> logits      everything after it

and for `CENTRES`, to lay a layer's maps over the image. The network is a chain:
nothing passes around a layer's output, so cutting there cuts all of it.

The weights were trained in Theano (github.com/urbste/squeezenet_places365); `load` and
`preprocess` hold all that differs from JAX.

Reference:
    Iandola et al., SqueezeNet, 2016, arXiv 1602.07360.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, UInt8
from PIL import Image

from jaxdissect.base import AnyArray, BadInput
from jaxdissect.upsampling import Centres

Params = dict[str, dict[str, Array]]
"""{convolution: {"kernel": [height width in out], "bias": [out]}}"""


class Window(NamedTuple):
    """What one cell of a map sees of the map before it."""

    size: int
    stride: int
    padding: int


CONV1 = Window(size=3, stride=2, padding=1)
POOL = Window(size=3, stride=2, padding=0)
ONE_BY_ONE = Window(size=1, stride=1, padding=0)
THREE_BY_THREE = Window(size=3, stride=1, padding=1)
FIRE = (ONE_BY_ONE, THREE_BY_THREE)  # The wider of its two ways.
LAYERS = {
    "conv1": (CONV1,),
    "fire2": (POOL, *FIRE),
    "fire3": FIRE,
    "fire4": (POOL, *FIRE),
    "fire5": FIRE,
    "fire6": (POOL, *FIRE),
    "fire7": FIRE,
    "fire8": FIRE,
    "fire9": FIRE,
}
"""All layers in order; each with the windows that lead to it from the one before."""

# The source subtracted a mean image that is not published; this is its usual colour.
MEAN_BGR = np.array([104.05, 112.51, 116.68], np.float32)
# Training drew slopes from 0.3 to 0.8; this is the middle.
NEGATIVE_SLOPE = 0.55


def load(folder: Path) -> Params:
    """Read squeezenet_places365.npz; batch norm is folded into the convolutions."""
    with np.load(folder / "squeezenet_places365.npz") as file:
        arrays = {key: file[key].astype(np.float64) for key in file.files}
    names = [key.removesuffix("_W") for key in arrays if key.endswith("_W")]
    return {name: _convolution(arrays, name) for name in names}


def _convolution(arrays: dict[str, np.ndarray], name: str) -> dict[str, Array]:
    # Theano convolves where JAX correlates, so the kernels are mirrored, here and once.
    kernel = arrays[f"{name}_W"][:, :, ::-1, ::-1]
    bias = arrays[f"{name}_b"]
    if f"{name}_bn_mean" in arrays:
        scale = arrays[f"{name}_bn_gamma"] * arrays[f"{name}_bn_inv_std"]
        kernel = kernel * scale[:, None, None, None]
        bias = (bias - arrays[f"{name}_bn_mean"]) * scale + arrays[f"{name}_bn_beta"]
    return {
        "kernel": jnp.asarray(kernel.transpose(2, 3, 1, 0), jnp.float32),
        "bias": jnp.asarray(bias, jnp.float32),
    }


def class_names(folder: Path) -> list[str]:
    """The 365 kinds of scenes, such as "/a/alley"."""
    lines = (folder / "categories_places365.txt").read_text().splitlines()
    return [line.split()[0] for line in lines]


def read_image(file: Path) -> UInt8[np.ndarray, "224 224 3"]:
    """An RGB image, squeezed to a square."""
    with Image.open(file) as image:
        pixels = image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
    return np.asarray(pixels)


def preprocess(images: UInt8[AnyArray, "B H W 3"]) -> Float[Array, "B H W 3"]:
    """RGB pixels to the network's input: BGR, centred, from about -0.5 to 0.6.

    >>> red = np.full((1, 1, 1, 3), [255, 0, 0], np.uint8)
    >>> print((255 * preprocess(red)).round().squeeze())
    [-104. -113.  138.]
    """
    return (jnp.asarray(images)[..., ::-1] - MEAN_BGR) / 255


def trunk(
    params: Params, images: Float[Array, "B H W 3"], layer: str = "fire9"
) -> Float[Array, "B h w U"]:
    """The network up to and including a layer; fire9 has 512 units on 13 x 13 cells."""
    acts = images
    for name in list(LAYERS)[: _cut(layer)]:
        acts = _step(params, acts, name)
    return acts


def tail(
    params: Params, acts: Float[Array, "B h w U"], layer: str = "fire9"
) -> Float[Array, "B K"]:
    """Everything after a layer; the softmax of these logits is the probabilities."""
    for name in list(LAYERS)[_cut(layer) :]:
        acts = _step(params, acts, name)
    return _convolve(params["conv10"], acts, ONE_BY_ONE).mean((1, 2))


def apply(params: Params, images: Float[Array, "B H W 3"]) -> Float[Array, "B K"]:
    """The whole network, on images from `preprocess`."""
    return tail(params, trunk(params, images))


def taps(
    params: Params, images: Float[Array, "B H W 3"]
) -> dict[str, Float[Array, "B _ _ _"]]:
    """The activations of every layer, from one pass."""
    acts, x = {}, images
    for name in LAYERS:
        x = acts[name] = _step(params, x, name)
    return acts


def _cut(layer: str) -> int:
    if layer not in LAYERS:
        raise BadInput(f"`layer` is {layer!r}; allowed are {', '.join(LAYERS)}")
    return 1 + list(LAYERS).index(layer)


def _step(params: Params, x: Array, name: str) -> Array:
    """From one layer to the next."""
    if name == "conv1":
        return _convolve(params["conv1"], x, CONV1)
    if POOL in LAYERS[name]:
        x = _max_pool(x)
    x = _convolve(params[f"{name}_squeeze1x1"], x, ONE_BY_ONE)
    narrow = _convolve(params[f"{name}_expand1x1"], x, ONE_BY_ONE)
    wide = _convolve(params[f"{name}_expand3x3"], x, THREE_BY_THREE)
    return jnp.concatenate([narrow, wide], axis=-1)


def _convolve(convolution: dict[str, Array], x: Array, window: Window) -> Array:
    z = lax.conv_general_dilated(
        x,
        convolution["kernel"],
        window_strides=(window.stride, window.stride),
        # Not "SAME", which at stride 2 would pad below and to the right only.
        padding=[(window.padding, window.padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        # GPUs may round what they multiply to 10 bits unless told not to.
        precision="highest",
    )
    return jax.nn.leaky_relu(z + convolution["bias"], NEGATIVE_SLOPE)


def _max_pool(x: Array) -> Array:
    size, strides = (1, POOL.size, POOL.size, 1), (1, POOL.stride, POOL.stride, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, size, strides, "VALID")


def centres(layers: Mapping[str, tuple[Window, ...]]) -> dict[str, Centres]:
    """Where the cells of each layer sit on the image, in pixels, 0 the first pixel.

    The first cell of a map looks through a window that begins `padding` cells before
    the first cell of the map below, and whose middle is (size - 1) / 2 cells further
    on; its neighbour looks through one that is `stride` cells away. In pixels, where
    cells of the map below are `step` apart, that is, window after window,

        offset <- offset + step * ((size - 1) / 2 - padding)
        step   <- step * stride

    >>> CENTRES["conv1"], CENTRES["fire2"]
    (Centres(offset=0.0, step=2.0), Centres(offset=2.0, step=4.0))
    """
    found, offset, step = {}, 0.0, 1.0
    for name, windows in layers.items():
        for size, stride, padding in windows:
            offset += step * ((size - 1) / 2 - padding)
            step *= stride
        found[name] = Centres(offset, step)
    return found


CENTRES = centres(LAYERS)


def main() -> None:
    """Print the five likeliest scenes of each image."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="of the npz and the categories")
    parser.add_argument("images", type=Path, nargs="+")
    arguments = parser.parse_args()
    params, names = load(arguments.folder), class_names(arguments.folder)
    classify = jax.jit(lambda x: jax.nn.softmax(apply(params, x)))
    for file in arguments.images:
        (probabilities,) = classify(preprocess(read_image(file)[None]))
        best = np.argsort(-probabilities)[:5]
        print(file.name, *(f"{names[k]} {probabilities[k]:.2f}" for k in best))


if __name__ == "__main__":
    main()
