"""Photographs for any network: which class they are of, and which half they are in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_folders import ORDER, SIZE, fill

from jaxdissect.data import folders, images
from jaxdissect.data import picture_folder as pictures
from jaxdissect.data.folders import match_classes
from jaxdissect.data.picture_files import digests
from jaxdissect.errors import BadInput

PLACES = ("/a/apartment_building/outdoor", "/b/bar", "/b/beer/bar", "/s/street")
IMAGENET = (
    "n01440764 tench",
    "n02012849 crane",
    "n03126707 crane",
    "goldfish, Carassius",
)


def test_folders_for_classes_are_read_as_for_training(tmp_path):
    fill(tmp_path)
    want = folders.image_folder(tmp_path, SIZE)
    got = pictures.pictures(tmp_path, SIZE)
    assert (got.classes, got.fingerprint) == (want.classes, want.fingerprint)
    assert list(pictures.picture_sizes(tmp_path)) == ORDER


def test_pictures_without_folders_have_no_classes(tmp_path):
    fill(tmp_path, {f"{n}.png": (SIZE, SIZE) for n in (2, 10, 1)})
    got = pictures.pictures(tmp_path, SIZE, left_out=["2.png"])
    assert got.classes == () and got.num_images == 2
    assert list(pictures.picture_sizes(tmp_path)) == ["1.png", "10.png", "2.png"]
    with pytest.raises(BadInput, match="all pictures are left out"):
        pictures.pictures(
            tmp_path, SIZE, left_out=list(pictures.picture_sizes(tmp_path))
        )


def test_a_class_of_which_all_are_left_out_is_just_not_there(tmp_path):
    fill(tmp_path)
    got = pictures.pictures(tmp_path, SIZE, left_out=["Ant/1.webp"])
    assert got.classes == ("Ant", "cat", "dog")
    assert set(got.read(np.arange(4))[1]) == {1, 2}


def test_pictures_beside_folders_are_refused(tmp_path):
    fill(tmp_path, {"loose.png": (9, 9), "cat/1.png": (9, 9)})
    with pytest.raises(
        BadInput, match=r"beside its folders, such as loose.png; all mus"
    ):
        pictures.pictures(tmp_path, SIZE)


@pytest.mark.parametrize(
    ("name", "classes", "k"),
    [
        ("Street", ("street", "Street"), 1),
        ("STREET", ("avenue", "street"), 1),
        ("living room", ("street", "living_room"), 1),
        ("living_room", ("Living-Room", "street"), 0),
        ("street", PLACES, 3),
        ("bar", PLACES, 1),
        ("beer-bar", PLACES, 2),
        ("outdoor", PLACES, 0),
        ("apartment building outdoor", PLACES, 0),
        ("n02012849", IMAGENET, 1),
        ("tench", IMAGENET, 0),
        ("n01440764_tench", IMAGENET, 0),
        ("n01440764", ("tench", "n01440764"), 1),
        ("Goldfish", IMAGENET, 3),
        ("carassius", IMAGENET, 3),
    ],
)
def test_a_folder_means_the_class_that_reads_most_like_it(name, classes, k):
    assert match_classes([name], classes) == (k,)


@pytest.mark.parametrize(
    ("names", "classes", "said"),
    [
        (
            ["crane"],
            IMAGENET,
            "'crane' could mean 'n02012849 crane', 'n03126707 crane'",
        ),
        (
            ["steet"],
            PLACES,
            "'steet' is none of the network's 4 .* nearest: '/s/street'",
        ),
        (["q"], PLACES, "nearest: none is alike"),
        (
            ["street", "Street"],
            PLACES,
            "'street' and 'Street' both mean .* '/s/street'",
        ),
    ],
)
def test_a_folder_that_means_no_class_or_several_is_refused(names, classes, said):
    with pytest.raises(BadInput, match=said):
        match_classes(names, classes)


def test_every_class_is_found_under_its_own_name():
    classes = (*PLACES, *IMAGENET)
    assert match_classes(classes, classes) == tuple(range(len(classes)))


LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array)


@settings(deadline=None, max_examples=60)
@given(LABELS, st.integers(1, 40), st.integers(1, 40))
def test_halves_share_no_picture_and_have_the_same_classes(labels, most, others):
    try:
        halves = pictures.halves(labels, num_rank=most, num_report=others)
    except BadInput as error:
        frequent = np.bincount(labels) >= 4
        assert frequent.sum() < 2 or min(most, others) < (len(labels) + 1) // 2, error
        return
    assert len(halves.rank) <= most and len(halves.report) <= others
    assert len(np.union1d(*halves)) == len(halves.rank) + len(halves.report)
    counts = [np.bincount(labels[half], minlength=6) for half in halves]
    np.testing.assert_array_equal(counts[0] > 0, counts[1] > 0)
    assert all(count[count > 0].min() >= 2 for count in counts)
    for k in np.flatnonzero(counts[0]):
        ranked, reported = (half[labels[half] == k] for half in halves)
        assert (np.diff(ranked) > 0).all() and ranked.max() < reported.min()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(4, 30), min_size=2, max_size=4))
def test_all_are_used_and_every_stretch_has_every_class_in_proportion(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    halves = pictures.halves(labels, num_rank=999, num_report=999)
    assert len(halves.rank) + len(halves.report) == len(labels)
    for half in halves:
        own = labels[half] == np.arange(len(counts))[:, None]
        share = own.mean(1, keepdims=True)
        assert np.abs(own.cumsum(1) - share * np.arange(1, len(half) + 1)).max() <= 2


def test_images_under_other_labels_are_the_same_images():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    whole = images.in_memory(pixels, np.zeros(5, np.int32), ("any",))
    numbers, labels = np.array([4, 1, 3]), np.array([1, 0, 1])
    some = pictures.labelled(whole, numbers, labels, ("cat", "dog"))
    got, targets = some.read(np.array([2, 0]))
    np.testing.assert_array_equal(got, pixels[[3, 4]])
    assert targets.tolist() == [1, 1] and some.num_images == 3
    for wrong in ([3], [-1]):
        with pytest.raises(BadInput, match="`numbers` has"):
            some.read(np.array(wrong))
    others = [(numbers, 1 - labels), (numbers[:2], labels[:2])]
    seen = {pictures.labelled(whole, *o, ("cat", "dog")).fingerprint for o in others}
    assert len({some.fingerprint, *seen}) == 3
    with pytest.raises(BadInput, match="`labels` has label 2"):
        pictures.labelled(whole, numbers, labels + 1, ("cat", "dog"))


def test_digests_are_of_contents(tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = digests(tmp_path, ["a", "b", "c"])
    assert a == b != c
