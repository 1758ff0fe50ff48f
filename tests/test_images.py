"""Image sets read by number give what was put in, whoever asks and in what order."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.data import images
from jaxdissect.errors import BadInput

NUM, SIZE = 6, 4
CLASSES = ("cat", "dog", "owl")
PIXELS = np.random.default_rng(0).integers(0, 256, (NUM, SIZE, SIZE, 3), np.uint8)
TARGETS = np.array([2, 0, 1, 1, 0, 1])
numbers = st.lists(st.integers(0, NUM - 1), max_size=9)


def held():
    return images.in_memory(PIXELS, TARGETS, CLASSES)


def fetched():
    return images.on_demand(
        lambda number: (PIXELS[number], int(TARGETS[number])),
        num_images=NUM,
        classes=CLASSES,
        size=SIZE,
        fingerprint="of the six",
    )


def first_five():
    return images.subset(held(), 5)


@pytest.mark.parametrize("make", [held, fetched])
@settings(deadline=None, max_examples=20)
@given(numbers)
def test_images_come_in_the_order_asked_for(make, wanted):
    image_set = make()
    pixels, labels = image_set.read(np.array(wanted, int))
    assert (image_set.num_images, image_set.size) == (NUM, SIZE)
    assert image_set.classes == CLASSES
    assert pixels.dtype == np.uint8
    assert labels.dtype == np.int32
    assert pixels.shape == (len(wanted), SIZE, SIZE, 3)
    for number, image, label in zip(wanted, pixels, labels, strict=True):
        np.testing.assert_array_equal(image, PIXELS[number])
        assert label == TARGETS[number]


@pytest.mark.parametrize("make", [held, fetched, first_five])
def test_threads_read_the_same(make):
    image_set, wanted = make(), np.array([4, 1, 1, 0])
    alone = image_set.read(wanted)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(image_set.read, [wanted] * 20):
            for got, want in zip(together, alone, strict=True):
                np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("make", [held, fetched, first_five])
def test_what_is_read_is_a_copy(make):
    image_set, wanted = make(), np.array([0, 1])
    image_set.read(wanted)[0][:] = 0
    np.testing.assert_array_equal(image_set.read(wanted)[0], PIXELS[:2])


@pytest.mark.parametrize("make", [held, fetched, first_five])
@pytest.mark.parametrize("outside", [-1, NUM])
def test_a_number_without_an_image_is_refused(make, outside):
    image_set = make()
    with pytest.raises(BadInput, match=f"`numbers` has {outside}; the images are 0"):
        image_set.read(np.array([0, outside]))


def test_a_subset_is_spread_over_the_set_and_ends_there():
    part = images.subset(held(), 3)
    assert part.num_images == 3
    for got, want in zip(
        part.read(np.arange(3)), held().read(np.array([0, 2, 4])), strict=True
    ):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(BadInput, match="`numbers` has 3; the images are 0 to 2"):
        part.read(np.array([3]))


def test_a_subset_of_images_sorted_by_class_keeps_every_class():
    sorted_by_class = np.repeat(np.arange(4), 25)
    whole = images.in_memory(
        np.zeros((100, 8, 8, 3), np.uint8), sorted_by_class, tuple("abcd")
    )
    part = images.subset(whole, 20)
    _, labels = part.read(np.arange(20))
    assert np.bincount(labels).tolist() == [5, 5, 5, 5]


@pytest.mark.parametrize("num", [0, NUM + 1])
def test_a_subset_has_an_image_and_no_more_than_there_are(num):
    with pytest.raises(BadInput, match=f"`num` is {num}; it must be from 1 to 6"):
        images.subset(held(), num)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, PIXELS.size - 1), st.integers(1, 255))
def test_any_other_byte_is_another_fingerprint(position, change):
    changed = PIXELS.copy()
    changed.flat[position] ^= change
    other = images.in_memory(changed, TARGETS, CLASSES)
    assert other.fingerprint != held().fingerprint


def test_equal_data_have_equal_fingerprints_and_others_their_own():
    assert held().fingerprint == held().fingerprint
    # The same bytes of labels whether they came as uint8 or int64.
    narrow = images.in_memory(PIXELS, TARGETS.astype(np.uint8), CLASSES)
    assert narrow.fingerprint == held().fingerprint
    others = [
        held(),
        images.in_memory(PIXELS, TARGETS[::-1], CLASSES),
        images.in_memory(PIXELS, TARGETS, ("cat", "dog", "fox")),
        images.in_memory(PIXELS, TARGETS, ("cat", "dog,owl", "")),
        images.in_memory(PIXELS[:3], TARGETS[:3], CLASSES),
        images.subset(held(), 2),
        images.subset(held(), 3),
        images.subset(images.subset(held(), 3), 2),
        images.subset(fetched(), 2),
    ]
    assert len({image_set.fingerprint for image_set in others}) == len(others)


def test_what_reading_one_raises_reaches_the_reader():
    def read_one(number):
        raise BadInput(f"image {number} is broken")

    image_set = images.on_demand(
        read_one, num_images=NUM, classes=CLASSES, size=SIZE, fingerprint=""
    )
    with pytest.raises(BadInput, match="image 3 is broken"):
        image_set.read(np.array([3]))


@pytest.mark.parametrize(
    ("pixels", "targets", "message"),
    [
        (PIXELS.astype(np.float32), TARGETS, "`images` has dtype float32; .* uint8"),
        (PIXELS[:, :2], TARGETS, r"`images` has shape \[6, 2, 4, 3\]; it must be"),
        (PIXELS[..., :1], TARGETS, r"`images` has shape \[6, 4, 4, 1\]; it must be"),
        (PIXELS[:0], TARGETS[:0], r"`images` has shape \[0, 4, 4, 3\]; it must be"),
        (PIXELS, TARGETS[:5], "`targets` has length 5; `images` has 6"),
        (
            PIXELS,
            np.array([0, 1, 2, 3, 0, 0]),
            "`targets` has label 3 at position 3; allowed are 0 to 2",
        ),
        (
            PIXELS,
            np.array([0, -1, 2, 3, 0, 0]),
            "`targets` has label -1 at position 1; allowed are 0 to 2",
        ),
    ],
)
def test_unfit_arrays_are_refused(pixels, targets, message):
    with pytest.raises(BadInput, match=message):
        images.in_memory(pixels, targets, CLASSES)


def test_a_size_is_positive():
    with pytest.raises(BadInput, match="`size` is 0; it must be positive"):
        images.on_demand(
            lambda number: (PIXELS[number], 0),
            num_images=NUM,
            classes=CLASSES,
            size=0,
            fingerprint="",
        )
