"""A command, sound inputs for it, and fresh copies of these to spoil."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fuzzing import judging
from fuzzing.mutations import Mutation, copied


class Bench:
    """A command that reads some files.

    Args:
        folder: for copies and results.
        origin: the sound inputs.
        files: of these, what is copied; folders with all that is in them.
        command: (copy of the inputs) -> its arguments, but for --out.
    """

    def __init__(
        self,
        folder: Path,
        origin: Path,
        files: Sequence[str],
        command: Callable[[Path], Sequence[object]],
    ):
        self.folder, self.origin, self.files = folder, origin, files
        self.command, self.number = command, 0
        out, *arguments = self.prepared(lambda copy: None)
        ended = judging.run(*arguments)
        assert ended.code == 0, ended
        self.expected = judging.numbers(out)

    def prepared(self, mutate: Mutation) -> tuple[object, ...]:
        """(out, *arguments) with a copy of the inputs, which `mutate` has spoilt."""
        self.number += 1
        case = self.folder / str(self.number)
        copy, out = case / "in" / "copy", case / "results" / "out"
        out.parent.mkdir(parents=True)
        for file in self.files:
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            copied(self.origin / file, copy / file)
        mutate(copy)
        return out, *self.command(copy), "--out", out

    def faults(self, file: str, mutate: Mutation, **expected) -> list[str]:
        """What is wrong when one file is spoilt; see `Judge.faults`."""
        out, *arguments = self.prepared(lambda copy: mutate(copy / file))
        inputs = Path(str(out)).parents[1] / "in"
        judge = judging.Judge(inputs, Path(str(out)), self.expected)
        return judge.faults(*arguments, **expected)

    def all_faults(
        self, file: str, cases: Iterable[tuple[str, Mutation]], at_least: int = 10
    ) -> str:
        """A line for every case of one file with what is wrong; nothing if all is well.

        Raises:
            AssertionError: there were fewer cases.
        """
        found = {name: self.faults(file, mutate) for name, mutate in cases}
        assert len(found) >= at_least
        return "\n".join(
            f"{name}: {faults}" for name, faults in found.items() if faults
        )
