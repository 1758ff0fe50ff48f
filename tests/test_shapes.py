"""Laws of the coloured shapes, and the size of their network."""

import hashlib
import math

import jax
import numpy as np
import pytest

from jaxdissect import networks
from jaxdissect.data import shape_rendering as shapes
from jaxdissect.errors import BadInput

NUM_CLASSES = 45
NAMES = [concept.name for concept in shapes.CONCEPTS]
RGB = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture(scope="module")
def batch():
    return shapes.render(3, range(10 * NUM_CLASSES))


def halves(image):
    """The left and the right half; of an odd width, without the middle column."""
    half = image.shape[1] // 2
    return image[:, :half], image[:, -half:]


def name_from_pixels(half):
    """What a half holds, told by its pixels: colour, and which corners are filled."""
    rows, columns = np.nonzero((half != 255).any(-1))
    box = half[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    filled = (box != 255).any(-1)
    corners = (filled[0, 0], filled[0, -1], filled[-1, 0], filled[-1, -1])
    kinds = {(1, 1, 1, 1): "square", (0, 0, 1, 1): "triangle", (0, 0, 0, 0): "circle"}
    (rgb,) = np.unique(box[filled], axis=0)
    (colour,) = (name for name, value in RGB.items() if (rgb == value).all())
    return f"{colour} {kinds[tuple(map(int, corners))]}"


def area(shape, across=12):
    """Pixels of a shape, counted at pixel centres one by one."""
    count = 0
    for i in range(across):
        for j in range(across):
            y, x = i + 0.5, j + 0.5
            if shape == "circle":
                count += math.hypot(y - across / 2, x - across / 2) <= across / 2
            elif shape == "triangle":  # as wide as at the pixel's lower edge
                count += abs(x - across / 2) <= (i + 1) / 2
            else:
                count += 1
    return count


def test_vocabulary():
    assert len(set(shapes.CLASSES)) == len(shapes.CLASSES) == NUM_CLASSES
    assert "blue circle, red square" in shapes.CLASSES
    by_category = [[c.name for c in shapes.CONCEPTS if c.category == category]
                   for category in shapes.CATEGORIES]  # fmt: skip
    assert [len(set(names)) for names in by_category] == [3, 3, 9]
    colours, kinds, coloured = by_category
    assert set(coloured) == {f"{c} {kind}" for c in colours for kind in kinds}


def test_golden_images_are_byte_identical():
    got = shapes.render(2026, [0, 7, 44, 10**12])
    digest = hashlib.sha256(got.images.tobytes() + got.labels.tobytes()).hexdigest()
    assert digest == "5bc2c791b1dfe82f8783a62970eb40bcecf567d317a6b56823f019debcf51c0c"


def test_any_subset_in_any_order_gives_the_same_images(batch):
    got = shapes.render(3, [41, 2, 19])
    for array, whole in zip(got, batch, strict=True):
        np.testing.assert_array_equal(array, whole[[41, 2, 19]])


def test_seeds_and_indices_differ(batch):
    assert (shapes.render(4, range(45)).images != batch.images[:45]).any()
    assert len(np.unique(batch.images[::NUM_CLASSES], axis=0)) == 10


def test_shapes_and_types(batch):
    assert batch.images.shape == batch.labels.shape == (450, 64, 64, 3)
    assert batch.images.dtype == batch.labels.dtype == np.uint8
    assert batch.targets.shape == (450,) and batch.targets.dtype == np.int32
    assert [len(array) for array in shapes.render(0, [])] == [0, 0, 0]


@pytest.mark.parametrize(("part", "each"), [(shapes.TRAIN, 512), (shapes.TEST, 128)])
def test_the_parts_are_balanced_and_disjoint(part, each):
    assert np.bincount(np.array(part) % NUM_CLASSES).tolist() == [each] * NUM_CLASSES
    assert not set(shapes.TRAIN) & set(shapes.TEST)
    assert len(shapes.TRAIN) + len(shapes.TEST) == 28_800


def test_targets_follow_the_index(batch):
    np.testing.assert_array_equal(batch.targets, np.arange(450) % NUM_CLASSES)


@pytest.mark.parametrize("size", [32, 45, 64, 112])
def test_pixels_show_what_the_class_says(size):
    images, _, targets = shapes.render(1, range(2 * NUM_CLASSES), size=size)
    for image, target in zip(images, targets, strict=True):
        shown = sorted(map(name_from_pixels, halves(image)))
        assert ", ".join(shown) == shapes.CLASSES[target]


def test_labels_name_what_the_pixels_show(batch):
    for image, labels in zip(batch.images[:90], batch.labels[:90], strict=True):
        for half, half_labels in zip(halves(image), halves(labels), strict=True):
            (numbers,) = np.unique(half_labels[half_labels.any(-1)], axis=0)
            name = name_from_pixels(half)
            assert [NAMES[k - 1] for k in numbers] == [*name.split(), name]


def test_labels_stay_in_the_category_of_their_layer(batch):
    for layer, category in enumerate(shapes.CATEGORIES):
        used = np.unique(batch.labels[..., layer])
        names = {shapes.CONCEPTS[k - 1].category for k in used if k}
        assert names == {category}


def test_a_pixel_has_its_label_s_colour_and_is_white_without(batch):
    table = np.array([(255, 255, 255)] + [RGB[name] for name in NAMES[:3]])
    np.testing.assert_array_equal(batch.images, table[batch.labels[..., 0]])
    labelled = batch.labels > 0
    assert (labelled == labelled[..., :1]).all()


@pytest.mark.parametrize(("size", "across"), [(32, 6), (45, 8), (64, 12), (112, 21)])
def test_shapes_scale_and_stay_inside_their_halves(size, across):
    for image in shapes.render(2, range(NUM_CLASSES), size=size).images:
        inside = 0
        for half in halves(image):
            rows, columns = np.nonzero((half != 255).any(-1))
            assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == across
            inside += len(rows)
        assert inside == (image != 255).any(-1).sum()


def test_places_cover_each_half_and_both_orders_occur(batch):
    tops, lefts, first = [], [], []
    for image, target in zip(batch.images, batch.targets, strict=True):
        left, right = halves(image)
        for half in (left, right):
            rows, columns = np.nonzero((half != 255).any(-1))
            tops.append(rows.min())
            lefts.append(columns.min())
        names = shapes.CLASSES[target].split(", ")
        if names[0] != names[1]:
            first.append(name_from_pixels(left) == names[0])
    assert set(tops) == set(range(64 - 12 + 1))
    assert set(lefts) == set(range(32 - 12 + 1))
    # Five standard deviations of uniform draws.
    assert abs(np.mean(tops) - 26) < 5 * 53 / math.sqrt(12 * 900)
    assert abs(np.mean(lefts) - 10) < 5 * 21 / math.sqrt(12 * 900)
    assert abs(np.mean(first) - 0.5) < 5 * 0.5 / math.sqrt(len(first))


def test_pixels_of_each_concept(batch):
    # Among the 45 classes a coloured shape stands 10 times: twice beside its like.
    counts = np.bincount(batch.labels.ravel(), minlength=16)[1:]
    areas = {kind: area(kind) for kind in ("circle", "square", "triangle")}
    coloured = [100 * areas[name.split()[1]] for name in NAMES[6:]]
    kinds = [300 * areas[name] for name in NAMES[3:6]]
    colours = [100 * sum(areas.values())] * 3
    assert counts.tolist() == colours + kinds + coloured


def test_the_binary_task_is_told_by_the_pixels(batch):
    truth = [any("square" in name_from_pixels(half) for half in halves(image))
             for image in batch.images[:90]]  # fmt: skip
    got = shapes.has_square(batch.targets[:90])
    assert got.tolist() == truth and got.dtype == np.int32
    assert shapes.has_square(np.arange(45)).sum() == 24
    assert shapes.SQUARE_CLASSES == ("no square", "square")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("size", lambda: shapes.render(0, [0], size=31)),
        ("size", lambda: shapes.render(0, [0], size=-4)),
        ("seed", lambda: shapes.render(-1, [0])),
        ("seed", lambda: shapes.render(2**63, [])),
        ("indices", lambda: shapes.render(0, [0, -1])),
        ("indices", lambda: shapes.render(0, [2**63])),
        ("targets", lambda: shapes.has_square(np.array([0, -1]))),
        ("targets", lambda: shapes.has_square(np.array([45]))),
    ],
)
def test_values_out_of_range_are_refused(name, call):
    with pytest.raises(BadInput, match=f"`{name}`"):
        call()


@pytest.mark.parametrize("width", [1.0, 0.25])
def test_shapesnet_has_the_paper_s_layers(width):
    network = networks.shapesnet(45, width=width)
    init = lambda key: networks.init(key, network, (64, 64, 3))  # noqa: E731
    params = jax.eval_shape(init, jax.random.key(0))
    first, second = int(128 * width), int(256 * width)
    kernels = {k: v["params"]["kernel"].shape for k, v in params.items()}
    assert kernels == {
        "conv1.conv": (3, 3, 3, first),
        "conv2.conv": (3, 3, first, second),
        "fc3": (1, 1, second, 45),
    }


def test_shapesnet_halves_the_map_once_and_may_have_batch_norm():
    network = networks.shapesnet(2, width=1 / 64, batch_norm=True)
    images = np.zeros((1, 64, 64, 3), np.float32)
    init = lambda key: networks.init(key, network, (64, 64, 3))  # noqa: E731
    params = jax.eval_shape(init, jax.random.key(0))
    layers = ("conv1", "pool1", "conv2.bn", "conv2", "avgpool", "logits")
    acts = jax.eval_shape(networks.taps(network, layers), params, images)
    sides = [acts[layer].shape[1] for layer in layers]
    assert sides == [64, 32, 32, 32, 1, 2]
