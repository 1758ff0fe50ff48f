"""The former place of what is in `questions`."""

from jaxdissect.experiments.dissect.questions import answer_facts as facts_of
from jaxdissect.experiments.dissect.questions import answer_folder as default_out
from jaxdissect.experiments.dissect.questions import file_name

__all__ = ["default_out", "facts_of", "file_name"]
