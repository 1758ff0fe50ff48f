"""The benchmarks run; what they measure is for quiet machines."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
STATUS = Path("/proc/self/status")
# What they say does not count here, so their programs need not be fast.
QUICKLY = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


def test_the_ablation_benchmark_measures_what_it_lists(tmp_path):
    out = tmp_path / "ablation.json"
    small = ["--width", "0.0625", "--image-size", "32", "--hidden", "16"]
    few = ["--images", "4", "--batch", "4", "--units-extrapolated", "1"]
    printed = subprocess.run(
        [
            *(sys.executable, "benchmarks/ablation.py", *small, *few),
            *("--repeats", "1", "--out", str(out)),
        ],
        cwd=ROOT,
        env=QUICKLY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    measured = json.loads(out.read_text())
    for row in ("plain", "factored", "skipping", "cached", "full", "replayed"):
        assert f"| {row}: " in printed
        assert all(seconds > 0 for seconds in measured["seconds"][row])
    assert 0 < measured["evaluated"] < 1


def test_the_training_benchmark_measures_what_it_lists(tmp_path):
    out = tmp_path / "training.csv"
    small = ["--width", "0.125", "--batch", "4", "--images", "8", "--repeats", "3"]
    printed = subprocess.run(
        [
            *(sys.executable, "benchmarks/training.py", *small, "--rows", "again"),
            *("double_backprop", "--torch-python", "nowhere", "--out", str(out)),
        ],
        cwd=ROOT,
        env=QUICKLY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    with out.open(newline="") as file:
        table = {line["row"].split(":")[0]: line for line in csv.DictReader(file)}
    assert [*table] == ["plain", "again", "double_backprop", "wait"]
    for name, line in table.items():
        assert f"| {name}: " in printed
        assert float(line["seconds"]) >= float(line["fastest"]) > 0
        spread = [line[key] for key in ("lowest", "q1", "ratio", "q3", "highest")]
        assert sorted(spread, key=float) == spread
    assert 0 < float(table["wait"]["lowest"]) <= float(table["wait"]["highest"]) < 1
    assert abs(float(table["double_backprop"]["arithmetic"]) - 2) < 0.1
    assert table["again"]["GFLOP"] == table["plain"]["GFLOP"]
    assert float(table["again"]["processor"]) > 0
    assert "torch left out" in printed


def test_the_dissection_benchmark_measures_what_it_lists(tmp_path):
    out = tmp_path / "dissection.json"
    printed = subprocess.run(
        [
            *(sys.executable, "benchmarks/dissection.py", "--quick", "--parts"),
            *("time", "torch", "--torch-python", "nowhere", "--out", str(out)),
        ],
        cwd=ROOT,
        env=QUICKLY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    measured = json.loads(out.read_text())
    assert "torch left out" in printed
    assert not measured["loops"]
    costs = {row.split(":")[0]: numbers for row, *numbers in measured["costs"]}
    assert [*costs] == ["plain", "again", "one", "all"]
    for name, (time, ratio, q1, q3, lowest, highest, *_) in costs.items():
        assert f"| {name}: " in printed
        assert time > 0
        assert 0 < lowest <= q1 <= ratio <= q3 <= highest
    for name, *parts in measured["split"]:
        assert all(part > 0 for part in parts)
        assert sum(parts) <= costs[name][0]  # there was only one round


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not say its peak")
def test_memory_of_a_streamed_dissection_is_that_of_its_own_process():
    # PNAS20 with 20 images, 8 units and 40 concepts, in a budget of a kilobyte.
    case = ["PNAS20", "dissection", 20, 1024, 8, 40]
    measured = subprocess.run(
        [sys.executable, "benchmarks/dissection_memory.py"],
        input=json.dumps(case),
        cwd=ROOT,
        env=QUICKLY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    peak, seconds = json.loads(measured)
    assert 2**26 < peak < 2**30
    assert seconds > 0
