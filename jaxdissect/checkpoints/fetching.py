"""Published networks in the user's cache folder, fetched with a progress bar."""

import sys
from pathlib import Path

from tqdm.auto import tqdm

from jaxdissect import caching
from jaxdissect.checkpoints import published, sources


def fetched(name: str) -> tuple[Path, sources.Published, tuple[str, ...] | None]:
    """(weights, what is known about them, names of classes) of a published network.

    Both files are downloaded at first and found in the cache folder afterwards. While
    another process fetches the same file, this one waits for it.

    Raises:
        BadInput: no such network; its files cannot be fetched, or are not those that
            were published.
    """
    return fetched_into(caching.folder("weights"), published.find(name))


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

        weights, listed = published.fetch_published(network, folder, show)
    if listed is None:
        return weights, network, None
    return weights, network, published.read_classes(listed, network.num_classes)


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
