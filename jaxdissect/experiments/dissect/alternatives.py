"""The same units by other conventions, and the same function along other axes."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, dissection
from jaxdissect.experiments.dissect import tables
from jaxdissect.experiments.dissect.measuring import Scope, measure
from jaxdissect.pages.tables import Table
from jaxdissect.runs import labelled, probes
from jaxdissect.runs.labelled import Probe
from jaxdissect.runs.subjects import Subject

COUNTED = ("detectors", "unique_labels", "unique_by_category", "best_iou", "median_iou")
"""Numbers of a headline that a table of rotations holds."""

Rotations = Mapping[tuple[str, float, int], np.ndarray]
"""{(layer, power, number): matrix [U U]}."""


def by_presets(scope: Scope, images: Probe) -> dict[str, tuple[Table, Table]]:
    """{layer: what every preset counts, and every unit's label by each}.

    Args:
        scope: what is dissected, and how.
        images: all of them; a preset may set some aside to choose levels on.
    """
    size = scope.subject.image_size
    protocols = probes.presets(size)
    findings = {}
    for preset, protocol in protocols.items():
        probe, choosing = labelled.choosing_of(scope.settings, images, protocol, size)
        other = scope._replace(probe=probe, choosing=choosing, protocol=protocol)
        findings[preset] = measure(other, preset)
    concepts, both = images.source.concepts, {}
    for layer in scope.subject.centres:
        results = {name: of[layer].dissection for name, of in findings.items()}
        counts = tables.preset_counts(results, concepts, protocols)
        both[layer] = (counts, tables.preset_labels(results, concepts))
    return both


def rotated(scope: Scope, units: Mapping[str, int]) -> dict[str, Table]:
    """{layer: detectors and unique labels by power and rotation}.

    Args:
        scope: what is dissected, and how.
        units: {layer: how many it has}.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, section 3.2.
    """
    rotations = {
        (layer, power, number): ablation.rotation_power(whole, float(power))
        for layer, num_units in units.items()
        for number in range(scope.settings.rotations)
        for whole in [_rotation(scope.settings.seed, number, num_units)]
        for power in scope.settings.rotate
    }
    other = scope._replace(subject=rotated_subject(scope.subject, rotations))
    findings = measure(other, "rotated")
    rows: dict[str, list] = {layer: [] for layer in units}
    for layer, power, number in rotations:
        result = findings[_name(layer, power, number)].dissection
        concepts = scope.probe.source.concepts
        counts = dissection.headline(result, concepts, scope.protocol)
        values = [getattr(counts, column) for column in COUNTED]
        rows[layer].append([float(power), number, *values])
    columns = ["power", "rotation", *COUNTED]
    return {layer: Table(columns, of_layer) for layer, of_layer in rows.items()}


def rotated_subject(subject: Subject, rotations: Rotations) -> Subject:
    """A network whose layers are seen along other axes, all in one pass."""
    matrices = {_name(*key): (key[0], jnp.array(r)) for key, r in rotations.items()}

    @jax.jit
    def turn(acts):
        return {
            name: jnp.matmul(acts[layer], rotation.T, precision="highest")
            for name, (layer, rotation) in matrices.items()
        }

    return subject._replace(
        forward=lambda images: turn(subject.forward(images)),
        centres={name: subject.centres[layer] for name, (layer, _) in matrices.items()},
    )


def _rotation(seed: int, number: int, num_units: int) -> np.ndarray:
    key = jax.random.fold_in(jax.random.key(seed), number)
    return np.asarray(ablation.random_rotation(key, num_units))


def _name(layer: str, power: float, number: int) -> str:
    return f"{layer}, rotation {number} to the power {power:g}"
