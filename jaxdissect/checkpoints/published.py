"""Published pretrained networks by name, fetched with the names of their classes."""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tqdm.auto import tqdm

from jaxdissect import caching
from jaxdissect.checkpoints import sources
from jaxdissect.checkpoints.downloads import fetch
from jaxdissect.checkpoints.sources import PUBLISHED, Published, RemoteFile
from jaxdissect.errors import BadInput


def find(name: str) -> Published:
    """The published network of a name.

    Raises:
        BadInput: there is none, with the nearest names.

    >>> find("vgg16-imagenet").image_size
    224
    """
    known = {published.name: published for published in PUBLISHED}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3) or known
        raise BadInput(
            f"{name!r} is neither a file nor a published network; did you mean "
            f"{', '.join(close)}?"
        )
    return known[name]


def fetch_published(
    published: Published, folder: Path, progress: Callable[[int, int | None], None]
) -> tuple[Path, Path | None]:
    """(weights, names of classes or None) of a published network, in a folder.

    Args:
        published: from `find`.
        folder: where files are kept; those that are there are not fetched again.
        progress: called with bytes and total, if known, of one file after the other.

    Raises:
        BadInput: as `fetch`.
    """
    path = urlsplit(published.weights.url).path
    kinds = (".safetensors", ".pth.tar", ".pth")
    ending = next(kind for kind in kinds if path.endswith(kind))
    weights = _kept(published.weights, folder / f"{published.name}{ending}", progress)
    if published.classes is None:
        return weights, None
    listed = folder / Path(urlsplit(published.classes.url).path).name
    return weights, _kept(published.classes, listed, progress)


def read_classes(path: Path, num_classes: int) -> tuple[str, ...]:
    """Names of classes, from a file with a line for each, in order.

    Lines are a name alone, or as those of Places365, `/a/abbey 12`.

    Raises:
        BadInput: the file cannot be read, or has not `num_classes` names.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "classes.txt"
    ...     size = file.write_text("/a/abbey 0\\n/d/diner/outdoor 1\\n")
    ...     read_classes(file, 2)
    ('abbey', 'diner/outdoor')
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} has no names of classes: {reason}") from None
    names = tuple(_class_name(line.strip()) for line in lines if line.strip())
    if len(names) != num_classes:
        raise BadInput(
            f"{path} has {len(names)} names of classes, not {num_classes}; if it was "
            "downloaded, delete it and try again"
        )
    return names


def _class_name(line: str) -> str:
    if not line.startswith("/"):
        return line
    return line.rsplit(maxsplit=1)[0].split("/", maxsplit=2)[-1]


def _kept(
    file: RemoteFile, target: Path, progress: Callable[[int, int | None], None]
) -> Path:
    return fetch(
        file.url, target, size=file.size, sha256=file.sha256, progress=progress
    )


def fetched(name: str) -> tuple[Path, sources.Published, tuple[str, ...] | None]:
    """(weights, what is known about them, names of classes) of a published network.

    Both files are downloaded at first and found in the cache folder afterwards. While
    another process fetches the same file, this one waits for it.

    Raises:
        BadInput: no such network; its files cannot be fetched, or are not those that
            were published.
    """
    return fetched_into(caching.folder("weights"), find(name))


def fetched_into(
    folder: Path, network: sources.Published
) -> tuple[Path, sources.Published, tuple[str, ...] | None]:
    """`fetched`, of any network, into any folder.

    Raises:
        BadInput: as `fetched`.
    """
    interval = 0.1 if sys.stderr.isatty() else 10.0
    # With a delay, there is no bar where nothing is fetched.
    with tqdm(
        desc=f"fetching {network.name}",
        unit="B",
        unit_scale=True,
        mininterval=interval,
        delay=0.01,
        dynamic_ncols=True,
    ) as bar:

        def show(done: int, total: int | None) -> None:
            if done < bar.n or total != bar.total:  # another file, or once more
                bar.reset()
                bar.total = total
            bar.update(done - bar.n)

        weights, listed = fetch_published(network, folder, show)
    if listed is None:
        return weights, network, None
    return weights, network, read_classes(listed, network.num_classes)


def known_sources() -> str:
    """A line for each network that can be fetched: name, size and origin.

    >>> known_sources().splitlines()[8][:54]
    'resnet18-places365     46 MB  the Places365 model zoo,'
    """
    return "\n".join(
        f"{network.name:<19}{_size(network.weights.size):>9}  {network.note}"
        for network in sources.PUBLISHED
    )


def _size(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.0f} MB"
