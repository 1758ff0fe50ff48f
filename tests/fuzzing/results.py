"""Cases of spoilt files that an earlier command wrote."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzzing import mutations
from fuzzing.mutations import Mutation

FREE = ("threshold", "edges", "strip")
"""Fields of cards in which any number of the type can be, or any text."""

OPTIONAL = ("significant_detectors", "significant_labels")
"""What was not measured may be left out, or be null."""


def json_cases(file: Path, kind: str, depth: int = 3) -> Iterator[tuple[str, Mutation]]:
    """(what is done, mutation) for one wrong value in the place of each in turn.

    Args:
        file: sound JSON, whose keys say what there is to replace.
        kind: of `mutations.WRONG`, or "missing".
        depth: of nested keys.
    """
    data = json.loads(file.read_text("utf-8"))
    for path in mutations.keys(data, depth):
        name, old = "/".join(map(str, path)), mutations.at(data, path)
        if kind == "missing":
            if path[-1] in OPTIONAL or path[:-1] == ("facts",):
                continue
            yield f"{file.name} {name} missing", mutations.without(path)
            continue
        value = mutations.WRONG[kind]
        if possible(path, old, value):
            continue
        yield f"{file.name} {name} = {kind}", mutations.replaced(path, value)


def possible(path: tuple[Any, ...], old: Any, new: Any) -> bool:
    """Whether a value may stand where another one stands: the file would be sound."""
    if new is None:
        return old is None or path[-1] in OPTIONAL
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, str) and isinstance(new, str):
        return True
    if isinstance(old, (list, dict)) and type(old) is type(new):
        return old == new
    finite = isinstance(new, int) or (isinstance(new, float) and abs(new) < 1e300)
    number = isinstance(old, (int, float)) and finite and new == new
    free = any(part in FREE for part in path if isinstance(part, str))
    return number and (free or (isinstance(old, float) and 0 < new < 1))
