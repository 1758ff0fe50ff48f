"""The house's floors: a module imports lower ranks and its own package only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jaxdissect"
RANKS = {
    "base": 0,
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
    "reports": 4,
    "cli": 5,
}
CORE_IMPORTS = {"jax", "numpy", "jaxtyping", "scipy", "jaxdissect"}
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
}
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


@pytest.mark.parametrize("file", modules(), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_down(file):
    room = room_of(file)
    for name in imported(file):
        parts = name.split(".")
        if parts[0] == "jaxdissect" and len(parts) > 1 and parts[1] in RANKS:
            down = RANKS[parts[1]] < RANKS[room]
            assert down or parts[1] == room or (room, parts[1]) in WITHIN_A_RANK, name
        elif RANKS[room] <= 2:
            known = parts[0] in CORE_IMPORTS or parts[0] in sys.stdlib_module_names
            assert known, f"{room} is part of the core, which must not import {name}"


def test_every_room_has_a_rank():
    assert {room_of(file) for file in modules()} == set(RANKS)


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
