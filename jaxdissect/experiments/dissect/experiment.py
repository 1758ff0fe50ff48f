"""Dissecting layers of a network: what is measured, and what comes of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect import dissection, model
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.dissection.layers import make_layers
from jaxdissect.dissection.pipeline import levels_of_layers
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import (
    cards,
    conventions,
    rotations,
    strips,
    writing,
)
from jaxdissect.experiments.dissect.cards import UnitCard
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.model import Model
from jaxdissect.pages.tables import Table
from jaxdissect.runs import labelled, outputs, probes, publishing, subjects
from jaxdissect.runs.labelled import Probe
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.subjects import Subject

LEAST_DRAWS = 40
"""One beyond each end of a 95 % interval."""


class Run(NamedTuple):
    """What is dissected, and how.

    Attributes:
        settings: what the experiment is told.
        subject: the network.
        probe: images to dissect with.
        choosing: images to choose levels on, where the protocol does so.
        protocol: the conventions.
        progress: how far it is.
    """

    settings: DissectSettings
    subject: Subject
    probe: Probe
    choosing: Probe | None
    protocol: dissection.Protocol
    progress: Progress


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
        found: dict[str, list[Any]] = {"layer": []}
        for name, layer in self.layers.items():
            columns = layer.table()
            found["layer"] += [name] * len(columns["unit"])
            for column, values in columns.items():
                found.setdefault(column, []).extend(values)
        return found

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
    size = subject.image_size
    whole = labelled.whole(images)
    protocol = protocol_of(settings, size)
    probe, choosing = labelled.choosing_of(settings, whole, protocol, size)
    this = Run(settings, subject, probe, choosing, protocol, progress_of(progress))
    found = measure(this, num_draws=settings.num_draws)
    drawn = strips.top_strips(this, found)
    results = {
        layer: _layer_result(this, layer, findings, drawn[layer])
        for layer, findings in found.items()
    }
    if settings.compare_presets:
        results = _with_presets(this, whole, results)
    if settings.rotate:
        results = _with_rotations(this, results)
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


def measure(
    this: Run, label: str = "", *, num_draws: int = 0
) -> dict[str, dissection.Findings]:
    """Dissect all layers of a network, running it as often as that takes.

    Args:
        this: what is dissected, and how.
        label: what is dissected, where a run dissects several times.
        num_draws: resamples behind intervals; 0 for neither these nor chance levels.
    """
    settings, subject, probe, choosing, protocol, progress = this

    def look(images: Probe) -> probes.Look:
        return probes.look_at(
            subject,
            images,
            protocol,
            batch_size=settings.batch_size,
            keep_bytes=settings.keep_mib * 2**20,
        )

    looked = look(probe)
    acts, labels, _ = looked.batch(0)
    layers = make_layers(acts, labels, subject.centres, subject.image_size, protocol)
    categories = probe.source.category_numbers()
    levels = sampling = None
    if choosing is not None:
        levels = levels_of_layers(look(choosing).batches, layers, categories, protocol)
    if num_draws:
        key, strata = jax.random.key(settings.seed), probe.source.strata[probe.indices]
        sampling = dissection.Sampling(key, strata, num_draws)
    return dissection.find(
        probes.passes_over(looked, progress, label),
        layers,
        categories,
        num_images=looked.num_images,
        num_top=settings.num_top,
        protocol=protocol,
        levels=levels,
        sampling=sampling,
        memory_bytes=settings.memory_mib * 2**20,
    )


def _layer_result(
    this: Run, layer: str, findings: dissection.Findings, pictures: Sequence[str]
) -> LayerResult:
    source, result, certainty = (
        this.probe.source,
        findings.dissection,
        findings.certainty,
    )
    captions, indices = source.captions, this.probe.indices
    cells, absent = _cells(this, layer), _absent(result, source)
    facts = _facts(this, layer, cells)
    return LayerResult(
        layer=layer,
        findings=findings,
        concepts=source.concepts,
        categories=source.categories,
        protocol=this.protocol,
        headline=dissection.headline(
            result, source.concepts, this.protocol, certainty=certainty
        ),
        cards=cards.unit_cards(
            result,
            source.concepts,
            pictures,
            [[captions[indices[at]] for at in row] for row in findings.top.indices],
            certainty=certainty,
            activity=findings.activity,
        ),
        facts=facts | ({"without a pixel": absent} if absent else {}),
        num_images=len(indices),
        absent=absent,
        cells=cells,
    )


def _with_presets(
    this: Run, whole: Probe, results: Mapping[str, LayerResult]
) -> dict[str, LayerResult]:
    """With what every preset's conventions make of the same units."""
    size = this.subject.image_size
    protocols, found = probes.presets(size), {}
    for preset, protocol in protocols.items():
        probe, choosing = labelled.choosing_of(this.settings, whole, protocol, size)
        other = this._replace(probe=probe, choosing=choosing, protocol=protocol)
        found[preset] = measure(other, preset)
    concepts, changed = whole.source.concepts, {}
    for layer, result in results.items():
        of_layer = {name: each[layer].dissection for name, each in found.items()}
        counts = conventions.preset_counts(of_layer, concepts, protocols)
        labels = conventions.labels_by_preset(of_layer, concepts)
        changed[layer] = result._replace(presets=(counts, labels))
    return changed


def _with_rotations(
    this: Run, results: Mapping[str, LayerResult]
) -> dict[str, LayerResult]:
    """With what the same function, its units read along other axes, looks for."""
    units = {layer: len(result.cards) for layer, result in results.items()}
    turned = rotations.turned(this.settings, this.subject, units)
    found = measure(this._replace(subject=turned.subject), "rotated")
    tables = rotations.tables_of(turned, found, this.probe.source, this.protocol)
    return {name: r._replace(rotation=tables[name]) for name, r in results.items()}


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


def _facts(this: Run, layer: str, cells: str) -> dict[str, str]:
    """What was dissected and how, in words."""
    preset, notes = this.settings.protocol.preset, this.probe.source.notes
    values = ", ".join(f"{n} {value}" for n, value in this.protocol._asdict().items())
    return {
        "layer": layer,
        **this.subject.facts,
        **({"cells": cells} if cells else {}),
        "images": f"{len(this.probe.indices)} {this.probe.source.what}",
        **({"of these images": " ".join(notes)} if notes else {}),
        "protocol": f"{preset}: {values}",
        **outputs.computed_with(),
    }


def _cells(this: Run, layer: str) -> str:
    """What is to be said of a layer's cells, where it matters where they lie."""
    placed = this.protocol.alignment == "receptive_field"
    if not placed and not this.settings.compare_presets:
        return ""
    return subjects.supposed(this.subject.centres[layer])


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
