"""The Yale Face Database: 15 people under 11 conditions, split so that none leaks.

Terms, from the database's own readme: free for research; publications must acknowledge
the "Yale Face Database" and cite the reference below; images must not become part of a
larger database that is distributed. So nothing of it comes with this package.

Reference:
    Belhumeur, Hespanha and Kriegman, Eigenfaces vs. Fisherfaces: recognition using
    class specific linear projection, IEEE TPAMI 19(7), 1997.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image

from jaxdissect.data import decoding, listing
from jaxdissect.data.images import ImageSet, in_memory
from jaxdissect.errors import BadInput

SUBJECTS = tuple(f"subject{number:02}" for number in range(1, 16))
CONDITIONS = (
    "centerlight",
    "glasses",
    "happy",
    "leftlight",
    "noglasses",
    "normal",
    "rightlight",
    "sad",
    "sleepy",
    "surprised",
    "wink",
)
FILES = tuple(f"{subject}.{name}" for subject in SUBJECTS for name in CONDITIONS)
"""The 165 names, without suffix as the database has them."""

NUM_TEST = 41
"""A quarter of the images: three of eleven subjects, two of the other four."""


def yale_faces(folder: Path, size: int, *, seed: int) -> tuple[ImageSet, ImageSet]:
    """The faces as one square size, 124 to train on and 41 to test on.

    The central square of each picture is resized as by `decoding.fit_square`; grey is
    three equal channels. Which images are in the test set is `split` of `seed`.

    Args:
        folder: holds the 165 files subject01.centerlight, ... subject15.wink; other
            files in it are passed over.
        size: height and width of the images, in pixels.
        seed: of the split.

    Returns:
        Training and test images; the classes are subject01 to subject15. The
        fingerprints cover the pixels and the split.

    Raises:
        BadInput: no folder, missing or broken files, pictures of different sizes, a
            picture of two people, a size or seed that is none.

    Reference:
        Belhumeur, Hespanha and Kriegman, TPAMI 1997. The split is ours: theirs leaves
        out one image at a time, which leaks through the identical pairs.

    >>> yale_faces(Path("/nowhere"), 60, seed=0)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; there is no such folder
    """
    if size < 1:
        raise BadInput(f"`size` is {size}; it must be positive")
    pictures = _read(folder)
    groups = identical([picture.tobytes() for picture in pictures])
    _check_one_person(groups)
    in_test = split(groups, seed)
    pixels = np.stack([decoding.fit_square(picture, size) for picture in pictures])
    train, test = (
        in_memory(pixels[chosen], _targets()[chosen], SUBJECTS)
        for chosen in (~in_test, in_test)
    )
    return train, test


def other_files(folder: Path) -> list[str]:
    """A sentence on what is in the folder besides the 165 files; none for nothing.

    >>> other_files(Path("/nowhere"))
    []
    """
    found, passed = listing.listing(folder, suffixes=())
    others = [(name, "of another name") for name in found if name not in FILES]
    said = listing.sentence(len(found) - len(others), [*others, *passed], "the folder")
    return [said] if said else []


def identical(contents: Sequence[bytes]) -> Int[np.ndarray, "N"]:
    """The position of the first that is equal, for each.

    >>> identical([b"a", b"b", b"a"]).tolist()
    [0, 1, 0]
    """
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(each, k) for k, each in enumerate(contents)])


def split(groups: Int[np.ndarray, "N"], seed: int) -> Bool[np.ndarray, "N"]:
    """Which of the 165 images are in the test set: a pure function of its arguments.

    Eleven subjects drawn at random give three images, the others two. A subject's
    groups are drawn in random order and each is taken whole if it is not too large.

    Args:
        groups: [165] in the order of `FILES`; images with the same number stay
            together.
        seed: not negative.

    Returns:
        [165] booleans, 41 of them true.

    Raises:
        BadInput: a negative seed; groups of a subject that are all too large.

    >>> in_test = split(np.arange(165), 0)
    >>> int(in_test.sum()), bool((in_test == split(np.arange(165), 0)).all())
    (41, True)
    """
    if seed < 0:
        raise BadInput(f"`seed` is {seed}; it must not be negative")
    rng = np.random.default_rng(seed)
    num_three = NUM_TEST - 2 * len(SUBJECTS)
    three = set(rng.permutation(len(SUBJECTS))[:num_three].tolist())
    in_test = np.zeros(len(FILES), bool)
    for subject, name in enumerate(SUBJECTS):
        wanted, here = 2 + (subject in three), _targets() == subject
        for group in rng.permutation(np.unique(groups[here])):
            members = here & (groups == group)
            if (in_test & here).sum() + members.sum() <= wanted:
                in_test |= members
        if (in_test & here).sum() < wanted:
            raise BadInput(
                f"{name} has too many identical pictures to test on {wanted} of them "
                "and train on the others"
            )
    return in_test


def _targets() -> Int[np.ndarray, "N"]:
    return np.repeat(np.arange(len(SUBJECTS)), len(CONDITIONS))


def _read(folder: Path) -> list[Image.Image]:
    """The pictures in the order of `FILES`, grey and of one size."""
    if not folder.is_dir():
        raise BadInput(f"`folder` is {folder}; there is no such folder")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise BadInput(
            f"`folder` is {folder}; of the {len(FILES)} files of the Yale Face "
            f"Database {len(missing)} are missing: {_some(missing)}"
        )
    pictures = [_decoded(folder / name) for name in FILES]
    ((usual, _),) = Counter(picture.size for picture in pictures).most_common(1)
    others = [
        f"{name} ({picture.width} x {picture.height})"
        for name, picture in zip(FILES, pictures, strict=True)
        if picture.size != usual
    ]
    if others:
        raise BadInput(
            f"`folder` is {folder}; its pictures must have one size, most have "
            f"{usual[0]} x {usual[1]} pixels, but {len(others)} differ: {_some(others)}"
        )
    return pictures


def _decoded(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=("GIF",)) as image:
            return image.convert("L")
    except Image.UnidentifiedImageError:
        raise BadInput(f"{path} is no picture; allowed is GIF") from None
    except Exception as error:
        # Of broken bytes Pillow raises more than OSError (see `decoding`).
        raise BadInput(f"{path} is a broken picture: {error}") from error


def _check_one_person(groups: Int[np.ndarray, "N"]) -> None:
    """Refuse one picture under two names of different people."""
    (others,) = np.nonzero(_targets() != _targets()[groups])
    if len(others):
        k = others[0]
        raise BadInput(
            f"{FILES[k]} has the pixels of {FILES[groups[k]]}, another person"
        )


def _some(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
