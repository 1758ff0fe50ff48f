"""A network with its weights, ready to be asked: what the commands share."""

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from platformdirs import user_cache_path

from jaxdissect import networks, weights
from jaxdissect.base import BadInput, Params
from jaxdissect.cli import architectures, generated, outputs
from jaxdissect.cli.config import (
    DissectConfig,
    SubjectConfig,
    SweepConfig,
)
from jaxdissect.data import scenes
from jaxdissect.data.names import shown


class Trained(NamedTuple):
    """A network with its weights and what is known about them.

    Attributes:
        network: the table of stages.
        weights: its parameters and where they come from.
        image_size: height and width of the images it takes, in pixels.
        classes: their names, [K].
        facts: {name: value} to say about it: its architecture, and its input.
    """

    network: networks.Network
    weights: weights.Weights
    image_size: int
    classes: tuple[str, ...]
    facts: Mapping[str, str]


def load_trained(path: Path | None) -> Trained:
    """The network and weights of a file that `train` wrote; the bundled one by default.

    Raises:
        BadInput: the file is missing, damaged, or does not fit the network it names.
    """
    if path is None:
        bundled = files("jaxdissect") / "pretrained" / "scenes_vgg16.safetensors"
        with as_file(bundled) as file:
            return load_trained(file)
    loaded = weights.load(path)
    try:
        config = architectures.network_config(loaded)
        size, _ = loaded.metadata["config"]["schedule"][-1]
        classes = tuple(loaded.metadata["classes"])
        network = architectures.build_network(config, len(classes))
    except (KeyError, TypeError, IndexError) as error:
        raise BadInput(f"{path} does not say which network it is of: {error}") from None
    expected = jax.eval_shape(
        lambda key: networks.init(key, network, (size, size, 3)), jax.random.key(0)
    )
    for name, have, want in mismatches(loaded.params, expected):
        raise BadInput(f"{path} has {name} of shape {have}; its network has {want}")
    facts = {
        "architecture": config.architecture,
        "input": architectures.input_facts(size, config),
    }
    return Trained(network, loaded, size, classes, facts)


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
        fresh = weights.Weights(params, {"random_seed": seed}, weights.digest(params))
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
            *others, _ = networks.layer_names(trained.network)
            raise BadInput(
                f"`layer` is {layer!r}, which has no units; {', '.join(others)}"
            )
    return {layer: shapes[layer].shape[1:] for layer in layers}


def usual_layers(trained: Trained) -> tuple[str, ...]:
    """Layers of convolutions and blocks; of a network of the user's own, all maps."""
    layers = networks.unit_layers(trained.network)
    if layers:
        return layers
    names = networks.layer_names(trained.network)[:-1]
    shapes = unit_shapes(trained, names)
    return tuple(name for name in names if shapes[name][0] > 1)


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
        scenes=generated.scenes_fingerprint(config.seed, trained.image_size),
        **provenance,
    )


def computed_with() -> dict[str, str]:
    """Versions and precision, as the facts of a report say them."""
    versions = [f"{name} {version}" for name, version in outputs.versions().items()]
    return {
        "versions": ", ".join(versions),
        "precision": f"float32, matmul highest, on {jax.default_backend()}",
    }


def use_compilation_cache() -> None:
    """Keep compiled programs between runs, under the user's cache folder."""
    folder = user_cache_path("jaxdissect") / "xla"
    jax.config.update("jax_compilation_cache_dir", str(folder))


def mismatches(params: Any, expected: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, shape here, shape expected) of what differs; None where it is absent."""
    have, want = (
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (params, expected))
    )
    for name in sorted(have.keys() | want.keys()):
        if have.get(name) != want.get(name):
            yield name, have.get(name), want.get(name)
