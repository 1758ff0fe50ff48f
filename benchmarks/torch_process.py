"""A script that measures PyTorch, in a process of its own, so that both can take turns.

The script reads settings as one line of JSON, answers with what it can do, then reads
lines "NAME TIMES" and answers each, when done, with its processor seconds. Torch is
imported there only.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


class TorchSteps(NamedTuple):
    """What there is, or why not; {row: do it so many times -> processor seconds}."""

    about: dict[str, Any]
    steps: dict[str, Callable[[int], float]]


@contextmanager
def started(
    script: str, python: Path, settings: dict[str, Any]
) -> Iterator[TorchSteps]:
    """Start a script in another Python; no steps where there is no torch."""
    # On a busy machine threads that spin while they wait make it several times slower.
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    try:
        process = subprocess.Popen([python, script], env=environment, **pipes)
    except OSError as error:
        yield TorchSteps({"torch": f"left out ({error.strerror})"}, {})
        return

    def ask(line: str) -> Any:
        print(line, file=process.stdin, flush=True)
        answer = process.stdout.readline()
        return json.loads(answer) if answer else sys.exit("PyTorch's process ended")

    with process:
        about, names = ask(json.dumps(settings, default=str))
        yield TorchSteps(about, {n: lambda k, n=n: ask(f"{n} {k}") for n in names})
        process.stdin.close()
