"""What all answers of a dissection have in common: their folder, and what was asked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxdissect.experiments.dissect import asking
from jaxdissect.runs import outputs

NAMED = 3
"""Things asked that a folder is named after, at most."""


def file_name(text: str) -> str:
    """A text as a part of a file's name.

    >>> file_name("object/traffic light")
    'object-traffic_light'
    """
    return re.sub(r"[^\w.+-]+", "_", text.replace("/", "-"))


def default_out(kind: str, folder: Path, about: Sequence[str]) -> Path:
    """A folder that tells what is in it.

    Args:
        kind: of the answer, such as "query".
        folder: of the dissection.
        about: what was asked about.

    >>> default_out("query", Path("runs/dissect-mine"), ["object/sofa"]).as_posix()
    'runs/query-mine-object-sofa'
    """
    of = folder.absolute().name.removeprefix("dissect-")
    named = "+".join(file_name(each) for each in about[:NAMED])
    more = f"-and-{len(about) - NAMED}-more" if len(about) > NAMED else ""
    return Path("runs") / f"{kind}-{of}{f'-{named}' if named else ''}{more}"


def facts_of(asked: asking.Asked, question: Mapping[str, str]) -> dict[str, str]:
    """What was asked, in reading order.

    Args:
        asked: the dissection.
        question: what is to be said of the question itself.
    """
    known = asked.saved.facts
    names: list[str] = ["layer", "network", "weights", "cells"]
    facts = {name: known[name] for name in names if name in known}
    return {
        **facts,
        "dissected with": known["images"],
        **question,
        "protocol": known["protocol"],
        **outputs.computed_with(),
    }
