"""Unit ablation: what breaks when units are taken away, scaled or exchanged.

In reading order: `edits` (masks and replacements), `tails` (how an edited tail is
evaluated, and how many edits fit), `sweep` (over a data set), `effects` (what a sweep
counts), `evidence` (intervals and tests), `importance`, `attributes`, `rotation`,
`layer_effects` (all of a layer); `knockouts` (units of several layers together, the
whole network run anew).
"""

from jaxdissect.ablation.attributes import (
    UnitAttributes,
    class_selectivity,
    unit_attributes,
)
from jaxdissect.ablation.edits import (
    ZERO,
    removal_keeps,
    resampled,
    scaled,
    set_keeps,
)
from jaxdissect.ablation.effects import (
    Answers,
    Drops,
    Effects,
    check_different_images,
    drops,
    edited_counts,
    merge_effects,
    of_classes,
    tally,
)
from jaxdissect.ablation.evidence import (
    balanced_interval,
    changes_answers,
    log_probability_interval,
    top1_interval,
)
from jaxdissect.ablation.importance import (
    Curve,
    RemovalCurves,
    random_orders,
    rank_units,
    removal_area,
    removal_curves,
    removal_orders,
)
from jaxdissect.ablation.knockouts import knockout_counts, split_keeps
from jaxdissect.ablation.rotation import random_rotation, rotated, rotation_power
from jaxdissect.ablation.sweep import Examples, set_effects, unit_effects
from jaxdissect.ablation.tails import (
    EditedTail,
    by_factoring,
    by_replaying,
    edited_outputs,
    pairs_that_fit,
    sets_that_fit,
)

__all__ = [
    "ZERO",
    "Answers",
    "Curve",
    "Drops",
    "EditedTail",
    "Effects",
    "Examples",
    "RemovalCurves",
    "UnitAttributes",
    "balanced_interval",
    "by_factoring",
    "by_replaying",
    "changes_answers",
    "check_different_images",
    "class_selectivity",
    "drops",
    "edited_counts",
    "edited_outputs",
    "knockout_counts",
    "log_probability_interval",
    "merge_effects",
    "of_classes",
    "pairs_that_fit",
    "random_orders",
    "random_rotation",
    "rank_units",
    "removal_area",
    "removal_curves",
    "removal_keeps",
    "removal_orders",
    "resampled",
    "rotated",
    "rotation_power",
    "scaled",
    "set_effects",
    "set_keeps",
    "sets_that_fit",
    "split_keeps",
    "tally",
    "top1_interval",
    "unit_attributes",
    "unit_effects",
]
