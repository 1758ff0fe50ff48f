"""Folders of results: written whole or not at all, never over another run's."""

import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from jaxdissect.base import BadInput

PACKAGES = ("jaxdissect", "jax", "jaxlib", "flax", "optax", "numpy", "scipy")


def manifest(config: Any, **provenance: Any) -> dict[str, Any]:
    """What makes a run the same run: config, package versions, hashes of what it reads.

    Args:
        config: the run's dataclass.
        **provenance: hashes of weights and data.
    """
    settings = _without_places(dataclasses.asdict(config))
    record = {
        "command": type(config).__name__.removesuffix("Config").lower(),
        "config": settings,
        "versions": versions(),
        **provenance,
    }
    return json.loads(json.dumps(record, default=str))


def versions() -> dict[str, str]:
    """Versions of the packages that decide the numbers."""
    return {name: version(name) for name in PACKAGES}


def check_same_run(out: Path, run: Mapping[str, Any]) -> None:
    """Refuse a folder that holds anything but this run's results.

    Raises:
        BadInput: naming what differs.
    """
    if not out.exists():
        return
    if out.is_dir() and all(file.suffix == ".partial" for file in out.iterdir()):
        return  # empty, or a run was killed before its first file was whole
    advice = "choose another folder with --out or delete that one"
    try:
        found = json.loads((out / "run.json").read_text())
    except (OSError, ValueError):
        raise BadInput(f"{out} holds files that are not this run's; {advice}") from None
    differing = sorted(_differences(found, run))
    if differing:
        raise BadInput(
            f"{out} holds another run's results, which differ in "
            f"{', '.join(differing)}; {advice}"
        )


@contextmanager
def results_folder(out: Path, run: Mapping[str, Any]) -> Iterator[Path]:
    """A folder to write results into, which becomes `out` once all are written.

    Raises:
        BadInput: `out` holds another run's results.
    """
    check_same_run(out, run)
    parent = out.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=parent) as scratch:
        results, replaced = Path(scratch) / "results", Path(scratch) / "replaced"
        results.mkdir()
        yield results
        publish(results, out, run, replaced=replaced)


def publish(
    results: Path, out: Path, run: Mapping[str, Any], *, replaced: Path
) -> None:
    """Make a folder of results `out`; what was there goes to `replaced`."""
    write_json(results / "run.json", run)
    if out.exists():
        out.rename(replaced)
    results.rename(out)


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON, whole or not at all."""
    partial = path.with_suffix(".partial")
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    # Names of files may hold bytes that are no UTF-8; JSON has a way to write these.
    partial.write_bytes(text.encode("utf-8", "backslashreplace"))
    partial.replace(path)


def progress(items: Iterable[Any], total: int, label: str, initial: int = 0) -> tqdm:
    """A progress bar with rate and time left; a line every 10 s where no one looks."""
    interval = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(
        items,
        total=total,
        desc=label,
        initial=initial,
        mininterval=interval,
        dynamic_ncols=True,
    )


def _without_places(settings: Any) -> Any:
    """Settings but for where files lie, which does not matter; their hash does."""
    if not isinstance(settings, dict):
        return settings
    places = ("out", "path", "weights", "trainings", "dissection", "ablation")
    return {k: _without_places(v) for k, v in settings.items() if k not in places}


def _differences(found: Any, run: Any, path: str = "") -> Iterator[str]:
    if not isinstance(found, dict) or not isinstance(run, dict):
        if found != run:
            yield path
        return
    for key in found.keys() | run.keys():
        below = f"{path}.{key}" if path else key
        yield from _differences(found.get(key), run.get(key), below)
