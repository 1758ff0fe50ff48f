"""Several seeds trained at once: `jax.vmap` of a step over a leading axis.

Small networks leave an accelerator idle; S of them side by side do not. Each seed sees
its own order of the data and its own keys, as it would alone.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from jaxdissect.training.loop import Read, batch_order


def orders_of_each(
    seeds: Sequence[int], num_images: int, batch_size: int, *, start: int, stop: int
) -> Iterator[Int[np.ndarray, "S B"]]:
    """`batch_order` of every seed.

    >>> next(orders_of_each([0, 1], 5, 2, start=0, stop=1)).shape
    (2, 2)
    """
    orders = (
        batch_order(seed, num_images, batch_size, start=start, stop=stop)
        for seed in seeds
    )
    return map(np.stack, zip(*orders, strict=True))


def read_of_each(read: Read) -> Read:
    """Read batches [S B] as [S B H W c].

    >>> read = lambda chosen: (np.zeros((len(chosen), 4, 4, 3), np.uint8), chosen)
    >>> images, targets = read_of_each(read)(np.zeros((2, 3), int))
    >>> images.shape, targets.shape
    ((2, 3, 4, 4, 3), (2, 3))
    """

    def read_all(chosen):
        images, targets = read(chosen.ravel())
        return (
            images.reshape(*chosen.shape, *images.shape[1:]),
            targets.reshape(chosen.shape),
        )

    return read_all
