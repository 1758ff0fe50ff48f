"""Why farm and not harbour? Units of conv5_3 for and against what is predicted.

Three generated scenes and the bundled network; `--images` takes pictures of your own,
`--classes` asks about other classes than the two most probable. See docs/explain.md.

    python dissect.py configs/explain.py
"""

from jaxdissect.experiments import ExplainSettings

config = ExplainSettings()
