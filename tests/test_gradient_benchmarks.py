"""The benchmarks of gradients and attacks run; what they say is for quiet machines."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
# What they say does not count here, so their programs need not be fast.
QUICKLY = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


def printed(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=QUICKLY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def rows(text):
    """{row: numbers} of the Markdown tables."""
    lines = (line.strip("| ").split(" | ") for line in text.splitlines() if "|" in line)
    return {name: numbers for name, *numbers in lines}


def test_the_gradients_benchmark_measures_what_it_lists():
    small = ["--width", "0.0625", "--hidden", "8", "8", "--image-size", "32"]
    few = ["--batch", "2", "--some", "3", "--calls", "1", "--repeats", "1"]
    text = printed(
        *("benchmarks/gradients.py", *small, *few, "--torch-python", "nowhere")
    )
    assert "torch left out" in text
    table = {name.split(":")[0]: numbers for name, numbers in rows(text).items()}
    for name in ("plain", "again", "probability", "logit", "some", "all"):
        time, ratio, *_ = map(float, table[name][:2])
        assert time > 0
        assert ratio > 0


@pytest.mark.skipif(
    find_spec("foolbox") is not None, reason="foolbox is there, and would run for long"
)
def test_the_attacks_benchmark_says_what_is_missing():
    done = subprocess.run(
        [sys.executable, "benchmarks/attacks.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "foolbox is not installed" in done.stderr
