"""From config to network, weights and scenes: what the three commands share."""

import os
from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import networks, weights
from jaxdissect.base import BadInput, Params
from jaxdissect.cli import generated, outputs
from jaxdissect.cli.config import DissectConfig, NetworkConfig, SweepConfig
from jaxdissect.data import scenes
from jaxdissect.networks import convolution, layers


class Trained(NamedTuple):
    """A network with its weights and what is known about them."""

    network: networks.Network
    weights: weights.Weights
    image_size: int
    classes: tuple[str, ...]


def build_network(config: NetworkConfig, num_classes: int) -> networks.Network:
    """The table of stages a config describes.

    Raises:
        BadInput: a value the architecture cannot take.
    """
    if not config.width > 0:
        raise BadInput(f"`network.width` is {config.width}; it must be positive")
    if not 0 <= config.dropout < 1:
        raise BadInput(f"`network.dropout` is {config.dropout}; it must be in [0, 1)")
    if config.grid < 1:
        raise BadInput(f"`network.grid` is {config.grid}; it must be positive")
    if min(config.std) <= 0:
        raise BadInput(f"`network.std` is {config.std}; it must be positive")
    if min(config.hidden, default=1) < 1:
        raise BadInput(f"`network.hidden` is {config.hidden}; sizes must be positive")
    convolve = convolution.for_backend(jax.default_backend())
    if config.grey and config.architecture != "lenet":
        raise BadInput(
            f"`network.grey` is for lenet only; `network.architecture` is "
            f"{config.architecture}"
        )
    if config.architecture == "lenet":
        return _build_lenet(config, num_classes)
    if config.architecture == "shapesnet":
        return networks.shapesnet(
            num_classes,
            width=config.width,
            batch_norm=config.batch_norm,
            mean=config.mean,
            std=config.std,
            convolve=convolve,
        )
    build = {"vgg16": networks.vgg16, "alexnet": networks.alexnet}[config.architecture]
    return build(
        num_classes,
        width=config.width,
        batch_norm=config.batch_norm,
        grid=config.grid,
        hidden=config.hidden,
        dropout=config.dropout,
        mean=config.mean,
        std=config.std,
        convolve=convolve,
    )


def _build_lenet(config: NetworkConfig, num_classes: int) -> networks.Network:
    if len(config.hidden) != 1:
        raise BadInput(f"`network.hidden` is {config.hidden}; lenet takes one size")
    channels = 1 if config.grey else 3
    stages = networks.lenet(
        num_classes,
        hidden=config.hidden[0],
        mean=config.mean[:channels],
        std=config.std[:channels],
        convolve=convolution.for_backend(jax.default_backend()),
    )
    return (layers.grey_stage(), *stages) if config.grey else stages


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
        described = loaded.metadata["config"]["network"]
        settings: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in described.items()
        }
        config = NetworkConfig(**settings)
        size, _ = loaded.metadata["config"]["schedule"][-1]
        classes = tuple(loaded.metadata["classes"])
        network = build_network(config, len(classes))
    except (KeyError, TypeError, IndexError) as error:
        raise BadInput(f"{path} does not say which network it is of: {error}") from None
    expected = jax.eval_shape(
        lambda key: networks.init(key, network, (size, size, 3)), jax.random.key(0)
    )
    for name, have, want in _mismatches(loaded.params, expected):
        raise BadInput(f"{path} has {name} of shape {have}; its network has {want}")
    return Trained(network, loaded, size, classes)


def load_trained_on_scenes(path: Path | None) -> Trained:
    """`load_trained` of a network that tells the classes of the scenes apart.

    Raises:
        BadInput: as `load_trained`; the network has other classes.
    """
    trained = load_trained(path)
    if trained.classes != scenes.CLASSES:
        raise BadInput(
            f"{path} tells {len(trained.classes)} other classes apart than the "
            f"{len(scenes.CLASSES)} of the generated scenes; it needs images of its own"
        )
    return trained


def run_name(path: Path | None) -> str:
    """What to call results of these weights: the training run, or the file, by name."""
    if path is None:
        return "scenes_vgg16"
    if path.stem != "weights":
        return path.stem
    folder = path.absolute().parent
    several = folder.name.startswith("seed-")
    return f"{folder.parent.name}-{folder.name}" if several else folder.name


def with_random_weights(trained: Trained, seed: int) -> Trained:
    """The same network as on the first day of training."""
    shape = (trained.image_size, trained.image_size, 3)
    params = networks.init(jax.random.key(seed), trained.network, shape)
    fresh = weights.Weights(params, {"random_seed": seed}, weights.digest(params))
    return trained._replace(weights=fresh)


def check_positive(config: Any, *names: str) -> None:
    """Refuse settings below 1.

    Raises:
        BadInput: naming the setting.
    """
    for name in names:
        if getattr(config, name) < 1:
            raise BadInput(f"`{name}` is {getattr(config, name)}; it must be positive")


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
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    jax.config.update("jax_compilation_cache_dir", str(home / "jaxdissect" / "xla"))


def _mismatches(params: Any, expected: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, shape here, shape expected) of what differs; None where it is absent."""
    have, want = (
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (params, expected))
    )
    for name in sorted(have.keys() | want.keys()):
        if have.get(name) != want.get(name):
            yield name, have.get(name), want.get(name)
