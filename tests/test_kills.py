"""Killed over and over, train and ablate end in the bytes of a run left in peace."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import ROOT

from jaxdissect import weights
from jaxdissect.runs import locking

KILLS = 20
TRAINING = [
    *("--network.architecture", "shapesnet", "--network.width", "0.0625"),
    *("--data.num-train", "560", "--data.num-test", "28", "--checkpoint-every", "5"),
    # Four times as many checkpoints as kills, so that there is time for all.
    *("--optim.batch-size", "14", "--schedule", "32", "6", "48", "5"),
]
ABLATION = ["--num-rank", "84", "--num-report", "84", "--batch-size", "4"]


def start(script, *arguments):
    environment = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    return subprocess.Popen(
        [sys.executable, script, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_over_and_over(command, out, moments):
    """Kills at the first chance after each moment, of runs that each get further."""
    killed = 0
    for has_come in moments:
        process = start(*command, "--out", str(out))
        while process.poll() is None and not has_come():
            time.sleep(0.002)
        process.kill()  # does nothing to one that has ended
        killed += process.wait() == -signal.SIGKILL
    assert start(*command, "--out", str(out)).wait(600) == 0
    return killed


def contents(folder):
    files = (f for f in folder.rglob("*") if f.is_file())
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def after(condition, seconds):
    """A moment: some time after a condition that a run brings about."""
    seen = []

    def has_come():
        if not seen and condition():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= seconds

    return has_come


@pytest.mark.slow
def test_a_training_that_is_killed_twenty_times(tmp_path):
    peace, war, dice = tmp_path / "peace", tmp_path / "war", random.Random(0)
    assert start("train.py", *TRAINING, "--out", str(peace)).wait(600) == 0

    def further():
        """A checkpoint that was not there before, or one that is half written."""
        before = set(war.glob("checkpoints/*"))
        return lambda: bool(set(war.glob("checkpoints/*")) - before)

    moments = (after(further(), dice.uniform(0, 0.15)) for _ in range(KILLS))
    killed = kill_over_and_over(["train.py", *TRAINING], war, moments)
    assert killed >= KILLS - 2
    ours, whole = contents(war), contents(peace)
    assert weights.load(war / "weights.safetensors").digest == (
        weights.load(peace / "weights.safetensors").digest
    )
    for name in ("metrics.jsonl", "metrics.csv", "summary.json", "run.json"):
        assert ours[name] == whole[name], name
    left = [n for n in ours if ".partial" in n or "tmp" in n or locking.HIDDEN in n]
    assert left == []


@pytest.mark.slow
def test_an_ablation_that_is_killed_twenty_times(trained, dissected, tmp_path):
    given = ["--weights", str(trained / "weights.safetensors")]
    command = ["ablate.py", *given, *ABLATION, "--dissection", str(dissected)]
    peace, war, dice = tmp_path / "peace", tmp_path / "war", random.Random(1)
    assert start(*command, "--out", str(peace)).wait(600) == 0

    def state():
        """What is written so far; a run may remove it meanwhile."""
        found, hidden = set(), war / locking.HIDDEN
        for folder, _, files in os.walk(hidden):
            if len(Path(folder).relative_to(hidden).parts) < 2:
                continue
            for file in files:
                with suppress(FileNotFoundError):
                    path = Path(folder, file)
                    found.add((str(path), path.stat().st_mtime_ns))
        return found

    def changes():
        before = state()
        return lambda: bool(state() - before)

    moments = (after(changes(), dice.uniform(0, 4)) for _ in range(KILLS))
    killed = kill_over_and_over(command, war, moments)
    assert killed >= KILLS // 2
    assert contents(war) == contents(peace)
    assert not (war / locking.HIDDEN).exists()
