"""Results that later commands read, spoilt in every way: refused, or no harm done."""

from pathlib import Path

import numpy as np
import pytest
from fuzzing import judging, mutations, results, world
from fuzzing.mutations import copied

pytestmark = pytest.mark.slow

READ = ("summary.json", "cards.json", "iou.npz")
"""What a comparison reads of a dissection."""


class Bench:
    """A command that reads the results of another, and fresh copies of these.

    Args:
        folder: for copies and results.
        origin: the sound results.
        files: of these, what is copied.
        command: ("dissect", ...), to which the copy is given by `option`.
        option: such as "--first".
    """

    def __init__(self, folder: Path, origin: Path, files, command, option):
        self.folder, self.origin, self.files = folder, origin, files
        self.command, self.option = command, option
        self.number = 0
        out, *arguments = self.prepared(None)
        assert judging.run(*arguments).code == 0
        self.expected = judging.numbers(out)

    def prepared(self, mutate):
        """(out, *arguments) with a copy of the inputs, which `mutate` has spoilt."""
        self.number += 1
        case = self.folder / str(self.number)
        copy, out = case / "in" / "copy", case / "results" / "out"
        out.parent.mkdir(parents=True)
        for file in self.files:
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            copied(self.origin / file, copy / file)
        if mutate is not None:
            mutate(copy)
        return out, *self.command, self.option, copy, "--out", out

    def faults(self, file, mutate, **expected):
        """What is wrong when one file is spoilt."""
        out, *arguments = self.prepared(lambda copy: mutate(copy / file))
        inputs = out.parents[1] / "in"
        judge = judging.Judge(inputs, out, self.expected)
        return judge.faults(*arguments, **expected)

    def all_faults(self, file, cases):
        """{what was done: what is wrong}, of all cases of one file, and how many."""
        found = {name: self.faults(file, mutate) for name, mutate in cases}
        return {name: faults for name, faults in found.items() if faults}, len(found)


@pytest.fixture(scope="module")
def contrast(world, tmp_path_factory):
    command = ["dissect", world / "contrast.py", "--second", world / "second"]
    folder = tmp_path_factory.mktemp("contrast")
    return Bench(folder, world / "first", READ, command, "--first")


@pytest.fixture(scope="module")
def query(world, tmp_path_factory):
    picture = world / "photos" / "train" / "cat" / "0.png"
    command = ["dissect", world / "query.py", *world_weights(world)]
    command += ["--images", picture]
    folder = tmp_path_factory.mktemp("query")
    files = (*READ, "run.json")
    return Bench(folder, world / "first", files, command, "--dissection")


def world_weights(folder):
    return world.trained(folder)


@pytest.mark.parametrize("kind", ["missing", *mutations.WRONG])
@pytest.mark.parametrize("file", ["summary.json", "cards.json"])
def test_every_key_in_turn(contrast, file, kind):
    cases = list(results.json_cases(contrast.origin / file, kind))
    faults, number = contrast.all_faults(file, cases)
    assert number >= 10
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())


@pytest.mark.parametrize("kind", ["missing", "null", "list", "huge"])
def test_every_key_of_the_record(query, kind):
    file = query.origin / "run.json"
    cases = list(results.json_cases(file, kind, depth=2))
    faults, number = query.all_faults("run.json", cases)
    assert number >= 10
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())


@pytest.mark.parametrize("mutation", mutations.BYTES)
@pytest.mark.parametrize("file", READ)
def test_bytes(contrast, file, mutation):
    assert contrast.faults(file, mutations.BYTES[mutation]) == []


@pytest.mark.parametrize("mutation", mutations.BYTES)
def test_bytes_of_the_record(query, mutation):
    assert query.faults("run.json", mutations.BYTES[mutation]) == []


@pytest.mark.parametrize("mutation", mutations.ARCHIVES)
def test_archives(contrast, mutation):
    assert contrast.faults("iou.npz", mutations.ARCHIVES[mutation]) == []


@pytest.mark.parametrize("mutation", mutations.ARRAYS)
def test_every_array_in_turn(contrast, mutation):
    file = contrast.origin / "iou.npz"
    with np.load(file) as arrays:
        names = [
            name for name in arrays.files if sound_is_other(arrays[name], mutation)
        ]
    change = mutations.ARRAYS[mutation]
    cases = [(name, mutations.of_array(name, change)) for name in names]
    faults, number = contrast.all_faults("iou.npz", cases)
    assert number >= 10
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())


def sound_is_other(array, mutation):
    """Whether a mutation changes an array at all."""
    changed = mutations.ARRAYS[mutation](array)
    if changed is None or changed.dtype != array.dtype:
        return True
    return changed.shape != array.shape or changed.tobytes() != array.tobytes()
