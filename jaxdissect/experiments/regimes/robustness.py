"""Attacks on networks of one architecture, on a fixed set of images."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxdissect import attacks, networks
from jaxdissect.base import Params
from jaxdissect.data.images import ImageSet

ATTACK_BATCH = 100


class Bench(NamedTuple):
    """What is done to a network on a fixed set of images.

    Attributes:
        attack: (params, step) -> the images changed by the fast gradient sign method.
        top1: (params, images) -> accuracy.
        gradient_norm: (params) -> mean L2 norm of the loss's input gradient.
    """

    attack: Callable[[Params, float], list[Array]]
    top1: Callable[[Params, list[Array]], float]
    gradient_norm: Callable[[Params], float]


def make_bench(network: networks.Network, images: ImageSet, number: int) -> Bench:
    """Functions of params on `number` of the images, at full float32 precision."""
    spread = np.arange(number) * images.num_images // number
    chosen = np.array_split(spread, -(-number // ATTACK_BATCH))
    batches = [(x / np.float32(255), t) for x, t in map(images.read, chosen)]
    predict = jax.jit(lambda params, x: networks.apply(network, params, x).argmax(-1))

    def losses(params: Params, targets: Array, x: Array) -> Array:
        logits = networks.apply(network, params, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets)

    @jax.jit
    def slopes(params: Params, targets: Array, x: Array) -> Array:
        return jax.grad(lambda x: losses(params, targets, x).sum())(x)

    @jax.jit
    def norms(params: Params, targets: Array, x: Array) -> Array:
        return jnp.sqrt((slopes(params, targets, x) ** 2).sum((1, 2, 3))).sum()

    def attack(params: Params, step: float) -> list[Array]:
        with jax.default_matmul_precision("highest"):
            # `fgsm`, but compiled once for all networks and steps.
            return [
                attacks.gradient_step(
                    x, slopes(params, targets, x), step=step, scaling="sign"
                )
                for x, targets in batches
            ]

    def top1(params: Params, changed: list[Array]) -> float:
        with jax.default_matmul_precision("highest"):
            right = [
                (predict(params, x) == targets).sum()
                for x, (_, targets) in zip(changed, batches, strict=True)
            ]
        return int(sum(right)) / number

    def gradient_norm(params: Params) -> float:
        with jax.default_matmul_precision("highest"):
            return float(sum(norms(params, t, x) for x, t in batches)) / number

    return Bench(attack, top1, gradient_norm)
