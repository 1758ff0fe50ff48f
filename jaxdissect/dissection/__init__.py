"""Network dissection: which concept each unit looks for.

In reading order: `protocol` (conventions and presets), `counts` (masks and their
overlap), `labels` (from IoU to detectors), `layers` (maps on the grid of the masks),
`thresholds`, `pipeline` (`dissect`, from beginning to end), `findings` (the same with
top images, histograms and certainty); then each by itself `information` (levels by
IQR), `moments` and `chance`, `label_pixels` and `certainty`, `queries`, `matching` (and
comparing), `netdissect_table`, `tally` (detectors by IoU and beyond chance); `batches`
is what batches must be.
"""

from jaxdissect.dissection.certainty import MAX_Q, Certainty, significant_detectors
from jaxdissect.dissection.counts import (
    Overlap,
    concept_masks,
    iou_global,
    iou_where_met,
    iou_within_category,
    overlap,
    unit_masks,
)
from jaxdissect.dissection.findings import Findings, Sampling, find
from jaxdissect.dissection.information import (
    Levels,
    choose_levels,
    information_quality,
)
from jaxdissect.dissection.labels import (
    NO_LABEL,
    Detectors,
    label_units,
    unique_by_category,
    unique_labels,
)
from jaxdissect.dissection.pipeline import Dissection, dissect
from jaxdissect.dissection.protocol import (
    CVPR17,
    GAN19,
    LITE,
    PNAS20,
    Protocol,
    check_protocol,
)
from jaxdissect.dissection.tally import (
    NOT_TESTED,
    Headline,
    Tally,
    by_significance,
    headline,
    tally,
)

__all__ = [
    "CVPR17",
    "GAN19",
    "LITE",
    "MAX_Q",
    "NOT_TESTED",
    "NO_LABEL",
    "PNAS20",
    "Certainty",
    "Detectors",
    "Dissection",
    "Findings",
    "Headline",
    "Levels",
    "Overlap",
    "Protocol",
    "Sampling",
    "Tally",
    "by_significance",
    "check_protocol",
    "choose_levels",
    "concept_masks",
    "dissect",
    "find",
    "headline",
    "information_quality",
    "iou_global",
    "iou_where_met",
    "iou_within_category",
    "label_units",
    "overlap",
    "significant_detectors",
    "tally",
    "unique_by_category",
    "unique_labels",
    "unit_masks",
]
