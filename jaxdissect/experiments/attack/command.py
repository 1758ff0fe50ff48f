"""The command `attack`."""

from pathlib import Path

from jaxdissect import caching
from jaxdissect.experiments.attack import experiment, units
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.runs import publishing, records, subjects


def run(settings: AttackSettings) -> None:
    """Attack, measure what moves, write everything to `settings.out`."""
    caching.use_compilation_cache()
    model = experiment.check(subjects.load_with_logits(settings), settings)
    targets = experiment.targets_of(settings.targets, model.classes)
    known = units.expected_records(settings, model)
    name = f"attack-{subjects.run_name(settings)}-{settings.layer}"
    out = settings.out or Path("runs") / name
    record = experiment.record_of(settings, model, *known)
    records.check_same_run(out, record)
    # Before a dissection is made: too few images may be found out here.
    split = known[0]["config"]["report_split"]
    pairs = experiment.choose(settings, model, split, targets)
    ablation, dissection = units.find_or_make(settings)

    def make(work: publishing.Work) -> None:
        result = experiment.run(
            model,
            settings,
            ablation=ablation,
            dissection=dissection,
            pairs=pairs,
            progress=work.progress,
        )
        result.write(work.results)
        print("\n".join(result.findings))

    publishing.make_once(out, record, make)
    print(f"report: {out / 'report.html'}")
