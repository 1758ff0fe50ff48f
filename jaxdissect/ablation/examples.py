"""Batches of images as a layer sees them."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt64

from jaxdissect.ablation.edits import ZERO
from jaxdissect.base import AnyArray
from jaxdissect.checking import check_not_empty, check_numbers, check_shape
from jaxdissect.errors import BadInput


class Examples(NamedTuple):
    """A batch of images, as the layer sees them.

    Attributes:
        acts: [B H W U] activations, finite.
        targets: [B] true classes, 0 to K - 1.
        replacement: values of edited units, broadcastable to `acts`; zero removes them.
    """

    acts: AnyArray
    targets: AnyArray
    replacement: AnyArray = ZERO


def check_acts(acts, num_units: int | None) -> None:
    """Refuse other units than those edited; any are, where no number is said.

    Raises:
        BadInput: naming what is wrong; of the values of activations nothing is said.
    """
    check_shape("acts", acts, "B H W U")
    check_not_empty("acts", acts, "B H W U")
    if num_units is not None and acts.shape[-1] != num_units:
        raise BadInput(
            f"`acts` has {acts.shape[-1]} units; the edits are of {num_units}"
        )


def check_targets(targets, num_images: int, num_classes: int) -> None:
    """Refuse targets that are no classes, or not one for each image.

    Raises:
        BadInput: naming what is wrong.
    """
    check_shape("targets", targets, "B", B=num_images)
    check_numbers("targets", targets, num_classes)


def halves(acts, targets, replacement) -> Iterator[Examples]:
    """A batch in two parts; replacements of each image go with it."""
    middle = len(acts) // 2
    each_image = replacement.ndim == acts.ndim and len(replacement) == len(acts)
    for part in (slice(None, middle), slice(middle, None)):
        values = replacement[part] if each_image else replacement
        yield Examples(acts[part], targets[part], values)


def signatures(means: Float[np.ndarray, "B U"]) -> UInt64[np.ndarray, "S"]:
    """Numbers that tell images apart, from what the layer does on them on average.

    Images on which all units do the same, as where all are silent, have none.
    """
    hashes = (
        hashlib.blake2b(row.tobytes(), digest_size=8).digest()
        for row in means
        if np.ptp(row) > 0
    )
    return np.array([int.from_bytes(h, "little") for h in hashes], np.uint64)
