"""Unit ablation: what breaks when units are taken away."""

from jaxdissect.ablation.curves import RemovalCurves, removal_curves
from jaxdissect.ablation.importance import random_orders, rank_units
from jaxdissect.ablation.sweep import (
    EditedOutputs,
    by_factoring,
    by_replaying,
    count_under_edits,
    edits_per_chunk,
    removal_keeps,
    single_unit_keeps,
)

__all__ = [
    "EditedOutputs",
    "RemovalCurves",
    "by_factoring",
    "by_replaying",
    "count_under_edits",
    "edits_per_chunk",
    "random_orders",
    "rank_units",
    "removal_curves",
    "removal_keeps",
    "single_unit_keeps",
]
