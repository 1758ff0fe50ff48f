"""Folders of segmented images: made-up ones, and CamVid with its published shares."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxdissect.data.segmented_folder import segmented

CAMVID = Path(__file__).parents[2] / "shared" / "data" / "camvid"
TABLE = (
    "index,name,category\n1,car,object\n7,wheel,part\n0,sky,object\n300,fog,weather\n"
)
NAMES = {0: "sky", 1: "car", 7: "wheel", 300: "fog"}
HEIGHT, WIDTH = 6, 9


def numbers(*values):
    rng = np.random.default_rng(len(values) + sum(values))
    return rng.choice(values, (HEIGHT, WIDTH))


def save(path, values, mode="L"):
    """A mask of one of the allowed kinds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == "I;16":
        Image.fromarray(values.astype(np.uint16)).save(path)
        return
    mask = Image.fromarray(values.astype(np.uint8))
    if mode == "P":
        # Colours that say nothing about the numbers.
        mask.putpalette([k * 37 % 256 for k in range(3 * 256)])
    mask.save(path)


MASKS = {
    "masks/train/a.png": (numbers(0, 1, 255), "L"),
    "masks/train/b.c.png": (numbers(1, 7), "P"),
    "masks/val/d.PNG": (numbers(0, 300, 65535), "I;16"),
    "masks2/train/a.png": (numbers(7, 255), "L"),
    "masks10/train/a.png": (numbers(300, 65535), "I;16"),
}
IMAGES = ["train/a.jpg", "train/b.c.png", "val/d.webp"]
NONE = {"L": 255, "P": 255, "I;16": 65535}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "streets"
    for name, (values, mode) in MASKS.items():
        save(root / name, values, mode)
    for k, name in enumerate(IMAGES):
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (80 * k, 0, 0)).save(path)
    (root / "images" / "train" / "readme.txt").write_text("no picture")
    (root / "labels.csv").write_text(TABLE)
    return root


def names_at(source, labels):
    names = [None, *(concept.name for concept in source.concepts)]
    return [[{names[k] for k in cell} - {None} for cell in row] for row in labels]


def test_every_pixel_has_the_labels_of_all_its_masks(folder):
    source = segmented(folder)
    assert list(source.captions) == ["train/a", "train/b.c", "val/d"]
    labels = source.load(np.arange(3), size=18, stride=1).labels
    for name, got in zip(source.captions, labels, strict=True):
        maps = [
            (values, NONE[mode])
            for path, (values, mode) in MASKS.items()
            if path.partition("/")[2].lower() == f"{name}.png"
        ]
        # 18 cells over 6 rows and 9 columns: each pixel is 3 x 2 cells.
        want = [
            [{NAMES[m[y // 3, x // 2]] for m, none in maps if m[y // 3, x // 2] != none}
             for x in range(18)]
            for y in range(18)
        ]  # fmt: skip
        assert names_at(source, got) == want


def test_there_are_as_many_layers_as_the_batch_needs(folder):
    load = segmented(folder).load
    shapes = [
        load(np.array(k), size=9, stride=2).labels.shape for k in ([0], [1], [1, 0])
    ]
    assert shapes == [(1, 4, 4, 3), (1, 4, 4, 1), (2, 4, 4, 3)]


def test_concepts_are_in_the_order_of_their_numbers(folder):
    source = segmented(folder)
    assert [tuple(concept) for concept in source.concepts] == [
        ("sky", "object"), ("car", "object"), ("wheel", "part"), ("fog", "weather"),
    ]  # fmt: skip
    assert source.categories == ("object", "part", "weather")
    assert source.what == "images in streets"


def test_nothing_and_everything_else_mean_no_label_unless_listed(folder):
    (folder / "labels.csv").write_text("number,name,category\n255,a,x\n65535,b,x\n")
    for name in MASKS:
        (folder / name).unlink()
    save(folder / "masks/train/a.png", numbers(0, 255))
    save(folder / "masks/train/b.c.png", numbers(0, 255), "I;16")
    save(folder / "masks/val/d.png", numbers(0, 65535), "I;16")
    source = segmented(folder)
    labels = source.load(np.arange(3), size=18, stride=1).labels
    assert [set(np.unique(each)) for each in labels] == [{0, 1}, {0, 1}, {0, 2}]


def test_a_split_is_a_folder(folder):
    train = segmented(folder, split="train")
    assert list(train.captions) == ["a", "b.c"]
    assert train.what == "images in streets, split train"
    whole = segmented(folder)
    for got, want in zip(
        train.load(np.array([1, 0]), size=9, stride=2),
        whole.load(np.array([1, 0]), size=9, stride=2),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)


def test_strata_are_the_folders_if_there_are_several(folder):
    assert segmented(folder).strata.tolist() == [0, 0, 1]
    assert segmented(folder, split="train").strata.tolist() == [0, 0]


def test_an_image_is_turned_upright_before_its_mask_is_laid_on_it(folder):
    path = folder / "images" / "train" / "a.jpg"
    lying = Image.new("RGB", (HEIGHT, WIDTH))
    exif = lying.getexif()
    exif[0x0112] = 6
    lying.save(path, exif=exif)
    assert segmented(folder).load(np.array([0]), size=9, stride=2).labels.any()


def test_spreadsheets_may_have_written_the_table(folder):
    labels = segmented(folder).load(np.arange(3), size=9, stride=1).labels
    rows = ["category,index,name,colour", *("object,1,car,red", "part,7,wheel,")]
    rows += ["object,0,sky,blue", "weather,300,fog,", ",,,", ""]
    (folder / "labels.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    again = segmented(folder).load(np.arange(3), size=9, stride=1).labels
    np.testing.assert_array_equal(again, labels)


def test_the_digest_is_of_table_lengths_names_and_split(folder):
    digests = {segmented(folder).digest, segmented(folder, split="train").digest}
    assert segmented(folder).digest in digests
    path = folder / "masks2" / "train" / "a.png"
    path.write_bytes(path.read_bytes() + b"\0")
    digests.add(segmented(folder).digest)
    (folder / "labels.csv").write_text(TABLE.replace("fog", "mist"))
    digests.add(segmented(folder).digest)
    for kind, suffix in (("images", ".jpg"), ("masks", ".png"), ("masks2", ".png")):
        (folder / kind / "train" / f"a{suffix}").rename(
            folder / kind / "train" / f"aa{suffix}"
        )
    (folder / "masks10" / "train" / "a.png").unlink()
    digests.add(segmented(folder).digest)
    assert len(digests) == 5


def test_the_example_of_the_docs_runs():
    text = (Path(__file__).parents[1] / "docs" / "concepts.md").read_text()
    *_, example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(compile(example, "concepts.md", "exec"), names)
    assert names["found"]["block1"].iou[:, 0].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("split", "num_images"), [("train", 367), ("val", 101), ("test", 233)]
)
def test_shares_of_the_real_classes_are_the_published_ones(split, num_images):
    if not CAMVID.is_dir():
        pytest.skip(f"CamVid is not at {CAMVID}")
    source = segmented(CAMVID, split=split)
    assert len(source.captions) == num_images
    # One of 3 x 4 pixels.
    counts = np.zeros(12, int)
    for batch in np.array_split(np.arange(num_images), 6):
        labels = source.load(batch, size=120, stride=1).labels
        counts += np.bincount(labels.ravel(), minlength=12)
    rows = re.findall(
        r"^\| \d+ \| (\w+) \| (.*) \|$", (CAMVID / "README.md").read_text(), re.M
    )
    column = ("train", "val", "test").index(split)
    names = ["unlabelled", *(concept.name for concept in source.concepts)]
    published = {name: float(shares.split(" / ")[column]) for name, shares in rows}
    got = dict(zip(names, counts / counts.sum(), strict=True))
    assert got == pytest.approx(published, abs=1e-3)
