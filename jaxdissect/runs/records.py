"""The record of a run, run.json: what it was told, and what it wrote.

A folder is finished when it has one, because it comes last.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdissect.errors import BadInput
from jaxdissect.runs import locking, saved_files

NAME = "run.json"
UNFINISHED = {locking.HIDDEN, "run.partial"}
"""What a killed run may leave in an otherwise empty folder."""

ADVICE = "choose another folder with --out or delete that one"


class Record(NamedTuple):
    """What a run left of itself.

    Attributes:
        run: what makes it the same run.
        files: {path in its folder: SHA-256} of all it wrote; empty where not recorded.
        path: of the record.
    """

    run: dict[str, Any]
    files: dict[str, str]
    path: Path

    def setting(self, key: str, hint: Any) -> Any:
        """What the run was told, as `saved_files.field`."""
        return saved_files.field(self.run, key, hint, self.path)


def read(folder: Path) -> Record | None:
    """The record in a folder; None where there is none.

    Raises:
        BadInput: it is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    found = saved_files.read_object(path)
    files = found.pop("files", {})
    if not isinstance(files, dict) or not all(
        isinstance(sha, str) for sha in files.values()
    ):
        raise BadInput(f"{path} is damaged: `files` must be names with their SHA-256")
    return Record(found, files, path)


def check_same_run(out: Path, run: Mapping[str, Any]) -> None:
    """Refuse a folder that holds anything but this run's results.

    Raises:
        BadInput: naming what differs.
    """
    place = locking.place_of(out)
    if not place.exists():
        return
    if not (place / NAME).exists():
        entries = {entry.name for entry in place.iterdir()}
        # What lies beside unfinished work of this run was put there meanwhile.
        if entries <= UNFINISHED or work_of(place, run).exists():
            return
        raise BadInput(f"{out} holds files that are not this run's; {ADVICE}")
    check_no_other_run(out, run)


def check_no_other_run(out: Path, run: Mapping[str, Any]) -> None:
    """Refuse a folder that holds another run's results.

    Raises:
        BadInput: naming what differs.
    """
    found = read(out)
    differing = [] if found is None else sorted(_differences(found.run, run))
    if differing:
        raise BadInput(
            f"{out} holds another run's results, which differ in "
            f"{', '.join(differing)}; {ADVICE}"
        )


def is_finished(out: Path, run: Mapping[str, Any]) -> bool:
    """Whether a folder holds all that a run leaves, as it left it.

    Raises:
        BadInput: it holds another run's results, or a file has changed since.
    """
    check_no_other_run(out, run)
    found = read(out)
    if found is None or (work_of(out, run) / NAME).exists():  # killed publishing
        return False
    if any(not (out / name).exists() for name in found.files):
        return False
    for name, sha in found.files.items():
        if not is_file_of(out / name, sha):
            raise BadInput(
                f"{out / name} is not as this run wrote it; move it away to have it "
                "made again, or choose another folder with --out"
            )
    return True


def work_of(out: Path, run: Mapping[str, Any]) -> Path:
    """The hidden folder of a run's unfinished work, so that runs do not meet."""
    text = json.dumps(run, sort_keys=True).encode()
    name = hashlib.sha256(text).hexdigest()[:8]
    return locking.place_of(out) / locking.HIDDEN / name


def files_in(folder: Path) -> dict[str, str]:
    """{path: SHA-256} of all files in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha_of(path) for path in files}


def is_file_of(path: Path, sha: str) -> bool:
    """Whether a file has these contents."""
    return path.is_file() and sha_of(path) == sha


def sha_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _differences(found: Any, run: Any, path: str = "") -> Iterator[str]:
    if not isinstance(found, dict) or not isinstance(run, dict):
        if found != run:
            yield path
        return
    for key in found.keys() | run.keys():
        below = f"{path}.{key}" if path else key
        yield from _differences(found.get(key), run.get(key), below)
