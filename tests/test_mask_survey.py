"""What masks hold is counted before any network runs: values found, values listed."""

import re

import numpy as np
import pytest
from PIL import Image
from test_segmented import HEIGHT, WIDTH, save

from jaxdissect import dissection
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.data.segmented_folder import segmented
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.runs import labelled
from jaxdissect.upsampling import Centres

TABLE = "index,name,category\n1,car,object\n2,tree,object\n3,wheel,part\n"


def make(root, *masks, table=TABLE, mode="L"):
    """A folder of images whose masks have these values."""
    for k, values in enumerate(masks):
        (root / "images").mkdir(parents=True, exist_ok=True)
        pixels = np.full((HEIGHT, WIDTH, 3), 9 * k, np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{k}.png")
        save(root / "masks" / f"{k}.png", np.resize(values, (HEIGHT, WIDTH)), mode)
    (root / "labels.csv").write_text(table)
    return root


def probed(root, **settings):
    config = DissectSettings(images="segmented", path=root, **settings)
    return labelled.probe_of(config, 18)


def notes(root, **settings):
    return " ".join(probed(root, **settings).source.notes)


def refusal(root, **settings):
    with pytest.raises(BadInput) as error:
        probed(root, **settings)
    return str(error.value)


def test_masks_of_0_and_255_are_refused_with_what_they_have(tmp_path):
    said = refusal(make(tmp_path, [0, 0, 255], [0]))
    assert "no pixel of the 2 masks in " in said and "lists 1, 2, 3;" in said
    assert "0 (90 pixels in 2 of 2 masks), 255 (18 pixels in 1 of 2 masks)" in said


@pytest.mark.parametrize(
    ("values", "mode"), [([0], "L"), ([255], "P"), ([65535, 0], "I;16")]
)
def test_masks_without_any_listed_number_are_refused(tmp_path, values, mode):
    assert "no pixel of the 1 masks" in refusal(make(tmp_path, values, mode=mode))


def test_numbers_that_are_not_listed_are_counted_once(tmp_path):
    said = refusal(make(tmp_path, [1, 1, 1, 7, 9, 7], [1], [7]))
    assert "masks have 2 numbers that" in said
    assert "7 (72 pixels in 2 of 3 masks), 9 (9 pixels in 1 of 3 masks)" in said
    assert "it lists 1, 2, 3" in said


def test_labels_off_by_one_are_told(tmp_path):
    table = TABLE.replace("1,", "0,").replace("2,", "1,").replace("3,", "2,")
    said = refusal(make(tmp_path, [1, 2, 3], table=table))
    assert said.endswith("would be listed if its numbers were one more")
    # Here 0 is a label to whoever made the masks, and none to the table.
    said = notes(make(tmp_path / "other", [0, 1, 2, 1]))
    assert "1 of 3 concepts occur in no mask: part/wheel; all in the masks" in said
    assert "were one less" in said


def test_what_never_occurs_is_marked(tmp_path):
    said = notes(make(tmp_path, [1, 255], [1]))
    assert "Of the pixels of 2 masks 75.0% have a label." in said
    assert "2 of 3 concepts occur in no mask: object/tree, part/wheel." in said
    assert "occur in no mask" not in notes(make(tmp_path / "all", [1, 2, 3]))


def test_numbers_of_images_may_leave_all_labels_out(tmp_path):
    root = make(tmp_path, [0], [2])
    assert "no pixel of the 1 masks" in refusal(root, num_images=1)
    assert "1 of 2 images are looked at" in notes(
        make(tmp_path / "b", [2], [0]), num_images=1
    )


def test_a_lying_mask_is_refused_before_anything_runs(tmp_path):
    root = make(tmp_path, [1], [2])
    save(root / "masks" / "1.png", np.full((WIDTH, HEIGHT), 2))
    assert "1.png is 9 x 6 pixels; its image is 6 x 9, lying on its" in refusal(root)


def test_a_soft_grey_jpeg_is_no_mask(tmp_path):
    root = make(tmp_path, [1])
    Image.new("L", (WIDTH, HEIGHT), 1).save(root / "masks" / "0.png", "JPEG")
    assert "0.png is a JPEG file; a mask must be a PNG" in refusal(root)


@pytest.mark.parametrize("other", ["car", "Car", " car ", "CAR"])
def test_one_name_under_two_numbers_is_one_concept(tmp_path, other):
    table = TABLE.replace("tree", other)
    source = segmented(make(tmp_path, [1, 2, 3], table=table))
    assert [concept.name for concept in source.concepts] == ["car", "wheel"]
    labels = source.load(np.array([0]), size=WIDTH, stride=1).labels
    want = {1: 1, 2: 1, 3: 2}
    values = np.resize([1, 2, 3], (HEIGHT, WIDTH))
    assert np.unique(labels).tolist() == [1, 2]
    share = np.mean([want[v] == 1 for v in values.ravel()])
    assert (labels == 1).mean() == pytest.approx(share, abs=0.01)
    assert "car (1, 2) is one concept." in source.notes[-1]


def test_categories_that_differ_in_case_are_one_and_names_in_two_stay_two(tmp_path):
    table = TABLE.replace("tree,object", "tree,Object").replace("wheel", "car")
    source = segmented(make(tmp_path, [1], table=table))
    assert source.categories == ("object", "part")
    assert [c.name for c in source.concepts] == ["car", "tree", "car"]


def test_identical_images_are_listed_all_at_once(tmp_path):
    root = make(tmp_path, [1], [2], [3], [1])
    for k in (2, 3):
        content = (root / "images" / f"{k - 2}.png").read_bytes()
        (root / "images" / f"{k}.png").write_bytes(content)
    said = notes(root)
    assert "2 of 4 images are there already" in said
    assert "images/2.png is images/0.png, images/3.png is images/1.png" in said


def test_masks_without_pictures_and_other_files_are_counted(tmp_path):
    root = make(tmp_path, [1], [2])
    save(root / "masks" / "more.png", np.ones((HEIGHT, WIDTH)))
    (root / "images" / "a.heic").write_text("")
    (root / "images" / "b.heic").write_text("")
    (root / "images" / "README").write_text("")
    (root / "images" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "images" / ".c.png").write_text("")
    said = notes(root)
    assert "Of 7 files in images 2 are taken, but not " in said
    for part in (
        "2 ending in .heic (such as a.heic)",
        "1 without an ending (README)",
        "1 a link that leads nowhere (gone.png)",
        "1 beginning with a dot (.c.png)",
        "1 of 3 masks have no picture, such as masks/more.png.",
    ):
        assert part in said


def test_concepts_of_a_source_are_different_and_have_categories():
    def source(*concepts):
        return ConceptSource(None, [], np.zeros(0, int), concepts, ("object",), "", "")

    car = Concept("car", "object")
    for concepts, said in (
        ([car, car], "object/car twice"),
        ([Concept("car", "part")], "part/car; `categories` are object"),
        ([], "`concepts` is empty"),
    ):
        with pytest.raises(BadInput, match=re.escape(said)):
            source(*concepts).category_numbers()


@pytest.mark.parametrize("num_concepts", [1, 3])
def test_a_dissection_without_any_label_is_refused(num_concepts):
    acts = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    batches = [({"c": acts}, np.zeros((2, 4, 4, 1), np.int32))]
    concepts = [(str(c), "object") for c in range(num_concepts)]
    with pytest.raises(BadInput, match="`labels` are 0 at all 32 cells"):
        dissection.dissect(
            batches, concepts, {"c": Centres.square(0.0, 1.0)}, 4,
            protocol=dissection.PNAS20._replace(tail_mass=0.1),
        )  # fmt: skip
