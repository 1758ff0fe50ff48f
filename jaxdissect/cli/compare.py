"""`ablate` with a CompareConfig: single units in several trainings, rotated and not."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, networks
from jaxdissect.base import BadInput, Statistic
from jaxdissect.cli import build, outputs, resuming, sweeping
from jaxdissect.cli.config import CompareConfig
from jaxdissect.cli.sweeping import Pass
from jaxdissect.reports import claims, comparison, tables
from jaxdissect.reports.comparison import Training


def run(config: CompareConfig) -> None:
    """Measure every training, compare regimes, write to `config.out`."""
    build.use_compilation_cache()
    sweeping.check(config, "rotations", "random_draws")
    if len(config.trainings) < 2:
        raise BadInput(
            f"`trainings` has {len(config.trainings)} files; two or more are needed"
        )
    all_trained = [build.load_trained(path) for path in config.trainings]
    for trained in all_trained:
        build.unit_shapes(trained, (config.layer,))
    out = config.out or Path("runs") / f"compare-{config.layer}"
    manifest = outputs.manifest(
        config, weights=[trained.weights.digest for trained in all_trained]
    )
    with resuming.resumable_folder(out, manifest) as work:
        measured = []
        for number, (path, trained) in enumerate(
            zip(config.trainings, all_trained, strict=True), 1
        ):
            progress = work.progress / str(number)
            progress.mkdir(exist_ok=True)
            print(f"{number} of {len(all_trained)}: {path}")
            measured.append(measure(config, Pass(trained, config, progress)))
        write(work.results, measured)
    print(f"\n{(out / 'findings.txt').read_text()}")
    print(f"results: {out}")


def measure(config: CompareConfig, this: Pass) -> Training:
    """Everything that is compared, of one training."""
    layer, trained = config.layer, this.trained
    units = build.unit_shapes(trained, (layer,))[layer][-1]
    key_rotations, key_orders = jax.random.split(jax.random.key(config.seed))
    rotations = [
        ablation.random_rotation(key, units)
        for key in jax.random.split(key_rotations, config.rotations)
    ]
    attributes = sweeping.on_logits(ablation.unit_attributes(len(trained.classes)))
    sweeps = sweeping.sweeps(this, layer)
    parts = {"units": sweeping.on_acts(sweeps.units())}
    for n, rotation in enumerate(rotations):
        turned = sweeping.on_acts(
            sweeping.rotated_sweeps(this, layer, rotation).units()
        )
        parts[f"units {n}"] = sweeping.rotated(turned, rotation)
    known = {"attributes": attributes}
    for n, rotation in enumerate(rotations):
        # Like units after a ReLU: selectivity has no meaning for values of both signs.
        known[f"attributes {n}"] = sweeping.rotated(_rectified(attributes), rotation)
    ranked = sweeping.measure_split(
        this, {layer: {**parts, **known}}, "rank", label="ranking units"
    )[layer]
    steps = np.unique(np.linspace(0, units, 17).round().astype(int)).tolist()
    orders = ablation.random_orders(key_orders, config.random_draws, units)
    keeps = np.concatenate([ablation.removal_keeps(order, steps) for order in orders])
    sets = {"sets": sweeping.on_acts(sweeps.sets(keeps))}
    reported = sweeping.measure_split(
        this, {layer: {**parts, **sets}}, "report", label="removing units"
    )[layer]
    ablation.check_different_images(ranked["units"], reported["units"])
    return comparison.training(
        **regime_of(trained),
        weights=incoming_norm(trained, layer),
        axes=_axes(ranked, reported, ""),
        rotated=[_axes(ranked, reported, f" {n}") for n in range(config.rotations)],
        removals=reported["sets"],
        steps=steps,
    )


def regime_of(trained: build.Trained) -> dict[str, Any]:
    """What sets trainings apart: BatchNorm, dropout, seed."""
    described = trained.weights.metadata["config"]
    network = described["network"]
    return {
        "batch_norm": network["batch_norm"],
        "dropout": network["dropout"],
        "seed": described["seed"],
    }


def incoming_norm(trained: build.Trained, layer: str) -> np.ndarray:
    """L1 norm of every unit's incoming weights, [U]."""
    linear = networks.incoming_layer(trained.network, layer)
    kernel = np.asarray(trained.weights.params[linear]["params"]["kernel"])
    return np.abs(kernel).sum(tuple(range(kernel.ndim - 1)))


def write(folder: Path, measured: list[Training]) -> None:
    """Tables, figures, and the claims with their numbers."""
    tables.write_csv(folder / "trainings.csv", *comparison.table(measured))
    comparison.save_figures(folder, measured)
    found = claims.claims(measured)
    tables.write_csv(folder / "claims.csv", *claims.claims_table(found))
    said = claims.sentences(measured, found)
    (folder / "findings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    summary = {
        "trainings": [comparison.numbers(t) for t in measured],
        "claims": [claim._asdict() for claim in found],
    }
    outputs.write_json(folder / "summary.json", summary)


def _rectified(part: Statistic) -> Statistic:
    def measure(acts, *rest):
        return part.measure(jnp.maximum(acts, 0), *rest)

    return part._replace(measure=measure)


def _axes(ranked, reported, suffix: str) -> comparison.Axes:
    return comparison.axes(
        ranked[f"units{suffix}"],
        ranked[f"attributes{suffix}"],
        reported[f"units{suffix}"],
    )
