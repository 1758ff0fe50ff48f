"""Images changed a little so that a network errs.

White-box when the loss is that of the network under attack; where it is another
network's, the attack is one by transfer.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxdissect.base import AnyArray, BadInput


def fgsm(
    loss: Callable[[Array], Array], images: Float[AnyArray, "B H W c"], *, step: float
) -> Float[Array, "B H W c"]:
    """The fast gradient sign method: one step that raises every image's loss.

    x' = clip(x + step sign(grad_x loss_n), 0, 1): before the clipping, the largest
    first-order rise among changes of at most `step` in any pixel. A pixel without a
    gradient stays as it is, so a network whose loss underflows looks robust and is not.

    Towards a target instead (TGSM), pass minus the loss to the target::

        fgsm(lambda x: -cross_entropy(logits(x), targets), images, step=0.1)

    Args:
        loss: (images [B H W c]) -> losses [B]; each of its own image only, as in
            evaluation, where BatchNorm does not mix the images of a batch.
        images: in [0, 1].
        step: the change of a pixel, in [0, 1].

    Returns:
        The changed images, in [0, 1].

    Raises:
        BadInput: `step` outside [0, 1].

    Reference:
        Goodfellow, Shlens and Szegedy, Explaining and harnessing adversarial examples,
        ICLR 2015, section 4, which does not clip.

    >>> loss = lambda x: (x * jnp.array([1.0, -2.0, 0.0])).sum((1, 2, 3))
    >>> fgsm(loss, jnp.full((1, 1, 1, 3), 0.5), step=0.25).ravel().tolist()
    [0.75, 0.25, 0.5]
    """
    if not 0 <= step <= 1:
        raise BadInput(f"`step` is {step}; it must be in [0, 1], as the images are")
    images = jnp.asarray(images)
    grads = jax.grad(lambda x: loss(x).sum())(images)
    return jnp.clip(images + step * jnp.sign(grads), 0, 1)
