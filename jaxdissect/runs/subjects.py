"""Which network is asked: the one that settings name, and as a dissection sees it."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import model, networks, weights
from jaxdissect.data.listing import shown
from jaxdissect.errors import BadInput
from jaxdissect.model import Model
from jaxdissect.settings import SubjectSettings
from jaxdissect.upsampling import Centres


class Subject(NamedTuple):
    """A network as a dissection sees it.

    Attributes:
        forward: uint8 RGB images [B S S 3] -> {layer: acts [B H W U]}.
        centres: {layer: where the cells of its maps sit on the image}.
        image_size: S, in pixels.
        facts: {name: value} to say about the network, such as its name and accuracy.
        digest: what tells it from any other, a hash of its weights.
    """

    forward: Callable[[np.ndarray], Mapping[str, Any]]
    centres: Mapping[str, Centres]
    image_size: int
    facts: Mapping[str, str]
    digest: str


def of_trained(
    trained: Model, layers: tuple[str, ...], facts: Mapping[str, str]
) -> Subject:
    """Layers of a network that `train` wrote.

    Raises:
        BadInput: unknown layer, one without units, or whose units are not laid out as
            the image is.
    """
    shapes = model.unit_shapes(trained, layers)
    centres = centres_of(trained.network, layers, trained.image_size)
    for layer, (height, width, _) in shapes.items():
        if height == 1 < width and not centres[layer].columns.known:
            raise BadInput(
                f"`layer` is {layer!r}, a row of {width} positions, of which it is not "
                "known where they lie on the image"
            )
    return Subject(
        partial(model.forward_to(trained.network, layers), trained.weights.params),
        centres,
        trained.image_size,
        facts,
        trained.weights.digest,
    )


def supposed(centres: Centres) -> str:
    """What is to be said of cells whose place on the image is an estimate, if any.

    >>> from jaxdissect.upsampling import Axis
    >>> supposed(Centres(Axis(0.0, 1.0), Axis(0.0, 1.0, known=False)))[:28]
    'where they lie along columns'
    """
    names = [name for name, axis in centres._asdict().items() if not axis.known]
    if not names:
        return ""
    return (
        f"where they lie along {' and '.join(names)} is an estimate, because what they "
        "look at has no measurable borders (as with attention, or norms over the map)"
    )


def centres_of(
    network: networks.Network, layers: tuple[str, ...], image_size: int
) -> dict[str, Centres]:
    """Where the cells of each layer's maps sit on the image."""
    return {layer: networks.centres(network, layer, image_size) for layer in layers}


def load(settings: SubjectSettings, *, tell: Callable[[str], object] = print) -> Model:
    """The network that settings name; what was assumed of it is said.

    Raises:
        BadInput: as `model.load`.
    """
    path, own = settings.weights, settings.network
    if own is not None:
        return model.own(own, path, settings.preprocessing)
    found = model.from_file(path, settings.preprocessing)
    if path is not None and not weights.is_ours(path):
        tell(f"{path}: {found.facts['architecture']} for {found.facts['input']}")
        if "assumed" in found.facts:
            tell(f"assumed: {found.facts['assumed']}")
    return found


def load_with_logits(settings: SubjectSettings) -> Model:
    """The same network, its outputs logits; what was done for that is said.

    Raises:
        BadInput: as `model.load` and `model.with_logits`.
    """
    found = model.with_logits(load(settings), settings.network or "")
    if model.about_outputs(found):
        print(f"{settings.network}: outputs of a {found.facts['outputs']}")
    return found


def same_subject(settings: SubjectSettings) -> dict[str, Any]:
    """The settings that make another experiment ask the same network."""
    return {
        field.name: getattr(settings, field.name) for field in fields(SubjectSettings)
    }


def run_name(config: SubjectSettings) -> str:
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
