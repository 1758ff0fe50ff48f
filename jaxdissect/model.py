"""A network with its weights, ready to be asked; and loading one from anywhere."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, adapters, checkpoints, networks, weights
from jaxdissect.adapters import answers, own_networks
from jaxdissect.base import Params, Split, Trunk
from jaxdissect.checkpoints import published
from jaxdissect.checkpoints import published as fetching
from jaxdissect.errors import BadInput
from jaxdissect.networks import architectures
from jaxdissect.settings import NetworkSettings, PreprocessingSettings, SubjectSettings
from jaxdissect.upsampling import Centres


class Model(NamedTuple):
    """A network with its weights and what is known about them.

    Attributes:
        network: the table of stages; takes images [B S S 3] in [0, 1].
        weights: its parameters and where they come from.
        image_size: height and width S of the images it takes, in pixels.
        classes: their names, [K].
        facts: {name: value} to say about it: its architecture, and its input.
        tried: of a network of the user's own; None where outputs are known to be
            logits.
        is_shifted: whether its logits are known up to a number for each image only.
        subject: the settings that name it.
    """

    network: networks.Network
    weights: weights.Weights
    image_size: int
    classes: tuple[str, ...]
    facts: Mapping[str, str]
    tried: own_networks.Tried | None = None
    is_shifted: bool = False
    subject: SubjectSettings = SubjectSettings()

    @property
    def params(self) -> Params:
        """{stage name: variables}."""
        return self.weights.params

    @property
    def digest(self) -> str:
        """What tells it from any other, a SHA-256."""
        return self.weights.digest

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of its layers, from the images to the logits."""
        return networks.layer_names(self.network)

    def taps(self, layers: tuple[str, ...]) -> Callable[[Params, Any], dict[str, Any]]:
        """(params, images [B S S 3] in [0, 1]) -> {layer: acts [B H W U]}."""
        return networks.taps(self.network, layers)

    def apply(self, images: Any) -> jax.Array:
        """Logits [B K] of images [B S S 3] in [0, 1]."""
        return networks.apply(self.network, self.params, images)

    def split(self, layer: str) -> Split:
        """The network cut at a layer, as functions of (params, images or acts)."""
        return networks.split(self.network, layer)

    def trunk(self, layer: str) -> Trunk:
        """(params, images) -> acts [B H W U] of a layer."""
        return self.split(layer).trunk

    def edited_tail(
        self, layer: str, *, memory_bytes: int = 2**29
    ) -> ablation.EditedTail:
        """What follows a layer whose units are edited, by the cheaper way that fits.

        Args:
            layer: where the network is cut.
            memory_bytes: what edits may take.
        """
        shape = unit_shapes(self, (layer,))[layer]
        return edited_tail(self.network, layer, self.params, shape, memory_bytes)

    def centres(self, layer: str) -> Centres:
        """Where the cells of a layer's maps sit on the image."""
        return networks.centres(self.network, layer, self.image_size)

    def __repr__(self) -> str:
        """A few lines: the network, its images, classes, layers and digest."""
        shown = ", ".join(self.classes[:3])
        more = ", ..." if len(self.classes) > 3 else ""
        facts = "".join(f"\n  {name}: {value}" for name, value in self.facts.items())
        return (
            f"Model{facts}\n  {len(self.classes)} classes: {shown}{more}"
            f"\n  layers: {', '.join(usual_layers(self))}"
            f"\n  sha256: {self.digest[:12]}"
        )


def load(
    source: str | Path | networks.Classifier | None = None,
    *,
    weights: str | Path | None = None,
    preprocessing: PreprocessingSettings | None = None,
) -> Model:
    """A network and its weights, and what images it takes.

    Args:
        source: a file that `train` wrote, a checkpoint of PyTorch or safetensors, the
            name of a published network, path/to/file.py:function, or what adapters
            give; by default the bundled VGG-16 of the scenes.
        weights: handed to the function of file.py:function, if given.
        preprocessing: of a checkpoint's images, where it is not the usual one.

    Raises:
        BadInput: the file is missing, damaged, hostile or of an unknown network; the
            user's function fails, or gives something else; preprocessing of what
            is known.

    >>> load().image_size
    112
    """
    given = preprocessing or PreprocessingSettings()
    if isinstance(source, networks.Classifier):
        refuse_preprocessing(given, "a network of your own does it itself")
        made = own_networks.check_classifier(source)
        named = SubjectSettings(network="in_memory.py:classifier")
        return _own("the classifier", made)._replace(subject=named)
    is_function = ".py:" in str(source)
    if is_function:
        return own(str(source), None if weights is None else Path(weights), given)
    if weights is not None:
        raise BadInput(
            f"`weights` is {weights}, which is for path/to/file.py:function only"
        )
    path = None if source is None else Path(source)
    found = _from_path(path, given)
    return found._replace(subject=SubjectSettings(path, None, given))


def _from_path(path: Path | None, given: PreprocessingSettings) -> Model:
    if path is None or weights.is_ours(path):
        refuse_preprocessing(given, "files of `train` say how images are prepared")
        return load_trained(path)
    if path.suffix or path.exists():
        return foreign(path, given)
    refuse_preprocessing(given, f"what {path} takes is known")
    return known(str(path))


def own(name: str, path: Path | None, given: PreprocessingSettings) -> Model:
    """What a function in the user's own file gives.

    Args:
        name: path/to/file.py:function, which returns a `networks.Classifier`.
        path: handed to the function, if given.
        given: settings that a network of the user's own has no use for.

    Raises:
        BadInput: as `adapters.own_networks.own_network`; some settings are given.
    """
    refuse_preprocessing(given, "a network of your own does it itself")
    found = _own(name, own_networks.own_network(name, path))
    return found._replace(subject=SubjectSettings(path, name))


def _own(name: str, own: own_networks.OwnNetwork) -> Model:
    made, side = own.classifier, own.classifier.image_size
    found = weights.Weights(made.params, {"source": name}, own.digest)
    facts = {"architecture": name, "input": f"{side} x {side} RGB images in [0, 1]"}
    return Model(made.network, found, side, made.classes, facts, own.tried)


def load_trained(path: Path | None) -> Model:
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
        expected = jax.eval_shape(
            lambda key: networks.init(key, network, (size, size, 3)), jax.random.key(0)
        )
    except BadInput as error:
        raise BadInput(f"{path} says what cannot be: {error}") from None
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
    return Model(network, loaded, size, training.classes, facts)


def known(name: str) -> Model:
    """A published network, from the user's cache folder or from the internet.

    Raises:
        BadInput: no such network, or its files cannot be fetched.
    """
    path, source, classes = fetching.fetched(name)
    found = foreign(
        path,
        PreprocessingSettings(
            source.image_size, source.mean, source.std, source.channels
        ),
    )
    return found if classes is None else found._replace(classes=classes)


def foreign(path: Path, given: PreprocessingSettings) -> Model:
    """A known network with the weights of a checkpoint of another framework.

    Raises:
        BadInput: as `checkpoints.load_checkpoint`, or preprocessing that cannot be.
    """
    _refuse_other_channels(path, given.part)
    loaded = checkpoints.load_checkpoint(
        path,
        mean=given.mean,
        std=given.std,
        channels=given.channels,
        part=given.part,
    )
    recognised = loaded.recognised
    settings: dict[str, Any] = {
        "architecture": recognised.architecture,
        "mean": loaded.mean,
        "std": loaded.std,
        "batch_norm": False,
        "grey": recognised.channels == 1,
        **recognised.options,
    }
    config = NetworkSettings(**settings)
    size = recognised.image_size if given.size is None else given.size
    network = architectures.build_network(config, recognised.num_classes)
    found = weights.Weights(
        loaded.params,
        {"config": {"network": asdict(config)}, "source": str(path)},
        # What prepares the images is part of the network, and so is their size.
        adapters.network_digest(
            network,
            loaded.params,
            jax.ShapeDtypeStruct((2, size, size, 3), np.float32),
        ),
    )
    classes = _class_names(given.classes, recognised.num_classes)
    facts = {
        "architecture": recognised.architecture,
        "input": architectures.input_facts(size, config),
    }
    if assumed := _assumed(given, recognised):
        facts["assumed"] = assumed
    return Model(network, found, size, classes, facts)


def _refuse_other_channels(path: Path, part: str | None) -> None:
    try:
        found = checkpoints.recognise(checkpoints.read_state(path, part).shapes)
    except BadInput:
        return  # which loading it will say
    if found.channels not in (1, 3):
        raise BadInput(
            f"{path} is of a {found.architecture} for images of {found.channels} "
            "channels; the commands have images of three, red, green and blue"
        )


def _assumed(given: PreprocessingSettings, recognised: checkpoints.Recognised) -> str:
    """What neither the file nor the settings say, in words."""
    settings = [
        name for name in ("size", "mean", "std") if getattr(given, name) is None
    ]
    usual = ", ".join(f"`preprocessing.{name}`" for name in settings)
    said = [f"{usual} as is usual for such networks"] if settings else []
    return "; ".join([*said, *recognised.assumed])


def _class_names(file: Path | None, number: int) -> tuple[str, ...]:
    if file is None:
        return tuple(f"class {n}" for n in range(number))
    return published.read_classes(file, number)


def refuse_preprocessing(given: PreprocessingSettings, reason: str) -> None:
    """Refuse settings of the preprocessing where something else decides.

    Raises:
        BadInput: some are given.
    """
    if given != PreprocessingSettings():
        raise BadInput(f"`preprocessing` is given, but {reason}")


def with_logits(model: Model, name: str) -> Model:
    """The network, its outputs logits; what was done for that is among its facts.

    Raises:
        BadInput: as `adapters.answers.with_logits`.
    """
    if model.tried is None:
        return model
    found = answers.with_logits(model.network, model.params, model.tried, name)
    return model._replace(
        network=found.network,
        is_shifted=found.is_shifted,
        facts={**model.facts, "outputs": found.said},
    )


def check_score(model: Model, *scores: str) -> None:
    """Refuse gradients of logits that are known up to a number for each image only.

    Raises:
        BadInput: naming the setting.
    """
    if model.is_shifted and "logit" in scores:
        raise BadInput(
            "`score` is logit, but the network gives "
            f"{model.facts['outputs'].partition(',')[0]}, from which the logits "
            "themselves cannot be told; probability and log_probability can be asked"
        )


def about_outputs(model: Model) -> list[str]:
    """What is to be said of the outputs of a network of the user's own."""
    said = model.facts.get("outputs", "logits")
    return [] if said == "logits" else [f"The network's outputs are of a {said}."]


def with_random_weights(model: Model, seed: int) -> Model:
    """The same network as on the first day of training.

    Where it is not known how weights begin, in networks of the user's own, each array's
    numbers come in another order.
    """
    key = jax.random.key(seed)
    if "config" not in model.weights.metadata:
        params = shuffled(key, model.params)
        # The same numbers in another network are another one.
        both = f"{model.digest} {weights.digest(params)}"
        digest = hashlib.sha256(both.encode()).hexdigest()
        fresh = weights.Weights(params, {"random_seed": seed}, digest)
        return model._replace(weights=fresh)
    shape = (model.image_size, model.image_size, 3)
    params = networks.init(key, model.network, shape)
    fresh = weights.Weights(params, {"random_seed": seed}, weights.digest(params))
    return model._replace(weights=fresh)


def shuffled(key: jax.Array, params: Params) -> Params:
    """The same numbers, each array's in another order."""
    arrays, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(arrays))
    changed = [
        jax.random.permutation(k, jnp.ravel(array)).reshape(jnp.shape(array))
        for k, array in zip(keys, arrays, strict=True)
    ]
    return jax.tree.unflatten(structure, changed)


def unit_shapes(model: Model, layers: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """{layer: [H W U] of one image's activations}.

    Raises:
        BadInput: unknown layer, or one whose output is not maps of units.
    """
    tapped = networks.taps(model.network, layers)
    side = model.image_size
    image = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    shapes = jax.eval_shape(tapped, model.params, image)
    for layer in layers:
        if shapes[layer].ndim != 4:
            others = [n for n in networks.layer_names(model.network) if n != layer]
            raise BadInput(
                f"`layer` is {layer!r}, which has no units; {', '.join(others)}"
            )
    return {layer: shapes[layer].shape[1:] for layer in layers}


def usual_layers(model: Model) -> tuple[str, ...]:
    """Layers of convolutions and blocks; of a network of the user's own, all maps."""
    layers = networks.unit_layers(model.network)
    if layers:
        return layers
    names = networks.layer_names(model.network)
    if names[-1] == "logits":
        names = names[:-1]
    shapes, size = unit_shapes(model, names), model.image_size

    def is_map(name: str) -> bool:
        """Whether it has several cells, of which it is known where they lie."""
        height, width, _ = shapes[name]
        if height == 1 < width:
            return networks.centres(model.network, name, size).columns.known
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


def edited_tail(
    network: networks.Network,
    layer: str,
    params: Any,
    shape: tuple[int, ...],
    budget: int,
) -> ablation.EditedTail:
    """Factored where that fits into the memory budget, replayed elsewhere.

    Args:
        network: the table of stages.
        layer: where it is cut.
        params: its parameters.
        shape: of one image's activations, [H W U].
        budget: in bytes.
    """
    if layer in networks.factored_layers(network):
        factored = ablation.by_factoring(networks.factored(network, layer))
        try:
            ablation.pairs_that_fit(factored, params, (1, *shape), memory_bytes=budget)
            return factored
        except BadInput:
            pass  # all contributions of a wide early layer are larger than any batch
    return ablation.by_replaying(networks.split(network, layer).tail)


def answers_of(model: Model) -> dict[str, Any]:
    """What makes answers of a user's network the same, beside what it computes."""
    if model.tried is None:
        return {}
    return {"classes": list(model.classes), "ends_in": model.tried.ends_in}
