"""The Carlini-Wagner L2 attack: the smallest change that makes a network err.

The steps are a Python loop around one compiled step: a loop inside the program would
run convolutions many times slower on a CPU. Images that are done leave the batch.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from jaxdissect.attacks.bounds import Bounds, check_bounds, check_images
from jaxdissect.base import AnyArray, BadInput, Params, Tail

INSIDE = 0.999999
"""Images are drawn in by this before arctanh, which is infinite on the bounds."""
CHECKS = 10
"""How often a search step looks whether images still get anywhere."""
STALLED = 0.9999
"""An image whose loss has not fallen by this factor since the last look is done."""
RAISE = 10.0
"""What the constant is multiplied with until the attack first succeeds."""


class CarliniWagner(NamedTuple):
    """How hard the attack tries.

    Attributes:
        learning_rate: of Adam.
        steps: of Adam, for each constant.
        searches: constants tried, in a binary search.
        constant: the first one tried, the weight of success beside the distance.
        confidence: kappa, the margin between the logits that counts as success.
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
        distance: [B] the change's L2 norm; infinite where none succeeded.
    """

    images: Float[np.ndarray, "B H W c"]
    success: Bool[np.ndarray, "B"]
    distance: Float[np.ndarray, "B"]


Goal = Callable[[Array, Array], Array]
"""(logits [B K], classes [B]) -> margins [B], positive where the attack succeeds."""


def towards(logits: Float[Array, "B K"], classes: Int[Array, "B"]) -> Float[Array, "B"]:
    """The goal of a targeted attack: how far the class is above all others.

    >>> towards(jnp.array([[3.0, 1.0, 0.0]]), jnp.array([1])).tolist()
    [-2.0]
    """
    asked = jax.nn.one_hot(classes, logits.shape[-1], dtype=bool)
    own = jnp.where(asked, logits, -jnp.inf).max(-1)
    return own - jnp.where(asked, -jnp.inf, logits).max(-1)


def away_from(
    logits: Float[Array, "B K"], classes: Int[Array, "B"]
) -> Float[Array, "B"]:
    """The goal of an untargeted attack: how far some other class is above this one.

    >>> away_from(jnp.array([[3.0, 1.0, 0.0]]), jnp.array([1])).tolist()
    [2.0]
    """
    return -towards(logits, classes)


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

    Adam minimises |x' - x|^2 + c max(kappa - margin, 0) over w, where x' = tanh(w),
    scaled to the bounds, starts at x. c grows tenfold until an image first succeeds,
    then is bisected; of all successes on the way the nearest is kept. An image's
    result does not depend on the others in its batch, but for rounding.

    Departures from the authors' code: distances are to the image itself rather than to
    the one drawn in by 1e-6, and each image stops early by its own loss rather than by
    the batch's.

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
        BadInput: images outside the bounds, a class that is none, or settings out of
            range.

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
    images = jnp.asarray(images, jnp.float32)
    classes = np.asarray(classes)
    _check(tail, params, images, classes, settings, bounds)
    state = _start(images, jnp.asarray(classes), settings.constant)
    for _ in range(settings.searches):
        state = _searched(tail, goal, settings, bounds, params, state)
    best = jax.device_get(state)
    success = np.isfinite(best["distance"])
    return Attacked(best["nearest"], success, np.sqrt(best["distance"]))


def _check(tail, params, images, classes, settings, bounds) -> None:
    check_bounds(bounds)
    check_images(images, bounds)
    for name in ("learning_rate", "steps", "searches", "constant"):
        if not getattr(settings, name) > 0:
            raise BadInput(
                f"`{name}` is {getattr(settings, name)}; it must be positive"
            )
    if not settings.confidence >= 0:
        raise BadInput(f"`confidence` is {settings.confidence}; it must be at least 0")
    if classes.shape != (len(images),):
        raise BadInput(f"`classes` has length {classes.size}; there are {len(images)}")
    num_classes = jax.eval_shape(tail, params, images).shape[-1]
    wrong = classes[(classes < 0) | (classes >= num_classes)]
    if wrong.size:
        raise BadInput(
            f"`classes` has {wrong[0]}; the classes are 0 to {num_classes - 1}"
        )


def _start(images: Array, classes: Array, constant: float) -> dict[str, Array]:
    """All that is known of each image; only `_step` and `_searched` change it."""
    number = len(images)
    return {
        "images": images,
        "classes": classes,
        "constant": jnp.full(number, constant),
        "low": jnp.zeros(number),
        "high": jnp.full(number, jnp.inf),
        "nearest": images,
        "distance": jnp.full(number, jnp.inf),
    }


def _searched(tail, goal, settings, bounds, params, state) -> dict[str, Array]:
    """Adam from the start for every image's constant, then the next constants."""
    state = _restarted(bounds, state)
    active = np.arange(len(state["images"]))
    before = np.full(len(active), np.inf)
    done = 0
    for length in _lengths(settings.steps):
        # Filled up to a power of two, so that few programs are compiled.
        size = min(1 << (len(active) - 1).bit_length(), len(before))
        rows = np.resize(active, size)
        part = {name: values[rows] for name, values in state.items()}
        for number in range(done, done + length):
            part, loss = _step(tail, goal, settings, bounds, params, part, number + 1.0)
        done += length
        kept = len(active)
        state = {name: state[name].at[active].set(part[name][:kept]) for name in state}
        losses = np.asarray(loss)[:kept]
        getting_on = losses <= STALLED * before[active]
        before[active] = losses
        active = active[getting_on]
        if not len(active):
            break
    return _next_constants(state)


def _lengths(steps: int) -> list[int]:
    """Steps between two looks."""
    return [len(part) for part in np.array_split(np.arange(steps), min(CHECKS, steps))]


@partial(jax.jit, static_argnums=0)
def _restarted(bounds: Bounds, state: dict[str, Array]) -> dict[str, Array]:
    low, high = bounds
    centred = (2 * state["images"] - (low + high)) / (high - low)
    start = jnp.arctanh(INSIDE * centred)
    nothing = jnp.zeros_like(start)
    none = jnp.zeros(len(start), bool)
    return state | {"w": start, "mean": nothing, "square": nothing, "found": none}


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _step(
    tail: Tail,
    goal: Goal,
    settings: CarliniWagner,
    bounds: Bounds,
    params: Params,
    part: dict[str, Array],
    number: Array,
) -> tuple[dict[str, Array], Array]:
    """One step of Adam; what it starts from is kept where it succeeds nearer."""
    low, high = bounds

    def losses(w: Array) -> tuple[Array, tuple[Array, ...]]:
        changed = low + (high - low) * (jnp.tanh(w) + 1) / 2
        distance = ((changed - part["images"]) ** 2).sum((1, 2, 3))
        margin = goal(tail(params, changed), part["classes"])
        short = jnp.maximum(settings.confidence - margin, 0)
        loss = distance + part["constant"] * short
        return loss.sum(), (loss, changed, distance, margin)

    gradient, seen = jax.grad(losses, has_aux=True)(part["w"])
    loss, changed, distance, margin = seen
    success = (margin >= settings.confidence) & (margin > 0)
    nearer = success & (distance < part["distance"])
    mean, square, move = _adam(gradient, part["mean"], part["square"], number)
    part = part | {
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


@jax.jit
def _next_constants(state: dict[str, Array]) -> dict[str, Array]:
    constant, found = state["constant"], state["found"]
    high = jnp.where(found, jnp.minimum(state["high"], constant), state["high"])
    low = jnp.where(found, state["low"], jnp.maximum(state["low"], constant))
    bisected = jnp.where(jnp.isfinite(high), (low + high) / 2, RAISE * constant)
    return state | {"constant": bisected, "low": low, "high": high}
