"""Dissect a network of one's own with photographs of one's own.

    python examples/dissect_camvid.py SQUEEZENET CAMVID [--random-weights]
        [--split val] [--layers fire9] [--preset cvpr17] [--out FOLDER]

SQUEEZENET is the folder of squeezenet_places365.npz, CAMVID one of images/, masks/ and
labels.csv (docs/concepts.md says how these look). All that jaxdissect asks of a network
is a function from images to activations, and where on the image these lie.
"""

import argparse
import hashlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import squeezenet_places365 as squeezenet

from jaxdissect.cli.config import DissectConfig, ProtocolConfig
from jaxdissect.cli.dissect import dissect_subject
from jaxdissect.cli.subjects import Subject

SIZE = 224


def subject_of(params: squeezenet.Params, layers: list[str], name: str) -> Subject:
    """The network as a dissection sees it."""

    @jax.jit
    def forward(images):
        acts = squeezenet.taps(params, squeezenet.preprocess(images))
        return {layer: acts[layer] for layer in layers}

    return Subject(
        forward=lambda images: forward(jnp.asarray(images)),
        centres={layer: squeezenet.CENTRES[layer] for layer in layers},
        image_size=SIZE,
        facts={"network": name},
        digest=digest_of(params),
    )


def digest_of(params: squeezenet.Params) -> str:
    """What tells these weights from any others."""
    sha = hashlib.sha256()
    for array in jax.tree.leaves(params):
        sha.update(np.asarray(array).tobytes())
    return sha.hexdigest()


def shuffled(key: jax.Array, params: squeezenet.Params) -> squeezenet.Params:
    """The same numbers, each array in another order: a network that knows nothing."""
    arrays, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(arrays))
    return jax.tree.unflatten(
        structure,
        [
            jax.random.permutation(k, a.reshape(-1)).reshape(a.shape)
            for k, a in zip(keys, arrays, strict=True)
        ],
    )


def main() -> None:
    """Parse the command line and dissect."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("squeezenet", type=Path)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("--layers", nargs="+", default=["fire9"])
    parser.add_argument("--preset", default="cvpr17")
    parser.add_argument("--split", default="", help="such as val; all by default")
    parser.add_argument("--out", type=Path, default=Path("runs/dissect-camvid"))
    asked = parser.parse_args()
    params = squeezenet.load(asked.squeezenet)
    name = "SqueezeNet, Places365"
    if asked.random_weights:
        params, name = shuffled(jax.random.key(0), params), f"{name}, weights shuffled"
    config = DissectConfig(
        protocol=ProtocolConfig(preset=asked.preset),
        images="segmented",
        path=asked.camvid,
        split=asked.split,
    )
    dissect_subject(config, subject_of(params, asked.layers, name), asked.out)


if __name__ == "__main__":
    main()
