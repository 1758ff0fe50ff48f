"""What is asked of a dissection: which concepts, which units, on which images."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdissect.data import generated
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.dissection import queries
from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.experiments.dissect import OpenDissection
from jaxdissect.experiments.query.settings import QuerySettings
from jaxdissect.runs import labelled


class Question(NamedTuple):
    """A concept, and who is asked about it.

    Attributes:
        concept: its 0-based number in the dissection.
        label: its number in the label maps of the images to search.
        units: that speak for it, the best first.
    """

    concept: int
    label: int
    units: list[int]


def concept_numbers(
    names: Sequence[str], concepts: Sequence[tuple[str, str]]
) -> list[int]:
    """Numbers of the concepts named, each once.

    Args:
        names: `category/name`, or `name` where one category has it.
        concepts: (name, category) of all.

    Raises:
        BadInput: an unknown concept, or one of several categories.

    >>> concept_numbers(["object/sofa", "red"], [("red", "colour"), ("sofa", "object")])
    [1, 0]
    """
    full = [f"{category}/{name}" for name, category in concepts]
    numbers: list[int] = []
    for asked in names:
        # Whole names come first, because a concept's own may have a slash, too.
        matches = [n for n, name in enumerate(full) if name == asked]
        matches = matches or [n for n, c in enumerate(concepts) if c[0] == asked]
        if len(matches) > 1:
            which = " or ".join(full[n] for n in matches)
            raise BadInput(f"`concepts` has {asked!r}, which may be {which}")
        if not matches:
            known = dict.fromkeys([*(name for name, _ in concepts), *full])
            close = difflib.get_close_matches(asked, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "see its report"
            raise BadInput(
                f"`concepts` has {asked!r}, which is none of the {len(full)} concepts "
                f"of the dissection; {hint}"
            )
        numbers += matches
    return list(dict.fromkeys(numbers))


def units_of(
    settings: QuerySettings, dissected: OpenDissection, concept: int
) -> list[int]:
    """The units that speak for a concept, the best first.

    Raises:
        BadInput: none has anything to do with it.
    """
    result = dissected.saved.result
    detectors = queries.detectors_of(result.detectors, concept).tolist()
    if detectors:
        return detectors if settings.units == "detectors" else detectors[:1]
    best = int(result.iou[:, concept].argmax())
    if not result.iou[best, concept] > 0:
        name, category = dissected.saved.concepts[concept]
        raise BadInput(
            f"`concepts` has {category}/{name}, which no unit of {dissected.layer} "
            "ever meets; ask for another"
        )
    return [best]


def outside_of(
    settings: QuerySettings, dissected: OpenDissection, size: int
) -> labelled.Probe:
    """Labelled images of the kind that was dissected, but none of those.

    Raises:
        BadInput: there are not that many, or the folder is missing or not needed.
    """
    made_with = dissected.run["config"]
    kind = made_with["images"]
    if kind not in generated.GENERATORS:
        return _outside_of_folder(settings, dissected, size)
    for name in ("path", "split"):
        if getattr(settings, name):
            value = getattr(settings, name)
            raise BadInput(f"`{name}` is {value}; {kind} are generated")
    number = settings.outside or labelled.NUM_GENERATED
    # Protocols that choose levels do so on as many images again.
    seen = 2 * dissected.num_images
    probe = labelled.generated_probe(kind, settings.seed, number, size, skip=seen)
    if not made_with["colours"]:
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
    settings: QuerySettings, dissected: OpenDissection, size: int
) -> labelled.Probe:
    made_with = dissected.run["config"]
    split, earlier = settings.split or made_with["split"], made_with["split"]
    wanted = dissect.Settings(
        images=made_with["images"],
        path=settings.path,
        split=split,
        categories=tuple(made_with["categories"]),
        colours=made_with["colours"],
        tolerance=made_with.get("tolerance", 0.0),
    )
    probe = labelled.probe_of(wanted, size)
    available = len(probe.indices)
    left = probe.indices
    if probe.source.digest == dissected.run["images"]:
        seen = np.arange(dissected.num_images) * available // dissected.num_images
        left = np.setdiff1d(left, seen)
    elif split != earlier and _overlap(split, earlier):
        raise BadInput(
            f"`split` is {split!r}, but {earlier or 'all'!r} was dissected; name a "
            "part that shares no images with it"
        )
    number = settings.outside or len(left)
    if not 0 < number <= len(left):
        raise BadInput(
            f"`outside` is {settings.outside or 'all others'}; {settings.path} has "
            f"{len(left)} images that were not dissected: ask for fewer, or name "
            "another `split`"
        )
    return probe._replace(indices=left[np.arange(number) * len(left) // number])


def _overlap(split: str, other: str) -> bool:
    """Whether one part of a folder lies in the other."""
    parts = [[p for p in s.split("/") if p not in ("", "all")] for s in (split, other)]
    return all(a == b for a, b in zip(*parts, strict=False))
