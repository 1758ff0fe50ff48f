"""The command `groups`."""

from pathlib import Path

from jaxdissect import caching
from jaxdissect.experiments import train
from jaxdissect.experiments.groups import experiment
from jaxdissect.experiments.groups.settings import GroupsSettings
from jaxdissect.runs import publishing


def run(settings: GroupsSettings) -> None:
    """Train every network and regime with every seed, dissect, write results."""
    caching.use_compilation_cache()
    out = settings.out or _default_out(settings)
    trainings = experiment.trained(settings, out / "trainings")

    def make(work: publishing.Work) -> None:
        experiment.measure(settings, trainings, work.progress).write(work.results)

    record = train.record_of(settings, trainings)
    publishing.make_once(out / "results", record, make)
    print(f"results: {out / 'results' / 'results.md'}")


def _default_out(settings: GroupsSettings) -> Path:
    """A folder named after the network, the data and the form of the experiment."""
    base = train.base_of(settings)
    name = f"groups-{base.network.architecture}-{base.data.name}"
    return Path("runs") / (name + train.form(settings))
