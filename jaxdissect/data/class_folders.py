"""Folders of classes as concepts: what a picture is of labels all its pixels."""

from pathlib import Path

import numpy as np

from jaxdissect.data import decoding, label_maps
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.data.duplicates import listed, same_bytes
from jaxdissect.data.images import fingerprint
from jaxdissect.data.listing import read_bytes, shown
from jaxdissect.data.picture_files import class_files, class_names, passed_over
from jaxdissect.errors import BadInput

CATEGORY = "scene"


def class_folder(folder: Path, *, split: str = "") -> ConceptSource:
    """The pictures in folder/CLASS/, each labelled with its class at every pixel.

    Of pictures that are there twice in a class the first is taken.

    Args:
        folder: holds a folder for each class, two at least.
        split: a folder in it that does so instead.

    Returns:
        A source that reads files when they are asked for, as `folders.image_folder`
        does. All pictures are of one stratum. The digest covers names and lengths of
        files.

    Raises:
        BadInput: as `folders.image_folder`; fewer than two classes; one picture in two
            classes.

    >>> class_folder(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; there is no such folder
    """
    folder = folder / split
    classes = class_names(folder)
    if len(classes) < 2:
        raise BadInput(
            f"`folder` is {folder}, which has the class {classes[0]!r} alone; where "
            "all pixels have one label there is nothing to tell apart"
        )
    files = class_files(folder, classes)
    twice = same_bytes(folder, [(name, length) for name, length, _ in files])
    across = [p for p in twice if p[0].partition("/")[0] != p[1].partition("/")[0]]
    if across:
        raise BadInput(
            f"{len(across)} pictures in {folder} are of two classes: {listed(across)}; "
            "delete one of each"
        )
    others = {other for _, other in twice}
    kept = [file for file in files if file[0] not in others]
    notes = [note for note in (passed_over(folder),) if note]
    if twice:
        notes.append(
            f"{len(twice)} of {len(files)} pictures are left out for being there "
            f"already: {listed(twice)}."
        )

    def read_one(k: int, size: int, cells: int) -> tuple[np.ndarray, list[np.ndarray]]:
        name, _, label = kept[k]
        path = folder / name
        image = decoding.decode_square(read_bytes(path), size, str(path))
        return image, [np.full((cells, cells), label + 1)]

    return ConceptSource(
        load=label_maps.loader(read_one, len(kept), len(classes)),
        captions=[shown(name) for name, *_ in kept],
        strata=np.zeros(len(kept), int),
        concepts=tuple(Concept(shown(name), CATEGORY) for name in classes),
        categories=(CATEGORY,),
        what=f"pictures in {shown(folder.resolve().name)}",
        digest=fingerprint(["class_folder", classes, kept]),
        notes=tuple(notes),
    )
