"""The house's floors: a module imports lower ranks and its own room only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jaxdissect"
RANKS = {
    "base": 0,
    "errors": 0,
    "lazy": 0,
    "ranges": 1,
    "range_checks": 1,
    "settings": 1,
    "layer_names": 1,
    "caching": 1,
    "own_files": 1,
    "checking": 1,
    "logits": 1,
    "memory": 1,
    "streaming": 1,
    "quantiles": 1,
    "upsampling": 1,
    "metrics": 1,
    "significance": 1,
    "intervals": 1,
    "dissection": 2,
    "ablation": 2,
    "attacks": 2,
    "gradients": 2,
    "regularizers": 2,
    "checkpoints": 3,
    "networks": 3,
    "adapters": 3,
    "weights": 3,
    "data": 3,
    "training": 3,
    "model": 4,
    "pages": 4,
    "plots": 4,
    "runs": 5,
    "experiments": 6,
    "cli": 7,
}
CORE = {name for name, rank in RANKS.items() if rank <= 2}
CORE -= {"ranges", "range_checks", "settings", "layer_names", "caching", "own_files"}
CORE_IMPORTS = {"annotated_types", "jax", "numpy", "jaxtyping", "scipy", "jaxdissect"}
WITHIN_A_RANK = {
    ("checkpoints", "networks"),
    ("checkpoints", "weights"),
    ("adapters", "networks"),
    ("training", "weights"),
    ("intervals", "checking"),
    ("intervals", "significance"),
    ("quantiles", "checking"),
    ("quantiles", "streaming"),
    ("streaming", "checking"),
    ("range_checks", "ranges"),
    ("settings", "ranges"),
    ("layer_names", "range_checks"),
    ("layer_names", "settings"),
}
ARROWS = {
    ("query", "dissect"),
    ("explain", "dissect"),
    ("contrast", "dissect"),
    ("ablate", "dissect"),
    ("attack", "dissect"),
    ("attack", "ablate"),
    ("regimes", "train"),
    ("groups", "train"),
    ("faces", "train"),
    ("faces", "gradients"),
}
"""(experiment, another that it builds on); there are no others."""

FORBIDDEN_AT_IMPORT = {
    "flax",
    "matplotlib",
    "optax",
    "orbax",
    "PIL",
    "tensorflow_datasets",
    "tyro",
}


def modules():
    files = PACKAGE.rglob("*.py")
    return sorted(f for f in files if f != PACKAGE / "__init__.py")


def imported(file):
    """Dotted names a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def experiments():
    """{experiment: dotted names its files import}."""
    found = {}
    for file in sorted((PACKAGE / "experiments").rglob("*.py")):
        parts = file.relative_to(PACKAGE).parts
        if len(parts) > 2:
            found.setdefault(parts[1], set()).update(imported(file))
    return found


@pytest.mark.parametrize("file", modules(), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_down(file):
    room = room_of(file)
    for name in imported(file):
        parts = name.split(".")
        if parts[0] == "jaxdissect" and len(parts) > 1 and parts[1] in RANKS:
            down = RANKS[parts[1]] < RANKS[room]
            assert down or parts[1] == room or (room, parts[1]) in WITHIN_A_RANK, name
        elif room in CORE:
            known = parts[0] in CORE_IMPORTS or parts[0] in sys.stdlib_module_names
            assert known, f"{room} is part of the core, which must not import {name}"


def test_every_room_has_a_rank():
    assert {room_of(file) for file in modules()} == set(RANKS)


def test_ten_arrows_between_experiments():
    """Runs, plots and pages import none, which their ranks see to."""
    arrows = set()
    for experiment, names in experiments().items():
        for name in names:
            parts = name.split(".")
            if parts[:2] == ["jaxdissect", "experiments"] and len(parts) > 2:
                arrows.add((experiment, parts[2]))
    found = sorted(arrow for arrow in arrows if len(set(arrow)) == 2)
    print(*(f"{a} -> {b}" for a, b in found), sep="\n")
    assert set(found) == ARROWS


def test_experiments_see_each_other_s_faces_only():
    for experiment, names in experiments().items():
        for name in names:
            parts = name.split(".")
            if parts[:2] == ["jaxdissect", "experiments"] and len(parts) > 3:
                inside = (PACKAGE.parent / "/".join(parts[:4])).with_suffix(".py")
                assert parts[2] == experiment or not inside.exists(), name


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, jaxdissect; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not FORBIDDEN_AT_IMPORT & set(loaded)


def test_names_promised_are_there():
    import jaxdissect

    for module in (jaxdissect, jaxdissect.ablation, jaxdissect.dissection):
        assert sorted(set(module.__all__)) == sorted(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"
