"""General block norms: weight decay on groups of filters instead of single weights.

Filters are the output channels of convolution kernels [h w U M], so the groups of one
layer are groups of its units. Only kernels are penalised, not biases. The norms are not
squared: with the default p = 2, q = 1 (group lasso) every group is pulled towards zero
with the same force however small it is, so that groups nobody needs die out.
"""

import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.errors import BadInput

Leftovers = Literal["grouped", "free"]


def groups(
    num_filters: int, num_groups: int, *, leftovers: Leftovers = "grouped"
) -> Int[np.ndarray, "M"]:
    """The group of every filter: contiguous groups of floor(M / num_groups) filters.

    Where they do not come out even, the leftover filters go on in further groups, the
    last of which may be smaller: 64 filters in 5 groups are 12, 12, 12, 12, 12 and 4,
    9 filters in 5 groups are 9 groups of one. The original code leaves them
    unregularised instead; `leftovers="free"` does the same.

    Args:
        num_filters: M.
        num_groups: between 1 and M.
        leftovers: "grouped", or "free" for group -1, which is in no norm.

    Raises:
        BadInput: `num_groups` is out of range, or `leftovers` is unknown.

    Reference:
        Varshneya et al., Learning Interpretable Concept Groups in CNNs, IJCAI 2021,
        section 3.3 and its code.

    >>> groups(7, 3).tolist(), groups(7, 3, leftovers="free").tolist()
    ([0, 0, 1, 1, 2, 2, 3], [0, 0, 1, 1, 2, 2, -1])
    """
    if not 1 <= num_groups <= num_filters:
        raise BadInput(
            f"`num_groups` is {num_groups}; it must be between 1 and the number of "
            f"filters, {num_filters}"
        )
    if leftovers not in ("grouped", "free"):
        raise BadInput(f"`leftovers` is {leftovers!r}; it must be 'grouped' or 'free'")
    numbers = np.arange(num_filters) // (num_filters // num_groups)
    if leftovers == "free":
        numbers[numbers >= num_groups] = -1
    return numbers


def vector_norm(
    x: Float[Array, "..."], p: float, axes: tuple[int, ...]
) -> Float[Array, "..."]:
    """The p-norm (sum |x|^p)^(1/p) over some axes, safe in value and in gradient.

    Values are divided by the largest before they are raised to a power, so nothing
    over- or underflows. At zero the gradient is 0, which is a subgradient. Where
    several values share the maximum norm, they share its gradient.

    Args:
        x: any array; vectors of numbers too small for a normal float count as zero.
        p: from 1 to `math.inf`.
        axes: the axes that are summed over.

    Raises:
        BadInput: `p` is below 1, where this is no norm, or NaN.

    >>> vector_norm(jnp.array([3.0, -4.0]), 2.0, (0,)).item()
    5.0
    """
    _check_exponent("p", p)
    sizes = x * jnp.sign(x)  # jnp.abs has gradient 1 at zero
    if p == 1:
        return sizes.sum(axes)
    if p == math.inf:
        return sizes.max(axes)
    # The scale cancels, so the gradient need not pass through it.
    largest = jax.lax.stop_gradient(sizes.max(axes, keepdims=True))
    alive = largest >= jnp.finfo(x.dtype).tiny
    scale = jnp.where(alive, largest, 1)
    powers = ((sizes / scale) ** p).sum(axes, keepdims=True)
    root = jnp.where(alive, powers, 1) ** (1 / p)
    return jnp.where(alive, scale * root, 0).squeeze(axes)


def group_norms(
    kernel: Float[Array, "h w U M"],
    *,
    num_groups: int = 5,
    p: float = 2.0,
    leftovers: Leftovers = "grouped",
) -> Float[Array, "G"]:
    """Relevance of every group of filters: beta_g = ||w_g||_p, w_g all its weights.

    Args:
        kernel: a convolution's weights; a dense layer's are [1 1 U M].
        num_groups: as in `groups`.
        p: from 1 to `math.inf`.
        leftovers: as in `groups`; free filters are left out.

    Returns:
        One norm for every group of `groups`, which may be more than `num_groups`.

    Raises:
        BadInput: an option is out of range.

    Reference:
        Varshneya et al., IJCAI 2021, section 3.3.

    >>> group_norms(jnp.ones((3, 3, 1, 8)), num_groups=2).tolist()
    [6.0, 6.0]
    """
    num_filters = kernel.shape[-1]
    numbers = groups(num_filters, num_groups, leftovers=leftovers)
    # A norm of norms is the norm of all, and zeros that fill the last group are not in
    # it: the kernel is read in place, and only one number per filter is regrouped.
    in_groups = vector_norm(kernel, p, (0, 1, 2))[: np.sum(numbers >= 0)]
    shape = numbers.max() + 1, num_filters // num_groups
    padded = jnp.pad(in_groups, (0, math.prod(shape) - len(in_groups)))
    return vector_norm(padded.reshape(shape), p, (1,))


def block_norm(
    kernels: Sequence[Float[Array, "_h _w _U _M"]],
    *,
    num_groups: int = 5,
    p: float = 2.0,
    q: float = 1.0,
    leftovers: Leftovers = "grouped",
) -> Float[Array, ""]:
    """General block norm: sum over layers of ||(||w_1||_p, ..., ||w_G||_p)||_q.

    p = 2, q = 1 is the group lasso; p = q = 2 the plain L2 norm of every layer, not
    squared and without weight decay's factor 1/2. The caller weights and adds it.

    Args:
        kernels: the convolution kernels of the layers to regularise.
        num_groups: as in `groups`, the same in every layer.
        p: norm within a group, from 1 to `math.inf`.
        q: norm over the groups of a layer, from 1 to `math.inf`.
        leftovers: as in `groups`.

    Raises:
        BadInput: there is no kernel, or an option is out of range.

    Reference:
        Varshneya et al., IJCAI 2021, section 3.3; of general p and q
        only p = 2, q = 1 is theirs.

    >>> block_norm([jnp.ones((3, 3, 1, 8))], num_groups=2).item()
    12.0
    """
    _check_exponent("q", q)
    if not len(kernels):
        raise BadInput("`kernels` is empty; at least one kernel is needed")
    betas = [
        group_norms(kernel, num_groups=num_groups, p=p, leftovers=leftovers)
        for kernel in kernels
    ]
    return jnp.stack([vector_norm(beta, q, (0,)) for beta in betas]).sum()


def _check_exponent(name: str, value: float) -> None:
    if not value >= 1:
        raise BadInput(f"`{name}` is {value}; it must be 1 or more, or infinite")
