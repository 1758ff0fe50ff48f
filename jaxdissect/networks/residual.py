"""Residual blocks: one stage of the table, with a branch inside and a way around it."""

import jax
from jax import Array

from jaxdissect.networks import running
from jaxdissect.networks.stages import Network, Stage, Variables
from jaxdissect.networks.windows import composed


def residual_stage(name: str, branch: Network, shortcut: Network) -> Stage:
    """relu(shortcut(x) + branch(x)), a clean cut; the branch can be tapped and edited.

    Args:
        name: of the block.
        branch: the stages that the shortcut goes around.
        shortcut: the stages of the way around; none for the identity.
    """

    def join(variables: Variables, x: Array, residual: Array) -> Array:
        around = running.apply(shortcut, running.turned(variables), x)
        return jax.nn.relu(around + residual)

    def init(key: Array, x: Array) -> Variables:
        halves = jax.random.split(key)
        _, *shape = x.shape
        started = [
            running.init(half, stages, (shape[0], shape[1], shape[2]))
            for half, stages in zip(halves, (branch, shortcut), strict=True)
        ]
        return running.turned({**started[0], **started[1]})

    def apply(variables: Variables, x: Array) -> Array:
        return join(variables, x, running.apply(branch, running.turned(variables), x))

    def train(variables: Variables, key: Array, x: Array) -> tuple[Array, Variables]:
        keys = jax.random.split(key)
        residual, params, _ = running.train_run(
            keys[0], branch, running.turned(variables), x
        )
        around, params, _ = running.train_run(keys[1], shortcut, params, x)
        return jax.nn.relu(around + residual), running.turned(params)

    return Stage(
        name,
        init=init,
        apply=apply,
        train=train,
        windows=lambda height, width: composed(branch, height, width),
        branch=branch,
        join=join,
    )
