"""Prediction gradients: how a class's score changes with what a layer's units do."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from jaxdissect.base import AnyArray, Params, Tail
from jaxdissect.checking import check_not_empty, check_real, check_shape, is_traced
from jaxdissect.errors import BadInput
from jaxdissect.logits import check_logits, elsewhere
from jaxdissect.memory import intermediate_bytes

Acts = TypeVar("Acts")
"""Activations [B H W U], images [B H W c], or any pytree of such arrays."""

Score = Callable[[Array], Array]
"""(logits [B K]) -> scores [B K]; every image's of its own logits only."""


def probabilities(outputs: Array) -> Array:
    """Softmax whose gradient is right however near to 1 a probability is.

    The largest logit is differentiated, too, so that what moves the likeliest class is
    the sum of what moves the others, and not 1 - p, which float32 rounds to 0 from p =
    1 - 6e-8 on: the gradient of `jax.nn.softmax` then lacks the class's own part.

    >>> slope = jax.grad(lambda z: probabilities(z)[0, 0])
    >>> slope(jnp.array([[20.0, 0.0]])).tolist()[0][0] > 2e-9
    True
    """
    odds = jnp.exp(outputs - outputs.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def log_probabilities(outputs: Array) -> Array:
    """Logarithms of `probabilities`, in nats; right however near to 0 or 1 they are.

    >>> log_probabilities(jnp.array([[0.0, 200.0]])).tolist()
    [[-200.0, 0.0]]
    """
    below = outputs - outputs.max(-1, keepdims=True)
    return below - jnp.log(jnp.exp(below).sum(-1, keepdims=True))


def logits(outputs: Array) -> Array:
    """Scores that are the logits themselves; no other class has a say in them.

    >>> logits(jnp.array([[2.0, -1.0]])).tolist()
    [[2.0, -1.0]]
    """
    return outputs


def prediction_gradient(
    tail: Callable[[Params, Acts], Array],
    params: Params,
    acts: Acts,
    targets: Int[AnyArray, "B"],
    *,
    score: Score = probabilities,
) -> Acts:
    """What every image's class would gain from each unit at each position.

    PG(a) = d y_k / d a with y = score(tail(params, a)) and k the class each image is
    asked about, which need not be the true one. With the whole network for a tail and
    images for activations it is the input gradient.

    It is one forward and one backward pass of the tail, compiled where the caller
    compiles it, as by `jax.jit`.

    Args:
        tail: (params, acts) -> logits [B K]; every image's of its own acts only.
        params: the network's parameters.
        acts: what the tail takes.
        targets: the class each image is asked about, 0 to K - 1.
        score: of the classes; `probabilities`, as in the thesis, their logarithms
            (`log_probabilities`) or `logits`.

    Returns:
        The gradients, shaped as `acts`; zeros where a probability has saturated.

    Raises:
        BadInput: another number of targets than images, or one outside the classes,
            activations that are not finite, scores that are not [B K], or outputs that
            are no logits (`logits.check_logits`). In a compiled program none of the
            values is known: other classes give zeros, and outputs are to be checked
            before, as by `logits.check_tail`.

    Reference:
        Lo, Cohen and Ding, Prediction gradients for feature extraction and analysis
        from convolutional neural networks, FG 2015.

    >>> acts = jnp.array([[[[1.0, 1.0]]]])  # two units, each for a class
    >>> tail = lambda params, acts: acts.sum((1, 2))
    >>> prediction_gradient(tail, {}, acts, jnp.array([0])).ravel().tolist()
    [0.25, -0.25]
    >>> prediction_gradient(tail, {}, acts, jnp.array([0]), score=logits).tolist()
    [[[[1.0, 0.0]]]]
    """
    _check_acts(acts)
    scores, pull, outputs = _scored(tail, score, params, acts)
    check_shape("score(tail(params, acts))", scores, "B K")
    if not any(map(is_traced, (outputs, *jax.tree.leaves(acts)))):
        check_logits(outputs, lambda: tail(params, elsewhere(acts)))
    images, num_classes = scores.shape
    targets = _checked(targets, num_classes)
    if targets.shape != (images,):
        raise BadInput(f"`targets` has length {targets.size}; `acts` has {images}")
    (gradient,) = pull(jax.nn.one_hot(targets, num_classes, dtype=scores.dtype))
    return gradient


def prediction_gradients(
    tail: Tail,
    params: Params,
    acts: Any,
    classes: Int[AnyArray, "K"] | None = None,
    *,
    score: Score = probabilities,
    reduce: Callable[[Any], Any] = lambda gradients: gradients,
    memory_bytes: int = 2**29,
) -> Any:
    """What every class would gain from each unit: one forward pass, K backward.

    The tail is linearised once; the classes' backward passes run side by side, as many
    as `memory_bytes` allows. Compiled here, anew for every `tail` and `reduce` that is
    another function object.

    Args:
        tail: as in `prediction_gradient`.
        params: the network's parameters.
        acts: what the tail takes, or a pytree of it.
        classes: those asked about; all by default.
        score: as in `prediction_gradient`.
        reduce: what to keep of one class's gradients, shaped as `acts`, such as
            `filter_scores`; the maps of all classes may be many times the activations.
        memory_bytes: bound on what the backward passes side by side compute.

    Returns:
        [K *acts], or K times what `reduce` gives, in the order of `classes`.

    Raises:
        BadInput: a class that is none, no classes, activations that are not finite,
            scores that are not [B K], outputs that are no logits, or one backward pass
            needs more than `memory_bytes`.

    >>> acts = jnp.array([[[[1.0, 1.0]]]])
    >>> tail = lambda params, acts: acts.sum((1, 2))
    >>> prediction_gradients(tail, {}, acts).reshape(2, 2).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    _check_acts(acts)
    scores, pull, outputs = _linearised(tail, score, params, acts)
    check_shape("score(tail(params, acts))", scores, "B K")
    check_logits(outputs, lambda: _linearised(tail, score, params, elsewhere(acts))[-1])
    num_classes = scores.shape[-1]
    asked = np.arange(num_classes) if classes is None else np.asarray(classes)
    check_shape("classes", asked, "K")
    check_not_empty("classes", asked, "K")
    _checked(asked, num_classes)
    backward = partial(_backward, reduce, scores.shape)
    each = intermediate_bytes(backward, pull, asked[:1])
    if each > memory_bytes:
        raise BadInput(
            f"`memory_bytes` is {memory_bytes}; one class's backward pass over these "
            f"activations takes {each:.0f}: ask with fewer images"
        )
    size = min(int(memory_bytes // each), len(asked))
    # A loop inside the program would run convolutions many times slower on a CPU; the
    # last chunk is filled up so that all share one program.
    filled = np.pad(asked, (0, -len(asked) % size), mode="edge")
    chunks = [backward(pull, chunk) for chunk in filled.reshape(-1, size)]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts)[: len(asked)], *chunks)


@partial(jax.jit, static_argnums=(0, 1))
def _linearised(tail, score, params, acts):
    return _scored(tail, score, params, acts)


def _scored(tail, score, params, acts):
    """Scores, the way back from them, and the outputs they are of."""

    def both(acts):
        outputs = tail(params, acts)
        return score(outputs), outputs

    return jax.vjp(both, acts, has_aux=True)


@partial(jax.jit, static_argnums=(0, 1))
def _backward(reduce, shape, pull, classes):
    def of_class(number: Array) -> Any:
        one = jax.nn.one_hot(number, shape[-1])
        (gradient,) = pull(jnp.broadcast_to(one, shape))
        return reduce(gradient)

    return jax.vmap(of_class)(classes)


def _check_acts(acts) -> None:
    for values in jax.tree.leaves(acts):
        check_real("acts", values)


def _checked(classes: Int[AnyArray, "..."], num_classes: int) -> Array:
    if not np.issubdtype(classes.dtype, np.integer):
        raise BadInput(f"classes asked about are {classes.dtype}; they are integers")
    if not isinstance(classes, jax.core.Tracer):
        wrong = np.asarray(classes)
        wrong = wrong[(wrong < 0) | (wrong >= num_classes)]
        if wrong.size:
            raise BadInput(
                f"class {wrong[0]} is asked about; the classes are 0 to "
                f"{num_classes - 1}"
            )
    return jnp.asarray(classes)
