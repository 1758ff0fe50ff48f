"""What batches of a dissection must be: looked at where they come in, once a pass."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.checking import check_not_empty, check_real, check_shape
from jaxdissect.dissection.layers import Layer
from jaxdissect.errors import BadInput


def checked(statistic: Statistic, layers: Mapping[str, Layer]) -> Statistic:
    """The same statistic, of batches that are what they are said to be.

    Args:
        statistic: of batches (acts {layer: [B H W U]}, label maps [B h w L], ...).
        layers: what every batch must fit.

    Returns:
        A Statistic that refuses activations that are not finite or of another shape
        than the layers, and label maps that are no integers. Activations of other types
        go on as float32, so that nothing depends on how they are counted.
    """

    def measure(acts, labels, *rest):
        check_labels(labels)
        rows, columns = next(
            (len(layer.rows), len(layer.columns)) for layer in layers.values()
        )
        check_shape("labels", labels, "B h w L", h=rows, w=columns)
        known = {}
        for name, layer in layers.items():
            if name not in acts:
                raise BadInput(f"a batch has no {name!r}; it has {', '.join(acts)}")
            known[name] = checked_acts(
                f"acts[{name!r}]",
                acts[name],
                B=len(labels),
                H=layer.rows.shape[1],
                W=layer.columns.shape[1],
                U=layer.num_units,
            )
        return statistic.measure(known, labels, *rest)

    return statistic._replace(measure=measure)


def checked_pairs(
    batches: Iterable[tuple[AnyArray, AnyArray]],
) -> Iterator[tuple[AnyArray, AnyArray]]:
    """Batches (acts [B H W U], label maps [B h w L]) of one layer, the same way."""
    units = None
    for acts, labels in batches:
        check_labels(labels)
        sizes: dict[str, int] = {} if units is None else {"U": units}
        units = np.shape(acts)[-1]
        yield checked_acts("acts", acts, B=len(labels), **sizes), labels


def checked_acts(name: str, acts: AnyArray, **sizes: int) -> AnyArray:
    """Activations in float32; those that are no maps [B H W U] of finite numbers are
    refused.

    >>> checked_acts("acts", np.full((1, 2, 2, 1), np.inf))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `acts` holds inf; all values must be finite
    """
    check_shape(name, acts, "B H W U", **sizes)
    check_not_empty(name, acts, "B H W U")
    check_real(name, acts)
    if acts.dtype == np.float32:
        return acts
    with np.errstate(over="ignore"):
        acts = acts.astype(np.float32)
    check_real(name, acts)
    return acts


def check_labels(labels: AnyArray) -> None:
    """Refuse label maps that are not [B h w L] of integers; their range is looked at
    where they are counted."""
    check_shape("labels", labels, "B h w L")
    check_not_empty("labels", labels, "B h w L")
    if not np.issubdtype(labels.dtype, np.integer):
        raise BadInput(f"`labels` is {labels.dtype}; it must be of integers")
