"""The network a command asks: trained here, from elsewhere, or of the user's own."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdissect import checkpoints, weights
from jaxdissect.adapters import network_digest
from jaxdissect.base import BadInput
from jaxdissect.checkpoints import published
from jaxdissect.cli import architectures, build, fetching
from jaxdissect.cli.build import Trained
from jaxdissect.cli.config import NetworkConfig, PreprocessingConfig, SubjectConfig
from jaxdissect.cli.own_networks import own_network


def load(config: SubjectConfig) -> Trained:
    """The network and weights that a config names, and what images it takes.

    Raises:
        BadInput: the file is missing, damaged, hostile or of an unknown network; the
            user's function fails, or gives something else; preprocessing that a file
            of `train` knows itself.
    """
    if config.network is not None:
        refuse_preprocessing(config, "a network of your own does it itself")
        return own_network(config.network, config.weights)
    path = config.weights
    if path is None or weights.is_ours(path):
        refuse_preprocessing(config, "files of `train` say how images are prepared")
        return build.load_trained(path)
    if path.suffix or path.exists():
        trained = foreign(path, config.preprocessing)
    else:
        refuse_preprocessing(config, f"what {path} takes is known")
        trained = known(str(path))
    print(f"{path}: {trained.facts['architecture']} for {trained.facts['input']}")
    if "assumed" in trained.facts:
        print(f"assumed: {trained.facts['assumed']}")
    return trained


def known(name: str) -> Trained:
    """A published network, from the user's cache folder or from the internet.

    Raises:
        BadInput: no such network, or its files cannot be fetched.
    """
    path, source, classes = fetching.fetched(name)
    trained = foreign(
        path,
        PreprocessingConfig(
            source.image_size, source.mean, source.std, source.channels
        ),
    )
    return trained if classes is None else trained._replace(classes=classes)


def same_subject(config: SubjectConfig) -> dict[str, Any]:
    """The settings that make another command ask the same network."""
    return {field.name: getattr(config, field.name) for field in fields(SubjectConfig)}


def foreign(path: Path, given: PreprocessingConfig) -> Trained:
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
    config = NetworkConfig(**settings)
    size = recognised.image_size if given.size is None else given.size
    network = architectures.build_network(config, recognised.num_classes)
    found = weights.Weights(
        loaded.params,
        {"config": {"network": asdict(config)}, "source": str(path)},
        # What prepares the images is part of the network, and so is their size.
        network_digest(
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
    return Trained(network, found, size, classes, facts)


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


def _assumed(given: PreprocessingConfig, recognised: checkpoints.Recognised) -> str:
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


def refuse_preprocessing(config: SubjectConfig, reason: str) -> None:
    """Refuse settings of the preprocessing where something else decides.

    Raises:
        BadInput: some are given.
    """
    if config.preprocessing != PreprocessingConfig():
        raise BadInput(f"`preprocessing` is given, but {reason}")
