"""What questions put to a dissection share: what they name, where answers go."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdissect.data import decoding
from jaxdissect.data.listing import read_bytes
from jaxdissect.data.listing import shown as as_text
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import experiment
from jaxdissect.experiments.dissect.experiment import Result
from jaxdissect.experiments.dissect.saved import (
    OpenDissection,
    SavedDissection,
    default_settings,
    open_dissection,
)
from jaxdissect.model import Model
from jaxdissect.runs import labelled, outputs
from jaxdissect.runs.progress import Progress

NAMED = 3
"""Things asked that a folder is named after, at most."""


class Pictures(NamedTuple):
    """Pictures that questions are about.

    Attributes:
        names: [P] of tables.
        titles: [P] of pages, such as a file's name without its folder.
        details: [P] what each is, or empty.
        images: [P S S 3] with values in [0, 255].
    """

    names: Sequence[str]
    titles: Sequence[str]
    details: Sequence[str]
    images: np.ndarray


def pictures_of(
    pictures: np.ndarray | Sequence[str | Path], image_size: int
) -> Pictures:
    """Picture files, or arrays, as questions need them.

    Args:
        pictures: files, or uint8 [P S S 3] with values in [0, 255].
        image_size: S, in pixels.

    Raises:
        BadInput: a file is missing or no picture; an array of another kind.

    >>> pictures_of(np.zeros((1, 8, 8, 3), np.uint8), 8).names
    ['picture 0']
    """
    if isinstance(pictures, np.ndarray):
        shape = (len(pictures), image_size, image_size, 3)
        if pictures.shape != shape or pictures.dtype != np.uint8:
            raise BadInput(
                f"`pictures` are {pictures.dtype} of shape {pictures.shape}; they must "
                f"be uint8 of shape {shape}"
            )
        names = [f"picture {number}" for number in range(len(pictures))]
        return Pictures(names, names, [""] * len(names), pictures)
    paths = [Path(path) for path in pictures]
    return Pictures(
        [as_text(path) for path in paths],
        [as_text(path.name) for path in paths],
        [""] * len(paths),
        own_pictures(paths, image_size),
    )


def opened(
    dissection: str | Path | OpenDissection | Result | None,
    model: Model,
    seed: int,
    *,
    progress: Progress | bool = True,
) -> OpenDissection:
    """A layer's dissection in any form; made in memory where there is none.

    Args:
        dissection: a folder that `dissect` wrote, or what `dissect` gives.
        model: the network, which is dissected as by default where there is none.
        seed: of the images to do so with.
        progress: whether to show bars.

    Raises:
        BadInput: there is none in the folder, or several layers' are there.
    """
    if isinstance(dissection, OpenDissection):
        return dissection
    if isinstance(dissection, str | Path):
        return open_dissection(Path(dissection))
    if dissection is None:
        settings = default_settings(model.subject, seed)
        probe = labelled.probe_of(settings, model.image_size)
        dissection = experiment.run(model, probe, settings, progress=progress)
    if len(dissection.layers) != 1:
        raise BadInput(
            f"`dissection` is of {', '.join(dissection.layers)}; questions are put to "
            "that of one layer"
        )
    (layer,) = dissection.layers.values()
    counted, top = layer.findings.dissection, layer.findings.top
    saved = SavedDissection(
        counted,
        tuple((concept.name, concept.category) for concept in layer.concepts),
        list(layer.cards),
        layer.headline,
        layer.protocol,
        layer.facts,
    )
    tails = np.asarray(top.peaks).mean(1) - counted.thresholds
    # What is not in a folder is named after its layer.
    return OpenDissection(
        *(Path(layer.layer), saved, layer.layer, layer.num_images, tails),
        run=dict(dissection.record),
    )


def own_pictures(paths: Sequence[Path], size: int) -> np.ndarray:
    """[P size size 3], the middle squares of picture files.

    Raises:
        BadInput: a file is missing or no picture.
    """
    decoded = []
    for path in paths:
        which = f"`images` has {path}, which"
        try:
            encoded = read_bytes(path)
        except BadInput as error:
            reason = str(error).removeprefix(f"{path} ")
            raise BadInput(f"{which} {reason}") from None
        decoded.append(decoding.decode_square(encoded, size, which))
    return np.array(decoded, np.uint8).reshape(-1, size, size, 3)


def file_name(text: str) -> str:
    """A text as a part of a file's name.

    >>> file_name("object/traffic light")
    'object-traffic_light'
    """
    return re.sub(r"[^\w.+-]+", "_", text.replace("/", "-"))


def answer_folder(kind: str, folder: Path, about: Sequence[str]) -> Path:
    """A folder that tells what is in it.

    Args:
        kind: of the answer, such as "query".
        folder: of the dissection.
        about: what was asked about.

    >>> answer_folder("query", Path("runs/dissect-mine"), ["object/sofa"]).as_posix()
    'runs/query-mine-object-sofa'
    """
    of = folder.absolute().name.removeprefix("dissect-")
    named = "+".join(file_name(each) for each in about[:NAMED])
    more = f"-and-{len(about) - NAMED}-more" if len(about) > NAMED else ""
    return Path("runs") / f"{kind}-{of}{f'-{named}' if named else ''}{more}"


def answer_facts(
    dissected: OpenDissection, question: Mapping[str, str]
) -> dict[str, str]:
    """What was asked, in reading order.

    Args:
        dissected: the dissection.
        question: what is to be said of the question itself.
    """
    known = dissected.saved.facts
    names: list[str] = ["layer", "network", "weights", "cells"]
    facts = {name: known[name] for name in names if name in known}
    return {
        **facts,
        "dissected with": known["images"],
        **question,
        "protocol": known["protocol"],
        **outputs.computed_with(),
    }
