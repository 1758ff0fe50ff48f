"""Prediction gradients summed up: by unit, by position, times what the unit does."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxdissect.base import AnyArray
from jaxdissect.checking import check_not_empty, check_real
from jaxdissect.errors import BadInput


def filter_scores(
    gradients: Float[AnyArray, "*N H W U"], *, order: float = 2.0
) -> Float[Array, "*N U"]:
    """How much a class depends on each unit: the norm of its gradient over positions.

    The norm of an average is not the average of norms: what pulls one image this way
    and another that way cancels first. `ClassGradients` has both.

    Args:
        gradients: prediction gradients, of images or averaged.
        order: of the norm, 1 or more: 2 for Frobenius, 1 for the sum of absolute
            values, `math.inf` for the largest.

    Returns:
        Scores, never negative.

    Raises:
        BadInput: an order below 1, or gradients that are empty or not finite.

    Reference:
        Lo, Cohen and Ding, FG 2015 ("convolutional gradient").

    >>> filter_scores(jnp.array([[[3.0, 0.0], [-4.0, 1.0]]])).tolist()
    [5.0, 1.0]
    """
    _check(gradients, order)
    *outer, height, width, units = gradients.shape
    flat = jnp.reshape(gradients, (*outer, height * width, units))
    return jnp.linalg.norm(flat, order, axis=-2)


def saliency(
    gradients: Float[AnyArray, "*N H W U"], *, order: float = 2.0
) -> Float[Array, "*N H W"]:
    """How much a class depends on each position: the norm of its gradient over units.

    Args:
        gradients: prediction gradients, of images or averaged.
        order: of the norm, as in `filter_scores`; the largest over the colours of an
            input gradient (`math.inf`) is the saliency map of Simonyan et al.

    Returns:
        Maps, never negative.

    Raises:
        BadInput: as `filter_scores` does.

    Reference:
        Simonyan, Vedaldi and Zisserman, Deep inside convolutional networks, 2013.

    >>> saliency(jnp.array([[[3.0, 4.0]]])).tolist()
    [[5.0]]
    """
    _check(gradients, order)
    return jnp.linalg.norm(gradients, order, axis=-1)


def first_order_drops(
    gradients: Float[AnyArray, "*N H W U"], acts: Float[AnyArray, "*M H W U"]
) -> Float[Array, "*N U"]:
    """What a class would lose without each unit, if its score were linear.

    sum over positions of PG a. Positive where the unit speaks for the class, negative
    where against. With ReLU, no biases and the score a logit, the drops of a layer add
    up to the logit (Euler's relation for homogeneous functions).

    Args:
        gradients: prediction gradients.
        acts: the activations they were taken at; of one image for several classes.

    Raises:
        BadInput: activations that are not of the gradients' last axes, or values that
            are not finite.

    Reference:
        Molchanov et al., Pruning convolutional neural networks for resource efficient
        inference, ICLR 2017 (its Taylor criterion is the absolute value).

    >>> gradients, acts = jnp.array([[[0.5, -1.0]]]), jnp.array([[[2.0, 3.0]]])
    >>> first_order_drops(gradients, acts).tolist()
    [1.0, -3.0]
    """
    _check(gradients, 1.0)
    check_real("acts", acts)
    axes = len(acts.shape)
    if axes < 3 or tuple(acts.shape) != tuple(gradients.shape)[-axes:]:
        raise BadInput(
            f"`acts` has the shape {acts.shape}; that of `gradients` is "
            f"{gradients.shape}, and its last axes must be the same"
        )
    return jnp.einsum("...hwu,...hwu->...u", gradients, acts)


def _check(gradients, order) -> None:
    if not order >= 1:
        raise BadInput(f"`order` is {order}; it must be at least 1")
    if len(gradients.shape) < 3:
        raise BadInput(
            f"`gradients` has the shape {gradients.shape}; it must be [... H W U]"
        )
    check_not_empty("gradients", gradients, "... H W U")
    check_real("gradients", gradients)
