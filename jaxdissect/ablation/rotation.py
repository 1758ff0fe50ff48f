"""Rotating a layer's units: the same function, other axes.

If units were arbitrary directions, rotated ones would be as meaningful and as important
as they are.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from jaxdissect.base import AnyArray, Split
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_real,
    check_shape,
)
from jaxdissect.errors import BadInput


def random_rotation(key: Array, num_units: int) -> Float[Array, "U U"]:
    """A rotation drawn uniformly from SO(U).

    The orthogonal factor of a Gaussian matrix, with signs that make it unique; one
    direction is flipped where the determinant is negative.

    Args:
        key: PRNG key, consumed.
        num_units: U.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, section 3.2.

    >>> rotation = random_rotation(jax.random.key(0), 3)
    >>> jnp.linalg.det(rotation).round(3).item()
    1.0
    """
    check_number("num_units", num_units)
    q, r = jnp.linalg.qr(jax.random.normal(key, (num_units, num_units)))
    q = q * jnp.sign(jnp.diag(r))
    return q.at[:, 0].multiply(jnp.sign(jnp.linalg.det(q)))


def rotation_power(
    rotation: Float[AnyArray, "U U"], power: float
) -> Float[np.ndarray, "U U"]:
    """Part of the way from no rotation (power 0) to all of it (power 1).

    A rotation turns some planes by angles in (-pi, pi]; its power turns the same planes
    by `power` times as much.

    Args:
        rotation: an orthogonal matrix of determinant 1.
        power: any; in [0, 1] for a path from the identity to the rotation.

    Returns:
        A rotation, in float32.

    Raises:
        BadInput: a matrix that is not orthogonal, or a power that is not finite.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, section 3.2 and figure 4.

    >>> quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> np.allclose(rotation_power(quarter, 2.0), -np.eye(2), atol=1e-6)
    True
    """
    import scipy.linalg  # slow to import

    rotation = np.asarray(rotation)
    check_shape("rotation", rotation, "U U")
    check_not_empty("rotation", rotation, "U U")
    check_real("rotation", rotation)
    check_real("power", np.asarray(power))
    one = np.eye(len(rotation))
    if rotation.shape != one.shape or abs(rotation @ rotation.T - one).max() > 1e-3:
        raise BadInput(f"`rotation` of shape {rotation.shape} is not orthogonal")
    # Of a normal matrix the complex Schur form is diagonal: eigenvalues and a unitary
    # basis of eigenvectors, in double precision.
    form, basis = scipy.linalg.schur(np.asarray(rotation, np.float64), output="complex")
    turned = np.exp(1j * power * np.angle(np.diag(form)))
    return ((basis * turned) @ basis.conj().T).real.astype(np.float32)


def rotated(split: Split, rotation: Float[AnyArray, "U U"]) -> Split:
    """The network with its layer's units rotated and, after it, rotated back.

    Args:
        split: the network cut at the layer.
        rotation: an orthogonal matrix.

    Returns:
        A split that computes the same function, to rounding; its units are
        `acts @ rotation.T`, directions of the original units' space.

    >>> identity = Split(lambda params, x: x, lambda params, acts: acts)
    >>> quarter = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> trunk, tail = rotated(identity, quarter)
    >>> acts = trunk({}, jnp.array([[1.0, 0.0]]))
    >>> acts.tolist(), tail({}, acts).tolist()
    ([[0.0, 1.0]], [[1.0, 0.0]])
    """
    matmul = lambda a, b: jnp.matmul(a, b, precision="highest")  # noqa: E731
    return Split(
        trunk=lambda params, x: matmul(split.trunk(params, x), rotation.T),
        tail=lambda params, acts: split.tail(params, matmul(acts, rotation)),
    )
