"""`ablate`: weights and images -> what units do to classes -> tables, a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect import ablation, caching, metrics
from jaxdissect.ablation import layer_effects as results
from jaxdissect.ablation.layer_effects import LayerEffects
from jaxdissect.errors import BadInput
from jaxdissect.experiments.ablate import figures as drawing
from jaxdissect.experiments.ablate import findings, joining
from jaxdissect.experiments.ablate import tables as effect_tables
from jaxdissect.experiments.ablate.settings import AblateSettings
from jaxdissect.model import Model
from jaxdissect.pages import tables
from jaxdissect.runs import halves, outputs, publishing, records, subjects
from jaxdissect.runs import sweeps as sweeping
from jaxdissect.runs.halves import Halves
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


def run(config: AblateSettings) -> None:
    """Rank units on one split, report on another, write everything to `config.out`."""
    caching.use_compilation_cache()
    trained = halves.load(config)
    steps = {}
    for layer in config.layers:
        units = sweeping.num_units(trained, layer)
        steps[layer] = removal_steps(config.share, units)
    out = config.out or Path("runs") / default_name(config)
    dissections = {
        layer: joining.manifest_of(config, trained, layer) for layer in config.layers
    }
    images = halves.open_images(config, trained)
    halves.announce(images)
    check(config, images)
    manifest = halves.manifest(config, trained, images, dissections=dissections)
    records.check_same_run(out, manifest)
    found = {layer: joining.dissection_of(config, layer) for layer in config.layers}

    def make(work: publishing.Work) -> None:
        this = Pass(trained, config, work.progress, images)
        measured = measure(config, this, steps)
        for layer, (ranked, reported) in measured.items():
            key = jax.random.fold_in(jax.random.key(config.seed), 1)
            attributes = known_of_units(trained, layer, ranked, found[layer])
            effects = results.layer_effects(
                key,
                images.classes,
                ranked.costs,
                reported["units"],
                reported["sets"],
                steps[layer],
                attributes,
                joining.labels_of(found[layer], len(ranked.costs)),
            )
            folder = work.results / layer
            folder.mkdir()
            page = joining.page(config, trained, layer, effects, found[layer], images)
            (folder / "report.html").write_text(page, encoding="utf-8")
            write(folder, config, layer, effects, images.said)

    publishing.make_once(out, manifest, make)
    for layer in config.layers:
        print(f"\n{(out / layer / 'findings.txt').read_text('utf-8')}")
        print(f"report: {out / layer / 'report.html'}")


def check(config: AblateSettings, images: Halves) -> None:
    """Refuse settings that would fail in the middle.

    Raises:
        BadInput: naming the setting.
    """
    for half in (images.rank, images.report):
        number = half.images.num_images
        if config.value == "resample" and number % config.batch_size == 1:
            raise BadInput(
                f"`batch_size` is {config.batch_size}, which leaves one of {number} "
                "images for the last batch; resampling needs two or more"
            )


def default_name(config: AblateSettings) -> str:
    """A folder that tells what is in it."""
    value = "" if config.value == "zero" else f"-{config.value}"
    name = subjects.run_name(config)
    layers = "-".join(config.layers)
    return f"ablate-{name}-{layers}{value}{halves.suffix(config)}"


def measure(
    config: AblateSettings, this: Pass, steps: Mapping[str, list[int]]
) -> dict[str, tuple[Ranked, dict[str, ablation.Effects]]]:
    """Two passes over the network: one to rank, one to report.

    Args:
        config: of the experiment.
        this: the network, and how to run it.
        steps: {layer: how many units to remove}.

    Returns:
        {layer: (ranking, effects of single units and of sets on other images)}.
    """
    replacement = make_replacements(config, this, tuple(steps))
    sweeps = {layer: sweeping.sweeps(this, layer) for layer in steps}
    units = {
        layer: sweeping.on_acts(s.units(), replacement[layer])
        for layer, s in sweeps.items()
    }
    attributes = sweeping.attributes(this)
    parts = {
        layer: {"units": units[layer], "attributes": attributes} for layer in steps
    }
    first = sweeping.measure_split(this, parts, "rank", label="ranking units")
    ranked = {layer: rank(config, **measured) for layer, measured in first.items()}
    parts = {}
    for layer, counts in steps.items():
        keeps = keeps_of(config, ranked[layer].orders, counts)
        sets = sweeping.on_acts(sweeps[layer].sets(keeps), replacement[layer])
        parts[layer] = {"units": units[layer], "sets": sets}
    second = sweeping.measure_split(this, parts, "report", label="removing units")
    for layer in steps:
        ablation.check_different_images(ranked[layer].effects, second[layer]["units"])
    return {layer: (ranked[layer], second[layer]) for layer in steps}


def rank(
    config: AblateSettings,
    units: ablation.Effects,
    attributes: ablation.UnitAttributes,
) -> Ranked:
    """Order the units by what they cost each class."""
    drops = ablation.drops(units)
    cost = {
        "log_probability": drops.log_probability,
        "balanced_accuracy": drops.balanced,
    }[config.rank_by]
    return Ranked(units, attributes, cost, ablation.rank_units(cost))


def keeps_of(
    config: AblateSettings, orders: np.ndarray, counts: list[int]
) -> np.ndarray:
    """Masks of every set that is removed."""
    controls = ablation.random_orders(
        jax.random.key(config.seed), config.random_draws, orders.shape[1]
    )
    every = ablation.removal_orders(orders, controls)
    return np.concatenate([ablation.removal_keeps(order, counts) for order in every])


def removal_steps(share: float, num_units: int) -> list[int]:
    """0, 1, 2, 4, ... and a share of the units, removed and kept."""
    doublings = [2**n for n in range(num_units.bit_length())]
    few = {0, *doublings, sweeping.share_of_units(share, num_units)}
    steps = {n for n in few if n <= num_units}
    return sorted(steps | {num_units - n for n in steps})


def make_replacements(
    config: AblateSettings, this: Pass, layers: tuple[str, ...]
) -> dict[str, sweeping.Replacement]:
    """What removed units become, for every layer."""
    if config.value == "zero":
        return dict.fromkeys(layers, sweeping.zero)
    if config.value == "resample":
        return dict.fromkeys(layers, lambda acts, key: ablation.resampled(key, acts))
    parts = {layer: {"attributes": sweeping.attributes(this)} for layer in layers}
    found = sweeping.measure_split(this, parts, "rank", label="averaging units")

    def mean_of(layer: str) -> sweeping.Replacement:
        mean = np.asarray(found[layer]["attributes"].mean, np.float32)
        return lambda acts, key: mean

    return {layer: mean_of(layer) for layer in layers}


def known_of_units(
    trained: Model, layer: str, ranked: Ranked, found: joining.Dissected | None
) -> dict[str, np.ndarray]:
    """{attribute: [U]}, taken from the ranking images or from a dissection, if any."""
    of = ranked.attributes
    known = {
        "class selectivity": of.selectivity,
        **sweeping.known_norm(trained, layer),
        "class correlation": of.class_correlation.max(1),
    }
    if found is not None:
        known["IoU"] = np.array([card.iou for card in found.cards])
    return {**known, "frequency": of.frequency, "mean peak": of.mean_peak}


def write(
    folder: Path,
    config: AblateSettings,
    layer: str,
    effects: LayerEffects,
    about_images: list[str],
) -> None:
    """Tables, figures and findings of one layer."""
    key_curves, key_summary, key_correlations = jax.random.split(
        jax.random.fold_in(jax.random.key(config.seed), 2), 3
    )
    removed = sweeping.share_of_units(config.share, len(effects.worst))
    costs = results.worst_class_drops(effects)
    related = results.correlations(key_correlations, effects.attributes, costs)
    by_class = results.set_effects_by_class(key_curves, effects)
    for name, table in {
        "units": effect_tables.units_table(effects, config.top),
        "effects": effect_tables.effects_table(effects),
        "ranking": effect_tables.ranking_table(effects),
        "curves": effect_tables.curves_table(effects, by_class),
        "correlations": effect_tables.correlations_table(related),
    }.items():
        tables.write_csv(folder / f"{name}.csv", *table)
    np.savez_compressed(folder / "ablation.npz", **arrays(effects))
    drawing.save_figures(folder, effects, related, removed=removed, top=config.top)
    summary = findings.summarize(
        key_summary, effects, by_class, related, removed=removed, top=config.top
    )
    summary |= {"images_used": " ".join(about_images)} if about_images else {}
    outputs.write_json(folder / "summary.json", summary)
    said = [*about_images, *findings.sentences(layer, summary)]
    (folder / "findings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")


def arrays(effects: LayerEffects) -> dict[str, Any]:
    """Everything counted, for other programs."""
    return {
        "classes": np.array(effects.classes),
        "orders": effects.orders,
        **counts_of(effects.units),
        "curve_counts": effects.curves.counts,
        **{
            f"curve_{order}_{measure}": values
            for order in ("most", "least", "random")
            for measure, values in getattr(effects.curves, order)._asdict().items()
        },
    }


def counts_of(units: ablation.Effects) -> dict[str, np.ndarray]:
    """Single units: counts before and changes of each."""
    fields = ("lost", "gained", "intruding", "withdrawn", "drop", "drop_squared")
    return {
        **{f"base_{name}": v for name, v in units.base._asdict().items()},
        "base_balanced": metrics.balanced_accuracy(units.base),
        **{name: getattr(units, name) for name in fields},
    }
