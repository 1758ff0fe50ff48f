"""Places365 and ImageNet, made up and prepared, are decoded as they are read."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from jaxdissect.data import decoding
from jaxdissect.data.tfds_images import tfds_images
from jaxdissect.errors import BadInput

NUM = 7
LABELS = [3, 0, 1, 2, 2, 364, 1]
FILE_NAMES = {"places365_small": "filename", "imagenet2012": "file_name"}
every_set = pytest.mark.parametrize("name", FILE_NAMES)


def pictures(name, seed):
    """Encoded as the archives have them: JPEG, and one greyscale and one PNG."""
    rng = np.random.default_rng(seed)
    for number in range(NUM):
        size = (256, 256) if name == "places365_small" else rng.integers(20, 60, 2)
        image = Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8))
        if number == 2 and name == "imagenet2012":
            image = image.convert("L")
        file = io.BytesIO()
        image.save(file, "PNG" if number == 5 else "JPEG")
        yield file.getvalue()


def examples(name, seed, labels):
    for number, picture in enumerate(pictures(name, seed)):
        key = f"{number}.jpg"
        image = io.BytesIO(picture)
        yield key, {"image": image, "label": labels[number], FILE_NAMES[name]: key}


def prepare(name, data_dir):
    """Write a data set with the stock builder's features and our examples."""
    stock = tfds.builder_cls(name)
    with tfds.core.registered.skip_registration():

        class StandIn(stock):
            name = stock.name
            pkg_dir_path = stock.pkg_dir_path

            def _split_generators(self, dl_manager):
                return {
                    "train": examples(name, 0, LABELS),
                    "validation": examples(name, 1, LABELS),
                    "test": examples(name, 2, [-1] * NUM),
                }

    builder = StandIn(data_dir=data_dir, file_format="array_record")
    offline = tfds.download.DownloadConfig(try_download_gcs=False)
    builder.download_and_prepare(download_config=offline)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Both data sets, prepared."""
    folder = tmp_path_factory.mktemp("tfds")
    for name in FILE_NAMES:
        prepare(name, folder)
    yield folder
    assert "tensorflow" not in sys.modules


def stored_order(name, data_dir):
    """Numbers of the pictures in the order in which TFDS keeps them."""
    encoded = {"image": tfds.decode.SkipDecoding()}
    source = tfds.data_source(
        name, split="train", data_dir=data_dir, download=False, decoders=encoded
    )
    return [int(example[FILE_NAMES[name]].decode()[:-4]) for example in source]


@every_set
def test_images_are_the_fitted_pictures_in_stored_order(name, data_dir):
    images = tfds_images(name, "train", data_dir=data_dir, size=16)
    pixels, labels = images.read(np.arange(NUM))
    order, originals = stored_order(name, data_dir), list(pictures(name, 0))
    assert sorted(order) == list(range(NUM)) == list(range(images.num_images))
    assert labels.tolist() == [LABELS[number] for number in order]
    for number, got in zip(order, pixels, strict=True):
        want = decoding.decode_square(originals[number], 16, "picture")
        np.testing.assert_array_equal(got, want)


@every_set
def test_any_order_and_several_threads_give_the_same(name, data_dir):
    images = tfds_images(name, "validation", data_dir=data_dir, size=16)
    pixels, labels = images.read(np.arange(NUM))
    orders = [np.random.default_rng(k).integers(0, NUM, 9) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for order, read in zip(orders, pool.map(images.read, orders), strict=True):
            np.testing.assert_array_equal(read[0], pixels[order])
            np.testing.assert_array_equal(read[1], labels[order])


def test_the_classes_are_the_published_ones(data_dir):
    read = partial(tfds_images, split="train", data_dir=data_dir, size=16)
    places, things = read("places365_small").classes, read("imagenet2012").classes
    assert (len(places), places[0], places[364]) == (365, "airfield", "zen_garden")
    assert (len(things), things[0]) == (1000, "n01440764")


def test_no_size_is_the_stored_one_where_there_is_one(data_dir):
    places = tfds_images("places365_small", "train", data_dir=data_dir, size=None)
    assert places.read(np.array([1]))[0].shape == (1, 256, 256, 3)
    with pytest.raises(BadInput, match="`size` is None; the images of imagenet2012"):
        tfds_images("imagenet2012", "train", data_dir=data_dir, size=None)


@every_set
def test_a_split_without_labels_is_refused(name, data_dir):
    with pytest.raises(BadInput, match=f"`split` is 'test', whose images of {name}"):
        tfds_images(name, "test", data_dir=data_dir, size=16)


def test_fingerprints_differ_where_the_data_do(data_dir, tmp_path):
    read = partial(tfds_images, data_dir=data_dir)
    made = [
        read("places365_small", "train", size=16),
        read("places365_small", "train", size=17),
        read("places365_small", "validation", size=16),
        read("places365_small", "train[:5]", size=16),
        read("imagenet2012", "train", size=16),
    ]
    assert len({images.fingerprint for images in made}) == len(made)
    prepare("places365_small", tmp_path)
    again = tfds_images("places365_small", "train", data_dir=tmp_path, size=16)
    assert again.fingerprint == made[0].fingerprint


def test_what_is_not_prepared_is_refused_with_the_command(tmp_path):
    command = f"--data_dir={tmp_path} --file_format=array_record"
    with pytest.raises(BadInput) as error:
        tfds_images("places365_small", "train", data_dir=tmp_path, size=16)
    assert str(error.value).endswith(f"run: tfds build places365_small {command}")
    with pytest.raises(BadInput) as error:
        tfds_images("imagenet2012", "train", data_dir=tmp_path, size=16)
    assert str(error.value).endswith(f"run: tfds build imagenet2012 {command}")
    put = "put ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar into "
    assert f"{put}{tmp_path}/downloads/manual" in str(error.value)


def test_records_for_tensorflow_are_refused_with_the_command(tmp_path):
    prepare("places365_small", tmp_path)
    (info,) = tmp_path.rglob("dataset_info.json")
    info.write_text(info.read_text().replace('"array_record"', '"tfrecord"'))
    for file in info.parent.glob("*.array_record*"):
        file.rename(str(file).replace("array_record", "tfrecord"))
    with pytest.raises(BadInput, match=r"is stored as tfrecord.*=array_record$"):
        tfds_images("places365_small", "train", data_dir=tmp_path, size=16)
