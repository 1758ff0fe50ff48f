"""What a command may do about a bad input: one sentence and nothing else."""

import contextlib
import hashlib
import io
import json
import os
import re
import signal
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jaxdissect.cli import main

LONGEST = 1000
"""Characters of a message."""
SECONDS = 60
"""After which a command counts as hanging."""
PROGRESS = re.compile(r"^.*(\d+%\|| \d+it ).*$")
"""What a progress bar leaves in a log."""


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        code: of the process; None where something else than SystemExit was raised.
        said: on stdout.
        errors: on stderr, but for progress bars.
        trace: of what was raised.
    """

    code: int | None
    said: str
    errors: str
    trace: str


class Hung(BaseException):
    """A command that takes too long for a network of a few units."""


@contextlib.contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(*signalled):
        raise Hung(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(*arguments: object) -> Ended:
    """Run a command in this process."""
    said, errors = io.StringIO(), io.StringIO()
    code: int | None = 0
    trace = ""
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            with _at_most(SECONDS):
                main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:  # whatever there is: it is what is looked for
            code, trace = None, traceback.format_exc()
    lines = re.split(r"[\r\n]+", errors.getvalue().rstrip("\r\n"))
    rest = "\n".join(line for line in lines if line and not PROGRESS.match(line))
    return Ended(code, said.getvalue(), rest, trace)


def contents(place: Path) -> dict[str, str]:
    """{path: what is there} of all below a folder, links not followed."""
    found = {}
    for folder, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                what = f"link to {path.readlink()}"
            elif path.is_dir():
                what = "folder"
            else:
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(place))] = what
    return found


def faults_of_refusal(ended: Ended, named: str = "") -> list[str]:
    """What is wrong with a refusal; nothing, if it is as it should be.

    Args:
        ended: how the command ended.
        named: what the sentence must name, or one of several, as in "seed|--seed".
    """
    if ended.trace:
        return [f"ends in {ended.trace.strip().splitlines()[-1][:200]}"]
    faults = []
    if ended.code != 2:
        faults.append(f"exit code {ended.code}")
    if "Traceback" in ended.errors + ended.said:
        faults.append("prints a traceback")
    sentence = ended.errors
    if sentence.count("\n") or not sentence.startswith("error: "):
        faults.append(f"stderr is no single sentence: {sentence[:300]!r}")
    if len(sentence) > LONGEST:
        faults.append(f"a sentence of {len(sentence)} characters")
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in sentence):
        faults.append(f"control characters in {sentence[:200]!r}")
    if named and not any(name in sentence for name in named.split("|")):
        faults.append(f"{named!r} is not named in {sentence[:300]!r}")
    return faults


def numbers(results: Path) -> dict[str, str]:
    """What a folder of results says; its record, which names versions, left out."""
    found = contents(results)
    return {name: what for name, what in found.items() if Path(name).name != "run.json"}


class Judge:
    """Runs commands on spoilt inputs and collects what is wrong with the outcomes.

    Args:
        inputs: all that the command reads; it must stay as it is.
        out: where results go; nothing but these may appear beside it.
        expected: the numbers of a run on the sound inputs, for what is harmless.
    """

    def __init__(
        self, inputs: Path, out: Path, expected: Mapping[str, str] | None = None
    ):
        self.inputs, self.out, self.expected = inputs, out, expected

    def faults(
        self, *arguments: object, named: str = "", harmless: bool | None = None
    ) -> list[str]:
        """What is wrong with how a command ended.

        Args:
            *arguments: of the command.
            named: what a refusal must name.
            harmless: whether the inputs still say the same. None: they may; then a
                whole success with exactly the expected numbers is right, too.
        """
        place = self.out.parent
        before, there = contents(self.inputs), contents(place)
        ended = run(*arguments)
        faults = []
        if ended.code == 0:
            faults += self._of_success(ended, harmless)
        elif harmless:
            faults.append(f"refused, though harmless: {ended.errors} {ended.trace}")
        else:
            faults += faults_of_refusal(ended, named)
            left = contents(place)
            if left != there:
                changed = sorted(left.items() ^ there.items())
                faults.append(f"leaves {[name for name, _ in changed][:6]}")
        if contents(self.inputs) != before:
            faults.append("changes its inputs")
        return faults

    def _of_success(self, ended: Ended, harmless: bool | None) -> list[str]:
        faults = [f"stderr says {ended.errors!r}"] if ended.errors else []
        if harmless is False:
            faults.append("accepted")
        elif self.expected is not None:
            got = numbers(self.out) if self.out.is_dir() else {}
            changed = sorted(k for k, _ in got.items() ^ self.expected.items())
            if changed:
                faults.append(f"accepted, and {', '.join(changed[:4])} differ")
        hidden = [path.name for path in self.out.parent.glob(".*")]
        hidden += [path.name for path in self.out.parent.glob("*.partial")]
        if hidden:
            faults.append(f"leaves {hidden}")
        return faults


def described(value: object) -> str:
    """A value in the id of a case."""
    return json.dumps(value, default=str)[:24]
