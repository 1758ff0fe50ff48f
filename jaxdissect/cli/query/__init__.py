"""`dissect` with a `QueryConfig`: which images show a concept, what fires on a picture.

In reading order: `command`, `asking` (opening a dissection; own pictures), `searching`,
`answers`, `answer_tables`, `showing`, `telling` (names of files and folders).
"""

from jaxdissect.cli.query.command import ask_subject, run

__all__ = ["ask_subject", "run"]
