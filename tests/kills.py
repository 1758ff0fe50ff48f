"""Kill a training over and over, and see that it ends as if it had never been killed.

    python tests/kills.py 20

Every other kill comes while a checkpoint is being written, the rest at random moments.
Not part of the test suite, which kills once; this takes minutes.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jaxdissect import weights

ROOT = Path(__file__).parents[1]
SETTINGS = [
    *("--network.width", "0.0625", "--network.hidden", "8"),
    *("--data.num-train", "560", "--data.num-test", "28"),
    *("--optim.batch-size", "14", "--schedule", "32", "3", "48", "2"),
    *("--checkpoint-every", "5", "--regularize.focused-dropout.rate", "0.5"),
]


def start(out: Path) -> subprocess.Popen:
    """Start, or go on with, the training."""
    command = [sys.executable, "train.py", *SETTINGS, "--out", str(out)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, **quiet)


def saving(out: Path) -> bool:
    """Whether a checkpoint is half written."""
    return any((out / "checkpoints").glob("*.orbax-checkpoint-tmp*"))


def checkpoints(out: Path) -> list[int]:
    """Steps of the whole checkpoints."""
    folder = out / "checkpoints"
    return sorted(int(p.name) for p in folder.glob("*") if p.name.isdigit())


def kill_once(out: Path, dice: random.Random, while_saving: bool) -> str:
    """Let the training get somewhere, and kill it."""
    process, before = start(out), checkpoints(out)[-1:]
    while checkpoints(out)[-1:] == before and process.poll() is None:
        time.sleep(0.002)
    deadline = time.time() + dice.uniform(0, 1.5)
    while process.poll() is None:
        if while_saving and saving(out):
            break
        if not while_saving and time.time() > deadline:
            break
        time.sleep(0.001)
    moment = "while saving" if saving(out) else "between saves"
    if process.poll() is not None:
        return "it had ended"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return f"{moment}, checkpoints {checkpoints(out)}"


def main() -> None:
    """Train once in peace and once under fire, and compare."""
    times, dice = int(sys.argv[1]), random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        peace, war = Path(folder) / "peace", Path(folder) / "war"
        assert start(peace).wait() == 0
        for number in range(times):
            said = kill_once(war, dice, while_saving=number % 2 == 0)
            print(f"kill {number + 1}: {said}", flush=True)
        assert start(war).wait() == 0
        whole, resumed = (weights.load(p / "weights.safetensors") for p in (peace, war))
        same_metrics = (peace / "metrics.jsonl").read_text() == (
            war / "metrics.jsonl"
        ).read_text()
    print(f"{times} kills; parameters {resumed.digest} and {whole.digest}")
    print(f"metrics files the same: {same_metrics}")
    assert resumed.digest == whole.digest and same_metrics


if __name__ == "__main__":
    main()
