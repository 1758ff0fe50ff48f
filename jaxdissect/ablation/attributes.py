"""What is known of a unit without ablating it: selectivity, frequency, correlation.

They are cheap; whether they predict what a unit's removal costs is the question of
Zhou et al., Revisiting the importance of individual units in CNNs, 2018.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_numbers,
    check_real,
    check_shape,
)
from jaxdissect.errors import BadInput
from jaxdissect.streaming import add


class UnitAttributes(NamedTuple):
    """Of U units, from their activations alone.

    Attributes:
        mean: [U] mean activation over all images and positions.
        class_means: [U K] the same over the images of each class.
        selectivity: [U] see `class_selectivity`.
        frequency: [U] share of images on which the unit is above 0 anywhere.
        mean_peak: [U] mean over images of the largest activation.
        class_correlation: [U K] Pearson correlation over images between the unit's mean
            activation and the predicted probability of the class; 0 for a constant.
    """

    mean: Float[np.ndarray, "U"]
    class_means: Float[np.ndarray, "U K"]
    selectivity: Float[np.ndarray, "U"]
    frequency: Float[np.ndarray, "U"]
    mean_peak: Float[np.ndarray, "U"]
    class_correlation: Float[np.ndarray, "U K"]


def unit_attributes(num_classes: int, *, classes: Sequence[int] = ()) -> Statistic:
    """Attributes of every unit, in one pass.

    Args:
        num_classes: K.
        classes: those that have images, C of them; all by default.

    Returns:
        A Statistic: batches are (acts [B H W U], targets [B], logits [B K]), the value
        is `UnitAttributes` of the C classes.

    Raises:
        BadInput: classes that are none, activations or logits that are not finite or of
            other shapes, targets that are no classes; at the end, one of the classes
            without images.

    Reference:
        Morcos et al., ICLR 2018 (selectivity); Zhou et al., 2018 (correlation).

    >>> from jaxdissect.streaming import accumulate
    >>> acts = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)[:, None, None]
    >>> batch = (acts, np.array([0, 1]), np.array([[9.0, 0.0], [0.0, 9.0]]))
    >>> found = accumulate(unit_attributes(2), [batch])
    >>> found.selectivity.tolist(), found.frequency.tolist()
    ([1.0, 0.0], [0.5, 0.0])
    >>> found.class_correlation.round(3).tolist()
    [[1.0, -1.0], [0.0, 0.0]]
    """
    check_number("num_classes", num_classes)
    check_numbers("classes", np.array(classes, int), num_classes)
    occurring = np.array(classes or range(num_classes))

    @jax.jit
    def summarize(acts, logits):
        return acts.mean((1, 2)), acts.max((1, 2)), jax.nn.softmax(logits)

    def measure(acts, targets, logits):
        check_shape("acts", acts, "B H W U")
        check_not_empty("acts", acts, "B H W U")
        check_real("acts", acts)
        check_shape("targets", targets, "B", B=len(acts))
        check_numbers("targets", targets, num_classes)
        check_shape("logits", logits, "B K", B=len(acts), K=num_classes)
        check_real("logits", logits)
        summary = summarize(jnp.asarray(acts), jnp.asarray(logits))
        means, peaks, probabilities = (np.asarray(s, np.float64) for s in summary)
        probabilities = np.take(probabilities, occurring, axis=1)
        belongs = np.asarray(targets)[:, None] == occurring
        return {
            "images": belongs.sum(0),
            "by_class": means.T @ belongs,
            "active": (peaks > 0).sum(0),
            "peaks": peaks.sum(0),
            "squares": (means**2).sum(0),
            "probability": probabilities.sum(0),
            "probability_squares": (probabilities**2).sum(0),
            "products": means.T @ probabilities,
        }

    return Statistic(measure, add, partial(_attributes, occurring))


def class_selectivity(
    class_means: Float[AnyArray, "U K"],
) -> Float[np.ndarray, "U"]:
    """How much more a unit responds to its favourite class than to others, in [0, 1].

    (mu_max - mu_rest) / (|mu_max| + |mu_rest|), mu_rest the mean over the other
    classes; 0 for a dead unit. The absolute values change nothing where activations are
    not negative, and keep the range where they are.

    Args:
        class_means: mean activation of each unit on each class's images.

    Reference:
        Morcos et al., On the importance of single directions for generalization,
        ICLR 2018.

    >>> class_selectivity(np.array([[3.0, 1.0, 1.0], [0.0, 0.0, 0.0]])).tolist()
    [0.5, 0.0]
    """
    check_shape("class_means", class_means, "U K")
    check_not_empty("class_means", class_means, "U K")
    check_real("class_means", class_means)
    means = np.asarray(class_means, np.float64)
    best = means.max(-1)
    rest = (means.sum(-1) - best) / max(means.shape[-1] - 1, 1)
    scale = np.abs(best) + np.abs(rest)
    return np.where(scale > 0, (best - rest) / np.where(scale > 0, scale, 1), 0.0)


def _attributes(occurring, sums) -> UnitAttributes:
    if (absent := occurring[sums["images"] == 0]).size:
        raise BadInput(f"`targets` has no image of class {absent[0]}")
    number = sums["images"].sum()
    means = sums["by_class"].sum(1) / number
    probability = sums["probability"] / number
    covariance = sums["products"] / number - np.outer(means, probability)
    deviation = np.outer(
        _deviation(sums["squares"] / number, means),
        _deviation(sums["probability_squares"] / number, probability),
    )
    varies = deviation > 0
    correlation = np.where(varies, covariance / np.where(varies, deviation, 1), 0.0)
    class_means = sums["by_class"] / sums["images"]
    return UnitAttributes(
        mean=means,
        class_means=class_means,
        selectivity=class_selectivity(class_means),
        frequency=sums["active"] / number,
        mean_peak=sums["peaks"] / number,
        class_correlation=np.clip(correlation, -1, 1),
    )


def _deviation(mean_square, mean):
    # Rounding can leave a constant with a trace of variance of either sign.
    variance = mean_square - mean**2
    return np.sqrt(np.where(variance > 1e-12 * mean_square, variance, 0.0))
