"""The Carlini-Wagner L2 attack: the smallest change that makes a network err.

The steps are a Python loop around one compiled step: a loop inside the program would
run convolutions many times slower on a CPU. Images that are done leave the batch.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from jaxdissect.attacks.steps import Bounds, Goal, check_bounds, check_images, towards
from jaxdissect.base import AnyArray, Params, Tail
from jaxdissect.checking import check_numbers, check_shape
from jaxdissect.errors import BadInput
from jaxdissect.logits import check_tail

INSIDE = 0.999999
"""Images are drawn in by this before arctanh, which is infinite on the bounds."""
STEEP = 0.999
"""Pixels nearer to a bound start here, an eighth of a grey level of 255 inside: beyond,
tanh is so flat that Adam hardly moves them and a loss that will fall looks stalled."""
CHECKS = 10
"""How often a search step looks whether images still get anywhere."""
STALLED = 0.9999
"""An image whose loss has not fallen by this factor since the last look is done."""
RAISE = 10.0
"""What the constant is multiplied with until the attack first succeeds."""
LARGEST = 1e10
"""The constant grows no further."""


class CarliniWagner(NamedTuple):
    """How hard the attack tries; nothing of it depends on the unit of the images.

    Attributes:
        learning_rate: of Adam, in w, which has no unit.
        steps: of Adam, for each constant.
        searches: constants tried, in a binary search.
        constant: the first one tried, the weight of success, in units of the logits,
            beside the squared distance, in units of the squared range of the bounds.
        confidence: kappa, the margin between the logits that counts as success, in
            their units.
    """

    learning_rate: float
    steps: int
    searches: int
    constant: float
    confidence: float = 0.0


ORIGINAL = CarliniWagner(1e-2, 10_000, 9, 1e-3)
"""The authors' own settings."""
LIGHT = CarliniWagner(5e-3, 1_000, 5, 1e-2)
"""The defaults of foolbox 1.8 to 2.4, an eighteenth of those steps."""


class Attacked(NamedTuple):
    """What the attack found.

    Attributes:
        images: [B H W c] the nearest ones that succeed; unchanged where none does.
        success: [B] whether one did.
        distance: [B] the change's L2 norm, in units of the images; infinite where none
            succeeded.
    """

    images: Float[np.ndarray, "B H W c"]
    success: Bool[np.ndarray, "B"]
    distance: Float[np.ndarray, "B"]


def carlini_wagner(
    tail: Tail,
    params: Params,
    images: Float[AnyArray, "B H W c"],
    classes: Int[AnyArray, "B"],
    *,
    goal: Goal = towards,
    settings: CarliniWagner = LIGHT,
    bounds: Bounds = (0.0, 1.0),
) -> Attacked:
    """Find the nearest images that the network takes for other classes.

    Adam minimises |x' - x|^2 / r^2 + c max(kappa - margin, 0) over w, where r is the
    width of the bounds and x' = tanh(w), scaled to the bounds, starts at x. c grows
    tenfold until an image first succeeds, then is bisected; of all successes on the way
    the nearest is kept. An image's result does not depend on the others in its batch,
    nor on the unit of the images, but for rounding.

    Departures from the authors' code: distances are to the image itself rather than to
    the one drawn in by 1e-6; pixels within r / 2000 of a bound start r / 2000 from it,
    where the authors start at 1e-6 r, where tanh is flat and the first looks take an
    attack on a black-and-white picture for one that gets nowhere; and each image stops
    early by its own loss rather than by the batch's.

    Args:
        tail: (params, images) -> logits [B K]; every image's of itself only. Compiled
            here, anew for another function object.
        params: the network's parameters.
        images: within `bounds`.
        classes: each image's target, or with `away_from` the class it is to lose.
        goal: `towards` or `away_from`.
        settings: `LIGHT`, `ORIGINAL` or others.
        bounds: lowest and highest value of a pixel.

    Raises:
        BadInput: images outside the bounds, bounds that are not finite, a class that is
            none, settings out of range, or a tail that does not give logits.

    Reference:
        Carlini and Wagner, Towards evaluating the robustness of neural networks, IEEE
        S&P 2017, section VI.

    >>> tail = lambda params, x: x[:, 0, 0, :1] * jnp.array([1.0, 0.0]) + jnp.array(
    ...     [0.0, 0.5])
    >>> found = carlini_wagner(tail, {}, np.full((1, 1, 1, 1), 0.7), np.array([1]),
    ...     settings=LIGHT._replace(steps=200))
    >>> found.success.tolist(), found.distance.round(2)
    ([True], array([0.2], dtype=float32))
    """
    images, classes = np.asarray(images, np.float32), np.asarray(classes)
    _check(tail, params, images, classes, settings, bounds)
    step = partial(_step, tail, goal, settings, bounds, jax.device_put(params))
    asked = {"images": images, "classes": classes}
    constant = np.full(len(images), settings.constant, np.float32)
    low, high = np.zeros_like(constant), np.full_like(constant, np.inf)
    best = {"nearest": images, "distance": np.full_like(constant, np.inf)}
    for _ in range(settings.searches):
        ended = _minimised(
            step,
            settings.steps,
            asked | {"constant": constant},
            _start(images, bounds) | best,
        )
        best = {name: ended[name] for name in best}
        constant, low, high = _next_constants(constant, low, high, ended["found"])
    distance = np.sqrt(best["distance"]) * np.float32(bounds[1] - bounds[0])
    return Attacked(best["nearest"], np.isfinite(distance), distance)


def _check(tail, params, images, classes, settings, bounds) -> None:
    check_bounds(bounds)
    if not np.isfinite(bounds).all():
        raise BadInput(f"`bounds` is {bounds}; this attack needs finite ones")
    check_images(images, bounds)
    for name in ("learning_rate", "steps", "searches", "constant"):
        value = getattr(settings, name)
        if not 0 < value < np.inf:
            raise BadInput(f"`{name}` is {value}; it must be positive and finite")
        if name in ("steps", "searches") and value != int(value):
            raise BadInput(f"`{name}` is {value}; it must be a whole number")
    if not 0 <= settings.confidence < np.inf:
        raise BadInput(
            f"`confidence` is {settings.confidence}; it must be at least 0 and finite"
        )
    if classes.shape != (len(images),):
        raise BadInput(f"`classes` has length {classes.size}; there are {len(images)}")
    logits = jax.eval_shape(tail, params, images)
    check_shape("tail(params, images)", logits, "B K", B=len(images))
    check_numbers("classes", classes, logits.shape[-1])
    check_tail(tail, params, images)


def _start(images: np.ndarray, bounds: Bounds) -> dict[str, np.ndarray]:
    """Adam before its first step."""
    low, high = bounds
    place = INSIDE * ((2 * images - (low + high)) / (high - low))
    w = np.arctanh(np.clip(place, -STEEP, STEEP))
    found = np.zeros(len(images), bool)
    return {"w": w, "mean": 0 * w, "square": 0 * w, "found": found}


def _minimised(
    step: Callable[..., tuple[dict[str, Array], Array]],
    steps: int,
    asked: Mapping[str, np.ndarray],
    start: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Steps of Adam, as long as they get an image anywhere."""
    ended = {name: values.copy() for name, values in start.items()}
    active = np.arange(len(asked["images"]))
    before = np.full(len(active), np.inf)
    number = 0
    for length in _lengths(steps):
        # Filled up to a power of two, so that few programs are compiled.
        size = min(1 << (len(active) - 1).bit_length(), len(before))
        rows = np.resize(active, size)
        given, part = jax.device_put([_rows(asked, rows), _rows(ended, rows)])
        for _ in range(length):
            number += 1
            part, loss = step(given, part, float(number))
        kept = len(active)
        for name, values in part.items():
            ended[name][active] = np.asarray(values)[:kept]
        losses = np.asarray(loss)[:kept]
        getting_on = losses < STALLED * before[active]
        before[active] = losses
        active = active[getting_on]
        if not len(active):
            break
    return ended


def _rows(arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in arrays.items()}


def _lengths(steps: int) -> list[int]:
    """Steps between two looks."""
    return [len(part) for part in np.array_split(np.arange(steps), min(CHECKS, steps))]


@partial(jax.jit, static_argnums=(0, 1))
def _step(
    tail: Tail,
    goal: Goal,
    settings: CarliniWagner,
    bounds: tuple[Array, Array],
    params: Params,
    asked: dict[str, Array],
    part: dict[str, Array],
    number: Array,
) -> tuple[dict[str, Array], Array]:
    """One step of Adam; what it starts from is kept where it succeeds nearer."""
    low, high = bounds

    def losses(w: Array) -> tuple[Array, tuple[Array, ...]]:
        # Rounding may lead out of the bounds by a last digit.
        changed = jnp.clip(low + (high - low) * (jnp.tanh(w) + 1) / 2, low, high)
        # In units of the range, so that no result depends on the unit of the images.
        change = (changed - asked["images"]) / (high - low)
        distance = (change**2).sum((1, 2, 3))
        margin = goal(tail(params, changed), asked["classes"])
        short = jnp.maximum(settings.confidence - margin, 0)
        loss = distance + asked["constant"] * short
        return loss.sum(), (loss, changed, distance, margin)

    gradient, seen = jax.grad(losses, has_aux=True)(part["w"])
    loss, changed, distance, margin = seen
    success = (margin >= settings.confidence) & (margin > 0)
    nearer = success & (distance < part["distance"])
    mean, square, move = _adam(gradient, part["mean"], part["square"], number)
    part = {
        "w": part["w"] - settings.learning_rate * move,
        "mean": mean,
        "square": square,
        "found": part["found"] | success,
        "distance": jnp.where(nearer, distance, part["distance"]),
        "nearest": jnp.where(nearer[:, None, None, None], changed, part["nearest"]),
    }
    return part, loss


def _adam(gradient, mean, square, number) -> tuple[Array, Array, Array]:
    # Kingma and Ba, ICLR 2015, with its constants; the core does not import optax.
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    unbiased = jnp.sqrt(square / (1 - 0.999**number))
    return mean, square, mean / (1 - 0.9**number) / (unbiased + 1e-8)


def _next_constants(
    constant: np.ndarray, low: np.ndarray, high: np.ndarray, found: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    high = np.where(found, np.minimum(high, constant), high)
    low = np.where(found, low, np.maximum(low, constant))
    raised = np.minimum(RAISE * constant, LARGEST)
    return np.where(np.isfinite(high), (low + high) / 2, raised), low, high
