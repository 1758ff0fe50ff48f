"""CIFAR is prepared for plain TFDS, without TensorFlow; no network is needed here."""

import hashlib
import http.server
import io
import subprocess
import sys
import tarfile
import threading
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums

from jaxdissect.data.images import in_memory
from jaxdissect.data.tfds_images import tfds_images
from jaxdissect.errors import BadInput

SHARED = Path(__file__).parents[2] / "shared" / "data" / "cifar100"
DEAD = "http://127.0.0.1:9"
NUM_LABELS = {"cifar10": 1, "cifar100": 2}


class Original(NamedTuple):
    """The files of an official archive; the last are names of classes."""

    name: str
    folder: str
    train: dict[str, bytes]
    test: dict[str, bytes]
    names: dict[str, bytes]

    def archive(self):
        return f"cifar-{self.name[5:]}-binary.tar.gz"


def records(seed, num, *label_counts):
    """Bytes of a .bin file of random labels and pixels."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, count, (num, 1)) for count in label_counts]
    columns.append(rng.integers(0, 256, (num, 3072)))
    return np.hstack(columns).astype(np.uint8).tobytes()


def lines(prefix, num):
    return "".join(f"{prefix} {k}\n" for k in range(num)).encode()


def made_up10():
    return Original(
        name="cifar10",
        folder="cifar-10-batches-bin",
        train={f"data_batch_{k}.bin": records(k, k, 10) for k in range(1, 6)},
        test={"test_batch.bin": records(9, 4, 10)},
        names={"batches.meta.txt": lines("class", 10) + b"\n"},
    )


def made_up100():
    return Original(
        name="cifar100",
        folder="cifar-100-binary",
        train={"train.bin": records(1, 12, 20, 100)},
        test={"test.bin": records(9, 5, 20, 100)},
        names={
            "coarse_label_names.txt": lines("coarse", 20),
            "fine_label_names.txt": lines("class", 100),
        },
    )


@pytest.fixture(scope="module")
def real100(tmp_path_factory):
    """The real names and test images, the first hundred also for training."""
    if not SHARED.is_dir():
        pytest.skip(f"the real CIFAR-100 is not at {SHARED}")
    out, options = tmp_path_factory.mktemp("real"), ["--format=binary", "--split=test"]
    subprocess.run(
        [sys.executable, SHARED / "unpack.py", "--out", out, *options], check=True
    )
    found = {f.name: f.read_bytes() for f in (out / "cifar-100-binary").iterdir()}
    test = found.pop("test.bin")[: 2000 * 3074]
    train, like = {"train.bin": test[: 100 * 3074]}, made_up100()
    names = {file: found[file] for file in like.names}
    return like._replace(train=train, test={"test.bin": test}, names=names)


@pytest.fixture(params=["made_up10", "made_up100", "real100"])
def original(request):
    """Every archive in turn."""
    if request.param == "real100":
        return request.getfixturevalue("real100")
    return {"made_up10": made_up10, "made_up100": made_up100}[request.param]()


def pack(folder, original):
    path = folder / original.archive()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        files = original.names | original.test | original.train
        for file, contents in files.items():
            member = tarfile.TarInfo(f"{original.folder}/{file}")
            member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents))
    return path


@pytest.fixture
def know(monkeypatch):
    """Let TFDS know an archive of ours by its checksum, and look for it elsewhere."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def redirect(original, archive, server):
        stock = tfds.builder_cls(original.name)
        url = f"{server}/{archive.name}"
        info = checksums.UrlInfo(
            size=archive.stat().st_size,
            checksum=hashlib.sha256(archive.read_bytes()).hexdigest(),
            filename=archive.name,
        )
        monkeypatch.setattr(stock, "url_infos", {url: info})
        builder = stock(data_dir=archive.parent / "unused")
        layout = builder._cifar_info._replace(url=url)
        monkeypatch.setattr(stock, "_cifar_info", layout)

    yield redirect
    assert "tensorflow" not in sys.modules


@pytest.fixture
def served(tmp_path_factory):
    """A folder and its address on a loopback server."""
    folder = tmp_path_factory.mktemp("served")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serve = partial(server.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def check_split(original, split, data_dir):
    """What TFDS and what we read is what the .bin files hold."""
    contents = b"".join(getattr(original, split).values())
    num_labels = NUM_LABELS[original.name]
    table = np.frombuffer(contents, np.uint8).reshape(-1, num_labels + 3072)
    planes = table[:, num_labels:].reshape(-1, 3, 32, 32)

    stored = tfds.data_source(
        original.name, split=split, data_dir=data_dir, download=False
    )
    plain = list(stored)
    places = [
        int(example["id"].decode().removeprefix(f"{split}_")) for example in plain
    ]
    assert sorted(places) == list(range(len(table)))
    np.testing.assert_array_equal(
        [example["image"] for example in plain], planes.transpose(0, 2, 3, 1)[places]
    )
    for k, key in enumerate(["coarse_label", "label"][-num_labels:]):
        assert [example[key] for example in plain] == table[places, k].tolist()

    ours = tfds_images(original.name, split, data_dir=data_dir, size=None)
    images, labels = ours.read(np.arange(ours.num_images))
    np.testing.assert_array_equal(images, [example["image"] for example in plain])
    np.testing.assert_array_equal(labels, [example["label"] for example in plain])
    names = list(original.names.values())[-1].decode().split("\n")
    assert [*ours.classes] == [name for name in names if name]


@pytest.mark.slow
def test_a_download_is_prepared_for_plain_tfds(original, served, know, tmp_path):
    folder, address = served
    know(original, pack(folder, original), address)
    tfds_images(original.name, "train", data_dir=tmp_path, size=None)
    (folder / original.archive()).unlink()
    for split in ("train", "test"):
        check_split(original, split, tmp_path)


def test_a_file_put_there_by_hand_needs_no_network(know, tmp_path):
    original = made_up100()
    know(original, pack(tmp_path / "downloads" / "manual", original), DEAD)
    tfds_images("cifar100", "test", data_dir=tmp_path, size=None)
    check_split(original, "train", tmp_path)


def test_without_network_the_message_says_where_to_put_what(know, tmp_path):
    know(made_up10(), pack(tmp_path / "elsewhere", made_up10()), DEAD)
    with pytest.raises(
        BadInput, match=r"cannot be reached; download .* by hand"
    ) as error:
        tfds_images("cifar10", "train", data_dir=tmp_path, size=None)
    assert f"{DEAD}/cifar-10-binary.tar.gz by hand" in str(error.value)
    assert str(error.value).endswith(f"put it into {tmp_path}/downloads/manual")


def test_a_page_that_is_not_there_is_refused_too(served, know, tmp_path):
    know(made_up10(), pack(tmp_path / "elsewhere", made_up10()), served[1])
    with pytest.raises(BadInput, match=r"cannot be reached; download .* by hand"):
        tfds_images("cifar10", "train", data_dir=tmp_path, size=None)


@pytest.mark.parametrize("original", [made_up10(), made_up100()], ids=NUM_LABELS)
def test_what_is_put_there_must_be_the_official_archive(original, tmp_path):
    pack(tmp_path / "downloads" / "manual", original)
    with pytest.raises(BadInput, match=rf"{original.archive()} is not the file TFDS"):
        tfds_images(original.name, "train", data_dir=tmp_path, size=None)


def test_a_damaged_download_is_refused(served, know, tmp_path):
    original, (folder, address) = made_up100(), served
    archive = pack(folder, original)
    know(original, archive, address)
    damaged = bytearray(archive.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    archive.write_bytes(damaged)
    with pytest.raises(BadInput, match=r"cifar-100-binary.tar.gz is not the file TFDS"):
        tfds_images("cifar100", "train", data_dir=tmp_path, size=None)


def test_slices_are_parts_and_other_names_are_refused(know, tmp_path):
    original = made_up100()
    know(original, pack(tmp_path / "downloads" / "manual", original), DEAD)
    read = partial(tfds_images, "cifar100", data_dir=tmp_path, size=None)
    whole, part = read("train"), read("train[:5]")
    assert (whole.num_images, part.num_images) == (12, 5)
    for got, want in zip(
        part.read(np.arange(5)), whole.read(np.arange(5)), strict=True
    ):
        np.testing.assert_array_equal(got, want)
    for split in ("validation", "train[", "train[:0]"):
        with pytest.raises(BadInput, match=r"`split` is .*3.0.2 has train, test and"):
            read(split)


def test_another_size_is_resized(know, tmp_path):
    know(made_up100(), pack(tmp_path / "downloads" / "manual", made_up100()), DEAD)
    read = partial(tfds_images, "cifar100", "train", data_dir=tmp_path)
    whole, half = read(size=None), read(size=16)
    images, labels = half.read(np.arange(12))
    assert images.shape == (12, 16, 16, 3)
    np.testing.assert_array_equal(labels, whole.read(np.arange(12))[1])
    assert read(size=32).fingerprint == whole.fingerprint != half.fingerprint
    held = in_memory(*whole.read(np.arange(12)), whole.classes)
    assert whole.fingerprint == held.fingerprint
