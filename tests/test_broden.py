"""Broden as it is distributed, in miniature: every form of label, every fault."""

import numpy as np
import pytest
from PIL import Image

from jaxdissect.data.broden_folder import broden

SH, SW = 4, 6
LABEL = """\
number,name,category,frequency,coverage,syns
1,red-c,color(3),3,1.5,
2,sky,object(2),2,1.0,sky;heaven
3,wood,material(2);object(1),3,1.0,
4,street-s,scene(1),1,1.0,
5,pantry-s,scene(1),1,1.0,
6,pantry,scene(1),1,1.0,
300,wheel,part(1),1,1.0,
301,spoke,part(1);object(1),1,1.0,
302,striped,texture(1),1,1.0,
303,dotted,texture(1),1,1.0,
"""
NAMES = {
    1: "red", 2: "sky", 3: "wood", 4: "street", 5: "pantry-s", 6: "pantry",
    300: "wheel", 301: "spoke", 302: "striped", 303: "dotted",
}  # fmt: skip
CATEGORY = """\
name,first,last,count,frequency
color,1,1,1,3
object,2,301,3,3
part,300,301,2,1
material,3,3,1,2
scene,4,6,3,3
texture,302,303,2,1
"""
INDEX = """\
image,split,ih,iw,sh,sw,color,object,part,material,scene,texture
ade20k/a.jpg,train,8,12,4,6,a_c.png,a_o.png,a_p1.png;a_p2.png,a_m.png,4,
dtd/b.png,val,8,12,4,6,b_c.png,,,,,302;303
pascal/c.jpg,train,8,12,4,6,,c_o.png,,,0,
pascal/d.jpg,train,8,12,4,6,,,,,0,
opensurfaces/e.jpg,val,8,12,4,6,,,,,,
ade20k/f.jpg,val,8,12,4,6,1,,,,6,
"""
MAPS = {
    "a_c.png": [0, 1],
    "a_o.png": [0, 2, 3, 301],
    "a_p1.png": [0, 300],
    "a_p2.png": [0, 301],
    "a_m.png": [0, 3],
    "b_c.png": [0, 1],
    "c_o.png": [2, 301],
}
IMAGES = ["ade20k/a.jpg", "dtd/b.png", "pascal/c.jpg", "ade20k/f.jpg"]
WHOLE = [{"street"}, {"striped", "dotted"}, set(), {"red", "pantry"}]


def numbers(name):
    values = MAPS[name]
    rng = np.random.default_rng(len(name) + sum(map(ord, name)))
    return rng.choice(values, (SH, SW))


def save_map(path, values):
    """Red is the number's low byte, green its high byte."""
    pixels = [[(v & 255, v >> 8, 0) for v in row] for row in values.tolist()]
    Image.fromarray(np.array(pixels, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    return write_broden(tmp_path / "broden1_12")


def write_broden(root):
    """A whole Broden of six pictures; the folder it is in."""
    for k, row in enumerate(INDEX.splitlines()[1:]):
        path = root / "images" / row.split(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L" if k == 2 else "RGB", (12, 8), 40 * k).save(path)
    for name in MAPS:
        save_map(root / "images" / name, numbers(name))
    for name, text in (("index", INDEX), ("label", LABEL), ("category", CATEGORY)):
        (root / f"{name}.csv").write_text(text)
    return root


def edit(folder, table, old, new):
    path = folder / f"{table}.csv"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def named(source, labels):
    """The names at every cell of an image, of the labels that are some."""
    names = [None, *(concept.name for concept in source.concepts)]
    return [[{names[k] for k in cell} - {None} for cell in row] for row in labels]


def test_every_pixel_has_the_labels_of_all_its_maps_and_of_the_image(folder):
    source = broden(folder)
    assert list(source.captions) == ["street", "b", "c", "pantry"]
    batch = source.load(np.arange(4), size=12, stride=1)
    rows = [row.split(",") for row in INDEX.splitlines()[1:]]
    for k, name in enumerate(IMAGES):
        (row,) = [row for row in rows if row[0] == name]
        cells = [item for cell in row[6:] for item in cell.split(";")]
        maps = [numbers(item) for item in cells if item.endswith(".png")]
        # 12 cells over 4 rows and 6 columns: each pixel is 3 x 2 cells.
        want = [
            [WHOLE[k] | {NAMES[m[y // 3, x // 2]] for m in maps if m[y // 3, x // 2]}
             for x in range(12)]
            for y in range(12)
        ]  # fmt: skip
        assert named(source, batch.labels[k]) == want


def test_coarser_cells_take_the_pixel_in_their_middle(folder):
    source = broden(folder, categories=("object",), split="train")
    labels = source.load(np.array([1]), size=12, stride=6).labels[0]
    want = numbers("c_o.png")[np.ix_([1, 3], [1, 4])]
    assert named(source, labels) == [[{NAMES[k]} for k in row] for row in want]


def test_there_are_as_many_layers_as_the_batch_needs(folder):
    source = broden(folder)
    shapes = [
        source.load(np.array(k), size=12, stride=3).labels.shape
        for k in ([0], [2], [2, 1])
    ]
    assert shapes == [(1, 4, 4, 6), (1, 4, 4, 1), (2, 4, 4, 3)]
    assert source.load(np.arange(0), size=12, stride=3).images.shape == (0, 12, 12, 3)


def test_a_concept_is_of_the_first_of_the_chosen_categories(folder):
    def category(name, **options):
        return {c.name: c.category for c in broden(folder, **options).concepts}[name]

    assert category("wood") == "material"
    assert category("wood", categories=("object", "material")) == "material"
    assert category("wood", categories=("object",)) == "object"
    assert category("spoke", categories=("part", "object")) == "part"


def test_suffixes_go_unless_names_would_be_equal(folder):
    names = [concept.name for concept in broden(folder).concepts]
    assert names == list(NAMES.values())
    assert broden(folder).categories == tuple(
        line.split(",")[0] for line in CATEGORY.splitlines()[1:]
    )


def test_images_without_a_chosen_label_are_left_out(folder):
    chosen = {
        "color": ["street", "b", "pantry"],
        "scene": ["street", "pantry"],
        "texture": ["b"],
    }
    for category, captions in chosen.items():
        assert list(broden(folder, categories=(category,)).captions) == captions
    assert list(broden(folder, split="val").captions) == ["b", "pantry"]
    both = broden(folder, categories=("texture", "scene"))
    assert both.categories == ("texture", "scene")
    assert {c.category for c in both.concepts} == {"texture", "scene"}


def test_strata_are_the_data_sets(folder):
    assert broden(folder).strata.tolist() == [0, 1, 2, 0]


def test_columns_are_found_by_name(folder):
    before = broden(folder).load(np.arange(4), size=12, stride=1)
    for table in ("index", "label", "category"):
        path = folder / f"{table}.csv"
        rows = [line.split(",")[::-1] for line in path.read_text().splitlines()]
        path.write_text("\r\n".join(map(",".join, rows)))
    after = broden(folder)
    assert set(after.categories) == {c.category for c in after.concepts}
    np.testing.assert_array_equal(
        np.sort(after.load(np.arange(4), size=12, stride=1).labels),
        np.sort(before.labels),
    )


def test_images_are_stretched_and_of_the_size_stay_as_they_are(folder):
    path = folder / "images" / "dtd" / "b.png"
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    load = broden(folder).load
    np.testing.assert_array_equal(
        load(np.array([1]), size=8, stride=4).images[0], pixels
    )
    # A triangle of half-width two over blocks of two: weights 1 3 3 1.
    half = load(np.array([1]), size=4, stride=4).images[0]
    weights = np.array([1, 3, 3, 1]) / 8
    want = np.einsum("y,x,yxc->c", weights, weights, pixels[1:5, 1:5].astype(float))
    np.testing.assert_allclose(half[1, 1], want, atol=1)
    grey = load(np.array([2]), size=8, stride=4).images[0]
    assert (grey == 80).all()


def test_the_digest_is_of_tables_lengths_names_and_options(folder):
    digests = {broden(folder).digest, broden(folder, split="train").digest}
    assert broden(folder, categories=("color",)).digest not in digests
    assert broden(folder).digest in digests
    path = folder / "images" / "a_p2.png"
    path.write_bytes(path.read_bytes() + b"\0")
    digests.add(broden(folder).digest)
    edit(folder, "label", "sky;heaven", "sky;heavens")
    digests.add(broden(folder).digest)
    assert len(digests) == 4
