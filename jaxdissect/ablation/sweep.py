"""Measuring a classifier under many edits, over a data set.

What can change is found first: a unit that its replacement leaves as it is on an image,
as one that is silent there, changes nothing, and such pairs are never evaluated.
"""

import functools
import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, UInt64

from jaxdissect import logits
from jaxdissect.ablation.edits import ZERO
from jaxdissect.ablation.effects import Answers, Effects, merge_effects, tally
from jaxdissect.ablation.tails import EditedTail, pairs_that_fit, sets_that_fit
from jaxdissect.base import AnyArray, Params, Statistic
from jaxdissect.checking import check_not_empty, check_numbers, check_shape
from jaxdissect.errors import BadInput


class Examples(NamedTuple):
    """A batch of images, as the layer sees them.

    Attributes:
        acts: [B H W U] activations, finite.
        targets: [B] true classes, 0 to K - 1.
        replacement: values of edited units, broadcastable to `acts`; zero removes them.
    """

    acts: AnyArray
    targets: AnyArray
    replacement: AnyArray = ZERO


def check_acts(acts, num_units: int | None) -> None:
    """Refuse other units than those edited; any are, where no number is said.

    Raises:
        BadInput: naming what is wrong; of the values of activations nothing is said.
    """
    check_shape("acts", acts, "B H W U")
    check_not_empty("acts", acts, "B H W U")
    if num_units is not None and acts.shape[-1] != num_units:
        raise BadInput(
            f"`acts` has {acts.shape[-1]} units; the edits are of {num_units}"
        )


def check_targets(targets, num_images: int, num_classes: int) -> None:
    """Refuse targets that are no classes, or not one for each image.

    Raises:
        BadInput: naming what is wrong.
    """
    check_shape("targets", targets, "B", B=num_images)
    check_numbers("targets", targets, num_classes)


def halves(acts, targets, replacement) -> Iterator[Examples]:
    """A batch in two parts; replacements of each image go with it."""
    middle = len(acts) // 2
    each_image = replacement.ndim == acts.ndim and len(replacement) == len(acts)
    for part in (slice(None, middle), slice(middle, None)):
        values = replacement[part] if each_image else replacement
        yield Examples(acts[part], targets[part], values)


def signatures(means: Float[np.ndarray, "B U"]) -> UInt64[np.ndarray, "S"]:
    """Numbers that tell images apart, from what the layer does on them on average.

    Images on which all units do the same, as where all are silent, have none.
    """
    hashes = (
        hashlib.blake2b(row.tobytes(), digest_size=8).digest()
        for row in means
        if np.ptp(row) > 0
    )
    return np.array([int.from_bytes(h, "little") for h in hashes], np.uint64)


CHUNKS = 16
"""Pairs of a batch come in about this many chunks: few pairs, little padding."""


class Evaluated(NamedTuple):
    """Answers to edited images, pair by pair.

    Attributes:
        edits: [P] which edit.
        images: [P] which image of the batch.
        answers: [P] what the network said.
    """

    edits: np.ndarray
    images: np.ndarray
    answers: Answers


def unit_effects(
    tail: EditedTail,
    params: Params,
    num_units: int | None = None,
    *,
    num_classes: int | None = None,
    memory_bytes: int = 2**29,
    precision: str = "highest",
) -> Statistic:
    """What replacing each single unit does; edit u replaces unit u.

    (unit, image) pairs in which nothing changes are skipped, exactly.

    Args:
        tail: `by_replaying` or `by_factoring` of a tail that gives logits [B K].
        params: the network's parameters.
        num_units: U; by default that of the activations.
        num_classes: K; by default that of the outputs.
        memory_bytes: bound on what the tail's intermediate arrays take at a time; pairs
            come in chunks, and batches are cut where not even one pair fits.
        precision: of matrix products, as in `jax.default_matmul_precision`.

    Returns:
        A Statistic: batches are `Examples`, the value is `Effects` with N = U.

    Raises:
        BadInput: acts that are not finite or have other units, outputs that are no
            logits (`logits.check_logits`), targets outside the classes, one image that
            does not fit into `memory_bytes`; at the end, a class without images.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020 (single-unit removal).

    >>> from jaxdissect.ablation import Examples, by_replaying
    >>> from jaxdissect.streaming import accumulate
    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> acts = np.eye(2, dtype=np.float32)[:, None, None]  # unit k speaks for class k
    >>> sweep = unit_effects(tail, {})
    >>> effects = accumulate(sweep, [Examples(acts, np.arange(2))])
    >>> effects.lost.tolist()  # without unit 0 class 0 still wins a tie
    [[0, 0], [0, 1]]
    >>> effects.evaluated.item()  # of four pairs
    2
    """

    @jax.jit
    def answer(params, prepared, images, units, targets):
        return _answers(tail.units(params, prepared, images, units), targets[images])

    @functools.cache
    def fitting(shape) -> int:
        return pairs_that_fit(tail, params, shape, memory_bytes=memory_bytes)

    def evaluate(prepared, changed, targets, size) -> Evaluated:
        units, images = np.nonzero(changed.T)
        size = min(size, -(-changed.size // CHUNKS))
        chunks = [
            answer(params, prepared, *_padded(size, images[at], units[at]), targets)
            for at in _slices(len(units), size)
        ]
        return Evaluated(units, images, _joined(chunks, len(units)))

    return _sweep(tail, params, num_units, evaluate, fitting, num_classes, precision)


def set_effects(
    tail: EditedTail,
    params: Params,
    keeps: Float[AnyArray, "N U"],
    *,
    num_classes: int | None = None,
    memory_bytes: int = 2**29,
    precision: str = "highest",
) -> Statistic:
    """What replacing sets of units does; edit n replaces the units whose keep is 0.

    Args:
        tail: `by_replaying` or `by_factoring` of a tail that gives logits [B K].
        params: the network's parameters.
        keeps: one mask per edit, values 0 or 1.
        num_classes: K; by default that of the outputs.
        memory_bytes: as in `unit_effects`.
        precision: as in `unit_effects`.

    Returns:
        A Statistic: batches are `Examples`, the value is `Effects`.

    Raises:
        BadInput: as in `unit_effects`; or `keeps` has other values.

    >>> from jaxdissect.ablation import Examples, by_replaying
    >>> from jaxdissect.streaming import accumulate
    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> acts = np.eye(2, dtype=np.float32)[:, None, None]
    >>> sweep = set_effects(tail, {}, np.array([[1.0, 1.0], [0.0, 0.0]]), num_classes=2)
    >>> accumulate(sweep, [Examples(acts, np.arange(2))]).lost.tolist()
    [[0, 0], [0, 1]]
    """
    keeps = np.asarray(keeps, np.float32)
    if not np.isin(keeps, (0, 1)).all():
        raise BadInput("`keeps` has values other than 0 and 1")
    replaces = 1 - keeps

    @jax.jit
    def answer(params, prepared, chunk, targets):
        return _answers(tail.sets(params, prepared, chunk), targets)

    @functools.cache
    def fitting(shape) -> int:
        return sets_that_fit(tail, params, shape, memory_bytes=memory_bytes)

    def evaluate(prepared, changed, targets, size) -> Evaluated:
        size = min(size, len(keeps))
        chunks = [
            answer(params, prepared, *_padded(size, keeps[at]), targets)
            for at in _slices(len(keeps), size)
        ]
        # Pairs in which nothing changes keep their answer to the last bit.
        edits, images = np.nonzero(replaces @ changed.T.astype(np.float32))
        answers = _joined(chunks, len(keeps))
        return Evaluated(edits, images, Answers(*(a[edits, images] for a in answers)))

    return _sweep(
        tail,
        params,
        keeps.shape[1],
        evaluate,
        fitting,
        num_classes,
        precision,
        len(keeps),
    )


def _sweep(
    tail: EditedTail,
    params: Params,
    num_units: int | None,
    evaluate: Callable[..., Evaluated],
    fitting: Callable[[tuple[int, ...]], int],
    num_classes: int | None,
    precision: str,
    num_edits: int | None = None,
) -> Statistic:
    @jax.jit
    def prepare(params, acts, replacement, targets):
        prepared = tail.prepare(params, acts, jnp.broadcast_to(replacement, acts.shape))
        outputs = tail.whole(params, prepared)
        before = _answers(outputs, targets)
        finite = jnp.isfinite(acts).all() & jnp.isfinite(before.log_probability).all()
        means = acts.mean((1, 2))
        return prepared, before, tail.changed(prepared), finite, means, outputs

    @functools.cache
    def classes_of(shape) -> int:
        """How many the outputs have, which no one said."""
        acts = jax.ShapeDtypeStruct(shape, np.float32)
        targets = jax.ShapeDtypeStruct(shape[:1], np.int32)
        outputs = jax.eval_shape(prepare, params, acts, ZERO, targets)[-1]
        return outputs.shape[-1]

    def measure(acts, targets, replacement) -> Effects:
        check_acts(acts, num_units)
        classes = classes_of(acts.shape) if num_classes is None else num_classes
        check_targets(targets, len(acts), classes)
        size = fitting(acts.shape)
        if size == 0:
            return functools.reduce(
                merge_effects,
                (measure(*half) for half in halves(acts, targets, replacement)),
            )
        with jax.default_matmul_precision(precision):
            *given, outputs = prepare(params, acts, replacement, targets)
            prepared, before, changed, finite, means = given
            if not finite:
                raise BadInput("`acts`, or the outputs they lead to, are not finite")
            far = logits.elsewhere(acts)
            logits.check_logits(
                outputs, lambda: prepare(params, far, replacement, targets)[-1]
            )
            evaluated = evaluate(prepared, np.asarray(changed), targets, size)
        if not np.isfinite(evaluated.answers.log_probability).all():
            raise BadInput("`replacement` leads to outputs that are not finite")
        return tally(
            Answers(*map(np.asarray, before)),
            np.asarray(targets),
            *evaluated,
            num_edits=acts.shape[-1] if num_edits is None else num_edits,
            num_classes=classes,
            images_seen=signatures(np.asarray(means)),
        )

    def value(effects: Effects) -> Effects:
        if (absent := np.flatnonzero(effects.base.true == 0)).size:
            raise BadInput(f"`targets` has no image of class {absent[0]}")
        return effects

    return Statistic(measure, merge_effects, value)


def _answers(outputs: Array, targets: Array) -> Answers:
    log_probability = jax.nn.log_softmax(outputs)
    at = jnp.broadcast_to(targets, outputs.shape[:-1])[..., None]
    true = jnp.take_along_axis(log_probability, at, -1)[..., 0]
    return Answers(outputs.argmax(-1), true)


def _slices(length: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, length, size)]


def _padded(size: int, *arrays: np.ndarray) -> list[np.ndarray]:
    # One shape for all chunks, hence one compilation.
    missing = size - len(arrays[0])
    return [np.pad(a, [(0, missing)] + [(0, 0)] * (a.ndim - 1)) for a in arrays]


def _joined(chunks: list[Answers], length: int) -> Answers:
    if not chunks:
        return Answers(np.zeros(0, np.int32), np.zeros(0, np.float32))
    return Answers(
        *(
            np.concatenate(list(map(np.asarray, p)))[:length]
            for p in zip(*chunks, strict=True)
        )
    )
