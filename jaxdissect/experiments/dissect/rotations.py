"""The random-rotation baseline: the same function, its units read along other axes."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, dissection
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.pages import tables
from jaxdissect.runs import subjects

COUNTED = (
    "detectors",
    "unique_labels",
    "unique_by_category",
    "best_iou",
    "median_iou",
)
"""Numbers of a headline that a table of rotations holds."""


def rotated_subject(
    subject: subjects.Subject, rotations: Mapping[tuple[str, float, int], np.ndarray]
) -> subjects.Subject:
    """A network whose layers are seen along other axes, all in one pass.

    Args:
        subject: the network.
        rotations: {(layer, power, number): matrix}; `name` says what each is called.
    """
    matrices = {name(*key): (key[0], jnp.array(r)) for key, r in rotations.items()}

    @jax.jit
    def turn(acts):
        return {
            called: jnp.matmul(acts[layer], rotation.T, precision="highest")
            for called, (layer, rotation) in matrices.items()
        }

    return subject._replace(
        forward=lambda images: turn(subject.forward(images)),
        centres={
            called: subject.centres[layer] for called, (layer, _) in matrices.items()
        },
    )


def name(layer: str, power: float, number: int) -> str:
    """What a rotated layer is called."""
    return f"{layer}, rotation {number} to the power {power:g}"


def rotations_of(
    config: DissectSettings, units: Mapping[str, int]
) -> Iterator[tuple[tuple[str, float, int], np.ndarray]]:
    """Random rotations of each layer and their powers.

    Args:
        config: `rotate`, `rotations` and `seed` matter.
        units: {layer: how many it has}.
    """
    for layer, num_units in units.items():
        for number in range(config.rotations):
            key = jax.random.fold_in(jax.random.key(config.seed), number)
            whole = np.asarray(ablation.random_rotation(key, num_units))
            for power in config.rotate:
                yield (
                    (layer, power, number),
                    ablation.rotation_power(whole, float(power)),
                )


class Turned(NamedTuple):
    """A network seen along other axes, all in one pass.

    Attributes:
        subject: whose layers are the rotated ones.
        keys: (layer, power, number) of each.
    """

    subject: subjects.Subject
    keys: list[tuple[str, float, int]]


def turned(
    settings: DissectSettings, subject: subjects.Subject, units: Mapping[str, int]
) -> Turned:
    """The network along the axes that settings name.

    Args:
        settings: `rotate`, `rotations` and `seed` matter.
        subject: the network as it is.
        units: {layer: how many it has}.
    """
    rotations = dict(rotations_of(settings, units))
    return Turned(rotated_subject(subject, rotations), list(rotations))


def tables_of(
    turned: Turned,
    found: Mapping[str, dissection.Findings],
    source: ConceptSource,
    protocol: dissection.Protocol,
) -> dict[str, tables.Table]:
    """{layer: detectors and unique labels by power and rotation}."""
    rows: dict[str, list] = {layer: [] for layer, _, _ in turned.keys}
    for layer, power, number in turned.keys:
        result = found[name(layer, power, number)].dissection
        counts = dissection.headline(result, source.concepts, protocol)
        values = [getattr(counts, column) for column in COUNTED]
        rows[layer].append([float(power), number, *values])
    columns = ["power", "rotation", *COUNTED]
    return {layer: tables.Table(columns, each) for layer, each in rows.items()}
