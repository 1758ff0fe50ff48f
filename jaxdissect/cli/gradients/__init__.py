"""`dissect` with a `GradientsConfig`: what classes ask of units; knocking those out.

In reading order: `command`, `unit_questions` (the numbers), `question_pictures`.
"""

from jaxdissect.cli.gradients.command import ask, check, facts, run

__all__ = ["ask", "check", "facts", "run"]
