"""What every command writes: the record of a run, JSON, progress bars."""

import dataclasses
import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

PACKAGES = ("jaxdissect", "jax", "jaxlib", "flax", "optax", "numpy", "scipy")


def manifest(config: Any, **provenance: Any) -> dict[str, Any]:
    """What makes a run the same run: config, package versions, hashes of what it reads.

    Args:
        config: the run's dataclass.
        **provenance: hashes of weights and data.
    """
    settings = _without_places(dataclasses.asdict(config))
    record = {
        "command": type(config).__name__.removesuffix("Settings").lower(),
        "config": settings,
        "versions": versions(),
        **provenance,
    }
    return json.loads(json.dumps(record, default=str))


def versions() -> dict[str, str]:
    """Versions of the packages that decide the numbers."""
    return {name: version(name) for name in PACKAGES}


def computed_with() -> dict[str, str]:
    """Versions and precision, as the facts of a report say them."""
    known = [f"{name} {version}" for name, version in versions().items()]
    return {
        "versions": ", ".join(known),
        "precision": f"float32, matmul highest, on {jax.default_backend()}",
    }


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON, whole or not at all."""
    partial = path.with_suffix(".partial")
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    # Names of files may hold bytes that are no UTF-8; JSON has a way to write these.
    partial.write_bytes(text.encode("utf-8", "backslashreplace"))
    partial.replace(path)


def _without_places(settings: Any) -> Any:
    """Settings but for where files lie, which does not matter; their hash does.

    JSON has no infinity, so that is a text.
    """
    if isinstance(settings, float) and not math.isfinite(settings):
        return str(settings)
    if isinstance(settings, list | tuple):
        return [_without_places(item) for item in settings]
    if not isinstance(settings, dict):
        return settings
    places = ("out", "path", "weights", "trainings", "dissection", "ablation")
    return {k: _without_places(v) for k, v in settings.items() if k not in places}
