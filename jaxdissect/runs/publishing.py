"""Results of a run: made once, kept out of sight until whole, over no other's files."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxdissect.errors import BadInput
from jaxdissect.runs import locking, records
from jaxdissect.runs.outputs import write_json
from jaxdissect.runs.progress import Progress


class Work(NamedTuple):
    """Folders of a run that can be killed and go on.

    Attributes:
        results: what will become the contents of the run's folder.
        progress: what is done so far; kept until the run ends.
    """

    results: Path
    progress: Progress


class Interrupted(KeyboardInterrupt):
    """A run was stopped from the keyboard; says what the same command would do."""


def make_once(out: Path, run: Mapping[str, Any], make: Callable[[Work], Any]) -> None:
    """Have a folder hold a run's results, which are made unless they are there.

    The folder is this run's alone meanwhile. What is done lies in a hidden folder in
    it, named after the run, so that runs with other settings do not meet; the same run
    goes on where it was killed. Files of others in the folder stay as they are.

    Args:
        out: the folder; where it is a link, the one it leads to.
        run: what makes it the same run.
        make: writes results, and progress on the way.

    Raises:
        BadInput: `out` holds another run's results or cannot be written to, another
            run is writing there, or a file that is not this run's is in the way.
    """
    records.check_same_run(out, run)
    told = f"this run is finished already: {out}"
    if records.is_finished(out, run) and not (out / locking.HIDDEN).exists():
        print(told)
        return
    with locking.locked(out) as hidden:
        if records.is_finished(out, run):  # perhaps by the run that was waited for
            print(told)
        else:
            _make_and_publish(out, run, make)
        for folder in hidden.iterdir():  # unfinished work of other settings, too
            shutil.rmtree(folder, ignore_errors=True)


@runtime_checkable
class Saveable(Protocol):
    """What an experiment found."""

    @property
    def record(self) -> Mapping[str, Any]:
        """What makes it the same run."""

    def write(self, folder: Path) -> None:
        """All its files into a folder."""


def save(result: Saveable, out: Path) -> None:
    """The files that a command would have written, whole or not at all.

    Raises:
        BadInput: as `make_once`.
    """
    make_once(out, result.record, lambda work: result.write(work.results))


def _make_and_publish(
    out: Path, run: Mapping[str, Any], make: Callable[[Work], Any]
) -> None:
    work = records.work_of(out, run)
    if not (work / records.NAME).exists():  # else it was killed while publishing
        _make(work, make)
        record = {**run, "files": records.files_in(work / "results")}
        write_json(work / records.NAME, record)
    _publish(work, out)


def _make(folder: Path, make: Callable[[Work], Any]) -> None:
    done = folder / "progress"
    work = Work(folder / "results", Progress(done))
    shutil.rmtree(work.results, ignore_errors=True)
    work.results.mkdir(parents=True)
    done.mkdir(exist_ok=True)
    try:
        make(work)
    except BadInput:  # it would fail again
        shutil.rmtree(folder)
        raise
    except KeyboardInterrupt:
        if any(done.iterdir()):
            raise Interrupted(
                "the same command goes on where this one stopped"
            ) from None
        shutil.rmtree(folder)
        raise Interrupted("nothing of this part is kept; it starts anew") from None


def _publish(work: Path, out: Path) -> None:
    """Move results into their folder, the record last; no one else's are replaced."""
    record = records.read(work)
    assert record is not None
    records.check_no_other_run(out, record.run)
    before = records.read(out)
    known = {} if before is None else before.files
    for name, sha in record.files.items():
        made, target = work / "results" / name, out / name
        _check_free(target, {sha, known.get(name, sha)}, out)
        if not any(records.is_file_of(file, sha) for file in (made, target)):
            shutil.rmtree(work)
            raise BadInput(
                f"unfinished results in {out} are damaged: {name}; the same command "
                "makes them anew"
            )
    for name in record.files:
        made = work / "results" / name
        if made.exists():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            made.replace(out / name)
    (work / records.NAME).replace(out / records.NAME)


def _check_free(target: Path, ours: set[str], out: Path) -> None:
    """Refuse to replace anything but a file of these contents.

    Raises:
        BadInput: naming what is in the way.
    """
    below = [p for p in target.parents if out in p.parents]
    blocked = [p for p in below if os.path.lexists(p) and not p.is_dir()]
    if os.path.lexists(target) and not any(
        records.is_file_of(target, each) for each in ours
    ):
        blocked.append(target)
    if blocked:
        raise BadInput(
            f"{blocked[0]} is in the way: this run did not write it; move it "
            "elsewhere, and the same command ends at once"
        )
