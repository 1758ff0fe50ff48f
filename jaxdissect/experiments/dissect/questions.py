"""What questions put to a dissection share: what they name, where answers go."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxdissect.data import decoding
from jaxdissect.data.listing import read_bytes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.saved import OpenDissection
from jaxdissect.runs import outputs

NAMED = 3
"""Things asked that a folder is named after, at most."""


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
        found = [n for n, name in enumerate(full) if name == asked]
        found = found or [n for n, (name, _) in enumerate(concepts) if name == asked]
        if len(found) > 1:
            which = " or ".join(full[n] for n in found)
            raise BadInput(f"`concepts` has {asked!r}, which may be {which}")
        if not found:
            known = dict.fromkeys([*(name for name, _ in concepts), *full])
            close = difflib.get_close_matches(asked, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "see its report"
            raise BadInput(
                f"`concepts` has {asked!r}, which is none of the {len(full)} concepts "
                f"of the dissection; {hint}"
            )
        numbers += found
    return list(dict.fromkeys(numbers))


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
