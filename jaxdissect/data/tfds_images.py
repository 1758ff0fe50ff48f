"""Image data sets of TensorFlow Datasets, without TensorFlow.

TFDS reads what is stored as array_record without TensorFlow. To prepare a data set its
stock builders need it; those of CIFAR are replaced here by builders which do not, and
which write what plain `tfds.data_source` reads.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import requests
import tensorflow_datasets as tfds
from jaxtyping import UInt8
from PIL import Image
from tensorflow_datasets.core.download import download_manager, util

from jaxdissect.data import cifar, decoding
from jaxdissect.data.images import ImageSet, fingerprint, in_memory, on_demand
from jaxdissect.errors import BadInput

Name = Literal["cifar10", "cifar100", "places365_small", "imagenet2012"]


def tfds_images(
    name: Name, split: str, *, data_dir: Path | None, size: int | None
) -> ImageSet:
    """A split of an image data set.

    CIFAR is held in memory, and prepared first where that was not done: downloaded, or
    taken from data_dir/downloads/manual, its checksum compared with the one TFDS keeps.
    Places365 and ImageNet must be there already; their images are decoded whenever
    they are read, upright, and fitted as by `decoding.fit_square`.

    Args:
        name: the data set.
        split: as TFDS has it: "train", "validation", "train[:50%]".
        data_dir: where TFDS keeps its data; None is its own default.
        size: height and width of what is read, in pixels; None is the stored size,
            32 for CIFAR, 256 for Places365, various for ImageNet.

    Returns:
        An image set in TFDS's own, shuffled order. For images in memory the fingerprint
        covers every byte; otherwise version, split, `size`, the checksums of the
        archives and the lengths of what was prepared, not the contents.

    Raises:
        BadInput: not prepared, or in another format; a wrong archive or no network; no
            such split, or one without labels; no size where the stored ones vary.

    >>> tfds_images("places365_small", "train", data_dir=Path("/nowhere"), size=224)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: places365_small is not prepared in /nowhere; where ...
    """
    builder = _prepared(name, data_dir)
    source = _source(builder, split)
    stored = builder.info.features["image"].shape[0]
    size = stored if size is None else size
    if size is None:
        raise BadInput(f"`size` is None; the images of {name} differ, so give a number")
    classes = tuple(builder.info.features["label"].names)
    if not 0 <= source[0]["label"] < len(classes):
        raise BadInput(f"`split` is {split!r}, whose images of {name} have no labels")

    def decoded(number: int, example: Any) -> tuple[UInt8[np.ndarray, "H W 3"], int]:
        where = f"image {number} of {name} {split}"
        return decoding.decode_square(example["image"], size, where), example["label"]

    if name in _CIFAR and size == stored:
        # Small images one by one in threads would take three times as long.
        everything = list(range(len(source)))
        pairs = map(decoded, everything, source.__getitems__(everything))
        pixels, labels = zip(*pairs, strict=True)
        return in_memory(np.stack(pixels), np.array(labels), classes)
    return on_demand(
        lambda number: decoded(number, source[number]),
        num_images=len(source),
        classes=classes,
        size=size,
        fingerprint=_fingerprint(builder, split, size),
    )


def _source(builder: tfds.core.DatasetBuilder, split: str) -> Any:
    """Examples by number, with the image still encoded."""
    # Decoding here would give other pixels with OpenCV installed than without.
    encoded = {"image": tfds.decode.SkipDecoding()}
    try:
        return builder.as_data_source(split, decoders=encoded)
    except NotImplementedError:
        raise BadInput(
            f"{builder.data_dir} is stored as {builder.info.file_format.value}, which "
            "needs TensorFlow; where that is installed, run: tfds convert_format "
            f"--dataset_version_dir={builder.data_dir} --out_file_format=array_record"
        ) from None
    except ValueError:
        names = ", ".join(builder.info.splits)
        raise BadInput(
            f"`split` is {split!r}; {builder.info.full_name} has {names} and their "
            "slices, like 'train[:50%]'"
        ) from None


def _fingerprint(builder: tfds.core.DatasetBuilder, split: str, size: int) -> str:
    prepared = [
        [name, info.num_bytes, info.shard_lengths]
        for name, info in sorted(builder.info.splits.items())
    ]
    archives = {
        url: info.checksum for url, info in sorted((builder.url_infos or {}).items())
    }
    return fingerprint([builder.info.full_name, split, size, prepared, archives])


def _prepared(name: Name, data_dir: Path | None) -> tfds.core.DatasetBuilder:
    builder = tfds.builder(name, data_dir=data_dir)
    if builder.is_prepared():
        return builder
    if name in _CIFAR:
        _prepare_cifar(name, data_dir)
        return tfds.builder(name, data_dir=data_dir)
    root = builder.data_dir_root
    manual = (
        f"put {' and '.join(_MANUAL[name])} into {root}/downloads/manual and, "
        if name in _MANUAL
        else ""
    )
    raise BadInput(
        f"{name} is not prepared in {root}; {manual}where TensorFlow is installed, "
        f"run: tfds build {name} --data_dir={root} --file_format=array_record"
    )


def _prepare_cifar(name: Name, data_dir: Path | None) -> None:
    stock = tfds.builder_cls(name)
    builder = _without_tensorflow(stock)(data_dir=data_dir, file_format="array_record")
    url = builder._cifar_info.url
    archive = url.rsplit("/", 1)[-1]
    downloads = Path(builder.data_dir_root) / "downloads"
    by_hand = f"download {url} by hand and put it into {downloads}/manual"
    try:
        # TFDS tries a dead network for minutes before it says so.
        if not any(downloads.rglob(f"*{archive.removesuffix('.tar.gz')}*")):
            requests.head(url, timeout=30)
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )
    except download_manager.NonMatchingChecksumError as error:
        raise BadInput(
            f"{archive} is not the file TFDS knows by its checksum; delete it from "
            f"{downloads}/manual if it is there, or {by_hand}"
        ) from error
    except (requests.RequestException, util.DownloadError) as error:
        raise BadInput(f"{url} cannot be reached; {by_hand}") from error


def _without_tensorflow(stock: Any) -> Any:
    """A builder of CIFAR that prepares what the stock builder does."""

    with tfds.core.registered.skip_registration():

        class WithoutTensorFlow(stock):
            name = stock.name

            def _split_generators(self, dl_manager):
                layout = self._cifar_info
                archive = Path(dl_manager.download(layout.url))
                for key, file in zip(
                    layout.label_keys, layout.label_files, strict=True
                ):
                    names = _member(archive, layout.prefix + file).decode().split("\n")
                    self.info.features[key].names = [name for name in names if name]
                return {
                    "train": _examples(layout, "train", layout.train_files, archive),
                    "test": _examples(layout, "test", layout.test_files, archive),
                }

    return WithoutTensorFlow


def _examples(
    layout: Any, split: str, files: list[str], archive: Path
) -> Iterator[tuple[int, dict[str, Any]]]:
    keys, number = layout.label_keys, 0
    for file in files:
        contents = np.frombuffer(_member(archive, layout.prefix + file), np.uint8)
        images, labels = cifar.unpack_records(contents, len(keys), file)
        for image, row in zip(images, labels.tolist(), strict=True):
            yield (
                number,
                {
                    "id": f"{split}_{number:05d}",
                    # TFDS would encode an array with TensorFlow.
                    "image": Image.fromarray(image),
                    **dict(zip(keys, row, strict=True)),
                },
            )
            number += 1


def _member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None, "the checksum was right, so this is a file"
        return file.read()


_CIFAR = ("cifar10", "cifar100")
_MANUAL = {"imagenet2012": ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")}
"""Archives that only a person can fetch."""
