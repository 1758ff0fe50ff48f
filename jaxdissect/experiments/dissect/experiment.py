"""Dissecting layers of a network: what is measured, and what comes of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import dissection, model
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import (
    alternatives,
    cards,
    measuring,
    writing,
)
from jaxdissect.experiments.dissect.cards import UnitCard
from jaxdissect.experiments.dissect.measuring import Scope
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.model import Model
from jaxdissect.pages.tables import Table
from jaxdissect.runs import labelled, outputs, probes, publishing, subjects
from jaxdissect.runs.labelled import Probe
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.subjects import Subject

LEAST_DRAWS = 40
"""One beyond each end of a 95 % interval."""


class LayerResult(NamedTuple):
    """What the units of a layer look for.

    Attributes:
        layer: its name.
        findings: thresholds, IoU, labels, top images, and how sure the labels are.
        concepts: [C] names and categories.
        categories: in the order to show them.
        protocol: the conventions that were followed.
        headline: the layer's numbers.
        cards: [U] what a page shows of each unit.
        facts: what was dissected and how, in reading order.
        num_images: on how many images.
        absent: concepts without a pixel, in words; "" for none.
        cells: what is to be said of where its cells lie; "" where it is known.
        presets: the units' counts and labels by every preset, if these were asked for.
        rotation: counts along rotated axes, if these were asked for.
    """

    layer: str
    findings: dissection.Findings
    concepts: tuple[Concept, ...]
    categories: tuple[str, ...]
    protocol: dissection.Protocol
    headline: dissection.Headline
    cards: Sequence[UnitCard]
    facts: dict[str, str]
    num_images: int
    absent: str
    cells: str
    presets: tuple[Table, Table] | None = None
    rotation: Table | None = None

    @property
    def labels(self) -> list[str]:
        """[U] the concept each unit matches best; "" for one that matches none."""
        return [card.label for card in self.cards]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each unit}: label, category, IoU, interval, ...

        Detectors beyond chance come first, where some are not.
        """
        return writing.units_table(self).by_column()

    def __repr__(self) -> str:
        return writing.in_words(self)

    def _repr_html_(self) -> str:
        return writing.html(self)


class Result(NamedTuple):
    """What the units of some layers look for; `result["conv5_3"]` is a layer's.

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
            raise BadInput(f"{layer!r} was not dissected; these were: {names}")
        return self.layers[layer]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each unit of each layer}, `layer` first."""
        columns: dict[str, list[Any]] = {"layer": []}
        for name, result in self.layers.items():
            of_layer = result.table()
            columns["layer"] += [name] * len(of_layer["unit"])
            for column, cells in of_layer.items():
                columns.setdefault(column, []).extend(cells)
        return columns

    def write(self, folder: Path) -> None:
        """Tables, arrays and a report for every layer into a folder."""
        writing.write(folder, self.layers)

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


def dissect(
    network: Model,
    layers: Sequence[str],
    images: ConceptSource,
    *,
    progress: Progress | bool = True,
    **settings: Any,
) -> Result:
    """What every unit of some layers looks for.

    Args:
        network: as `load` gives it.
        layers: whose units are dissected, in the same passes over the images.
        images: labelled, as `data.scenes`, `data.segmented`, ... give them.
        progress: whether to show bars.
        **settings: of `DissectSettings`, such as `protocol` and `num_draws`.

    Raises:
        BadInput: an unknown layer, or settings or images that cannot be.
    """
    told = {**subjects.same_subject(network.subject), **images.told, **settings}
    return run(
        network,
        images,
        DissectSettings(layers=tuple(layers), **told),
        progress=progress,
    )


def run(
    network: Model,
    images: ConceptSource | Probe,
    settings: DissectSettings | None = None,
    *,
    progress: Progress | bool = True,
) -> Result:
    """Dissect layers of a network.

    Args:
        network: as `load` gives it.
        images: labelled; all of a source, or a part.
        settings: which layers, by which conventions, and so on.
        progress: whether to show bars.

    Raises:
        BadInput: an unknown layer, or settings or images that cannot be.
    """
    settings = settings or DissectSettings()
    return run_subject(
        subject_of(network, settings), images, settings, progress=progress
    )


def subject_of(network: Model, settings: DissectSettings) -> Subject:
    """The layers that settings name, of a network or its random form.

    Raises:
        BadInput: an unknown layer, or one that cannot be dissected.
    """
    if settings.random_weights:
        network = model.with_random_weights(network, settings.seed)
    layers = settings.layers
    if layers == ("all",):
        layers = model.usual_layers(network)
    return subjects.of_trained(network, layers, _facts_of(settings, network))


def run_subject(
    subject: Subject,
    images: ConceptSource | Probe,
    settings: DissectSettings,
    *,
    progress: Progress | bool = True,
) -> Result:
    """Dissect any function from images to the activations of layers.

    Args:
        subject: the function, and where the cells of its maps lie.
        images: labelled; all of a source, or a part.
        settings: everything else.
        progress: whether to show bars.

    Raises:
        BadInput: settings or images that cannot be.
    """
    size, whole = subject.image_size, labelled.whole(images)
    protocol = protocol_of(settings, size)
    probe, choosing = labelled.choosing_of(settings, whole, protocol, size)
    progress = progress_of(progress)
    scope = Scope(settings, subject, probe, choosing, protocol, progress)
    findings = measuring.measure(scope, num_draws=settings.num_draws)
    strips = measuring.top_strips(scope, findings)
    results = {
        layer: _layer_result(scope, layer, of_layer, strips[layer])
        for layer, of_layer in findings.items()
    }
    if settings.compare_presets:
        for layer, presets in alternatives.by_presets(scope, whole).items():
            results[layer] = results[layer]._replace(presets=presets)
    if settings.rotate:
        units = {layer: len(result.cards) for layer, result in results.items()}
        for layer, rotation in alternatives.rotated(scope, units).items():
            results[layer] = results[layer]._replace(rotation=rotation)
    return Result(results, record_of(subject, probe, settings))


def protocol_of(settings: DissectSettings, image_size: int) -> dissection.Protocol:
    """The conventions that settings name, for images of a size.

    Raises:
        BadInput: conventions, or numbers of draws, that cannot be.
    """
    if settings.num_draws and settings.num_draws < LEAST_DRAWS:
        raise BadInput(
            f"`num_draws` is {settings.num_draws}; it must be 0 or at least "
            f"{LEAST_DRAWS}"
        )
    return probes.make_protocol(settings.protocol, image_size)


def record_of(
    subject: Subject, probe: Probe, settings: DissectSettings
) -> dict[str, Any]:
    """What makes a dissection of this network with these images the same run."""
    return outputs.manifest(
        settings, weights=subject.digest, images=probe.source.digest
    )


def _layer_result(
    scope: Scope, layer: str, findings: dissection.Findings, strips: Sequence[str]
) -> LayerResult:
    source, indices = scope.probe.source, scope.probe.indices
    result, certainty = findings.dissection, findings.certainty
    captions = [
        [source.captions[indices[at]] for at in row] for row in findings.top.indices
    ]
    cells, absent = _cells(scope, layer), _absent(result, source)
    facts = _facts(scope, layer, cells)
    return LayerResult(
        layer=layer,
        findings=findings,
        concepts=source.concepts,
        categories=source.categories,
        protocol=scope.protocol,
        headline=dissection.headline(
            result, source.concepts, scope.protocol, certainty=certainty
        ),
        cards=cards.unit_cards(
            result,
            source.concepts,
            strips,
            captions,
            certainty=certainty,
            activity=findings.activity,
        ),
        facts=facts | ({"without a pixel": absent} if absent else {}),
        num_images=len(indices),
        absent=absent,
        cells=cells,
    )


def _facts_of(settings: DissectSettings, network: Model) -> dict[str, str]:
    """What is said about a network in the report's head."""
    accuracy = network.weights.metadata.get("summary", {}).get("test_top1")
    known = "unknown" if accuracy is None else f"{accuracy:.1%} on held-out images"
    random = f"random, seed {settings.seed}"
    return {
        "network": subjects.run_name(settings),
        **network.facts,
        "weights": random
        if settings.random_weights
        else f"sha256 {network.digest[:12]}",
        "top-1": "that of chance" if settings.random_weights else known,
    }


def _facts(scope: Scope, layer: str, cells: str) -> dict[str, str]:
    """What was dissected and how, in words."""
    preset, notes = scope.settings.protocol.preset, scope.probe.source.notes
    values = ", ".join(f"{n} {value}" for n, value in scope.protocol._asdict().items())
    return {
        "layer": layer,
        **scope.subject.facts,
        **({"cells": cells} if cells else {}),
        "images": f"{len(scope.probe.indices)} {scope.probe.source.what}",
        **({"of these images": " ".join(notes)} if notes else {}),
        "protocol": f"{preset}: {values}",
        **outputs.computed_with(),
    }


def _cells(scope: Scope, layer: str) -> str:
    """What is to be said of a layer's cells, where it matters where they lie."""
    placed = scope.protocol.alignment == "receptive_field"
    if not placed and not scope.settings.compare_presets:
        return ""
    return subjects.supposed(scope.subject.centres[layer])


def _absent(result: dissection.Dissection, source: ConceptSource) -> str:
    """Which concepts, and whole categories, no image has a pixel of; "" for none."""
    there = np.asarray(result.overlap.concept) > 0
    absent = [c for c, has in zip(source.concepts, there, strict=True) if not has]
    if not absent:
        return ""
    present = {c.category for c, has in zip(source.concepts, there, strict=True) if has}
    empty = [name for name in source.categories if name not in present]
    shown = writing.ABSENT_SHOWN
    names = [f"{concept.category}/{concept.name}" for concept in absent[:shown]]
    more = len(absent) - len(names)
    said = f"{len(absent)} of {len(there)} concepts: {', '.join(names)}"
    said += f" and {more} more" if more else ""
    return said + (f"; nothing of {', '.join(empty)}" if empty else "")
