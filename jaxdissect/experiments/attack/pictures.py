"""Pictures of attacked images, and of where the attack moves units."""

from typing import NamedTuple

import jax
import numpy as np

from jaxdissect import networks
from jaxdissect.experiments.attack import attacking
from jaxdissect.experiments.attack import figures as attack_figures
from jaxdissect.experiments.attack import findings as attack_findings
from jaxdissect.experiments.attack import results as attack_results
from jaxdissect.experiments.attack.findings import Findings
from jaxdissect.experiments.attack.page import AttackedImage, Moved, Picture, percent
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.model import Model
from jaxdissect.pages import pictures
from jaxdissect.upsampling import bilinear_matrix

DRAWN = 2
"""Units that rise, and as many that fall, whose maps are drawn."""

QUALITY = 88
"""Of the JPEGs: the differences are fine-grained."""


class Drawn(NamedTuple):
    """An attacked image.

    Attributes:
        title: such as "farm to bedroom".
        moved: the units that move most.
        pictures: (picture [s s 3], name, detail) of each.
    """

    title: str
    moved: list[Moved]
    pictures: list[tuple[np.ndarray, str, str]]

    def shown(self) -> AttackedImage:
        """As a page shows it."""
        parts = [
            Picture(pictures.data_uri(picture, QUALITY), name, detail)
            for picture, name, detail in self.pictures
        ]
        return AttackedImage(self.title, self.moved, parts)

    def row(self) -> list[tuple[np.ndarray, str]]:
        """As a figure shows it."""
        return [
            (picture, f"{name}\n{detail}") for picture, name, detail in self.pictures
        ]


def draw(
    config: AttackSettings, trained: Model, found: Findings, scale: np.ndarray
) -> list[Drawn]:
    """The images that are kept, where the attack succeeds.

    Args:
        config: of the attack.
        trained: the network.
        found: what came of it.
        scale: [U] of the units.
    """
    done = found.attacks
    rows = np.flatnonzero(done.is_shown)
    pairs = attacking.Pairs(
        *(getattr(done, name)[rows] for name in attacking.Pairs._fields)
    )
    if not done.success[rows].any():
        return []
    before = attacking.rendered(config, trained, pairs)
    seen = jax.jit(networks.taps(trained.network, (config.layer, "logits")))
    params = trained.weights.params
    with jax.default_matmul_precision("highest"):
        both = [jax.device_get(seen(params, x)) for x in (before, done.images)]
    chances = [np.asarray(jax.nn.softmax(each["logits"])) for each in both]
    moved = both[1][config.layer] - both[0][config.layer]
    return [
        _drawn(
            config,
            trained,
            found,
            int(row),
            [
                (before[at], chances[0][at]),
                (done.images[at], chances[1][at]),
            ],
            attack_results.of_scale(moved[at], scale),
        )
        for at, row in enumerate(rows)
        if done.success[row]
    ]


def _drawn(
    config: AttackSettings,
    trained: Model,
    found: Findings,
    row: int,
    seen: list[tuple[np.ndarray, np.ndarray]],
    shares: np.ndarray,
) -> Drawn:
    """An image before and after with its classes' chances, and shares [H W U]."""
    done = found.attacks
    (before, _), (after, _) = seen
    parts = [
        _taken_for(found, *each, name)
        for each, name in zip(seen, ("before", "after"), strict=True)
    ]
    original = parts[0][0]
    difference = attack_figures.difference_picture(before, after)
    difference = pictures.scaled(difference, attack_figures.SIDE)
    norm = f"L2 {done.distance[row]:.2f}"
    parts.append(
        (pictures.scaled(difference, attack_figures.SIDE), "difference x 100", norm)
    )
    changes = found.measured[attack_findings.MEASURES[1]].changes[row]
    risen, fallen = attack_findings.moved_most(found.cards, changes, DRAWN)
    for unit in [*risen, *fallen]:
        grid = _on_pixels(config, trained, shares[..., unit.unit])
        picture = attack_figures.change_picture(original, grid)
        said = f"unit {unit.unit}: {percent(unit.change)}"
        parts.append((picture, unit.name, said))
    ends = found.name(int(done.sources[row])), found.name(int(done.targets[row]))
    return Drawn(" to ".join(ends), [*risen, *fallen], parts)


def _taken_for(
    found: Findings, image: np.ndarray, chances: np.ndarray, name: str
) -> tuple[np.ndarray, str, str]:
    k = int(chances.argmax())
    picture = pictures.scaled(attack_figures.as_picture(image), attack_figures.SIDE)
    return picture, name, f"{pictures.short(found.classes[k])} {chances[k]:.2f}"


def _on_pixels(
    config: AttackSettings, trained: Model, change: np.ndarray
) -> np.ndarray:
    size = trained.image_size
    centres = networks.centres(trained.network, config.layer, size)
    rows, columns = (
        bilinear_matrix(cells, attack_figures.SIDE, size, axis, padding="edge")
        for cells, axis in zip(change.shape, centres, strict=True)
    )
    return np.asarray(rows @ change @ columns.T)
