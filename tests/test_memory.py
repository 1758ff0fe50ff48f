"""What programs need in memory, against what they compute, counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdissect.memory import intermediate_bytes

X = np.ones((8, 4), np.float32)
WHOLE = X.nbytes


def two_steps(x):
    return (x + 1) * 2


PROGRAMS = {
    "nothing": (lambda x: x, 0),
    "elementwise": (two_steps, 2 * WHOLE),
    "of fewer bits": (lambda x: x.astype(jnp.bfloat16), WHOLE / 2),
    "a product": (lambda x: x @ jnp.transpose(x), WHOLE + 8 * 8 * 4),
    "compiled within": (lambda x: jax.jit(two_steps)(x) + 1, 3 * WHOLE),
    "each row": (jax.vmap(two_steps), 2 * WHOLE),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_the_sum_of_all_that_is_computed(name):
    program, expected = PROGRAMS[name]
    assert intermediate_bytes(program, X) == expected


def test_it_grows_with_the_batch_and_shapes_are_enough():
    shapes = [jax.ShapeDtypeStruct((n, 4), np.float32) for n in (1, 8, 80)]
    found = [intermediate_bytes(two_steps, shape) for shape in shapes]
    assert found == [n * 4 * 4 * 2 for n in (1, 8, 80)]


def test_what_a_loop_stacks_counts_besides_what_a_pass_computes():
    def stacked(x):
        return lax.scan(lambda carry, row: (carry, row * 2), 0.0, x)[1]

    # A row of each pass at a time, and all of them stacked.
    assert intermediate_bytes(stacked, X) >= WHOLE + 4 * 4


def test_every_branch_counts():
    def either(x):
        return lax.cond(x.sum() > 0, lambda x: x + 1, lambda x: x @ jnp.ones((4, 4)), x)

    assert intermediate_bytes(either, X) >= 2 * WHOLE


def test_nothing_is_run():
    def refuses(x):
        jax.debug.callback(lambda: pytest.fail("it ran"))
        return x + 1

    assert intermediate_bytes(refuses, X) >= WHOLE
