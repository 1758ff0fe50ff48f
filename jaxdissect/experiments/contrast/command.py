"""The command `contrast`."""

from pathlib import Path
from typing import Any

from jaxdissect.experiments.contrast import experiment
from jaxdissect.experiments.contrast.settings import ContrastSettings
from jaxdissect.runs import publishing


def run(settings: ContrastSettings) -> None:
    """Match the units of two dissections; write tables and a page."""
    first: Any = settings.first  # which `run` refuses where it is missing
    second: Any = settings.second
    found = experiment.run(first, second, settings)
    out = settings.out or Path("runs") / f"contrast-{'-'.join(found.names)}"
    publishing.save(found, out)
    print(f"{found}\nreport: {out / 'report.html'}")
