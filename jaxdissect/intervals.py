"""Where quantities lie: intervals of paired changes, means and rank correlations.

Computed on the host in float64; `level` is the probability an interval aims to cover,
in (0, 1), and `num_draws` the number of bootstrap resamples, at least 2 / (1 - level),
so that one falls beyond each end.
"""

from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Float, Integer

from jaxdissect.base import AnyArray
from jaxdissect.checking import check_number, check_shape
from jaxdissect.errors import BadInput
from jaxdissect.significance import checked_counts

BUFFER_BYTES = 2**24
"""Size of one array of draws; about five are alive at a time."""


class Interval(NamedTuple):
    """Where quantities lie: lower and upper ends, float64 of one shape."""

    low: Float[np.ndarray, "*N"]
    high: Float[np.ndarray, "*N"]


class RankCorrelation(NamedTuple):
    """Spearman's rho and the ends of its interval, in [-1, 1]."""

    value: float
    low: float
    high: float


def change_interval(
    key: Array,
    gained: Integer[AnyArray, "*N S"],
    lost: Integer[AnyArray, "*N S"],
    number: Integer[AnyArray, "..."],
    weights: Float[AnyArray, "S"],
    *,
    level: float = 0.95,
    num_draws: int = 1000,
) -> Interval:
    """Bootstrap interval of a paired change in accuracy, from counts alone.

    The change is sum_s weights_s (gained_s - lost_s) / number_s over strata s. Every
    image adds +1, 0 or -1, so resampling the images of a stratum with replacement makes
    (gained, lost) multinomial; drawing that is the bootstrap over images, exactly.

    For the balanced accuracy of a class the strata are its images and all others (right
    when not predicted as the class), the weights (1/2, 1/2).

    [0, 0] means that no image changed, not that the change is certainly 0: a resample
    cannot show what no image did. Where few changed, trust `mcnemar`, which is exact.

    Args:
        key: PRNG key, consumed.
        gained: images of each stratum that were wrong before and right after.
        lost: images right before and wrong after.
        number: images of each stratum, broadcast to [*N S]; an empty one adds 0.
        weights: of the strata, finite.

    Returns:
        Percentile interval, [*N] each; cells with the same counts share theirs.

    Raises:
        BadInput: gained + lost exceeds number, or a value is out of its range.

    Reference:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    >>> counts = np.array([[30, 10], [0, 0]]), np.array([[10, 10], [0, 0]])
    >>> number, weights = np.array([100, 900]), np.array([0.5, 0.5])
    >>> low, high = change_interval(jax.random.key(0), *counts, number, weights)
    >>> bool(0 < low[0] < 0.1 < high[0] < 0.2), low[1].item(), high[1].item()
    (True, 0.0, 0.0)
    """
    ends, weights = _ends(level, num_draws), _finite("weights", weights)
    gained, lost = checked_counts("gained", gained), checked_counts("lost", lost)
    if gained.shape != lost.shape or gained.shape[-1:] != weights.shape:
        raise BadInput(
            f"`gained`, `lost` and `weights` are of the shapes {gained.shape}, "
            f"{lost.shape} and {weights.shape}; they must be [*N S], [*N S] and [S]"
        )
    number, discordant = checked_counts("number", number), gained + lost
    ends_alike = all(
        found in (1, wanted)
        for found, wanted in zip(number.shape[::-1], gained.shape[::-1], strict=False)
    )
    if number.ndim > gained.ndim or not ends_alike:
        raise BadInput(
            f"`number` is of the shape {number.shape}; it must be broadcast to that of "
            f"`gained`, {gained.shape}"
        )
    number = np.broadcast_to(number, gained.shape)
    if (discordant > number).any():
        most, found = (a[discordant > number][0] for a in (number, discordant))
        raise BadInput(f"`gained` + `lost` is {found}; `number` allows {most} there")
    changed = discordant.any(-1)
    cells = np.stack([discordant, gained, number], axis=-2)[changed]
    # Few cells of a table change, and those that do share their counts.
    distinct, inverse = np.unique(cells, axis=0, return_inverse=True)
    size = max(1, BUFFER_BYTES // (8 * num_draws * max(1, len(weights))))
    generator = _generator(key)
    limits = [
        np.quantile(_draw_changes(generator, chunk, weights, num_draws), ends, axis=-1)
        for chunk in np.split(distinct, range(size, len(distinct), size))
    ]
    bounds = np.zeros((2, *changed.shape))
    # numpy 2.0.0 gives the inverse a second axis.
    bounds[:, changed] = np.concatenate(limits, axis=1)[:, inverse.reshape(-1)]
    return Interval(*map(np.asarray, bounds))


def mean_interval(
    total: Float[AnyArray, "..."],
    total_squared: Float[AnyArray, "..."],
    number: Integer[AnyArray, "..."],
    *,
    level: float = 0.95,
) -> Interval:
    """Student's t interval of a mean, from the sum and the sum of squares.

    mean +- t s / sqrt(number) with s^2 = (total_squared - total^2 / number) / (number -
    1). That difference loses digits where the mean is far larger than the spread:
    subtract a constant from the values first.

    Args:
        total: sums of the values, finite.
        total_squared: sums of their squares, finite.
        number: values in each sum, at least 2; the three broadcast.

    Returns:
        The interval, exact for normal values; only the mean where all are equal.

    Raises:
        BadInput: a number is below 2, or no values have such sums.

    Reference:
        Student, The probable error of a mean, Biometrika 1908.

    >>> low, high = mean_interval(np.array(6.0), np.array(14.0), np.array(3))
    >>> low.round(3).item(), high.round(3).item()
    (-0.484, 4.484)
    """
    from scipy import stats  # slow to import

    total, squared = _finite("total", total), _finite("total_squared", total_squared)
    number, (_, upper) = checked_counts("number", number), _ends(level)
    if (number < 2).any():
        raise BadInput(f"`number` holds {number.min()}; an interval needs at least 2")
    mean = total / number
    # Sums may have been taken in float32; what is further off is not rounding.
    if (squared < (1 - 1e-3) * total * mean).any():
        raise BadInput("`total_squared` is below `total`^2 / `number`, its least value")
    variance = np.maximum(squared - total * mean, 0) / (number - 1)
    half_width = stats.t.ppf(upper, number - 1) * np.sqrt(variance / number)
    return Interval(np.asarray(mean - half_width), np.asarray(mean + half_width))


def bootstrap_mean(
    key: Array,
    values: Float[AnyArray, "*N R"],
    *,
    level: float = 0.95,
    num_draws: int = 2000,
) -> Interval:
    """Percentile bootstrap interval of the mean over the last axis.

    Args:
        key: PRNG key, consumed.
        values: finite, at least 2 along R; all rows are resampled alike, so that the
            points of a curve stay together.

    Returns:
        The interval, [*N] each; too narrow for small R, where no draw shows the tails.

    Raises:
        BadInput: R is below 2, or a value is out of its range.

    Reference:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    >>> low, high = bootstrap_mean(jax.random.key(0), np.array([1.0, 2.0, 3.0, 4.0]))
    >>> bool(1 <= low < 2.5 < high <= 4)
    True
    """
    values = _finite("values", values)
    if not values.ndim or not values.size:
        raise BadInput(f"`values` has the shape {values.shape}; none may be empty")
    if values.shape[-1] < 2:
        raise BadInput(f"`values` has length {values.shape[-1]}; R must be at least 2")
    return _bootstrap(key, (values,), np.mean, level, num_draws)


def rank_correlation(
    key: Array,
    x: Float[AnyArray, "U"],
    y: Float[AnyArray, "V"],
    *,
    level: float = 0.95,
    num_draws: int = 2000,
) -> RankCorrelation:
    """Spearman's rho of two measures of the same units, with a bootstrap interval.

    Ties have their average rank. Pairs are resampled and ranked anew in every draw. A
    constant orders nothing: where x or y is constant, in the data or in a draw, the
    correlation is 0 by definition here.

    Args:
        key: PRNG key, consumed.
        x: a finite value of each of at least 3 units.
        y: another, of the same units.

    Returns:
        rho and its percentile interval.

    Raises:
        BadInput: lengths differ or are below 3, or a value is out of its range.

    Reference:
        Spearman, The proof and measurement of association between two things, American
        Journal of Psychology 1904.

    >>> x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> found = rank_correlation(jax.random.key(0), x, -(x**3))
    >>> found.value, found.low
    (-1.0, -1.0)
    """
    x, y = _finite("x", x), _finite("y", y)
    check_shape("x", x, "U")
    check_shape("y", y, "V")
    if len(x) != len(y):
        raise BadInput(f"`y` has {len(y)} units; it must have those of `x`, {len(x)}")
    if len(x) < 3:
        raise BadInput(f"`x` has {len(x)} units; a rank correlation needs at least 3")
    low, high = _bootstrap(key, (x, y), spearman, level, num_draws)
    return RankCorrelation(spearman(x, y).item(), low.item(), high.item())


def _draw_changes(generator, cells, weights, num_draws):
    # cells [M 3 S] -> [M D]. The multinomial is two binomials: how many images change,
    # and how many of these for the better; gained - lost is 2 gained - discordant.
    discordant, gained, number = np.moveaxis(cells, 1, 0)[..., None]
    shape = (*discordant.shape[:-1], num_draws)
    changes = generator.binomial(number, discordant / np.maximum(number, 1), shape)
    gains = generator.binomial(changes, gained / np.maximum(discordant, 1))
    scale = weights / np.maximum(number[..., 0], 1)
    return np.einsum("msd,ms->md", 2 * gains - changes, scale)


def spearman(
    x: Float[AnyArray, "*N U"], y: Float[AnyArray, "*N U"], axis: int = -1
) -> Float[np.ndarray, "*N"]:
    """Spearman's rank correlation, 0 where one side is constant.

    Args:
        x: values of U units, 3 or more.
        y: other values of the same.
        axis: of the units.

    >>> spearman(np.arange(3.0), np.array([1.0, 4.0, 9.0])).item()
    1.0
    """
    from scipy import stats  # slow to import

    middle = (x.shape[axis] + 1) / 2
    x, y = (stats.rankdata(values, axis=axis) - middle for values in (x, y))
    spread = np.sqrt((x**2).sum(axis) * (y**2).sum(axis))
    # At least 1.5 for 3 units or more unless one is constant, and then 0 / 0 is 0.
    return np.asarray((x * y).sum(axis) / np.maximum(spread, 1))


def _bootstrap(key, samples, statistic, level, num_draws):
    from scipy import stats  # slow to import

    _ends(level, num_draws)
    low, high = stats.bootstrap(
        samples,
        statistic,
        n_resamples=num_draws,
        batch=max(1, BUFFER_BYTES // (8 * max(1, samples[0].size))),
        vectorized=True,
        paired=len(samples) > 1,
        axis=-1,
        confidence_level=level,
        method="percentile",
        rng=_generator(key),
    ).confidence_interval
    return Interval(np.asarray(low), np.asarray(high))


def _generator(key):
    # numpy and scipy take no JAX key; its bits as the seed keep the functions pure.
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())


def _ends(level, num_draws=np.inf):
    if not 0 < level < 1:
        raise BadInput(f"`level` is {level}; it must be in (0, 1)")
    if num_draws != np.inf:
        check_number("num_draws", num_draws)
    if num_draws * (1 - level) < 2 - 1e-9:
        least = np.ceil(2 / (1 - level) - 1e-9).astype(int)
        raise BadInput(f"`num_draws` is {num_draws}; {level=} needs at least {least}")
    return (1 - level) / 2, (1 + level) / 2


def _finite(name, values):
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        found = values[~np.isfinite(values)][0]
        raise BadInput(f"`{name}` holds {found}; it must be finite")
    return values
