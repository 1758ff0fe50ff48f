"""Labelled images of the kind that was dissected, but none of those."""

from collections.abc import Sequence

import numpy as np

from jaxdissect.data import generated
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.asking import Asked
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.experiments.query.settings import QuerySettings
from jaxdissect.runs import labelled


def outside_of(config: QuerySettings, asked: Asked, size: int) -> labelled.Probe:
    """Labelled images of the kind that was dissected, but none of those.

    Raises:
        BadInput: there are not that many, or the folder is missing or not needed.
    """
    settings = asked.run["config"]
    kind = settings["images"]
    if kind not in generated.GENERATORS:
        return _outside_of_folder(config, asked, size)
    for name in ("path", "split"):
        if getattr(config, name):
            found = getattr(config, name)
            raise BadInput(f"`{name}` is {found}; {kind} are generated")
    number = config.outside or labelled.NUM_GENERATED
    # Protocols that choose levels do so on as many images again.
    seen = 2 * asked.num_images
    probe = labelled.generated_probe(kind, config.seed, number, size, skip=seen)
    if not settings["colours"]:
        return probe
    from jaxdissect.data.colours import with_colours

    return probe._replace(source=with_colours(probe.source))


def numbers_in(source: ConceptSource, concepts: Sequence[tuple[str, str]]) -> list[int]:
    """Numbers of concepts (name, category) in the label maps of a source.

    Raises:
        BadInput: the source does not have one of them.
    """
    listed = {(c.name, c.category): number for number, c in enumerate(source.concepts)}
    for name, category in concepts:
        if (name, category) not in listed:
            raise BadInput(
                f"`concepts` has {category}/{name}, which {source.what} do not have"
            )
    return [listed[concept] for concept in concepts]


def _outside_of_folder(
    config: QuerySettings, asked: Asked, size: int
) -> labelled.Probe:
    settings = asked.run["config"]
    split, dissected = config.split or settings["split"], settings["split"]
    wanted = DissectSettings(
        images=settings["images"],
        path=config.path,
        split=split,
        categories=tuple(settings["categories"]),
        colours=settings["colours"],
        tolerance=settings.get("tolerance", 0.0),
    )
    probe = labelled.probe_of(wanted, size)
    available = len(probe.indices)
    left = probe.indices
    if probe.source.digest == asked.run["images"]:
        seen = np.arange(asked.num_images) * available // asked.num_images
        left = np.setdiff1d(left, seen)
    elif split != dissected and _overlap(split, dissected):
        raise BadInput(
            f"`split` is {split!r}, but {dissected or 'all'!r} was dissected; name a "
            "part that shares no images with it"
        )
    number = config.outside or len(left)
    if not 0 < number <= len(left):
        raise BadInput(
            f"`outside` is {config.outside or 'all others'}; {config.path} has "
            f"{len(left)} images that were not dissected: ask for fewer, or name "
            "another `split`"
        )
    return probe._replace(indices=left[np.arange(number) * len(left) // number])


def _overlap(split: str, other: str) -> bool:
    """Whether one part of a folder lies in the other."""
    parts = [[p for p in s.split("/") if p not in ("", "all")] for s in (split, other)]
    return all(a == b for a, b in zip(*parts, strict=False))
