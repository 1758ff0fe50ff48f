"""What gradients are of, by the names the settings have for it."""

from jaxdissect.gradients import log_probabilities, logits, probabilities

SCORES = {
    "probability": probabilities,
    "log_probability": log_probabilities,
    "logit": logits,
}
