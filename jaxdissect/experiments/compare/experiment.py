"""Single units in several trainings, rotated and not."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr

from jaxdissect import ablation
from jaxdissect.base import Statistic
from jaxdissect.data import generated
from jaxdissect.errors import BadInput
from jaxdissect.experiments.compare import claims, results
from jaxdissect.experiments.compare.results import Training
from jaxdissect.experiments.compare.settings import CompareSettings
from jaxdissect.model import Model, unit_shapes
from jaxdissect.pages import inline, tables
from jaxdissect.pages.claims import Claim, claims_table
from jaxdissect.plots import figures
from jaxdissect.runs import halves, outputs, publishing
from jaxdissect.runs import sweeps as sweeping
from jaxdissect.runs.halves import Halves
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.sweeps import Pass


class Result(NamedTuple):
    """Single units in several trainings.

    Attributes:
        layer: whose units were removed.
        trainings: what was measured of each.
        claims: of papers, each found or not.
        record: what makes it the same run.
    """

    layer: str
    trainings: list[Training]
    claims: list[Claim]
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each training}."""
        return results.table(self.trainings).by_column()

    def findings(self) -> list[str]:
        """What was found, in words."""
        return claims.sentences(self.trainings, self.claims)

    def write(self, folder: Path) -> None:
        """Tables, figures, and the claims with their numbers into a folder."""
        tables.write_csv(folder / "trainings.csv", *results.table(self.trainings))
        for name, figure in results.figures_of(self.trainings).items():
            figures.save(figure, folder / f"{name}.png")
        tables.write_csv(folder / "claims.csv", *claims_table(self.claims))
        said = "\n".join(self.findings())
        (folder / "findings.txt").write_text(f"{said}\n", encoding="utf-8")
        summary = {
            "trainings": [results.numbers(t) for t in self.trainings],
            "claims": [claim._asdict() for claim in self.claims],
        }
        outputs.write_json(folder / "summary.json", summary)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all."""
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(self.findings())

    def _repr_html_(self) -> str:
        title = f"Single units of {self.layer} in {len(self.trainings)} trainings"
        drawn = results.figures_of(self.trainings)
        return inline.findings(title, self.findings(), drawn)


def run(
    models: Sequence[Model],
    settings: CompareSettings | None = None,
    *,
    images: Sequence[Halves] | None = None,
    progress: Progress | bool = True,
    tell: Callable[[str], Any] = str,
) -> Result:
    """Measure every training, and compare regimes.

    Args:
        models: trainings that differ in BatchNorm, dropout and seed alone.
        settings: which layer, how many rotations, and so on; `trainings` names them.
        images: for each, to rank units on and others to report on; by default scenes.
        progress: whether to show bars.
        tell: is told which training's turn it is.

    Raises:
        BadInput: fewer than two trainings, or some that cannot be compared.
    """
    settings = settings or CompareSettings()
    check(models, settings)
    images = images or [halves.scenes_for(settings, model) for model in models]
    progress = progress_of(progress)
    measured = []
    for number, (model, seen) in enumerate(zip(models, images, strict=True), 1):
        tell(f"{number} of {len(models)}: {_names(models)[number - 1]}")
        part = Pass(model, settings, progress.within(str(number)), seen)
        measured.append(measure(settings, part))
    found = claims.claims(measured)
    return Result(settings.layer, measured, found, record_of(models, settings))


def check(models: Sequence[Model], settings: CompareSettings) -> None:
    """Refuse trainings that cannot be compared.

    Raises:
        BadInput: naming the first of them.
    """
    if len(models) < 2:
        raise BadInput(f"`trainings` has {len(models)} files; two or more are needed")
    names = _names(models)
    for name, model in zip(names, models, strict=True):
        halves.check_on_scenes(model, name)
        sweeping.num_units(model, settings.layer)
    check_comparable(names, models)


def _names(models: Sequence[Model]) -> list[str | Path]:
    numbered = enumerate(models, 1)
    return [m.subject.weights or f"training {number}" for number, m in numbered]


def record_of(models: Sequence[Model], settings: CompareSettings) -> dict[str, Any]:
    """What makes a comparison of these trainings the same run."""
    return outputs.manifest(
        settings,
        weights=[model.digest for model in models],
        scenes=generated.scenes_fingerprint(settings.seed, models[0].image_size),
    )


def measure(config: CompareSettings, this: Pass) -> Training:
    """Everything that is compared, of one training."""
    layer, trained = config.layer, this.trained
    units = unit_shapes(trained, (layer,))[layer][-1]
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
    if not reported["units"].base.correct.sum():
        raise BadInput(
            f"the training of {regime_of(trained)} gets none of the reporting images "
            "right, so that units cannot cost it anything"
        )
    return results.training(
        **regime_of(trained),
        weights=sweeping.incoming_norm(trained, layer),
        axes=_axes(ranked, reported, ""),
        rotated=[_axes(ranked, reported, f" {n}") for n in range(config.rotations)],
        removals=reported["sets"],
        steps=steps,
    )


def check_comparable(paths: Sequence[str | Path], all_trained: Sequence[Model]) -> None:
    """Refuse trainings that differ in more than BatchNorm, dropout and seed.

    Raises:
        BadInput: naming the file.
    """
    seen: dict[tuple, str | Path] = {}
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


def _rectified(part: Statistic) -> Statistic:
    def measure(acts, *rest):
        return part.measure(jnp.maximum(acts, 0), *rest)

    return part._replace(measure=measure)


def _axes(ranked, reported, suffix: str) -> results.Axes:
    return results.axes(
        ranked[f"units{suffix}"],
        ranked[f"attributes{suffix}"],
        reported[f"units{suffix}"],
    )
