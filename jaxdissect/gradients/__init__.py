"""What a network asks its units: gradients of its predictions.

In reading order: `prediction` (of one class for each image, of all classes at once),
`scores` (by unit, by position, times the activation), `classes` (averages over a data
set, how alike images are).
"""

from jaxdissect.gradients.classes import (
    ClassGradients,
    Consistency,
    class_gradients,
    consistency,
)
from jaxdissect.gradients.prediction import (
    log_probabilities,
    logits,
    prediction_gradient,
    prediction_gradients,
    probabilities,
)
from jaxdissect.gradients.scores import filter_scores, first_order_drops, saliency

__all__ = [
    "ClassGradients",
    "Consistency",
    "class_gradients",
    "consistency",
    "filter_scores",
    "first_order_drops",
    "log_probabilities",
    "logits",
    "prediction_gradient",
    "prediction_gradients",
    "probabilities",
    "saliency",
]
