"""Published names of units beside ours, unit by unit."""

import hashlib
from pathlib import Path

from jaxdissect.errors import BadInput
from jaxdissect.experiments.contrast import named_units, unit_names
from jaxdissect.experiments.contrast.settings import ContrastSettings
from jaxdissect.experiments.contrast.unit_names import Named
from jaxdissect.experiments.dissect.saved import load_dissection
from jaxdissect.pages import tables
from jaxdissect.runs import outputs, publishing


def run(config: ContrastSettings) -> None:
    """Set the names of units of two sides side by side; at least one is a file."""
    first, second = (side_of(config, name) for name in ("first", "second"))
    check_units(config, first, second)
    places = [getattr(config, name) for name in ("first", "second")]
    names = names_of(*places)
    out = config.out or Path("runs") / f"contrast-{'-'.join(names)}"
    manifest = outputs.manifest(
        config,
        of=[str(place) for place in places],
        contents=[_digest(p) for p in places],
    )
    pairs = named_units.pairs(first, second)

    def make(work: publishing.Work) -> None:
        tables.write_csv(work.results / "units.csv", *named_units.table(pairs))
        page = named_units.render(names, (first, second), pairs)
        (work.results / "report.html").write_text(page, encoding="utf-8")

    publishing.make_once(out, manifest, make)
    said = named_units.sentences(names, (first, second), pairs)
    print("\n".join([*said, f"report: {out / 'report.html'}"]))


def side_of(config: ContrastSettings, name: str) -> Named:
    """The names of one side's units.

    Raises:
        BadInput: the side is missing, malformed, or has several layers and none is
            named.
    """
    place = getattr(config, name)
    if place is not None and place.is_file():
        return unit_names.read(place, getattr(config, f"{name}_layer"), name)
    return unit_names.of_cards(load_dissection(folder_of(config, name)).cards)


def check_units(config: ContrastSettings, first: Named, second: Named) -> None:
    """Refuse sides whose units are not the same.

    Raises:
        BadInput: other numbers of units, or matching by profiles, which names lack.
    """
    if config.match == "profile":
        raise BadInput(
            "`match` is 'profile', but published names of units are no profile; units "
            "are matched by number"
        )
    if len(first.names) != len(second.names):
        raise BadInput(
            f"`first` and `second` have {len(first.names)} and {len(second.names)} "
            "units; names are compared unit by unit, so they must be of the same layer"
        )


def folder_of(config: ContrastSettings, name: str) -> Path:
    """One of the two folders.

    Raises:
        BadInput: it is not given, or holds the folders of several layers.
    """
    folder = getattr(config, name)
    if folder is None:
        raise BadInput(
            f"`{name}` is missing: a folder that `dissect` wrote, or a file with "
            "published names of units"
        )
    if not (folder / "iou.npz").exists():
        layers = sorted(file.parent.name for file in folder.glob("*/iou.npz"))
        has = f"has layers {', '.join(layers)}; name one" if layers else "has none"
        raise BadInput(f"`{name}` is {folder}, which {has}: a layer's results")
    if getattr(config, f"{name}_layer") is not None:
        raise BadInput(
            f"`{name}_layer` is for a file with names of several layers; `{name}` is "
            f"{folder}, a folder of one layer's results"
        )
    return folder


def names_of(first: Path, second: Path) -> tuple[str, str]:
    """Names of two folders that tell them apart."""
    one, other = (folder.absolute().parts for folder in (first, second))
    depth = 1
    while one[-depth:] == other[-depth:] and depth < len(one):
        depth += 1
    return "-".join(one[-depth:]), "-".join(other[-depth:])


def _digest(place: Path) -> str:
    file = place if place.is_file() else place / "cards.json"
    return hashlib.sha256(file.read_bytes()).hexdigest()
