"""Images whose pixels are labelled with concepts, by the settings of a command."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect.data import generated
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.dissection import Protocol
from jaxdissect.errors import BadInput
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.settings import ProbeSettings

NUM_GENERATED = 1200
"""Generated images, unless told otherwise."""


class Probe(NamedTuple):
    """Labelled images to probe units with.

    Attributes:
        source: of the images.
        indices: which of them.
    """

    source: ConceptSource
    indices: np.ndarray


def generated_probe(
    name: str, seed: int, number: int, size: int, *, skip: int = 0
) -> Probe:
    """Generated images, but for the first few.

    Args:
        name: of the generator.
        seed: of the images.
        number: how many.
        size: in pixels.
        skip: leave out that many first.

    Raises:
        BadInput: more images than there are.
    """
    source = generated.source(name, seed, skip + number, size)
    return Probe(source, np.arange(skip, skip + number))


def whole(images: ConceptSource | Probe) -> Probe:
    """All images of a source, its masks not looked at; a part of one as it is."""
    if isinstance(images, Probe):
        return images
    return Probe(images, np.arange(len(images.captions)))


def part_of(
    images: ConceptSource | Probe,
    number: int | None = None,
    *,
    name: str = "",
    progress: Progress | bool = True,
) -> Probe:
    """So many images of a source, spread evenly, and what is to be said of them.

    Args:
        images: of which some are taken; what is a part already stays as it is.
        number: how many; None for all.
        name: of the source, for messages.
        progress: whether to show how many masks are read.

    Raises:
        BadInput: more images than there are, or masks that cannot be meant.
    """
    if isinstance(images, Probe):
        return images
    available = len(images.captions)
    number = number or available
    if number > available:
        raise BadInput(
            f"`num_images` is {number}; {name or images.what} has {available}"
        )
    # Neighbouring files are often alike, such as the frames of a film.
    indices = np.arange(number) * available // number
    notes = list(images.notes)
    if number < available:
        notes.append(f"{number} of {available} images are looked at, by `num_images`.")
    if images.survey is not None:
        bar = progress_of(progress).bar
        notes += images.survey(
            indices, lambda items, total: bar(items, total, "reading masks")
        )
    return Probe(images._replace(notes=tuple(notes)), indices)


def probe_of(config: ProbeSettings, size: int) -> Probe:
    """The images that a config names.

    Raises:
        BadInput: no path or one too many, more images than there are, or whatever the
            files lack.
    """
    if config.images in generated.GENERATORS:
        for name in ("path", "split", "categories", "tolerance"):
            if getattr(config, name):
                found = getattr(config, name)
                raise BadInput(f"`{name}` is {found}; {config.images} are generated")
        number = config.num_images or NUM_GENERATED
        probe = generated_probe(config.images, config.seed, number, size)
        return probe._replace(source=_coloured(config, probe.source))
    if config.path is None:
        raise BadInput(f"`path` is missing: the folder of the {config.images} images")
    _check_settings(config)
    source = _coloured(config, _read(config, config.path))
    return part_of(source, config.num_images, name=str(config.path))


def _check_settings(config: ProbeSettings) -> None:
    """Refuse settings that are for images of another kind."""
    kinds = {"tolerance": "segmented", "categories": "broden"}
    for name, kind in kinds.items():
        found = getattr(config, name)
        if found and config.images != kind:
            raise BadInput(f"`{name}` is {found}; it is for `images` {kind}")


def choosing_of(
    config: ProbeSettings, probe: Probe, protocol: Protocol, size: int
) -> tuple[Probe, Probe | None]:
    """Images to dissect with and, if the protocol chooses levels, others to choose on.

    Generated images are drawn anew for choosing; of a folder's, every second one is
    set aside.

    Args:
        config: which images they are.
        probe: all of them.
        protocol: its `level` decides.
        size: of the images, in pixels.
    """
    if protocol.level == "tail_mass":
        return probe, None
    if config.images not in generated.GENERATORS:
        number = len(probe.indices)
        if number < 2:
            raise BadInput(
                f"`num_images` is {number}; levels are chosen on every second one, so "
                "two are needed"
            )
        note = f"{number // 2} of {number} images are set aside to choose levels on."
        noted = probe.source._replace(notes=(*probe.source.notes, note))
        return (
            Probe(noted, probe.indices[::2]),
            Probe(noted, probe.indices[1::2]),
        )
    number = len(probe.indices)
    other = generated_probe(config.images, config.seed, number, size, skip=number)
    return probe, other._replace(source=_coloured(config, other.source))


def _read(config: ProbeSettings, path: Path) -> ConceptSource:
    if config.images == "broden":
        from jaxdissect.data.broden_folder import broden

        split: Any = config.split or "all"
        return broden(path, categories=config.categories, split=split)
    if config.images == "folder":
        from jaxdissect.data.class_folders import class_folder

        return class_folder(path, split=config.split)
    from jaxdissect.data.segmented_folder import segmented

    return segmented(path, split=config.split, tolerance=config.tolerance)


def _coloured(config: ProbeSettings, source: ConceptSource) -> ConceptSource:
    if not config.colours:
        return source
    from jaxdissect.data.colours import with_colours

    return with_colours(source)
