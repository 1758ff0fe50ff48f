"""`ablate` with a ScaleConfig: the best and worst units louder and softer."""

from pathlib import Path

import jax
import numpy as np

from jaxdissect import ablation, networks
from jaxdissect.base import AnyArray, Statistic
from jaxdissect.cli import analysed, build, outputs, publishing, sweeping
from jaxdissect.cli.config import ScaleConfig
from jaxdissect.cli.sweeping import Pass
from jaxdissect.reports import tables
from jaxdissect.reports.ablation import scaling


def run(config: ScaleConfig) -> None:
    """Choose units on one split, scale them on another, write to `config.out`."""
    build.use_compilation_cache()
    trained = analysed.load(config)
    units = sweeping.num_units(trained, config.layer)
    size = sweeping.share_of_units(config.share, units)
    linear = networks.incoming_layer(trained.network, config.layer)
    name = f"scale-{build.run_name(config)}-{config.layer}"
    out = config.out or Path("runs") / f"{name}{analysed.suffix(config)}"
    images = analysed.open_images(config, trained)
    manifest = analysed.manifest(config, trained, images)

    def make(work: publishing.Work) -> None:
        this = Pass(trained, config, work.progress, images)
        order = rank(config, this)
        sets = chosen_sets(config, order, size)
        measured = measure(config, this, linear, sets, len(order))
        key = jax.random.fold_in(jax.random.key(config.seed), 1)
        scaled = scaling.scaled(key, measured, sets)
        write(work.results, config, scaled, images.said)

    publishing.make_once(out, manifest, make)
    print(f"\n{(out / 'findings.txt').read_text('utf-8')}")
    print(f"results: {out}")


def rank(config: ScaleConfig, this: Pass) -> np.ndarray:
    """Units [U] from the one whose removal costs most, over all classes, to the least.

    By the mean log-probability of the true class, as few answers flip.
    """
    units = sweeping.on_acts(sweeping.sweeps(this, config.layer).units())
    found = sweeping.measure_split(
        this, {config.layer: {"units": units}}, "rank", label="ranking units"
    )
    cost = ablation.drops(found[config.layer]["units"]).log_probability
    return ablation.rank_units(cost.mean(1, keepdims=True))[0]


def chosen_sets(
    config: ScaleConfig, order: np.ndarray, size: int
) -> dict[str, list[list[int]]]:
    """{what they are: sets of units}; random ones are several."""
    units = order.tolist()
    orders = ablation.random_orders(
        jax.random.key(config.seed), config.random_draws, len(units)
    ).tolist()
    return {
        "best unit": [units[:1]],
        "worst unit": [units[-1:]],
        f"best {size} units": [units[:size]],
        f"worst {size} units": [units[-size:]],
        "a random unit": [o[:1] for o in orders],
        f"{size} random units": [o[:size] for o in orders],
    }


def measure(
    config: ScaleConfig,
    this: Pass,
    linear: str,
    sets: dict[str, list[list[int]]],
    num_units: int,
) -> dict[str, dict[float, ablation.Effects]]:
    """{kind of scaling: {factor: effects on all sets in turn}}."""
    keeps = ablation.set_keeps([s for group in sets.values() for s in group], num_units)
    bias = this.trained.weights.params[linear]["params"]["bias"]
    kinds = {
        "outputs": (config.layer, ablation.ZERO),
        "weights and bias": (linear, ablation.ZERO),
        "weights without bias": (linear, bias),
    }
    sweeps = {
        layer: sweeping.sweeps(this, layer).sets(keeps)
        for layer in (config.layer, linear)
    }
    parts: dict[str, dict[str, Statistic]] = {config.layer: {}, linear: {}}
    for kind, (layer, about) in kinds.items():
        for factor in config.factors:
            part = sweeping.on_acts(sweeps[layer], _scaling(factor, about))
            parts[layer][f"{kind} {factor}"] = part
    found = sweeping.measure_split(this, parts, "report", label="scaling units")
    return {
        kind: {f: found[layer][f"{kind} {f}"] for f in config.factors}
        for kind, (layer, _) in kinds.items()
    }


def write(
    folder: Path,
    config: ScaleConfig,
    scaled: list[scaling.Scaled],
    about_images: list[str],
) -> None:
    """Table, figures, and what was found."""
    tables.write_csv(folder / "scaling.csv", *scaling.table(scaled))
    scaling.save_figures(folder, scaled)
    said = [*about_images, *scaling.sentences(config.layer, scaled)]
    (folder / "findings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    rows = [row._asdict() for row in scaled]
    outputs.write_json(folder / "summary.json", {"scaling": rows, "findings": said})


def _scaling(factor: float, about: AnyArray) -> sweeping.Replacement:
    return lambda acts, key: ablation.scaled(acts, factor, about=about)
