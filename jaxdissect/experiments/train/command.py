"""The command `train`."""

from jaxdissect import caching
from jaxdissect.experiments.train import experiment
from jaxdissect.experiments.train.planning import make_plan
from jaxdissect.experiments.train.settings import TrainSettings


def run(settings: TrainSettings) -> None:
    """Train, or go on from the latest checkpoint in `settings.out`."""
    caching.use_compilation_cache()
    experiment.train(make_plan(settings))
