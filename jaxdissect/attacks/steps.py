"""One step along a gradient, within the bounds of images."""

from collections.abc import Callable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import AnyArray
from jaxdissect.checking import (
    check_choice,
    check_not_empty,
    check_real,
    check_shape,
    is_traced,
)
from jaxdissect.errors import BadInput

Goal = Callable[[Array, Array], Array]
"""(logits [B K], classes [B]) -> margins [B], positive where the attack succeeds."""


def towards(logits: Float[Array, "B K"], classes: Int[Array, "B"]) -> Float[Array, "B"]:
    """The goal of a targeted attack: how far the class is above all others.

    >>> towards(jnp.array([[3.0, 1.0, 0.0]]), jnp.array([1])).tolist()
    [-2.0]
    """
    asked = jax.nn.one_hot(classes, logits.shape[-1], dtype=bool)
    own = jnp.where(asked, logits, -jnp.inf).max(-1)
    return own - jnp.where(asked, -jnp.inf, logits).max(-1)


def away_from(
    logits: Float[Array, "B K"], classes: Int[Array, "B"]
) -> Float[Array, "B"]:
    """The goal of an untargeted attack: how far some other class is above this one.

    >>> away_from(jnp.array([[3.0, 1.0, 0.0]]), jnp.array([1])).tolist()
    [2.0]
    """
    return -towards(logits, classes)


Bounds = tuple[float, float]
"""Lowest and highest value of a pixel, the same for all channels, in any unit."""


def check_bounds(bounds: Bounds) -> None:
    """Refuse bounds that are none.

    Raises:
        BadInput: not two numbers, or the low one is not below the high one.
    """
    if np.shape(bounds) != (2,):
        raise BadInput(
            f"`bounds` is {bounds}; it must be the lowest and the highest value of a "
            "pixel, the same for all channels"
        )
    low, high = bounds
    if not low < high:
        raise BadInput(f"`bounds` is {bounds}; the first must be below the second")


def check_images(images: AnyArray, bounds: Bounds) -> None:
    """Refuse images outside the bounds; while tracing nothing is known of their values.

    Raises:
        BadInput: not [B H W c], no images, a pixel out of bounds or not a number.
    """
    check_shape("images", images, "B H W c")
    check_not_empty("images", images, "B H W c")
    if is_traced(images):
        return
    low, high = np.min(images).item(), np.max(images).item()
    # A bound is what it is in the type of the images: .7 is a little less in float32.
    kind = images.dtype if jnp.issubdtype(images.dtype, jnp.floating) else np.float64
    least, most = np.asarray(bounds, kind).tolist()
    if not (least <= low and high <= most):
        raise BadInput(
            f"`images` has values from {low:g} to {high:g}; `bounds` allows "
            f"{bounds[0]:g} to {bounds[1]:g}"
        )


Scaling = Literal["sign", "l2", "raw"]


def gradient_step(
    images: Float[AnyArray, "B H W c"],
    gradients: Float[AnyArray, "B H W c"],
    *,
    step: float,
    scaling: Scaling,
    bounds: Bounds = (0.0, 1.0),
) -> Float[Array, "B H W c"]:
    """A step uphill: x' = clip(x + step g).

    Along the input prediction gradient of a class it makes the image look more like
    that class; along that of a loss it makes the network err.

    Args:
        images: within `bounds`.
        gradients: of what is to rise, with respect to the images.
        step: the size, at least 0, in units of the images: of every pixel ("sign"), of
            the whole change ("l2", the Euclidean norm before clipping), or a factor of
            the gradient itself ("raw"), which the sources leave open. In images of 0 to
            255 the same step is 255 times as large, a raw one 255^2 times, for the
            gradient is smaller by as much as the images are larger.
        scaling: which of the three. An image without a gradient stays as it is.
        bounds: lowest and highest value of a pixel.

    Returns:
        The changed images, within `bounds`.

    Raises:
        BadInput: a step that is negative or infinite, gradients that are not finite or
            not of the images' shape, or images outside the bounds.

    Reference:
        Lo, Cohen and Ding, FG 2015, for the input prediction gradient.

    >>> images, gradients = jnp.full((1, 1, 1, 2), 0.5), jnp.array([[[[0.0, -4.0]]]])
    >>> gradient_step(images, gradients, step=0.25, scaling="l2").tolist()
    [[[[0.5, 0.25]]]]
    """
    check_bounds(bounds)
    check_images(images, bounds)
    check_choice("scaling", scaling, get_args(Scaling))
    if not 0 <= step < float("inf"):
        raise BadInput(f"`step` is {step}; it must be at least 0 and finite")
    if gradients.shape != images.shape:
        raise BadInput(
            f"`gradients` has the shape {gradients.shape}; that of `images` is "
            f"{images.shape}"
        )
    check_real("gradients", gradients)
    gradients = jnp.asarray(gradients)
    if scaling == "sign":
        direction = jnp.sign(gradients)
    elif scaling == "l2":
        # The largest first, so that tiny gradients do not underflow when squared.
        largest = jnp.abs(gradients).max((1, 2, 3), keepdims=True)
        scaled = gradients / jnp.where(largest > 0, largest, 1)
        length = jnp.sqrt((scaled**2).sum((1, 2, 3), keepdims=True))
        direction = scaled / jnp.where(length > 0, length, 1)
    else:
        direction = gradients
    return jnp.clip(jnp.asarray(images) + step * direction, *bounds)


def fgsm(
    loss: Callable[[Array], Array],
    images: Float[AnyArray, "B H W c"],
    *,
    step: float,
    bounds: Bounds = (0.0, 1.0),
) -> Float[Array, "B H W c"]:
    """The fast gradient sign method: one step that raises every image's loss.

    x' = clip(x + step sign(grad_x loss_n)): before the clipping, the largest
    first-order rise among changes of at most `step` in any pixel. A pixel without a
    gradient stays as it is, so a network whose loss underflows looks robust and is not.

    Compiled where the caller compiles it: `jax.jit(lambda x: fgsm(loss, x, step=0.1))`.
    Towards a target instead (TGSM), pass minus the loss to the target::

        fgsm(lambda x: -cross_entropy(logits(x), targets), images, step=0.1)

    Args:
        loss: (images [B H W c]) -> losses [B]; each of its own image only, as in
            evaluation, where BatchNorm does not mix the images of a batch.
        images: within `bounds`.
        step: the change of a pixel in units of the images, from 0 to the width of the
            bounds: 8 / 255 in (0, 1) is 8 in (0, 255).
        bounds: lowest and highest value of a pixel.

    Returns:
        The changed images, within `bounds`.

    Raises:
        BadInput: a step out of range, images outside the bounds or of integers, or a
            loss that is not one number for each image.

    Reference:
        Goodfellow, Shlens and Szegedy, Explaining and harnessing adversarial examples,
        ICLR 2015, section 4, which does not clip.

    >>> loss = lambda x: (x * jnp.array([1.0, -2.0, 0.0])).sum((1, 2, 3))
    >>> fgsm(loss, jnp.full((1, 1, 1, 3), 0.5), step=0.25).ravel().tolist()
    [0.75, 0.25, 0.5]
    """
    check_bounds(bounds)
    low, high = bounds
    if not 0 <= step <= high - low:
        raise BadInput(
            f"`step` is {step}; it must be in [0, {high - low}], the width of `bounds`"
        )
    images = jnp.asarray(images)
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise BadInput(f"`images` is {images.dtype}; gradients need floating point")

    def whole(x: Array) -> Array:
        losses = loss(x)
        if losses.shape != (len(x),):
            raise BadInput(
                f"`loss` gives the shape {losses.shape}; it must be ({len(x)},), a "
                "number for each image"
            )
        return losses.sum()

    gradients = jax.grad(whole)(images)
    return gradient_step(images, gradients, step=step, scaling="sign", bounds=bounds)
