"""Reading one checkpoint, in a process of its own.

`measured` runs this file: a path goes in and what reading it took comes out as JSON.
Imports come before, so that neither their time nor their memory counts.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Taken(NamedTuple):
    """What reading a file took.

    Attributes:
        seconds: from the path to parameters in memory.
        peak: bytes that the process held at most, over what it held before. Pages of
            the file that are mapped count, although the system may take them back.
        own: the same without pages of files, looked at every 2 milliseconds.
    """

    seconds: float
    peak: int
    own: int


def measured(python: Path, file: Path) -> Taken:
    """Read a file in a fresh process."""
    done = subprocess.run(
        [python, __file__],
        input=json.dumps(str(file)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Taken(*json.loads(done.stdout))


def main() -> None:
    """Read a checkpoint, and say what it took."""
    sys.path.insert(0, str(ROOT))
    file = Path(json.load(sys.stdin))
    checkpoints = import_module("jaxdissect.checkpoints")
    import_module("jax").devices()
    if file.suffix == ".pth":
        import_module("torch")
    CLEAR.write_text("5")  # the peak begins with what is held now
    before, own_before = held("VmRSS"), held("RssAnon")
    began = perf_counter()
    with watched("RssAnon") as owned:
        loaded = checkpoints.load_checkpoint(file)
    seconds = perf_counter() - began
    assert loaded.params
    print(json.dumps(Taken(seconds, held("VmHWM") - before, max(owned) - own_before)))


def held(kind: str) -> int:
    """Bytes of memory, as the system counts them."""
    (line,) = (s for s in STATUS.read_text().splitlines() if s.startswith(kind))
    return int(line.split()[1]) * 1024


@contextmanager
def watched(kind: str) -> Iterator[list[int]]:
    """Look at the memory held again and again, in a thread."""
    seen, done = [held(kind)], threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(held(kind))
            sleep(0.002)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
        seen.append(held(kind))


if __name__ == "__main__":
    main()
