"""`dissect` with an `ExplainConfig`: which units speak for a prediction, and where.

In reading order: `command`, `explaining` (gradients of a picture), `voicing` (what the
page shows of it).
"""

from jaxdissect.cli.explain.command import Pictures, explain_subject, run

__all__ = ["Pictures", "explain_subject", "run"]
