"""What other conventions, and other axes, make of the layers that were dissected."""

from collections.abc import Mapping

from jaxdissect import dissection
from jaxdissect.experiments.dissect import conventions, measuring
from jaxdissect.experiments.dissect import rotations as rotating
from jaxdissect.experiments.dissect.layer_results import folder_of
from jaxdissect.experiments.dissect.measuring import Run
from jaxdissect.pages import tables
from jaxdissect.plots import figures
from jaxdissect.runs import labelled, probes, publishing

Sections = dict[str, list[tuple[str, tables.Table]]]
"""{layer: titled tables for its report}."""


def by_presets(
    this: Run,
    whole: labelled.Probe,
    found: Mapping[str, dissection.Findings],
    work: publishing.Work,
    sections: Sections,
) -> None:
    """Dissect by every preset; presets.csv and labels_by_preset.csv of each layer.

    Args:
        this: the run.
        whole: all its images, of which a preset may want some for choosing levels.
        found: {layer: what the run found}.
        work: its folders.
        sections: gets a table for each layer.
    """
    config, size = this.config, this.subject.image_size
    protocols, results = probes.presets(size), {}
    for preset, protocol in protocols.items():
        probe, choosing = labelled.choosing_of(config, whole, protocol, size)
        run = this._replace(probe=probe, choosing=choosing, protocol=protocol)
        results[preset] = measuring.find(run, work.progress, preset)
    concepts = whole.source.concepts
    for layer in found:
        of_layer = {name: each[layer].dissection for name, each in results.items()}
        folder = folder_of(work.results, layer, found)
        counts = conventions.preset_counts(of_layer, concepts, protocols)
        labels = conventions.labels_by_preset(of_layer, concepts)
        tables.write_csv(folder / "presets.csv", *counts)
        tables.write_csv(folder / "labels_by_preset.csv", *labels)
        sections[layer].append(("The same units by other conventions", counts))


def by_rotations(
    this: Run,
    found: Mapping[str, dissection.Findings],
    work: publishing.Work,
    sections: Sections,
) -> None:
    """Dissect along rotated axes; rotation.csv and rotation.png of each layer."""
    units = {layer: len(each.dissection.iou) for layer, each in found.items()}
    rotated = rotating.rotation_tables(this, units, work.progress)
    for layer, table in rotated.items():
        folder = folder_of(work.results, layer, found)
        tables.write_csv(folder / "rotation.csv", *conventions.untested(table))
        figures.save(conventions.rotation_figure(table), folder / "rotation.png")
        means = conventions.untested(conventions.rotation_means(table))
        sections[layer].append(("The same function along other axes", means))
