"""Regularisers side by side: accuracy, robustness, what units look for.

Tables and claims of trainings that differ in their regulariser and seed alone, but for
`input gradient differences`, which takes smaller batches as its source did. Accuracies
come in as fractions and go out in percent.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdissect.pages.claims import Claim, above, mean_and_interval, ordered
from jaxdissect.pages.tables import Cell, Table

BASELINE = "none"

REPORTED = {
    "none": (99.97, 72.32),
    "dropout": (98.04, 68.16),
    "focused dropout per element": (90.71, 72.90),
    "input gradient differences": (99.92, 71.67),
}
"""{regime: training and test accuracy in percent}, of VGG-16 on CIFAR-100 in the thesis
whose Table 2 this is; one run each of 150 epochs. Test accuracies are those of the best
epoch, training accuracies the highest of any epoch in training mode (so 12 of 128
images per element hold it down to 91), but for the gradient's, of the last epoch in
evaluation."""

PENALTIES = (
    BASELINE,
    "input gradient weak",
    "input gradient",
    "input gradient strong",
)
"""Regimes of an exact input-gradient penalty, by rising weight."""

NOTES = (
    "- The best epoch is chosen on the test images, as the source did; the last is "
    "not. Training accuracies are means over the last epoch in training mode, under "
    "the regulariser; the source's are the highest of any epoch.",
    "- `input gradient differences` takes batches of at most 32, as the source did, so "
    "it takes more steps; the source's schedule was one epoch ahead there.",
    "- Input gradients are penalised in normalised pixels and measured in pixels in "
    "[0, 1]. One step of the gradient's sign is a weak attack: robustness against it "
    "can be a vanishing gradient.",
    "- Units are dissected on generated images, not on those of the training.",
    "- p-values are not corrected for the number of claims.",
)
"""What a reader must know before comparing with the source."""


class Measured(NamedTuple):
    """What is known of one training.

    Attributes:
        regime: its name.
        seed: its seed.
        train_top1: of the last epoch, in training mode.
        last_top1: test accuracy after the last epoch.
        best_top1: test accuracy after the best epoch, chosen on the test images.
        clean_top1: on the attacked images before the attack.
        white_box: [S] on those images, attacked through the network itself.
        transferred: [S] attacked through the baseline of another seed.
        gradient_norm: mean L2 norm of the input gradient of the loss of held-out
            images, in units of pixels in [0, 1].
        detectors: {category: units that detect one of its concepts}.
        unique_labels: different labels of the detectors.
        unique_by_category: different best concepts in each category, summed.
    """

    regime: str
    seed: int
    train_top1: float
    last_top1: float
    best_top1: float
    clean_top1: float
    white_box: Float[np.ndarray, "S"]
    transferred: Float[np.ndarray, "S"]
    gradient_norm: float
    detectors: Mapping[str, int]
    unique_labels: int
    unique_by_category: int


def by_regime(measured: Sequence[Measured]) -> dict[str, list[Measured]]:
    """The trainings of each regime, by seed."""
    names = dict.fromkeys(m.regime for m in measured)
    return {
        name: sorted((m for m in measured if m.regime == name), key=lambda m: m.seed)
        for name in names
    }


def percent(trainings: Sequence[Measured], field: str) -> Float[np.ndarray, "N"]:
    """A field of every training, in percent."""
    return np.array([100 * getattr(m, field) for m in trainings])


def trainings_table(measured: Sequence[Measured]) -> Table:
    """One row per training."""
    columns = ["regime", "seed", "train_top1", "last_top1", "best_top1"]
    columns += ["gradient_norm", "unique_labels", "unique_by_category"]
    rows = [[getattr(m, column) for column in columns] for m in measured]
    return Table(columns, rows)


def accuracy_table(
    measured: Sequence[Measured], reported: Mapping[str, tuple[float, float]]
) -> Table:
    """One row per regime: means with 95 % t intervals over seeds.

    Args:
        measured: all trainings.
        reported: {regime: training and test accuracy in the source, in percent}.
    """
    columns = ["regime", "seeds", "train, last epoch", "test, last epoch"]
    columns += ["test, best epoch", "last epoch minus none"]
    columns += ["reported train", "reported test, best epoch"]
    grouped = by_regime(measured)
    rows: list[list[Cell]] = []
    for name, trainings in grouped.items():
        difference = ""
        if name != BASELINE:
            difference = mean_and_interval(minus_baseline(grouped, name, "last_top1"))
        known = [f"{value:.2f}" for value in reported.get(name, ())] or ["", ""]
        fields = ("train_top1", "last_top1", "best_top1")
        means = [mean_and_interval(percent(trainings, field)) for field in fields]
        rows.append([name, len(trainings), *means, difference, *known])
    return Table(columns, rows)


def minus_baseline(
    grouped: Mapping[str, list[Measured]], name: str, field: str
) -> Float[np.ndarray, "N"]:
    """A regime's field less that of the baseline, seed by seed, in points."""
    baseline = {m.seed: m for m in grouped[BASELINE]}
    return np.array(
        [
            100 * (getattr(m, field) - getattr(baseline[m.seed], field))
            for m in grouped[name]
        ]
    )


def robustness_table(measured: Sequence[Measured], steps: Sequence[float]) -> Table:
    """One row per regime and size of the step: accuracy under attack."""
    columns = ["regime", "step * 255", "white box", "transferred from none"]
    rows: list[list[Cell]] = []
    for name, trainings in by_regime(measured).items():
        clean = mean_and_interval(percent(trainings, "clean_top1"))
        rows.append([name, "0", clean, clean])
        for number, step in enumerate(steps):
            accuracies = (
                np.array([100 * getattr(m, kind)[number] for m in trainings])
                for kind in ("white_box", "transferred")
            )
            means = [mean_and_interval(values) for values in accuracies]
            rows.append([name, f"{255 * step:g}", *means])
    return Table(columns, rows)


def detectors_table(measured: Sequence[Measured]) -> Table:
    """One row per regime: detectors by category, unique labels, gradient norm."""
    categories = list(measured[0].detectors)
    columns = ["regime", *categories, "unique labels", "by category"]
    columns += ["input gradient norm"]
    rows: list[list[Cell]] = []
    for name, trainings in by_regime(measured).items():
        counts = [
            mean_and_interval(np.array([float(m.detectors[c]) for m in trainings]))
            for c in categories
        ]
        unique = [
            mean_and_interval(np.array([float(getattr(m, kind)) for m in trainings]))
            for kind in ("unique_labels", "unique_by_category")
        ]
        norms = np.array([m.gradient_norm for m in trainings])
        rows.append([name, *counts, *unique, f"{norms.mean():.3g}"])
    return Table(columns, rows)


def claims(measured: Sequence[Measured], steps: Sequence[float]) -> list[Claim]:
    """What the sources lead one to expect, put to these trainings.

    References:
        Xie et al., Focused Dropout for Convolutional Neural Network, 2021; Ross and
        Doshi-Velez, Improving the adversarial robustness and interpretability of deep
        neural networks by regularizing their input gradients, AAAI 2018.
    """
    grouped = by_regime(measured)
    found = []
    for name in (n for n in grouped if n.startswith("focused dropout")):
        difference = minus_baseline(grouped, name, "last_top1")
        claim = f"{name.capitalize()} costs no more than 1 point"
        found.append(above(claim, "points gained", difference, -1.0))
    if "dropout" in grouped:
        lost = -minus_baseline(grouped, "dropout", "last_top1")
        claim = "Dropout .2 after every convolution costs 2 points or more"
        found.append(above(claim, "points lost", lost, 2.0))
    penalties = [name for name in PENALTIES if name in grouped]
    if len(penalties) > 1:
        norms = [[m.gradient_norm for m in grouped[name]] for name in penalties]
        claim = f"The input gradient shrinks: {', '.join(penalties)}"
        found.append(ordered(claim, "1 / norm", 1 / np.array(norms).T))
    if "input gradient" in grouped:
        found += _robustness_claims(grouped, steps)
    return found


def _robustness_claims(grouped, steps: Sequence[float]) -> list[Claim]:
    name, middle = "input gradient", len(steps) // 2
    baseline = {m.seed: m for m in grouped[BASELINE]}

    def gained(kind: str) -> Float[np.ndarray, "N"]:
        pairs = ((m, baseline[m.seed]) for m in grouped[name])
        differences = (getattr(m, kind) - getattr(b, kind) for m, b in pairs)
        return np.array([100 * each[middle] for each in differences])

    lost = minus_baseline(grouped, name, "last_top1")
    size = f"of {255 * steps[middle]:g}/255"
    return [
        above(
            f"The penalty makes robust against a white-box step {size}",
            "points gained",
            gained("white_box"),
        ),
        above(
            f"The penalty makes robust against a transferred step {size}",
            "points gained",
            gained("transferred"),
        ),
        above("The penalty costs no more than 2 points", "points gained", lost, -2.0),
    ]
