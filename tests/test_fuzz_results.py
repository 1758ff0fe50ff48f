"""Results that later commands read, spoilt in every way: refused, or no harm done."""

import numpy as np
import pytest
from fuzzing import mutations, results
from fuzzing import world as tiny
from fuzzing.bench import Bench

pytestmark = pytest.mark.slow

READ = ("summary.json", "cards.json", "iou.npz")
"""What a comparison reads of a dissection."""


@pytest.fixture(scope="module")
def contrast(world, tmp_path_factory):
    """A comparison with another dissection."""
    command = ["dissect", world / "contrast.py", "--second", world / "second"]
    folder = tmp_path_factory.mktemp("contrast")
    return Bench(
        folder, world / "first", READ, lambda copy: [*command, "--first", copy]
    )


@pytest.fixture(scope="module")
def query(world, tmp_path_factory):
    """A question about a picture."""
    picture = world / "photos" / "train" / "cat" / "0.png"
    command = ["dissect", world / "query.py", *tiny.trained(world), "--images", picture]
    return Bench(
        tmp_path_factory.mktemp("query"),
        world / "first",
        (*READ, "run.json"),
        lambda copy: [*command, "--dissection", copy],
    )


@pytest.fixture(scope="module")
def attack(world, tmp_path_factory):
    """An attack, which reads what an ablation found."""
    command = [
        *("dissect", world / "attack.py", *tiny.of_scenes(world), "--layer", "units"),
        *("--dissection", world / "scenes", "--targets", "farm", "--num-shown", 1),
        *("--steps", 2, "--searches", 1, "--num-images", 2, "--top", 1),
    ]
    return Bench(
        tmp_path_factory.mktemp("attack"),
        world / "scenes-ablated",
        ("run.json", "units/ablation.npz"),
        lambda copy: [*command, "--ablation", copy],
    )


@pytest.mark.parametrize("kind", ["missing", *mutations.WRONG])
@pytest.mark.parametrize("file", ["summary.json", "cards.json"])
def test_every_key_in_turn(contrast, file, kind):
    cases = results.json_cases(contrast.origin / file, kind)
    assert contrast.all_faults(file, cases) == ""


@pytest.mark.parametrize("kind", ["missing", "null", "list", "huge"])
def test_every_key_of_the_record(query, kind):
    cases = results.json_cases(query.origin / "run.json", kind, depth=2)
    assert query.all_faults("run.json", cases) == ""


@pytest.mark.parametrize("mutation", mutations.BYTES)
@pytest.mark.parametrize("file", READ)
def test_bytes(contrast, file, mutation):
    assert contrast.faults(file, mutations.BYTES[mutation]) == []


@pytest.mark.parametrize("mutation", mutations.BYTES)
def test_bytes_of_the_record(query, mutation):
    assert query.faults("run.json", mutations.BYTES[mutation]) == []


@pytest.mark.parametrize("mutation", mutations.BYTES)
@pytest.mark.parametrize("file", ["run.json", "units/ablation.npz"])
def test_bytes_of_an_ablation(attack, file, mutation):
    assert attack.faults(file, mutations.BYTES[mutation]) == []


@pytest.mark.parametrize("mutation", mutations.ARCHIVES)
def test_archives(contrast, mutation):
    assert contrast.faults("iou.npz", mutations.ARCHIVES[mutation]) == []


@pytest.mark.parametrize("mutation", mutations.ARRAYS)
def test_every_array_in_turn(contrast, mutation):
    cases = array_cases(contrast.origin / "iou.npz", mutation)
    assert contrast.all_faults("iou.npz", cases, at_least=9) == ""


@pytest.mark.parametrize("mutation", mutations.ARRAYS)
def test_orders_of_an_ablation(attack, mutation):
    file = "units/ablation.npz"
    cases = dict(array_cases(attack.origin / file, mutation))
    assert attack.faults(file, cases["orders"]) == []


def array_cases(file, mutation):
    """(array, mutation) of each array that the mutation changes."""
    change = mutations.ARRAYS[mutation]
    with np.load(file) as arrays:
        for name in arrays.files:
            if differ(arrays[name], change(arrays[name])):
                yield name, mutations.of_array(name, change)


def differ(array, changed):
    """Whether a mutation changes an array at all."""
    if changed is None or changed.dtype != array.dtype:
        return True
    return changed.shape != array.shape or changed.tobytes() != array.tobytes()
