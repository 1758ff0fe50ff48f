"""Penalties on the gradient of the loss with respect to the images.

A network whose loss changes little with the image is harder to fool, and its gradients
are easier to read. `double_backprop` is exact; `finite_difference` estimates it without
second derivatives.

Both take the losses of a batch as a function of the images. It must give the same for
the same images (close over the key of a dropout). Where images of a batch see each
other, as through the statistics of a BatchNorm in training, the gradient of image n is
that of the sum of all losses. Gradients are per pixel value in the caller's units: of
images divided by a standard deviation sd they are sd times, and penalties sd^2 times,
those of the images before.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxdissect.errors import BadInput
from jaxdissect.regularizers.block_norm import vector_norm

Losses = Callable[[Array], tuple[Array, Any]]
"""images [B ...] -> (loss of every image [B], anything else the pass gives)."""


class Penalized(NamedTuple):
    """Losses and the penalty to add to their mean.

    Attributes:
        losses: of the clean images.
        others: what the clean pass gave besides, such as updated BatchNorm statistics.
        penalty: at least 0, to be weighted and added by the caller.
    """

    losses: Float[Array, "B"]
    others: Any
    penalty: Float[Array, ""]


def double_backprop(losses: Losses, images: Float[Array, "B ..."]) -> Penalized:
    """Exact penalty: mean over images of ||d loss_n / d x_n||_2^2, without a half.

    One forward and one backward pass, which the caller's `jax.grad` with respect to
    the parameters differentiates again. Convert published coefficients: the lambda of
    Ross and Doshi-Velez's formula stays; that of their code becomes lambda / (2 N) for
    batches of N, because it squares gradients of the batch mean, sums and halves.

    Args:
        losses: called once, on `images`.
        images: any shape after the batch axis.

    Raises:
        BadInput: `losses` does not give one loss for every image.

    References:
        Drucker and LeCun, Improving Generalization Performance Using Double
        Backpropagation, 1992; Ross and Doshi-Velez, Improving the Adversarial
        Robustness and Interpretability of Deep Neural Networks by Regularizing their
        Input Gradients, 2017.

    >>> losses = lambda x: (x @ jnp.array([3.0, 4.0]), None)
    >>> double_backprop(losses, jnp.zeros((2, 2))).penalty.item()
    25.0
    """
    values, others, grads = _pass(losses, images)
    return Penalized(values, others, (grads**2).sum() / len(images))


def finite_difference(
    losses: Losses,
    images: Float[Array, "B ..."],
    *,
    step: float,
    sides: Literal["forward", "central"] = "forward",
    norm: Literal["l2", "l1", "linf"] = "l2",
) -> Penalized:
    """Estimated penalty: mean over images of d_n^2, d_n the slope along the gradient.

    d_n = (l(x + h v) - l(x)) / h, or (l(x + h v) - l(x - h v)) / (2 h) if central,
    with v a unit vector along the gradient g at x, taken as a constant:
    g / ||g||_2 (l2), sign(g) / sqrt(D) (l1) or the largest component alone (linf). So
    d_n estimates ||g||_2, ||g||_1 / sqrt(D) or ||g||_inf. Where g = 0, v = 0.

    Finlay and Oberman's lambda becomes lambda / 2, because they halve the mean.

    Args:
        losses: called on `images`, then on `images` moved forward, then, if central,
            backward; only the first call's losses and others are returned.
        images: any shape after the batch axis.
        step: h > 0, in the units of `images`. The paper's 1e-2 is for pixels in [0, 1].
        sides: an error of order h, or for one more pass of order h^2.
        norm: which norm of the gradient is penalised.

    Raises:
        BadInput: an option is not allowed, or `losses` does not give one loss for
            every image.

    Reference:
        Finlay and Oberman, Scaleable Input Gradient Regularization for Adversarial
        Robustness, 2019.

    >>> losses = lambda x: (x @ jnp.array([3.0, 4.0]), None)
    >>> finite_difference(losses, jnp.zeros((2, 2)), step=0.5).penalty.item()
    25.0
    """
    if not 0 < step < math.inf:
        raise BadInput(f"`step` is {step}; it must be positive and finite")
    if sides not in ("forward", "central"):
        raise BadInput(f"`sides` is {sides!r}; it must be 'forward' or 'central'")
    if norm not in ("l2", "l1", "linf"):
        raise BadInput(f"`norm` is {norm!r}; it must be 'l2', 'l1' or 'linf'")
    values, others, grads = _pass(losses, images)
    grads = jax.lax.stop_gradient(grads).reshape(len(images), -1)
    move = step * _direction(grads, norm).reshape(images.shape)
    ahead, _ = losses(images + move)
    if sides == "forward":
        slopes = (ahead - values) / step
    else:
        slopes = (ahead - losses(images - move)[0]) / (2 * step)
    return Penalized(values, others, (slopes**2).mean())


def _pass(losses: Losses, images: Array) -> tuple[Array, Any, Array]:
    def total(images: Array) -> tuple[Array, tuple[Array, Any]]:
        values, others = losses(images)
        if values.shape != images.shape[:1]:
            raise BadInput(
                f"`losses` gave an array of shape {values.shape}; it must give one "
                f"loss for every image, {images.shape[:1]}"
            )
        return values.sum(), (values, others)

    (_, (values, others)), grads = jax.value_and_grad(total, has_aux=True)(images)
    return values, others, grads


def _direction(grads: Float[Array, "B D"], norm: str) -> Float[Array, "B D"]:
    if norm == "l1":
        return jnp.sign(grads) / math.sqrt(grads.shape[1])
    if norm == "linf":
        largest = jnp.abs(grads).argmax(1)
        return jnp.sign(grads) * jax.nn.one_hot(largest, grads.shape[1])
    # A confident network's gradients are so small that their squares underflow.
    lengths = vector_norm(grads, 2.0, (1,))[:, None]
    return jnp.where(lengths > 0, grads / jnp.where(lengths > 0, lengths, 1), 0)
