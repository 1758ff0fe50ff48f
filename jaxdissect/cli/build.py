"""A network with its weights, ready to be asked: what the commands share."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import networks, weights
from jaxdissect.base import BadInput, Params
from jaxdissect.cli import architectures, caching, generated, outputs
from jaxdissect.cli.config import (
    DissectConfig,
    SubjectConfig,
    SweepConfig,
)
from jaxdissect.data import scenes
from jaxdissect.data.names import shown


class Tried(NamedTuple):
    """What a network that nothing is known of gave when it was tried.

    Attributes:
        images: [4 S S 3] on which it was.
        outputs: [4 K] of its own.
        kind: what they look like, of `logits.Kind`; "" where the user says it.
        ends_in: what the user says that the network ends in; "" where nothing.
    """

    images: np.ndarray
    outputs: np.ndarray
    kind: str
    ends_in: str


class Trained(NamedTuple):
    """A network with its weights and what is known about them.

    Attributes:
        network: the table of stages.
        weights: its parameters and where they come from.
        image_size: height and width of the images it takes, in pixels.
        classes: their names, [K].
        facts: {name: value} to say about it: its architecture, and its input.
        tried: of a network of the user's own; None where outputs are known to be
            logits.
        is_shifted: whether its logits are known up to a number for each image only.
    """

    network: networks.Network
    weights: weights.Weights
    image_size: int
    classes: tuple[str, ...]
    facts: Mapping[str, str]
    tried: Tried | None = None
    is_shifted: bool = False


def load_trained(path: Path | None) -> Trained:
    """The network and weights of a file that `train` wrote; the bundled one by default.

    Raises:
        BadInput: the file is missing, damaged, or does not fit the network it names.
    """
    if path is None:
        bundled = files("jaxdissect") / "pretrained" / "scenes_vgg16.safetensors"
        with as_file(bundled) as file:
            return load_trained(file)
    header = weights.describe(path)
    training = architectures.described(path, header.metadata)
    config = architectures.network_config(header.metadata, path)
    size, _ = training.schedule[-1]
    try:
        network = architectures.build_network(config, len(training.classes))
    except BadInput as error:
        raise BadInput(f"{path} says what cannot be: {error}") from None
    expected = jax.eval_shape(
        lambda key: networks.init(key, network, (size, size, 3)), jax.random.key(0)
    )
    # Held against the file before an array is read or made.
    shapes = {name: leaf.shape for name, leaf in weights.flattened(expected).items()}
    for name in sorted(header.shapes.keys() | shapes.keys()):
        have, want = header.shapes.get(name), shapes.get(name)
        if have != want:
            raise BadInput(f"{path} has {name} of shape {have}; its network has {want}")
    loaded = weights.load(path)
    for name, array in weights.flattened(loaded.params).items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise BadInput(f"{path} has {name} of {array.dtype}; it must be of floats")
    facts = {
        "architecture": config.architecture,
        "input": architectures.input_facts(size, config),
    }
    return Trained(network, loaded, size, training.classes, facts)


def check_on_scenes(trained: Trained, name: object) -> Trained:
    """The network, if it tells the classes of the scenes apart.

    Raises:
        BadInput: it has other classes.
    """
    if trained.classes != scenes.CLASSES:
        raise BadInput(
            f"{name} tells {len(trained.classes)} other classes apart than the "
            f"{len(scenes.CLASSES)} of the generated scenes; it needs other images"
        )
    return trained


def run_name(config: SubjectConfig) -> str:
    """What to call a network's results: after the training run, or the file."""
    path = config.weights
    if config.network is not None:
        return shown(Path(config.network.rpartition(":")[0]).stem)
    if path is None:
        return "scenes_vgg16"
    if path.stem != "weights":
        return shown(path.stem)
    folder = path.absolute().parent
    several = folder.name.startswith("seed-")
    return shown(f"{folder.parent.name}-{folder.name}" if several else folder.name)


def with_random_weights(trained: Trained, seed: int) -> Trained:
    """The same network as on the first day of training.

    Where it is not known how weights begin, in networks of the user's own, each array's
    numbers come in another order.
    """
    key = jax.random.key(seed)
    if "config" not in trained.weights.metadata:
        params = shuffled(key, trained.weights.params)
        # The same numbers in another network are another one.
        both = f"{trained.weights.digest} {weights.digest(params)}"
        digest = hashlib.sha256(both.encode()).hexdigest()
        fresh = weights.Weights(params, {"random_seed": seed}, digest)
        return trained._replace(weights=fresh)
    shape = (trained.image_size, trained.image_size, 3)
    params = networks.init(key, trained.network, shape)
    fresh = weights.Weights(params, {"random_seed": seed}, weights.digest(params))
    return trained._replace(weights=fresh)


def shuffled(key: jax.Array, params: Params) -> Params:
    """The same numbers, each array's in another order."""
    arrays, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(arrays))
    changed = [
        jax.random.permutation(k, jnp.ravel(array)).reshape(jnp.shape(array))
        for k, array in zip(keys, arrays, strict=True)
    ]
    return jax.tree.unflatten(structure, changed)


def unit_shapes(
    trained: Trained, layers: tuple[str, ...]
) -> dict[str, tuple[int, ...]]:
    """{layer: [H W U] of one image's activations}.

    Raises:
        BadInput: unknown layer, or one whose output is not maps of units.
    """
    tapped = networks.taps(trained.network, layers)
    side = trained.image_size
    image = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    shapes = jax.eval_shape(tapped, trained.weights.params, image)
    for layer in layers:
        if shapes[layer].ndim != 4:
            others = [n for n in networks.layer_names(trained.network) if n != layer]
            raise BadInput(
                f"`layer` is {layer!r}, which has no units; {', '.join(others)}"
            )
    return {layer: shapes[layer].shape[1:] for layer in layers}


def usual_layers(trained: Trained) -> tuple[str, ...]:
    """Layers of convolutions and blocks; of a network of the user's own, all maps."""
    layers = networks.unit_layers(trained.network)
    if layers:
        return layers
    names = networks.layer_names(trained.network)
    if names[-1] == "logits":
        names = names[:-1]
    shapes, size = unit_shapes(trained, names), trained.image_size

    def is_map(name: str) -> bool:
        """Whether it has several cells, of which it is known where they lie."""
        height, width, _ = shapes[name]
        if height == 1 < width:
            return networks.centres(trained.network, name, size).columns.known
        return height > 1

    return tuple(name for name in names if is_map(name))


def forward_to(
    network: networks.Network, layers: tuple[str, ...]
) -> Callable[[Params, np.ndarray], dict[str, jax.Array]]:
    """(params, uint8 images [B H W 3]) -> {layer: acts [B H W U]}, or "logits" [B K].

    Runs at full float32 matmul precision on every backend, and no further than the last
    of the layers.

    Raises:
        BadInput: unknown layer; when called, activations that are not finite.
    """
    tapped = networks.taps(network, layers)

    @jax.jit
    def compiled(params, images):
        acts = tapped(params, images / 255.0)
        return acts, {layer: jnp.isfinite(a).all() for layer, a in acts.items()}

    def forward(params: Params, images: np.ndarray) -> dict[str, jax.Array]:
        with jax.default_matmul_precision("highest"):
            acts, finite = compiled(params, images)
        for layer in layers:
            if not finite[layer]:
                raise BadInput(f"`layer` {layer!r} has activations that are not finite")
        return acts

    return forward


def analysis_manifest(
    config: DissectConfig | SweepConfig, trained: Trained, **provenance: Any
) -> dict[str, Any]:
    """What makes an analysis of these weights the same run."""
    return outputs.manifest(
        config,
        weights=trained.weights.digest,
        **answers_of(trained),
        scenes=generated.scenes_fingerprint(config.seed, trained.image_size),
        **provenance,
    )


def answers_of(trained: Trained) -> dict[str, Any]:
    """What makes answers of a user's network the same, beside what it computes."""
    if trained.tried is None:
        return {}
    return {"classes": list(trained.classes), "ends_in": trained.tried.ends_in}


def computed_with() -> dict[str, str]:
    """Versions and precision, as the facts of a report say them."""
    versions = [f"{name} {version}" for name, version in outputs.versions().items()]
    return {
        "versions": ", ".join(versions),
        "precision": f"float32, matmul highest, on {jax.default_backend()}",
    }


def use_compilation_cache() -> None:
    """Keep compiled programs between runs, under the user's cache folder."""
    jax.config.update("jax_compilation_cache_dir", str(caching.folder("xla")))


def mismatches(params: Any, expected: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, shape here, shape expected) of what differs; None where it is absent."""
    have, want = (
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (params, expected))
    )
    for name in sorted(have.keys() | want.keys()):
        if have.get(name) != want.get(name):
            yield name, have.get(name), want.get(name)
