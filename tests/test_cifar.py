"""Official CIFAR files, made up and real: every pixel, label and name as written."""

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxdissect.data import cifar
from jaxdissect.errors import BadInput

SHARED = Path(__file__).parents[2] / "shared" / "data" / "cifar100"
NAMES = {
    "cifar10": ("plane", "car", "bird"),
    "cifar100": ("apple", "bed", "bee", "cup"),
}
NUM_TRAIN, NUM_TEST = 10, 3
FOLDERS = {
    ("cifar10", "binary"): "cifar-10-batches-bin",
    ("cifar10", "python"): "cifar-10-batches-py",
    ("cifar100", "binary"): "cifar-100-binary",
    ("cifar100", "python"): "cifar-100-python",
}
every_form = pytest.mark.parametrize(("name", "form"), FOLDERS)


def made_up(num, name):
    """(images [N 32 32 3], labels) that nothing else in the tests has."""
    rng = np.random.default_rng(num)
    images = rng.integers(0, 256, (num, 32, 32, 3), np.uint8)
    return images, rng.integers(0, len(NAMES[name]), num)


def record(image, labels):
    """A record as the page of the data set describes it."""
    planes = (image[row, column, c] for c in range(3) for row, column in PLACES)
    return bytes([*labels, *planes])


PLACES = [(row, column) for row in range(32) for column in range(32)]


def python_form(contents):
    """As Python 2 and the NumPy of its time would write it, or nearly."""
    data = pickle.dumps(contents, protocol=3)
    data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    # The arguments of `dtype`: 0 and 1 instead of False and True.
    return data.replace(b"\x89\x88\x87", b"K\x00K\x01\x87")


def write(folder, name, form):
    """The files of a form, with their folder."""
    folder = folder / FOLDERS[name, form]
    folder.mkdir(parents=True)
    splits = {"train": made_up(NUM_TRAIN, name), "test": made_up(NUM_TEST, name)}
    for split, (images, labels) in splits.items():
        if name == "cifar100":
            files = {split: slice(None)}
        elif split == "test":
            files = {"test_batch": slice(None)}
        else:
            files = {f"data_batch_{k + 1}": slice(2 * k, 2 * k + 2) for k in range(5)}
        for file, part in files.items():
            write_part(folder / file, name, form, images[part], labels[part])
    write_names(folder, name, form)
    return folder


def write_part(file, name, form, images, labels):
    if form == "binary":
        coarse = [7] if name == "cifar100" else []
        records = [
            record(image, [*coarse, label])
            for image, label in zip(images, labels, strict=True)
        ]
        file.with_suffix(".bin").write_bytes(b"".join(records))
        return
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    key = b"fine_labels" if name == "cifar100" else b"labels"
    file.write_bytes(
        python_form({b"data": planes, key: labels.tolist(), b"coarse_labels": [7]})
    )


def write_names(folder, name, form):
    names = NAMES[name]
    if form == "binary":
        file = "fine_label_names.txt" if name == "cifar100" else "batches.meta.txt"
        (folder / file).write_text("\n".join(names) + "\n\n")
        return
    file, key = ("meta", b"fine_label_names") if name == "cifar100" else META10
    (folder / file).write_bytes(python_form({key: [n.encode() for n in names]}))


META10 = ("batches.meta", b"label_names")


@every_form
@pytest.mark.parametrize("inside", [True, False])
def test_both_splits_are_read_as_written(tmp_path, name, form, inside):
    folder = write(tmp_path, name, form)
    for split, num in zip(
        cifar.cifar(folder if inside else tmp_path, name),
        (NUM_TRAIN, NUM_TEST),
        strict=True,
    ):
        images, labels = made_up(num, name)
        pixels, targets = split.read(np.arange(num))
        assert (split.classes, split.num_images) == (NAMES[name], num)
        np.testing.assert_array_equal(pixels, images)
        np.testing.assert_array_equal(targets, labels)


@every_form
def test_official_files_are_recognised_even_if_some_are_missing(tmp_path, name, form):
    assert not cifar.is_official(tmp_path, name)
    folder = write(tmp_path, name, form)
    assert cifar.is_official(tmp_path, name) and cifar.is_official(folder, name)
    files = sorted(folder.iterdir())
    for file in files[1:]:
        file.unlink()
    assert cifar.is_official(tmp_path, name)
    with pytest.raises(BadInput, match=f"must be or hold .*{files[-1].name}"):
        cifar.cifar(tmp_path, name)


@pytest.mark.parametrize(("name", "length"), [("cifar10", 3073), ("cifar100", 3074)])
def test_a_truncated_file_is_refused(tmp_path, name, length):
    folder = write(tmp_path, name, "binary")
    file = next(folder.glob("test*.bin"))
    whole = file.read_bytes()
    for cut in (whole[:-1], b""):
        file.write_bytes(cut)
        with pytest.raises(
            BadInput, match=f"{file.name} has {len(cut)} bytes; .* multiple of {length}"
        ):
            cifar.cifar(folder, name)


@every_form
def test_a_label_without_a_name_is_refused(tmp_path, name, form):
    folder = write(tmp_path, name, form)
    file = next(folder.glob("test*"))
    images, labels = made_up(3, name)
    labels[1] = 200
    write_part(file.with_suffix(""), name, form, images, labels)
    last = len(NAMES[name]) - 1
    with pytest.raises(
        BadInput,
        match=f"{file.name} has label 200 at position 1; allowed are 0 to {last}",
    ):
        cifar.cifar(folder, name)


class Trap:
    """Unpickled by trusting code, it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return (Path.mkdir, (self.folder,))


def test_a_pickle_that_asks_for_functions_is_refused(tmp_path):
    folder = write(tmp_path, "cifar100", "python")
    trap = tmp_path / "trapped"
    contents = pickle.dumps({b"data": Trap(trap)})
    pickle.loads(contents)
    trap.rmdir()
    (folder / "test").write_bytes(contents)
    with pytest.raises(BadInput, match=r"test is no file of CIFAR's: it asks for "):
        cifar.cifar(folder, "cifar100")
    assert not trap.exists()


WHOLE = python_form({b"data": np.zeros((2, 3072), np.uint8), b"fine_labels": [0, 1]})


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (WHOLE[:3000], "test is no file of CIFAR's: .*truncated"),
        (b"", "test is no file of CIFAR's"),
        (python_form({b"data": 3}), "test is no file of CIFAR's: .*fine_labels"),
        (WHOLE.replace(b"K\x01e", b"K\x01K\x01e"), r"uint8 \[2, 3072\] .* int64 \[3\]"),
        (WHOLE.replace(b"u1", b"i1"), r"int8 \[2, 3072\] and labels int64 \[2\]; they"),
    ],
)
def test_other_pickles_are_refused(tmp_path, contents, message):
    folder = write(tmp_path, "cifar100", "python")
    (folder / "test").write_bytes(contents)
    with pytest.raises(BadInput, match=message):
        cifar.cifar(folder, "cifar100")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The real test images in both forms, also where the training images belong."""
    if not SHARED.is_dir():
        pytest.skip(f"the real CIFAR-100 is not at {SHARED}")
    folder = tmp_path_factory.mktemp("real")
    subprocess.run(
        [sys.executable, SHARED / "unpack.py", "--out", folder, "--split", "test"],
        check=True,
    )
    for file in ("cifar-100-binary/test.bin", "cifar-100-python/test"):
        (folder / file.replace("test", "train")).hardlink_to(folder / file)
    return folder


def test_the_real_images_are_the_published_ones(real):
    official = hashlib.md5((real / "cifar-100-python" / "test").read_bytes())
    assert official.hexdigest() == "f0ef6b0ae62326f3e7ffdfab6717acfc"
    binary, _ = cifar.cifar(real / "cifar-100-binary", "cifar100")
    python, _ = cifar.cifar(real / "cifar-100-python", "cifar100")
    assert binary.fingerprint == python.fingerprint
    pixels, labels = binary.read(np.arange(10000))
    assert np.bincount(labels).tolist() == [100] * 100
    assert binary.classes[:2] + binary.classes[-1:] == (
        "apple",
        "aquarium_fish",
        "worm",
    )
    # The mean colour of the test images as it is commonly quoted.
    means = pixels.mean((0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.5088, 0.4874, 0.4419], atol=5e-5)
