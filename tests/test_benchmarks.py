"""The benchmarks run; what they measure is for quiet machines."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    measured = json.loads(out.read_text())
    for row in ("plain", "factored", "skipping", "cached", "full", "replayed"):
        assert f"| {row}: " in printed
        assert all(seconds > 0 for seconds in measured["seconds"][row])
    assert 0 < measured["evaluated"] < 1
