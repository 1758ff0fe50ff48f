"""Regularisers side by side: accuracy, robustness, what units look for.

Tables and claims of trainings that differ in their regulariser and seed alone, but for
`input gradient differences`, which takes smaller batches as its source did. Accuracies
come in as fractions and go out in percent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from jaxdissect.pages.claims import Claim, above, mean_and_interval, ordered

if TYPE_CHECKING:
    from jaxdissect.experiments.regimes.experiment import Measured

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


def by_regime(measured: Sequence["Measured"]) -> dict[str, list["Measured"]]:
    """The trainings of each regime, by seed."""
    names = dict.fromkeys(m.regime for m in measured)
    return {
        name: sorted((m for m in measured if m.regime == name), key=lambda m: m.seed)
        for name in names
    }


def percent(trainings: Sequence["Measured"], field: str) -> Float[np.ndarray, "N"]:
    """A field of every training, in percent."""
    return np.array([100 * getattr(m, field) for m in trainings])


def trainings(measured: Sequence["Measured"]) -> dict[str, list[Any]]:
    """{column: one value per training}."""
    names = ["regime", "seed", "train_top1", "last_top1", "best_top1"]
    names += ["gradient_norm", "unique_labels", "unique_by_category"]
    return {name: [getattr(m, name) for m in measured] for name in names}


def accuracy(
    measured: Sequence["Measured"], reported: Mapping[str, tuple[float, float]]
) -> dict[str, list[Any]]:
    """{column: one value per regime}: means with 95 % t intervals over seeds.

    Args:
        measured: all trainings.
        reported: {regime: training and test accuracy in the source, in percent}.
    """
    groups = by_regime(measured)

    def means(field: str) -> list[str]:
        return [mean_and_interval(percent(group, field)) for group in groups.values()]

    def difference(name: str) -> str:
        if name == BASELINE:
            return ""
        return mean_and_interval(minus_baseline(groups, name, "last_top1"))

    known = [
        [f"{value:.2f}" for value in reported.get(name, ())] or ["", ""]
        for name in groups
    ]
    return {
        "regime": list(groups),
        "seeds": [len(group) for group in groups.values()],
        "train, last epoch": means("train_top1"),
        "test, last epoch": means("last_top1"),
        "test, best epoch": means("best_top1"),
        "last epoch minus none": [difference(name) for name in groups],
        "reported train": [train for train, _ in known],
        "reported test, best epoch": [test for _, test in known],
    }


def minus_baseline(
    grouped: Mapping[str, list["Measured"]], name: str, field: str
) -> Float[np.ndarray, "N"]:
    """A regime's field less that of the baseline, seed by seed, in points."""
    baseline = {m.seed: m for m in grouped[BASELINE]}
    return np.array(
        [
            100 * (getattr(m, field) - getattr(baseline[m.seed], field))
            for m in grouped[name]
        ]
    )


def robustness(
    measured: Sequence["Measured"], steps: Sequence[float]
) -> dict[str, list[Any]]:
    """{column: one value per regime and size of the step}: accuracy under attack."""
    groups = by_regime(measured)

    def means(kind: str) -> list[str]:
        return [
            mean_and_interval(values)
            for group in groups.values()
            for values in under_attack(group, kind).T
        ]

    sizes = ["0", *(f"{255 * step:g}" for step in steps)]
    return {
        "regime": [name for name in groups for _ in sizes],
        "step * 255": sizes * len(groups),
        "white box": means("white_box"),
        "transferred from none": means("transferred"),
    }


def under_attack(
    trainings: Sequence["Measured"], kind: str
) -> Float[np.ndarray, "N S"]:
    """Accuracy of every training in percent, without attack and by size of the step."""
    return np.array([[100 * m.clean_top1, *100 * getattr(m, kind)] for m in trainings])


def detectors(measured: Sequence["Measured"]) -> dict[str, list[Any]]:
    """{column: one value per regime}: detectors, unique labels, gradient norm."""
    groups = by_regime(measured).values()

    def means(counts: Iterable[Sequence[float]]) -> list[str]:
        return [mean_and_interval(np.array(count, float)) for count in counts]

    norms = [np.mean([m.gradient_norm for m in group]) for group in groups]
    return {
        "regime": list(by_regime(measured)),
        **{
            category: means([m.detectors[category] for m in g] for g in groups)
            for category in measured[0].detectors
        },
        "unique labels": means([m.unique_labels for m in g] for g in groups),
        "by category": means([m.unique_by_category for m in g] for g in groups),
        "input gradient norm": [f"{norm:.3g}" for norm in norms],
    }


def claims(measured: Sequence["Measured"], steps: Sequence[float]) -> list[Claim]:
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
