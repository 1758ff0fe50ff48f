"""`dissect` with a ContrastSettings: two dissections side by side."""

from pathlib import Path

from jaxdissect.dissection.matching import (
    Matching,
    Side,
    clear_changes,
    concept_changes,
    match_by_number,
    match_by_profile,
    profile_similarity,
    unit_changes,
)
from jaxdissect.errors import BadInput
from jaxdissect.experiments.contrast import beside
from jaxdissect.experiments.contrast import page as comparison_report
from jaxdissect.experiments.contrast import tables as comparison_tables
from jaxdissect.experiments.contrast.page import Shown
from jaxdissect.experiments.contrast.settings import ContrastSettings
from jaxdissect.experiments.dissect.saved import (
    SavedDissection,
    iou_intervals,
    load_dissection,
)
from jaxdissect.pages import tables
from jaxdissect.runs import outputs, publishing


def run(config: ContrastSettings) -> None:
    """Match the units of two dissections; write tables and a page."""
    if any(
        side is not None and side.is_file() for side in (config.first, config.second)
    ):
        beside.run(config)
        return
    folders = [beside.folder_of(config, name) for name in ("first", "second")]
    first, second = map(load_dissection, folders)
    names = beside.names_of(*folders)
    out = config.out or Path("runs") / f"contrast-{'-'.join(names)}"
    manifest = outputs.manifest(config, of=[str(folder) for folder in folders])
    said: list[str] = []

    def make(work: publishing.Work) -> None:
        said.extend(write(work.results, config, first, second, names))

    publishing.make_once(out, manifest, make)
    print("\n".join([*said, f"report: {out / 'report.html'}"]))


def side_of(saved: SavedDissection) -> Side:
    """What of a dissection is matched and compared."""
    return Side(saved.result, saved.concepts)


def matching_of(
    config: ContrastSettings, first: SavedDissection, second: SavedDissection
) -> Matching:
    """Which units are taken for one another.

    Raises:
        BadInput: matched by number, but their numbers differ.
    """
    similarity = profile_similarity(side_of(first), side_of(second))
    units = similarity.shape
    same = units[0] == units[1] and first.facts.get("layer") == second.facts.get(
        "layer"
    )
    if config.match == "number" and units[0] != units[1]:
        raise BadInput(
            f"`match` is 'number', but the layers have {units[0]} and {units[1]} units"
        )
    if config.match == "number" or (config.match == "auto" and same):
        return match_by_number(similarity)
    return match_by_profile(similarity)


def write(
    folder: Path,
    config: ContrastSettings,
    first: SavedDissection,
    second: SavedDissection,
    names: tuple[str, str],
) -> list[str]:
    """units.csv, concepts.csv and report.html; what has changed, in words."""
    matching = matching_of(config, first, second)
    units = unit_changes(side_of(first), side_of(second), matching)
    concepts = concept_changes(side_of(first), side_of(second))
    intervals = [iou_intervals(saved.cards) for saved in (first, second)]
    clear = None
    if intervals[0] is not None and intervals[1] is not None:
        clear = clear_changes(matching, intervals[0], intervals[1])
    pairs = comparison_tables.pairs(first.cards, second.cards, units, clear=clear)
    for name, table in comparison_tables.comparison_tables(pairs, concepts).items():
        tables.write_csv(folder / f"{name}.csv", *table)
    categories = dict.fromkeys(category for _, category in first.concepts)
    categories |= dict.fromkeys(category for _, category in second.concepts)
    page = comparison_report.render(
        f"{names[0]} against {names[1]}",
        Shown(names[0], first.facts, first.headline, first.cards),
        Shown(names[1], second.facts, second.headline, second.cards),
        concepts,
        pairs,
        list(categories),
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    counts = {
        status: list(concepts.status).count(status)
        for status in ("kept", "gained", "lost")
    }
    sides = zip(names, (first, second), strict=True)
    said = [f"{name}: {saved.headline.in_words()}" for name, saved in sides]
    changed = (
        f"{int(units.same_label.sum())} of {len(units.same_label)} matched units have "
        f"the same label; concepts of detectors by IoU: "
        + ", ".join(f"{number} {status}" for status, number in counts.items())
    )
    return [*said, changed]
