"""Removing units of several layers together, over a data set."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from jaxdissect.base import AnyArray, Params, Statistic
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_numbers,
    check_real,
    check_shape,
)
from jaxdissect.errors import BadInput
from jaxdissect.metrics import ClassCounts, class_counts
from jaxdissect.streaming import total

Keeps = Mapping[str, Float[AnyArray, "N U"]]


def knockout_counts(
    outputs: Callable[[Params, Array, Mapping[str, Array]], Array],
    params: Params,
    keeps: Keeps,
    *,
    num_classes: int,
    side_by_side: int = 8,
) -> Statistic:
    """What a classifier answers under edits that reach over several layers.

    Every edit runs the whole network; where all edited units are of one layer,
    `set_effects` is many times cheaper and says more.

    Args:
        outputs: (params, images, {layer: keep [U]}) -> logits [B K], such as
            `networks.without_units`.
        params: the network's parameters.
        keeps: {layer: 1 for the units that stay, 0 for those removed}, of N edits.
        num_classes: K.
        side_by_side: edits that run at once; they take that many times the memory.

    Returns:
        A Statistic: batches are (images [B H W c], targets [B]), the value is
        `ClassCounts` [N K].

    Raises:
        BadInput: no layers, or layers with different numbers of edits, keeps other than
            0 and 1, images that are not finite, or a target outside the classes.

    >>> from jaxdissect.streaming import accumulate
    >>> outputs = lambda params, images, keeps: images[:, 0, 0] * keeps["fc"]
    >>> keeps = {"fc": np.array([[1.0, 1.0], [1.0, 0.0]])}
    >>> images = np.eye(2, dtype=np.float32)[:, None, None]
    >>> statistic = knockout_counts(outputs, {}, keeps, num_classes=2)
    >>> counts = accumulate(statistic, [(images, np.arange(2))])
    >>> counts.correct.tolist()
    [[1, 1], [1, 0]]
    """
    numbers = {layer: len(keep) for layer, keep in keeps.items()}
    check_number("num_classes", num_classes)
    check_number("side_by_side", side_by_side)
    for layer, keep in keeps.items():
        check_shape(f"keeps[{layer!r}]", keep, "N U")
        check_not_empty(f"keeps[{layer!r}]", keep, "N U")
        if not np.isin(keep, (0, 1)).all():
            raise BadInput(f"`keeps[{layer!r}]` has values other than 0 and 1")
    if len(set(numbers.values())) != 1:
        raise BadInput(f"`keeps` has different numbers of edits: {numbers}")
    (number,) = set(numbers.values())

    @jax.jit
    def answer(params, images, keeps) -> Array:
        of_edit = jax.vmap(lambda keep: outputs(params, images, keep).argmax(-1))
        return of_edit(keeps)

    def measure(images, targets) -> ClassCounts:
        check_not_empty("images", images, "B H W c")
        check_real("images", images)
        check_shape("targets", targets, "B", B=len(images))
        check_numbers("targets", targets, num_classes)
        targets = jnp.asarray(targets)
        size = min(side_by_side, number)
        predictions = [
            answer(params, images, {layer: keep[rows] for layer, keep in keeps.items()})
            for rows in np.resize(np.arange(number), (-(-number // size), size))
        ]
        answers = jnp.concatenate(predictions)[:number]
        return class_counts(answers, targets, num_classes=num_classes)

    return total(measure)


def split_keeps(
    keeps: Float[np.ndarray, "N U"], units: Mapping[str, int]
) -> dict[str, Float[np.ndarray, "N U_l"]]:
    """Edits of layers that are numbered through, layer by layer.

    Args:
        keeps: of all units, those of the first layer first.
        units: {layer: how many it has}, in that order.

    Raises:
        BadInput: other numbers of units.

    >>> keeps = split_keeps(np.array([[1.0, 0.0, 1.0]]), {"conv1": 1, "conv2": 2})
    >>> keeps["conv2"].tolist()
    [[0.0, 1.0]]
    """
    if sum(units.values()) != keeps.shape[1]:
        raise BadInput(f"`keeps` is of {keeps.shape[1]} units; `units` are {units}")
    ends = np.cumsum(list(units.values()))[:-1]
    return dict(zip(units, np.split(keeps, ends, axis=1), strict=True))
