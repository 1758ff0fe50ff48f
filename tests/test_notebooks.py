"""The notebooks are whole, were run in order, and run from top to bottom."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = ["prediction_gradients.ipynb"]
each = pytest.mark.parametrize("name", NOTEBOOKS)


def read(name: str) -> dict:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def sources(name: str, kind: str) -> list[str]:
    cells = read(name)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def test_every_notebook_is_tested():
    assert sorted(file.name for file in FOLDER.glob("*.ipynb")) == NOTEBOOKS


@each
def test_is_a_notebook_of_format_4_5(name):
    notebook = read(name)
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    identifiers = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", one) for one in identifiers)
    fields = {"cell_type", "id", "metadata", "source"}
    of_kind = {"markdown": fields, "code": fields | {"execution_count", "outputs"}}
    for cell in notebook["cells"]:
        assert set(cell) == of_kind[cell["cell_type"]]
    assert (FOLDER / name).stat().st_size < 1_000_000


@each
def test_was_run_from_top_to_bottom_without_errors_or_warnings(name):
    cells = [cell for cell in read(name)["cells"] if cell["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", output["text"]


@each
def test_links_to_files_that_are_there(name):
    for target in re.findall(r"\]\(([^)]+)\)", "\n".join(sources(name, "markdown"))):
        assert (FOLDER / target).exists(), target


@pytest.mark.slow
@each
def test_runs(name, tmp_path):
    lines = "\n".join(sources(name, "code"))
    script = tmp_path / "notebook.py"
    script.write_text(re.sub(r"^( *)%.*$", r"\1pass", lines, flags=re.M), "utf-8")
    settings = {
        "MPLBACKEND": "Agg",
        "JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # it runs once
    }
    ran = subprocess.run(
        [sys.executable, script],
        env={**os.environ, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
