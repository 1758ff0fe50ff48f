"""Removing every unit of some layers: which classes suffer, and from which units."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect import range_checks
from jaxdissect.ablation import layer_effects
from jaxdissect.ablation.layer_effects import Correlations, LayerEffects, SetEffect
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.data.images import ImageSet
from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.experiments.ablate import findings, passes, writing
from jaxdissect.experiments.ablate.settings import AblateSettings
from jaxdissect.model import Model, with_logits
from jaxdissect.runs import halves, outputs, publishing, subjects, sweeps
from jaxdissect.runs.halves import Halves
from jaxdissect.runs.labelled import Probe
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.sweeps import Pass
from jaxdissect.settings import PicturesSettings


class Dissected(NamedTuple):
    """What a layer's units look for.

    Attributes:
        units: labels, IoU, and what a page shows of each unit.
        record: of the run that found it.
    """

    units: "dissect.SavedDissection | dissect.LayerResult"
    record: Mapping[str, Any]


class LayerResult(NamedTuple):
    """What removing the units of a layer did.

    Attributes:
        layer: its name.
        effects: of every unit on every class, with intervals and tests.
        by_class: {class: {"most" or "least": effects while its own units go}}.
        related: correlations of what units are with what their removal does.
        summary: the figures that tell the story.
        images_used: sentences on the images; none of scenes.
        facts: what was measured and how, in reading order.
        dissected: what the units look for, where that is known.
    """

    layer: str
    effects: LayerEffects
    by_class: Mapping[str, Mapping[str, Sequence[SetEffect]]]
    related: Correlations
    summary: Mapping[str, Any]
    images_used: tuple[str, ...]
    facts: Mapping[str, str]
    dissected: "dissect.SavedDissection | dissect.LayerResult | None"

    @property
    def classes(self) -> tuple[str, ...]:
        """[K] names of the classes that occur."""
        return self.effects.classes

    @property
    def findings(self) -> list[str]:
        """What was found, in sentences."""
        return [*self.images_used, *findings.sentences(self.layer, self.summary)]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each unit}: label, class it matters most to, drops."""
        return writing.units_columns(self.effects, self.summary["top"])

    def figures(self) -> dict[str, Any]:
        """{name: matplotlib figure}: those that are saved."""
        return writing.figures_of(self)

    def __repr__(self) -> str:
        return "\n".join(self.findings)

    def _repr_html_(self) -> str:
        return writing.html(self)


class Result(NamedTuple):
    """What removing units of some layers did; `result["conv5_3"]` is a layer's.

    Attributes:
        layers: {layer: what was found}.
        record: what makes it the same run: settings, versions, hashes of what it read.
    """

    layers: Mapping[str, LayerResult]
    record: Mapping[str, Any]

    def __getitem__(self, layer: Any) -> Any:
        """What was found of a layer."""
        if not isinstance(layer, str):
            return tuple.__getitem__(self, layer)
        if layer not in self.layers:
            names = ", ".join(self.layers)
            raise BadInput(f"{layer!r} was not ablated; these were: {names}")
        return self.layers[layer]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each unit of each layer}, `layer` first.

        Attributes that not all layers have are left out.
        """
        tables = {name: layer.table() for name, layer in self.layers.items()}
        columns = [
            column
            for column in next(iter(tables.values()))
            if all(column in table for table in tables.values())
        ]
        names = [name for name, table in tables.items() for _ in table["unit"]]
        return {"layer": names} | {
            column: [value for table in tables.values() for value in table[column]]
            for column in columns
        }

    def write(self, folder: Path) -> None:
        """A folder with tables, arrays, figures and a page for every layer."""
        for name, layer in self.layers.items():
            (folder / name).mkdir()
            writing.write(folder / name, layer)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.layers.values()))

    def _repr_html_(self) -> str:
        return "".join(layer._repr_html_() for layer in self.layers.values())


def ablate(
    network: Model,
    layers: str | Sequence[str],
    images: Halves | ImageSet | ConceptSource | Probe | str | Path,
    *,
    dissection: "dissect.Result | str | Path | None" = None,
    classes: Sequence[str] = (),
    progress: Progress | bool = True,
    **settings: Any,
) -> Result:
    """Remove every unit of some layers and see which classes suffer.

    Args:
        network: as `load` gives it; its outputs are logits or probabilities.
        layers: whose units are removed, in the same passes over the images.
        images: labelled with classes, as `data.scenes` and `data.pictures` give them,
            or the path of a folder with a folder for each class. Of every class the
            first half ranks units, the second reports effects.
        dissection: what units look for: what `dissect` gave, or a folder it wrote.
        classes: only images of these; by default of all that the images have.
        progress: whether to show bars.
        **settings: of `AblateSettings`, such as `value`, `num_rank` and `batch_size`.

    Raises:
        BadInput: an unknown layer or class, classes without images, the dissection of
            something else, or settings that cannot be.
    """
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    told = {**subjects.same_subject(network.subject), **settings}
    config = AblateSettings(layers=layers, classes=tuple(classes), **told)
    if isinstance(images, str | Path):
        pictures = PicturesSettings("pictures", Path(images))
        config = dataclasses.replace(config, data=pictures)
    range_checks.check(config)
    if "outputs" not in network.facts:
        network = with_logits(network, config.network or "the network")
    check_layers(network, config)
    progress = progress_of(progress)
    if isinstance(images, str | Path):
        images = halves.open_images(config, network, progress=progress)
    elif not isinstance(images, Halves):
        images = halves.of_images(
            images,
            network,
            num_rank=config.num_rank,
            num_report=config.num_report,
            classes=config.classes,
            progress=progress,
        )
    dissections = {layer: _dissected(dissection, network, layer) for layer in layers}
    known = {layer: d for layer, d in dissections.items() if d is not None}
    return run(network, images, config, dissections=known, progress=progress)


def run(
    model: Model,
    images: Halves,
    settings: AblateSettings | None = None,
    *,
    dissections: Mapping[str, Dissected] | None = None,
    progress: Progress | bool = True,
) -> Result:
    """Rank the units of layers on some images, and report on others what they do.

    Args:
        model: the network; its outputs are logits.
        images: to rank units on, and others to report on.
        settings: which layers, what replaces a unit, and so on.
        dissections: {layer: what its units look for}, where that is known.
        progress: whether to show bars.

    Raises:
        BadInput: an unknown layer, classes without images, or settings that cannot be.
    """
    settings, dissections = settings or AblateSettings(), dissections or {}
    steps = check_layers(model, settings)
    images = images_of(settings, images)
    this = Pass(model, settings, progress_of(progress), images)
    results = {}
    for layer, (ranked, reported) in passes.measure(this, steps).items():
        known = dissections.get(layer)
        units = None if known is None else known.units
        labels = [""] * len(ranked.costs) if units is None else _labels(units)
        effects = layer_effects.layer_effects(
            jax.random.fold_in(jax.random.key(settings.seed), 1),
            images.classes,
            ranked.costs,
            reported["units"],
            reported["sets"],
            steps[layer],
            _attributes(model, layer, ranked, units),
            labels,
        )
        results[layer] = _layer_result(this, layer, effects, units)
    records = {layer: known.record for layer, known in dissections.items()}
    return Result(results, record_of(settings, model, images, records))


def check_layers(model: Model, settings: AblateSettings) -> dict[str, list[int]]:
    """{layer: how many of its units are removed together}.

    Raises:
        BadInput: an unknown layer, or one without units or weights.
    """
    return {
        layer: passes.removal_steps(settings.share, sweeps.num_units(model, layer))
        for layer in settings.layers
    }


def images_of(settings: AblateSettings, images: Halves) -> Halves:
    """The images of the classes that settings name, if batches of them can be.

    Raises:
        BadInput: a class without images, or a batch with nothing to resample from.
    """
    images = halves.of_classes(images, settings.classes or images.classes)
    for half in (images.rank, images.report):
        number = half.images.num_images
        if settings.value == "resample" and number % settings.batch_size == 1:
            raise BadInput(
                f"`batch_size` is {settings.batch_size}, which leaves one of {number} "
                "images for the last batch; resampling needs two or more"
            )
    return images


def record_of(
    settings: AblateSettings,
    model: Model,
    images: Halves,
    dissections: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What makes it the same run; {layer: record of its dissection, if it has one}."""
    records = {layer: dissections.get(layer, {}) for layer in settings.layers}
    return halves.manifest(settings, model, images, dissections=records)


def _layer_result(
    this: Pass,
    layer: str,
    effects: LayerEffects,
    units: "dissect.SavedDissection | dissect.LayerResult | None",
) -> LayerResult:
    settings: Any = this.config
    key_curves, key_summary, key_correlations = jax.random.split(
        jax.random.fold_in(jax.random.key(settings.seed), 2), 3
    )
    costs = layer_effects.worst_class_drops(effects)
    related = layer_effects.correlations(key_correlations, effects.attributes, costs)
    by_class = layer_effects.set_effects_by_class(key_curves, effects)
    removed = sweeps.share_of_units(settings.share, len(effects.worst))
    summary = findings.summarize(
        key_summary, effects, by_class, related, removed=removed, top=settings.top
    )
    facts, images_used = _facts(this, layer, effects, units), tuple(this.images.said)
    return LayerResult(
        layer, effects, by_class, related, summary, images_used, facts, units
    )


def _facts(this: Pass, layer: str, effects: LayerEffects, units) -> dict[str, str]:
    """What was measured and how, in words."""
    settings: Any = this.config
    known = {"network": subjects.run_name(settings), "layer": layer}
    known |= this.trained.facts
    number, images = int(effects.units.base.true.sum()), this.images
    kind = "scenes" if "scenes" in images.provenance else "pictures"
    facts = {"removed on": f"{number} {kind} not used for ranking"}
    facts |= {"images": " ".join(images.said)} if images.said else {}
    if "outputs" in this.trained.facts:
        facts["outputs"] = this.trained.facts["outputs"]
    if units is None:
        return known | facts | outputs.computed_with()
    return {**units.facts, **facts}


def _attributes(
    model: Model, layer: str, ranked: passes.Ranked, units
) -> dict[str, np.ndarray]:
    """{attribute: [U]}, taken from the ranking images or from a dissection, if any."""
    of = ranked.attributes
    known = {
        "class selectivity": of.selectivity,
        **sweeps.known_norm(model, layer),
        "class correlation": of.class_correlation.max(1),
    }
    if units is not None:
        known["IoU"] = np.array([card.iou for card in units.cards])
    return {**known, "frequency": of.frequency, "mean peak": of.mean_peak}


def _labels(units) -> list[str]:
    return [card.label for card in units.cards]


def _dissected(
    source: "dissect.Result | str | Path | None", network: Model, layer: str
) -> Dissected | None:
    """What a layer's units look for, from a result or a folder of `dissect`.

    Raises:
        BadInput: it is of another layer or network.
    """
    if source is None:
        return None
    if isinstance(source, str | Path):
        subject, folder = network.subject, Path(source)
        if (folder / layer).is_dir():  # of several layers each has a folder
            folder = folder / layer
        record = dissect.expected_record(subject, 0, network, layer, folder=folder)
        return Dissected(dissect.load_dissection(folder), record)
    if source.record["weights"] != network.digest:
        raise BadInput(
            f"`dissection` is of weights {source.record['weights'][:12]}; the network "
            f"has weights {network.digest[:12]}"
        )
    units: Any = source[layer]
    return Dissected(units, source.record)
