"""The Yale faces: every file, whole groups on one side, grey from file to logits."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import fails, random_params
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxdissect import networks
from jaxdissect.data import decoding, faces
from jaxdissect.errors import BadInput
from jaxdissect.networks import architectures, layers
from jaxdissect.settings import NetworkSettings

SHARED = Path(__file__).parents[2] / "shared" / "data" / "yale" / "yalefaces"
PEOPLE = np.repeat(np.arange(15), 11)
SHAPE = (24, 32)
# subject03.normal and subject03.sleepy; subject15.glasses and subject15.wink.
PAIRS = {2 * 11 + 8: 2 * 11 + 5, 14 * 11 + 10: 14 * 11 + 1}


def picture(number):
    """Noise that no other number has, but for the pairs."""
    rng = np.random.default_rng(PAIRS.get(number, number))
    return rng.integers(0, 256, SHAPE, np.uint8)


def write_faces(folder):
    for number, name in enumerate(faces.FILES):
        Image.fromarray(picture(number)).save(folder / name, "GIF")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    folder = tmp_path_factory.mktemp("yale")
    write_faces(folder)
    (folder / "Readme.txt").write_text("passed over")
    return folder


@pytest.fixture
def folder(made_up, tmp_path):
    return shutil.copytree(made_up, tmp_path / "yale")


def contents(images):
    pixels, people = images.read(np.arange(images.num_images))
    return [(p.tobytes(), k) for p, k in zip(pixels, people.tolist(), strict=True)]


def test_names_are_those_of_the_database():
    assert len(set(faces.FILES)) == 165
    assert faces.FILES[0] == "subject01.centerlight"
    assert faces.FILES[-1] == "subject15.wink"


def test_every_picture_is_in_one_of_the_two_sets_with_its_person(made_up):
    train, test = faces.yale_faces(made_up, 12, seed=3)
    assert (train.num_images, test.num_images, train.size) == (124, 41, 12)
    assert train.classes == test.classes == faces.SUBJECTS
    squares = (
        decoding.fit_square(Image.fromarray(picture(number)), 12)
        for number in range(165)
    )
    want = [(s.tobytes(), k) for s, k in zip(squares, PEOPLE.tolist(), strict=True)]
    assert sorted(contents(train) + contents(test)) == sorted(want)
    pixels, _ = train.read(np.arange(124))
    np.testing.assert_array_equal(pixels, pixels[..., :1].repeat(3, -1))


def test_identical_pictures_never_straddle_the_split(made_up):
    on_one_side = set()
    for seed in range(20):
        train, test = (
            {pixels for pixels, _ in contents(images)}
            for images in faces.yale_faces(made_up, 12, seed=seed)
        )
        assert not train & test
        squares = {
            decoding.fit_square(Image.fromarray(picture(number)), 12).tobytes()
            for number in PAIRS
        }
        on_one_side.add(len(squares & test))
    assert len(on_one_side) > 1  # pairs are not simply kept out of the test set


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 3)), max_size=12),
)
def test_the_split_takes_whole_groups_and_two_or_three_of_each(seed, pairs):
    groups = np.arange(165)
    for person, k in pairs:  # at most four pairs of each person
        groups[person * 11 + 2 * k + 1] = person * 11 + 2 * k
    in_test = faces.split(groups, seed)
    assert sorted(np.bincount(PEOPLE[in_test])) == [2] * 4 + [3] * 11
    assert not set(groups[in_test]) & set(groups[~in_test])
    np.testing.assert_array_equal(in_test, faces.split(groups, seed))


def test_every_picture_is_tested_on_about_equally_often():
    often = sum(faces.split(np.arange(165), seed) for seed in range(400))
    # 41/165 of 400; a binomial's standard deviation is 8.6, and 165 are looked at.
    assert abs(often - 400 * 41 / 165).max() < 4.5 * 8.7


def test_the_fingerprint_is_of_pixels_split_and_size(folder):
    def sha(size=12, seed=0):
        both = faces.yale_faces(folder, size, seed=seed)
        return tuple(images.fingerprint for images in both)

    first = sha()
    assert sha() == first
    seen = {first, sha(size=13), sha(seed=1)}
    changed = np.full(SHAPE, 7, np.uint8)
    Image.fromarray(changed).save(folder / "subject09.sad", "GIF")
    assert len(seen | {sha()}) == 4


def test_missing_files_are_named(folder):
    for number in (4, 40, 80, 120, 160):
        (folder / faces.FILES[number]).unlink()
    with pytest.raises(
        BadInput,
        match=r"of the 165 files .* 5 are missing: subject01.noglasses, "
        r"subject04.sad, subject08.leftlight and 2 more$",
    ):
        faces.yale_faces(folder, 12, seed=0)
    with pytest.raises(BadInput, match=r"165 are missing: subject01.centerlight, "):
        faces.yale_faces(folder.parent, 12, seed=0)


def test_pictures_of_other_sizes_are_named(folder):
    Image.new("L", (9, 8)).save(folder / "subject02.happy", "GIF")
    with pytest.raises(
        BadInput,
        match=r"most have 32 x 24 pixels, but 1 differ: subject02.happy \(9 x 8\)$",
    ):
        faces.yale_faces(folder, 12, seed=0)


def test_files_that_cannot_be_decoded_are_named(folder):
    file = folder / "subject11.wink"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"subject11.wink is a broken picture: "):
        faces.yale_faces(folder, 12, seed=0)
    Image.fromarray(picture(3)).save(file, "PNG")
    with pytest.raises(BadInput, match=r"subject11.wink is no picture; allowed is GIF"):
        faces.yale_faces(folder, 12, seed=0)


def test_one_picture_of_two_people_is_refused(folder):
    shutil.copy(folder / "subject04.sad", folder / "subject07.happy")
    with pytest.raises(
        BadInput, match=r"^subject07.happy has the pixels of subject04.sad, another"
    ):
        faces.yale_faces(folder, 12, seed=0)


def test_a_person_with_too_few_pictures_is_refused(folder):
    for name in faces.CONDITIONS[1:]:
        shutil.copy(folder / "subject05.centerlight", folder / f"subject05.{name}")
    with pytest.raises(BadInput, match=r"^subject05 has too many identical pictures"):
        faces.yale_faces(folder, 12, seed=0)


def test_values_that_mean_nothing_are_refused(made_up):
    with pytest.raises(BadInput, match=r"`size` is 0"):
        faces.yale_faces(made_up, 0, seed=0)
    with pytest.raises(BadInput, match=r"`seed` is -1"):
        faces.yale_faces(made_up, 12, seed=-1)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the Yale faces in ../shared")
def test_the_real_faces_have_nine_identical_pairs():
    pictures = [Image.open(SHARED / name).convert("L") for name in faces.FILES]
    first = faces.identical([each.tobytes() for each in pictures])
    pairs = [(faces.FILES[a], faces.FILES[k]) for k, a in enumerate(first) if a < k]
    glasses = ("02", "03", "06", "07", "09", "12", "14")
    want = {(f"subject{n}.noglasses", f"subject{n}.normal") for n in glasses}
    want |= {("subject04.normal", "subject04.sad")}
    assert set(pairs) == want | {("subject08.glasses", "subject08.normal")}
    train, test = faces.yale_faces(SHARED, 60, seed=0)
    assert (train.num_images, test.num_images) == (124, 41)
    assert not set(contents(train)) & set(contents(test))


LENET = NetworkSettings(architecture="lenet", hidden=(20,), grey=True)


def test_a_grey_lenet_is_the_one_channel_lenet_of_the_mean_channel():
    network = architectures.build_network(LENET, 15)
    params = random_params(network, (60, 60, 3))
    assert sum(x.size for x in jax.tree.leaves(params)) == 6_683
    assert networks.layer_names(network)[:2] == ("grey", "input")
    images = np.random.default_rng(0).random((2, 60, 60, 3), np.float32)
    grey = images.mean(-1, keepdims=True)
    without = {name: params[name] for name in params if name != "grey"}
    np.testing.assert_allclose(
        jax.jit(lambda p, x: networks.apply(network, p, x))(params, images),
        jax.jit(lambda p, x: networks.apply(networks.lenet(15), p, x))(without, grey),
        atol=1e-5,
    )
    np.testing.assert_allclose(layers.grey_stage().apply({}, images), grey, atol=1e-6)


def test_mistakes_of_the_command_are_one_sentence(tmp_path, capsys):
    command = [
        "train",
        "--data.name",
        "yale",
        "--network.grey",
        "--schedule",
        "36",
        "1",
    ]
    command += ["--network.architecture", "lenet", "--network.hidden", "4"]
    assert "165 are missing" in fails(capsys, *command, "--data.path", str(tmp_path))
    assert "`data.path` is needed for `data.name` yale" in fails(capsys, *command)
