"""Two dissections held against each other, or published names of units against ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdissect import weights
from jaxdissect.dissection.matching import (
    ConceptChanges,
    Matching,
    Side,
    UnitChanges,
    clear_changes,
    concept_changes,
    match_by_number,
    match_by_profile,
    profile_similarity,
    unit_changes,
)
from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.experiments.contrast import named_units, page, tables, unit_names
from jaxdissect.experiments.contrast.page import Shown
from jaxdissect.experiments.contrast.settings import ContrastSettings
from jaxdissect.experiments.contrast.unit_names import Named
from jaxdissect.experiments.dissect import LayerResult, SavedDissection
from jaxdissect.pages import inline
from jaxdissect.pages.tables import write_csv
from jaxdissect.runs import outputs, publishing, records


class Result(NamedTuple):
    """What is gained, lost and changed between two dissections.

    Attributes:
        names: of both.
        first: the one.
        second: the other.
        units: what became of every matched unit.
        concepts: what became of every concept.
        pairs: of units, as tables and the page show them.
        record: what makes it the same run.
    """

    names: tuple[str, str]
    first: SavedDissection
    second: SavedDissection
    units: UnitChanges
    concepts: ConceptChanges
    pairs: list[tables.Pair]
    record: Mapping[str, Any]

    def table(self, name: str = "units") -> dict[str, list[Any]]:
        """{column: its values}, of "units" or of "concepts"."""
        return tables.comparison_tables(self.pairs, self.concepts)[name].by_column()

    def page(self) -> str:
        """Both dissections on one page."""
        categories = dict.fromkeys(c for _, c in self.first.concepts)
        categories |= dict.fromkeys(c for _, c in self.second.concepts)
        sides = zip(self.names, (self.first, self.second), strict=True)
        one, other = (Shown(n, s.facts, s.headline, s.cards) for n, s in sides)
        return page.render(
            f"{self.names[0]} against {self.names[1]}",
            one,
            other,
            self.concepts,
            self.pairs,
            list(categories),
        )

    def write(self, folder: Path) -> None:
        """units.csv, concepts.csv and report.html into a folder."""
        made = tables.comparison_tables(self.pairs, self.concepts)
        for name, table in made.items():
            write_csv(folder / f"{name}.csv", *table)
        (folder / "report.html").write_text(self.page(), encoding="utf-8")

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all."""
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        sides = zip(self.names, (self.first, self.second), strict=True)
        said = [f"{name}: {side.headline.in_words()}" for name, side in sides]
        status, same = list(self.concepts.status), self.units.same_label
        counts = [f"{status.count(s)} {s}" for s in ("kept", "gained", "lost")]
        changed = (
            f"{int(same.sum())} of {len(same)} matched units have the same label; "
            f"concepts of detectors by IoU: {', '.join(counts)}"
        )
        return "\n".join([*said, changed])

    def _repr_html_(self) -> str:
        return inline.framed(self.page())


class NamedResult(NamedTuple):
    """Names of the same units from two origins.

    Attributes:
        names: of both.
        sides: the names of both.
        pairs: a unit with its two names each.
        record: what makes it the same run.
    """

    names: tuple[str, str]
    sides: tuple[Named, Named]
    pairs: list[named_units.Pair]
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each unit}."""
        return named_units.table(self.pairs).by_column()

    def page(self) -> str:
        """All units with both names on one page."""
        return named_units.render(self.names, self.sides, self.pairs)

    def write(self, folder: Path) -> None:
        """units.csv and report.html into a folder."""
        write_csv(folder / "units.csv", *named_units.table(self.pairs))
        (folder / "report.html").write_text(self.page(), encoding="utf-8")

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all."""
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(named_units.sentences(self.names, self.sides, self.pairs))

    def _repr_html_(self) -> str:
        return inline.framed(self.page())


def run(
    first: str | Path | LayerResult,
    second: str | Path | LayerResult,
    settings: ContrastSettings | None = None,
) -> Result | NamedResult:
    """Hold two dissections of a layer against each other.

    Args:
        first: what `dissect` found of a layer, the folder of a layer's results, or a
            file with published names of units (a table of NetDissect's, descriptions
            of CLIP-Dissect or MILAN).
        second: likewise.
        settings: how units are matched, and which layer of a file.

    Raises:
        BadInput: a side is missing, malformed, or has several layers and none is
            named; units that cannot be matched.
    """
    settings = settings or ContrastSettings()
    sides = {"first": first, "second": second}
    if any(_is_file(side) for side in sides.values()):
        return _of_names(sides, settings)
    one, other = (_saved(settings, *side) for side in sides.items())
    matching = _matching(settings, one, other)
    units = unit_changes(_side(one), _side(other), matching)
    intervals = [dissect.iou_intervals(saved.cards) for saved in (one, other)]
    clear = None
    if intervals[0] is not None and intervals[1] is not None:
        clear = clear_changes(matching, intervals[0], intervals[1])
    return Result(
        names_of(first, second),
        one,
        other,
        units,
        concept_changes(_side(one), _side(other)),
        tables.pairs(one.cards, other.cards, units, clear=clear),
        _record(settings, sides),
    )


def names_of(
    first: str | Path | LayerResult, second: str | Path | LayerResult
) -> tuple[str, str]:
    """Names of two sides that tell them apart."""
    if isinstance(first, LayerResult) or isinstance(second, LayerResult):
        one, other = _place(first), _place(second)
        return (one, other) if one != other else ("first", "second")
    parts, others = (Path(place).absolute().parts for place in (first, second))
    depth = 1
    while parts[-depth:] == others[-depth:] and depth < len(parts):
        depth += 1
    return "-".join(parts[-depth:]), "-".join(others[-depth:])


def _of_names(
    sides: Mapping[str, str | Path | LayerResult], settings: ContrastSettings
) -> NamedResult:
    """The same for names; at least one side is a file."""
    first, second = (_named(settings, *side) for side in sides.items())
    if settings.match == "profile":
        raise BadInput(
            "`match` is 'profile', but published names of units are no profile; units "
            "are matched by number"
        )
    if len(first.names) != len(second.names):
        raise BadInput(
            f"`first` and `second` have {len(first.names)} and {len(second.names)} "
            "units; names are compared unit by unit, so they must be of the same layer"
        )
    record = _record(settings, sides)
    names = names_of(sides["first"], sides["second"])
    return NamedResult(names, (first, second), named_units.pairs(first, second), record)


def _is_file(side: str | Path | LayerResult | None) -> bool:
    return isinstance(side, str | Path) and Path(side).is_file()


def _named(
    settings: ContrastSettings, name: str, side: str | Path | LayerResult
) -> Named:
    if isinstance(side, str | Path) and Path(side).is_file():
        return unit_names.read(Path(side), getattr(settings, f"{name}_layer"), name)
    return unit_names.of_cards(_saved(settings, name, side).cards)


def _saved(
    settings: ContrastSettings, name: str, side: str | Path | LayerResult | None
) -> SavedDissection:
    """A side that is a dissection.

    Raises:
        BadInput: it is not given, or holds the folders of several layers.
    """
    if side is None:
        raise BadInput(
            f"`{name}` is missing: a folder that `dissect` wrote, or a file with "
            "published names of units"
        )
    if isinstance(side, LayerResult):
        result, concepts = side.findings.dissection, tuple(map(tuple, side.concepts))
        told = (list(side.cards), side.headline, side.protocol, side.facts)
        return SavedDissection(result, concepts, *told)  # type: ignore[arg-type]
    folder = Path(side)
    if not (folder / "iou.npz").exists():
        layers = sorted(file.parent.name for file in folder.glob("*/iou.npz"))
        has = f"has layers {', '.join(layers)}; name one" if layers else "has none"
        raise BadInput(f"`{name}` is {folder}, which {has}: a layer's results")
    if getattr(settings, f"{name}_layer") is not None:
        raise BadInput(
            f"`{name}_layer` is for a file with names of several layers; `{name}` is "
            f"{folder}, a folder of one layer's results"
        )
    return dissect.load_dissection(folder)


def _record(
    settings: ContrastSettings, sides: Mapping[str, str | Path | LayerResult]
) -> dict[str, Any]:
    """What makes it the same run: the sides' contents, wherever they are."""
    return outputs.manifest(
        settings,
        of=[_place(side) for side in sides.values()],
        contents=[_digest(side) for side in sides.values()],
    )


def _place(side: str | Path | LayerResult) -> str:
    return side.layer if isinstance(side, LayerResult) else str(side)


def _digest(side: str | Path | LayerResult) -> str:
    if isinstance(side, LayerResult):
        result = side.findings.dissection
        return weights.digest([result.iou, result.thresholds, *result.detectors])
    place = Path(side)
    return records.sha_of(place if place.is_file() else place / "cards.json")


def _side(saved: SavedDissection) -> Side:
    """What of a dissection is matched and compared."""
    return Side(saved.result, saved.concepts)


def _matching(
    settings: ContrastSettings, first: SavedDissection, second: SavedDissection
) -> Matching:
    """Which units are taken for one another.

    Raises:
        BadInput: matched by number, but their numbers differ.
    """
    similarity = profile_similarity(_side(first), _side(second))
    units = similarity.shape
    layers = first.facts.get("layer"), second.facts.get("layer")
    same = units[0] == units[1] and layers[0] == layers[1]
    if settings.match == "number" and units[0] != units[1]:
        raise BadInput(
            f"`match` is 'number', but the layers have {units[0]} and {units[1]} units"
        )
    if settings.match == "number" or (settings.match == "auto" and same):
        return match_by_number(similarity)
    return match_by_profile(similarity)
