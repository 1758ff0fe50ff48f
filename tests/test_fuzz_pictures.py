"""Pictures, masks and their tables, spoilt: refused, said to be left out, no harm."""

import io
from functools import partial

import numpy as np
import pytest
from fuzzing import judging, mutations
from fuzzing import world as tiny
from fuzzing.bench import Bench
from PIL import Image
from test_broden import write_broden

pytestmark = pytest.mark.slow

ALL_BYTES = mutations.BYTES
NOT_THERE = ("gone", "a-folder", "a-link-to-itself", "a-dangling-link")
"""After these there is no such picture: what is left is used, and that is said."""
DAMAGE = [name for name in ALL_BYTES if name not in NOT_THERE]
TABLES = mutations.TABLES | mutations.HARMLESS_TABLES
BAD_NUMBERS = {
    "empty": b"",
    "negative": b"-1",
    "fraction": b"1.5",
    "nan": b"nan",
    "huge": b"9" * 30,
    "long": b"9" * 100_000,
    "words": b"two",
    "control": b"\x1b[31m1",
    "zero": b"0",
}


def command(world, images, copy):
    own = ["--network", f"{world / 'own.py'}:network", "--layers", "units"]
    settings = ["--protocol.stride", 2, "--num-draws", 0, "--num-top", 2]
    return ["dissect", *own, "--images", images, "--path", copy, *settings]


@pytest.fixture(scope="module")
def masked(world, tmp_path_factory):
    """A dissection on pictures with masks."""
    return Bench(
        tmp_path_factory.mktemp("masked"),
        world / "segmented",
        ("images", "masks", "labels.csv"),
        partial(command, world, "segmented"),
    )


@pytest.fixture(scope="module")
def sorted_by_class(world, tmp_path_factory):
    """A dissection on pictures in folders of classes."""
    return Bench(
        tmp_path_factory.mktemp("classes"),
        world / "photos" / "train",
        tiny.CLASSES,
        partial(command, world, "folder"),
    )


@pytest.fixture(scope="module")
def broden(world, tmp_path_factory):
    """A dissection on a small Broden."""
    folder = tmp_path_factory.mktemp("broden")
    write_broden(folder / "sound")
    return Bench(
        folder,
        folder / "sound",
        ("images", "index.csv", "label.csv", "category.csv"),
        partial(command, world, "broden"),
    )


@pytest.mark.parametrize("mutation", DAMAGE)
@pytest.mark.parametrize("file", ["images/2.png", "masks/2.png"])
def test_damaged_pictures_and_masks(masked, file, mutation):
    named = {"images": "images/2.png|images", "masks": "masks/2.png|masks"}
    faults = masked.faults(file, ALL_BYTES[mutation], named=named[file.split("/")[0]])
    assert faults == []


@pytest.mark.parametrize("mutation", DAMAGE)
def test_damaged_pictures_of_classes(sorted_by_class, mutation):
    assert sorted_by_class.faults("cat/2.png", ALL_BYTES[mutation], named="2.png") == []


@pytest.mark.parametrize("mutation", NOT_THERE)
@pytest.mark.parametrize("file", ["images/2.png", "masks/2.png"])
def test_pictures_that_are_not_there_are_said(masked, file, mutation):
    out, *arguments = masked.prepared(lambda copy: ALL_BYTES[mutation](copy / file))
    ended = judging.run(*arguments)
    if ended.code == 0:
        assert not ended.errors
        assert "5 of 6" in ended.said or "no picture" in ended.said
    else:
        assert judging.faults_of_refusal(ended, "2.png|2") == []
        assert not out.exists()


def saved(array, kind="PNG", **options):
    """A mutation that puts other pixels in a picture's place."""

    def mutate(path):
        held = io.BytesIO()
        Image.fromarray(array).save(held, kind, **options)
        path.write_bytes(held.getvalue())

    return mutate


RNG = np.random.default_rng(5)
SIDE = tiny.SIZE
MASKS = {
    "unlisted-everywhere": saved(np.full((SIDE, SIDE), 255, np.uint8)),
    "unlisted-in-places": saved(RNG.integers(0, 9, (SIDE, SIDE)).astype(np.uint8)),
    "sixteen-bits": saved(RNG.integers(0, 65536, (SIDE, SIDE)).astype(np.uint16)),
    "colours": saved(RNG.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)),
    "transparent": saved(RNG.integers(0, 256, (SIDE, SIDE, 4)).astype(np.uint8)),
    "turned": saved(np.ones((SIDE, 2 * SIDE), np.uint8)),
    "a-pixel": saved(np.ones((1, 1), np.uint8)),
    "fractions": saved(RNG.random((SIDE, SIDE)).astype(np.float32), "TIFF"),
    "lossy": saved(RNG.integers(0, 3, (SIDE, SIDE)).astype(np.uint8), "JPEG"),
    "black-and-white": saved(RNG.random((SIDE, SIDE)) > 0.5),
}
SAID = ("83.3% have a label", "not listed", "left out")


@pytest.mark.parametrize("mutation", MASKS)
def test_masks_that_say_other_things_are_refused_or_said(masked, mutation):
    out, *arguments = masked.prepared(
        lambda copy: MASKS[mutation](copy / "masks/2.png")
    )
    ended = judging.run(*arguments)
    if ended.code == 0:
        listed = mutation in ("black-and-white", "a-pixel", "turned", "lossy")
        assert listed or any(word in ended.said for word in SAID), ended.said
    else:
        assert judging.faults_of_refusal(ended, "2.png|masks") == []
        assert not out.exists()


@pytest.mark.parametrize("mutation", MASKS)
def test_masks_that_all_say_other_things_are_refused(masked, mutation):
    if mutation in ("black-and-white", "a-pixel", "lossy", "unlisted-in-places"):
        return  # whole numbers, some of which are listed

    def everywhere(copy):
        for number in range(tiny.PICTURES):
            MASKS[mutation](copy / f"masks/{number}.png")

    out, *arguments = masked.prepared(everywhere)
    ended = judging.run(*arguments)
    if mutation == "turned":  # scaled to the picture, as pictures are
        assert ended.code in (0, 2) and not ended.trace
        return
    assert judging.faults_of_refusal(ended) == []
    assert not out.exists()


@pytest.mark.parametrize("mutation", [*ALL_BYTES, *TABLES])
def test_the_table_of_labels(masked, mutation):
    change = (ALL_BYTES | TABLES)[mutation]
    harmless = True if mutation in mutations.HARMLESS_TABLES else None
    named = "labels.csv"
    assert masked.faults("labels.csv", change, harmless=harmless, named=named) == []


@pytest.mark.parametrize("value", BAD_NUMBERS)
@pytest.mark.parametrize("row", [1, 2])
def test_numbers_of_labels(masked, row, value):
    change = mutations.cell(row, 0, BAD_NUMBERS[value])
    assert masked.faults("labels.csv", change, named="labels.csv", harmless=False) == []


@pytest.mark.parametrize("column", [1, 2])
@pytest.mark.parametrize(
    "name", [b"", b" ", b"\x1b[31mred", b"x" * 100_000, b"$\\frac$", b"<b>&", b"sky"]
)
def test_names_of_labels_do_nothing_to_a_terminal(masked, column, name):
    change = mutations.cell(1, column, name)
    out, *arguments = masked.prepared(lambda copy: change(copy / "labels.csv"))
    ended = judging.run(*arguments)
    if ended.code == 0:
        assert not ended.errors
        assert "\x1b" not in ended.said and len(ended.said) < 10_000
    else:
        assert judging.faults_of_refusal(ended, "labels.csv") == []
        assert not out.exists()


@pytest.mark.parametrize("mutation", [*ALL_BYTES, *TABLES])
@pytest.mark.parametrize("file", ["index.csv", "label.csv"])
def test_the_tables_of_broden(broden, file, mutation):
    change = (ALL_BYTES | TABLES)[mutation]
    if (file, mutation) == ("index.csv", "a-row-twice"):
        out, *arguments = broden.prepared(lambda copy: change(copy / file))
        assert "1 row says what another says" in judging.run(*arguments).said
        changed = dict(judging.numbers(out).items() ^ broden.expected.items())
        assert {name for name in changed} == {"summary.json", "report.html"}
        return
    harmless = True if mutation in mutations.HARMLESS_TABLES else None
    assert broden.faults(file, change, harmless=harmless, named=file) == []


@pytest.mark.parametrize("value", BAD_NUMBERS)
def test_numbers_in_the_tables_of_broden(broden, value):
    number = BAD_NUMBERS[value]
    found = {
        column: broden.faults("index.csv", mutations.cell(1, column, number))
        for column in range(2, 6)
    }
    found["label"] = broden.faults("label.csv", mutations.cell(2, 0, number))
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_what_is_there_already_stays(masked):
    change = mutations.cell(1, 0, b"x")
    out, *arguments = masked.prepared(lambda copy: change(copy / "labels.csv"))
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    ended = judging.run(*arguments)
    assert judging.faults_of_refusal(ended) == []
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
