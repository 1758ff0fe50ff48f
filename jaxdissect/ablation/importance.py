"""Which units a class depends on, and removing them in that order.

Rank on one set of images and report on another: units chosen because they hurt on some
images hurt less on others.
"""

import jax
import numpy as np
from jax import Array
from jaxtyping import Float, Int


def rank_units(
    base: Float[np.ndarray, "K"], ablated: Float[np.ndarray, "U K"]
) -> Int[np.ndarray, "K U"]:
    """Order the units by how much the class loses without them.

    Args:
        base: a measure of every class with all units, such as balanced accuracy or mean
            log-probability; larger is better.
        ablated: the same with each unit removed.

    Returns:
        For every class, unit numbers from the largest drop to the smallest (which may
        be a gain); ties in order of unit number.

    Reference:
        Bau et al., PNAS 2020, with balanced accuracy; the rule for ties is ours.

    >>> rank_units(np.array([0.9]), np.array([[0.9], [0.6], [0.9]])).tolist()
    [[1, 0, 2]]
    """
    # Equal accuracies may differ in the last bit, as sums of different fractions.
    drops = np.round(base - ablated, 12)
    return np.argsort(-drops, axis=0, kind="stable").T


def random_orders(
    key: Array, num_orders: int, num_units: int
) -> Int[np.ndarray, "R U"]:
    """Independent random orders of the units: the control for every ranking.

    Args:
        key: PRNG key, consumed.
        num_orders: R.
        num_units: U.

    >>> sorted(random_orders(jax.random.key(0), 1, 3)[0].tolist())
    [0, 1, 2]
    """
    keys = jax.random.split(key, num_orders)
    return np.asarray(jax.vmap(lambda k: jax.random.permutation(k, num_units))(keys))
