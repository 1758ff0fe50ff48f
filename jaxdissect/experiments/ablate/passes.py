"""The passes over the network behind an ablation: one to rank units, one to report."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect import ablation
from jaxdissect.base import Statistic
from jaxdissect.experiments.ablate.settings import AblateSettings
from jaxdissect.runs import sweeps
from jaxdissect.runs.sweeps import Pass


class Ranked(NamedTuple):
    """What the ranking images say of a layer.

    Attributes:
        effects: of removing single units.
        attributes: of the units.
        costs: [U K] what each class loses without each unit.
        orders: [K U] units by importance to each class.
    """

    effects: ablation.Effects
    attributes: ablation.UnitAttributes
    costs: np.ndarray
    orders: np.ndarray


def measure(
    this: Pass, steps: Mapping[str, list[int]]
) -> dict[str, tuple[Ranked, dict[str, ablation.Effects]]]:
    """Two passes over the network: one to rank, one to report.

    Args:
        this: the network, and how to run it.
        steps: {layer: how many units to remove}.

    Returns:
        {layer: (ranking, effects of single units and of sets on other images)}.
    """
    settings: Any = this.config
    replacement = replacements(this, tuple(steps))
    swept = {layer: sweeps.sweeps(this, layer) for layer in steps}
    attributes = sweeps.attributes(this)
    units = {
        layer: sweeps.on_acts(swept[layer].units(), replacement[layer])
        for layer in steps
    }
    parts = {
        layer: {"units": units[layer], "attributes": attributes} for layer in steps
    }
    first = sweeps.measure_split(this, parts, "rank", label="ranking units")
    ranked = {layer: rank(settings, **measured) for layer, measured in first.items()}
    reported: dict[str, dict[str, Statistic]] = {}
    for layer, counts in steps.items():
        keeps = _keeps(settings, ranked[layer].orders, counts)
        sets = sweeps.on_acts(swept[layer].sets(keeps), replacement[layer])
        reported[layer] = {"units": units[layer], "sets": sets}
    second = sweeps.measure_split(this, reported, "report", label="removing units")
    for layer in steps:
        ablation.check_different_images(ranked[layer].effects, second[layer]["units"])
    return {layer: (ranked[layer], second[layer]) for layer in steps}


def rank(
    settings: AblateSettings,
    units: ablation.Effects,
    attributes: ablation.UnitAttributes,
) -> Ranked:
    """Order the units by what they cost each class."""
    drops = ablation.drops(units)
    by_accuracy = settings.rank_by == "balanced_accuracy"
    costs = drops.balanced if by_accuracy else drops.log_probability
    return Ranked(units, attributes, costs, ablation.rank_units(costs))


def removal_steps(share: float, num_units: int) -> list[int]:
    """0, 1, 2, 4, ... and a share of the units, removed and kept."""
    doublings = [2**n for n in range(num_units.bit_length())]
    few = {0, *doublings, sweeps.share_of_units(share, num_units)}
    steps = {n for n in few if n <= num_units}
    return sorted(steps | {num_units - n for n in steps})


def replacements(this: Pass, layers: tuple[str, ...]) -> dict[str, sweeps.Replacement]:
    """What removed units become, for every layer."""
    settings: Any = this.config
    if settings.value == "zero":
        return dict.fromkeys(layers, sweeps.zero)
    if settings.value == "resample":
        return dict.fromkeys(layers, lambda acts, key: ablation.resampled(key, acts))
    parts = {layer: {"attributes": sweeps.attributes(this)} for layer in layers}
    averaged = sweeps.measure_split(this, parts, "rank", label="averaging units")

    def mean_of(layer: str) -> sweeps.Replacement:
        mean = np.asarray(averaged[layer]["attributes"].mean, np.float32)
        return lambda acts, key: mean

    return {layer: mean_of(layer) for layer in layers}


def _keeps(
    settings: AblateSettings, orders: np.ndarray, counts: list[int]
) -> np.ndarray:
    """Masks of every set that is removed."""
    controls = ablation.random_orders(
        jax.random.key(settings.seed), settings.random_draws, orders.shape[1]
    )
    every = ablation.removal_orders(orders, controls)
    return np.concatenate([ablation.removal_keeps(order, counts) for order in every])
