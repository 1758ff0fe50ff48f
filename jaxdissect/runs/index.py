"""What there is in a folder of results: a list for the terminal, and an index page."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from jaxdissect.errors import BadInput, printable
from jaxdissect.pages import base
from jaxdissect.runs import locking, records, saved_files

USAGE = """usage: jaxdissect runs [FOLDER]

Lists the results in a folder (runs/ by default), and writes FOLDER/index.html, a page
that links to theirs."""
LONGEST = 160
"""Letters of a headline."""


class Listed(NamedTuple):
    """Results of a run.

    Attributes:
        folder: where they are.
        experiment: what was run.
        network: whose; "" where that is not written down.
        layers: that it is about; may be empty.
        headline: the first sentence of what was found, or why there is none.
        date: of its end; "" where it has not ended.
        pages: what to read, relative to the folder that was listed; may be empty.
    """

    folder: str
    experiment: str
    network: str
    layers: tuple[str, ...]
    headline: str
    date: str
    pages: tuple[str, ...]


def main(arguments: Sequence[str]) -> None:
    """The command `runs`: print the list and write the page.

    Raises:
        BadInput: more than a folder is named, or it is none.
    """
    if set(arguments) & {"-h", "--help"}:
        print(USAGE)
        return
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        raise BadInput(f"`runs` takes a folder, not {' '.join(arguments)}")
    folder = Path(arguments[0] if arguments else "runs")
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}, and so no results in it")
    runs = results_in(folder)
    for run in runs:
        print(in_words(run))
    print(f"{len(runs)} results; page: {write(folder, runs)}")


def results_in(folder: Path) -> list[Listed]:
    """All results below a folder, the latest first; unfinished ones last.

    Args:
        folder: such as runs/.
    """
    places = {path.parent for path in folder.rglob(records.NAME)}
    places |= {path.parent for path in folder.rglob(locking.HIDDEN)}
    places = {p for p in places if locking.HIDDEN not in p.relative_to(folder).parts}
    runs = [_listed(place, folder) for place in sorted(places)]
    return sorted(runs, key=lambda run: run.date, reverse=True)


def in_words(run: Listed) -> str:
    """Two lines for the terminal."""
    about = ", ".join(part for part in (run.network, *run.layers) if part)
    when = run.date or "not finished"
    pages = f"  {run.pages[0]}" if run.pages else ""
    return (
        printable(f"{when}  {run.experiment:<10} {run.folder}  {about}{pages}", 400)
        + f"\n    {printable(run.headline, LONGEST)}"
    )


def write(folder: Path, runs: Sequence[Listed]) -> Path:
    """index.html, whole or not at all."""
    page = base.environment().get_template("runs.html.j2").render(runs=runs)
    path = folder / "index.html"
    partial = path.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)
    return path


def _listed(place: Path, top: Path) -> Listed:
    name = place.relative_to(top).as_posix()
    try:
        record = records.read(place)
        if record is None:
            return Listed(name, "", "", (), "not finished", "", ())
        experiment = record.setting("command", str)
        settings = record.run.get("config", {})
        headline = _headline(place)
    except BadInput as error:
        return Listed(name, "", "", (), str(error), "", ())
    ended = datetime.fromtimestamp(record.path.stat().st_mtime)
    pages = sorted(path for path in place.rglob("*.html") if path.name != "index.html")
    pages = pages or sorted(place.rglob("results.md"))
    return Listed(
        name,
        experiment,
        _network(settings),
        _layers(settings),
        headline,
        f"{ended:%Y-%m-%d %H:%M}",
        tuple(path.relative_to(top).as_posix() for path in pages),
    )


def _network(settings: Any) -> str:
    """The architecture that was trained, or the user's own network."""
    network = settings.get("network") if isinstance(settings, dict) else None
    if isinstance(network, dict):
        return str(network.get("architecture", ""))
    return network if isinstance(network, str) else ""


def _layers(settings: Any) -> tuple[str, ...]:
    if not isinstance(settings, dict):
        return ()
    several, one = settings.get("layers"), settings.get("layer")
    return tuple(map(str, several if isinstance(several, list) else [one] * bool(one)))


def _headline(place: Path) -> str:
    """The first sentence of what was found; of several layers, of the last."""
    return next(filter(None, map(_found, _folders(place))), "")


def _folders(place: Path) -> Iterator[Path]:
    yield place
    yield from sorted((p.parent for p in place.glob("*/summary.json")), reverse=True)


def _found(place: Path) -> str:
    findings, summary = place / "findings.txt", place / "summary.json"
    if findings.is_file():
        return saved_files.read_text(findings).partition("\n")[0]
    if not summary.is_file():
        return ""
    told = saved_files.read_object(summary)
    sentences = told.get("findings")
    if isinstance(sentences, list) and sentences:
        return str(sentences[0])
    return _in_numbers(told)


def _in_numbers(told: Mapping[str, Any]) -> str:
    """The headline of a dissection or of a training."""
    top1, unique = told.get("test_top1"), told.get("unique_labels")
    if isinstance(top1, float):
        return f"top-1 {top1:.1%} on test images"
    if unique is None:
        return ""
    beyond = told.get("significant_detectors")
    known = "chance not tested" if beyond is None else f"{beyond} beyond chance"
    return (
        f"{told.get('detectors')} of {told.get('units')} units are detectors by IoU "
        f"({known}), of {unique} concepts"
    )
