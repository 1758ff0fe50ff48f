"""Prediction gradients of a whole class, and how alike those of its images are."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Int64

from jaxdissect.base import AnyArray, Params, Statistic
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_numbers,
    check_real,
    check_shape,
)
from jaxdissect.gradients.scores import filter_scores
from jaxdissect.streaming import total


class ClassGradients(NamedTuple):
    """Prediction gradients averaged over the images asked about each class.

    Where the gradients were those of several layers, {layer: array} of each.

    Attributes:
        mean: [K H W U] the average gradient; its `filter_scores` are the class's.
        mean_scores: [K U] the average of the images' scores instead.
        number: [K] images; a class without any has zeros.
    """

    mean: Any
    mean_scores: Any
    number: Int64[np.ndarray, "K"]


def class_gradients(
    gradient: Callable[[Params, Any, Array], Any],
    params: Params,
    *,
    num_classes: int,
    order: float = 2.0,
) -> Statistic:
    """The average prediction gradient of every class.

    The score of a unit for a class is the norm of the average (`filter_scores` of
    `mean`), so that what differs from image to image cancels.

    Args:
        gradient: (params, inputs, targets [B]) -> [B H W U] or {layer: such}, such as
            `prediction_gradient` of a tail; compiled here.
        params: the network's parameters.
        num_classes: K.
        order: of the norm in `mean_scores`.

    Returns:
        A Statistic: batches are (inputs, targets), the value is `ClassGradients`, in
        float64. Sums take K times a layer's activations of one image.

    Raises:
        BadInput: a target outside the classes or no integer, another number of targets
            than inputs, or inputs that are not finite.

    Reference:
        Lo, Cohen and Ding, FG 2015.

    >>> from jaxdissect.gradients import logits, prediction_gradient
    >>> from jaxdissect.streaming import accumulate
    >>> tail = lambda params, acts: acts.sum((1, 2))
    >>> ask = lambda params, acts, targets: prediction_gradient(
    ...     tail, params, acts, targets, score=logits)
    >>> batch = (jnp.ones((3, 1, 1, 2)), np.array([0, 0, 1]))
    >>> found = accumulate(class_gradients(ask, {}, num_classes=2), [batch])
    >>> found.mean[:, 0, 0].tolist(), found.number.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [2, 1])
    """

    @jax.jit
    def sums(params, inputs, targets):
        gradients = gradient(params, inputs, targets)
        of_class = jax.nn.one_hot(targets, num_classes)

        def total_of(values: Array) -> Array:
            return jnp.tensordot(of_class, values, axes=(0, 0))

        scores = jax.tree.map(lambda g: filter_scores(g, order=order), gradients)
        return {
            "mean": jax.tree.map(total_of, gradients),
            "mean_scores": jax.tree.map(total_of, scores),
        }

    def measure(inputs, targets):
        targets = np.asarray(targets)
        check_not_empty("targets", targets, "B")
        check_numbers("targets", targets, num_classes)
        for values in jax.tree.leaves(inputs):
            check_real("inputs", values)
            check_shape("targets", targets, "B", B=len(values))
        number = np.bincount(np.asarray(targets), minlength=num_classes)
        return {"number": number, **sums(params, inputs, jnp.asarray(targets))}

    def value(partial) -> ClassGradients:
        number = np.maximum(partial["number"], 1)

        def mean(values):
            return values / number.reshape(-1, *[1] * (values.ndim - 1))

        return ClassGradients(
            jax.tree.map(mean, partial["mean"]),
            jax.tree.map(mean, partial["mean_scores"]),
            partial["number"],
        )

    summed = total(measure)
    return summed._replace(value=lambda partial: value(summed.value(partial)))


class Consistency(NamedTuple):
    """How alike gradients are; mean cosines, in [-1, 1].

    Attributes:
        within: [K] of pairs of images of the class; 0 where it has fewer than two.
        between: [K] of pairs of an image of the class and one of another.
    """

    within: Float[np.ndarray, "K"]
    between: Float[np.ndarray, "K"]


def consistency(
    vectors: Float[AnyArray, "B D"], targets: Int[AnyArray, "B"], *, num_classes: int
) -> Consistency:
    """Whether a network asks its units for the same on all images of a class.

    Args:
        vectors: of every image, such as the `filter_scores` of its true class. A zero
            vector, as of a saturated prediction, is like nothing: its cosines are 0.
        targets: the images' classes.
        num_classes: K.

    Raises:
        BadInput: a target outside the classes or no integer, another number of targets
            than vectors, or vectors that are not finite.

    >>> vectors = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> found = consistency(vectors, np.array([0, 0, 1]), num_classes=2)
    >>> found.within.tolist(), found.between.tolist()
    ([1.0, 0.0], [0.0, 0.0])
    """
    check_number("num_classes", num_classes)
    check_shape("vectors", vectors, "B D")
    check_not_empty("vectors", vectors, "B D")
    check_real("vectors", vectors)
    check_shape("targets", targets, "B", B=len(vectors))
    check_numbers("targets", targets, num_classes)
    vectors, targets = np.asarray(vectors, np.float64), np.asarray(targets)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)
    member = np.eye(num_classes)[targets]
    number, sums = member.sum(0), member.T @ unit
    itself = member.T @ (length[:, 0] > 0)
    same = (sums**2).sum(1) - itself
    other = (sums * (sums.sum(0) - sums)).sum(1)
    return Consistency(
        same / np.maximum(number * (number - 1), 1),
        other / np.maximum(number * (number.sum() - number), 1),
    )
