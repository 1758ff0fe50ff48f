"""Single units in several trainings, rotated and not."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr

from jaxdissect import ablation, caching, model
from jaxdissect.base import Statistic
from jaxdissect.data import generated
from jaxdissect.errors import BadInput
from jaxdissect.experiments.compare import claims
from jaxdissect.experiments.compare import results as comparison
from jaxdissect.experiments.compare.results import Training
from jaxdissect.experiments.compare.settings import CompareSettings
from jaxdissect.model import Model
from jaxdissect.pages import tables
from jaxdissect.pages.claims import claims_table
from jaxdissect.runs import halves, outputs, publishing
from jaxdissect.runs import sweeps as sweeping
from jaxdissect.runs.sweeps import Pass


def run(config: CompareSettings) -> None:
    """Measure every training, compare regimes, write to `config.out`."""
    caching.use_compilation_cache()
    if len(config.trainings) < 2:
        raise BadInput(
            f"`trainings` has {len(config.trainings)} files; two or more are needed"
        )
    all_trained = [
        halves.check_on_scenes(model.load_trained(path), path)
        for path in config.trainings
    ]
    for trained in all_trained:
        sweeping.num_units(trained, config.layer)
    check_comparable(config.trainings, all_trained)
    images = [halves.scenes_for(config, trained) for trained in all_trained]
    out = config.out or Path("runs") / f"compare-{config.layer}"
    manifest = outputs.manifest(
        config,
        weights=[trained.weights.digest for trained in all_trained],
        scenes=generated.scenes_fingerprint(config.seed, all_trained[0].image_size),
    )

    def make(work: publishing.Work) -> None:
        measured = []
        for number, (path, trained, seen) in enumerate(
            zip(config.trainings, all_trained, images, strict=True), 1
        ):
            progress = work.progress.within(str(number))
            print(f"{number} of {len(all_trained)}: {path}")
            measured.append(measure(config, Pass(trained, config, progress, seen)))
        write(work.results, measured)

    publishing.make_once(out, manifest, make)
    print(f"\n{(out / 'findings.txt').read_text('utf-8')}")
    print(f"results: {out}")


def measure(config: CompareSettings, this: Pass) -> Training:
    """Everything that is compared, of one training."""
    layer, trained = config.layer, this.trained
    units = model.unit_shapes(trained, (layer,))[layer][-1]
    key_rotations, key_orders = jax.random.split(jax.random.key(config.seed))
    rotations = [
        ablation.random_rotation(key, units)
        for key in jax.random.split(key_rotations, config.rotations)
    ]
    attributes = sweeping.attributes(this)
    sweeps = sweeping.sweeps(this, layer)
    parts = {"units": sweeping.on_acts(sweeps.units())}
    for n, rotation in enumerate(rotations):
        turned = sweeping.on_acts(
            sweeping.rotated_sweeps(this, layer, rotation).units()
        )
        parts[f"units {n}"] = sweeping.seen_rotated(turned, rotation)
    known = {"attributes": attributes}
    for n, rotation in enumerate(rotations):
        # Like units after a ReLU: selectivity has no meaning for values of both signs.
        known[f"attributes {n}"] = sweeping.seen_rotated(
            _rectified(attributes), rotation
        )
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
        weights=sweeping.incoming_norm(trained, layer),
        axes=_axes(ranked, reported, ""),
        rotated=[_axes(ranked, reported, f" {n}") for n in range(config.rotations)],
        removals=reported["sets"],
        steps=steps,
    )


def check_comparable(paths: Sequence[Path], all_trained: Sequence[Model]) -> None:
    """Refuse trainings that differ in more than BatchNorm, dropout and seed.

    Raises:
        BadInput: naming the file.
    """
    seen: dict[tuple, Path] = {}
    for path, trained in zip(paths, all_trained, strict=True):
        described = trained.weights.metadata["config"]
        try:
            regime = tuple(regime_of(trained).values())
        except KeyError as error:
            raise BadInput(
                f"{path} does not say what its training's {error} was"
            ) from None
        for differing in sorted(_rest(described, all_trained[0])):
            raise BadInput(
                f"{path} and {paths[0]} differ in `{differing}`; only trainings that "
                "differ in BatchNorm, dropout and seed alone are compared"
            )
        for key in (regime, (trained.weights.digest,)):
            if key in seen:
                raise BadInput(f"{path} and {seen[key]} are of one regime and seed")
            seen[key] = path


def _rest(described: Mapping[str, Any], first: Model) -> set[str]:
    """Settings, but for those compared, in which a training differs from the first."""
    free = ("network.batch_norm", "network.dropout", "seed", "out", "checkpoint_every")

    def flat(config: Mapping[str, Any]) -> dict[str, Any]:
        leaves = jax.tree_util.tree_leaves_with_path(config)
        named = {keystr(path, simple=True, separator="."): v for path, v in leaves}
        return {name: value for name, value in named.items() if name not in free}

    ours, theirs = flat(described), flat(first.weights.metadata["config"])
    return {n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n)}


def regime_of(trained: Model) -> dict[str, Any]:
    """What sets trainings apart: BatchNorm, dropout, seed."""
    described = trained.weights.metadata["config"]
    network = described["network"]
    # LeNet has no BatchNorm, whatever the setting says.
    batch_norm = network["batch_norm"] and network["architecture"] != "lenet"
    return {
        "batch_norm": batch_norm,
        "dropout": network["dropout"],
        "seed": described["seed"],
    }


def write(folder: Path, measured: list[Training]) -> None:
    """Tables, figures, and the claims with their numbers."""
    tables.write_csv(folder / "trainings.csv", *comparison.table(measured))
    comparison.save_figures(folder, measured)
    found = claims.claims(measured)
    tables.write_csv(folder / "claims.csv", *claims_table(found))
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
