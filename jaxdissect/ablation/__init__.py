"""Unit ablation: what breaks when units are taken away."""

from jaxdissect.ablation.curves import Curve, RemovalCurves, removal_curves
from jaxdissect.ablation.importance import random_orders, rank_units
from jaxdissect.ablation.sweep import (
    EditedTail,
    EditMeasures,
    by_factoring,
    by_replaying,
    edited_outputs,
    edits_that_fit,
    measure_edits,
    removal_keeps,
    single_unit_keeps,
)

__all__ = [
    "Curve",
    "EditMeasures",
    "EditedTail",
    "RemovalCurves",
    "by_factoring",
    "by_replaying",
    "edited_outputs",
    "edits_that_fit",
    "measure_edits",
    "random_orders",
    "rank_units",
    "removal_curves",
    "removal_keeps",
    "single_unit_keeps",
]
