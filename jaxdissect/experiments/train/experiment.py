"""Training a network: in a folder, because a stopped training goes on from there."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdissect import model, weights
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train import metrics_log
from jaxdissect.experiments.train.fitting import fit_plan, of_seed
from jaxdissect.experiments.train.planning import Plan, make_plan, untold
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.model import Model
from jaxdissect.pages import inline
from jaxdissect.plots import figures
from jaxdissect.runs import locking, outputs, publishing, records, saved_files
from jaxdissect.runs.datasets import Source
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.settings import SubjectSettings
from jaxdissect.training import checkpoints
from jaxdissect.training import step as state


class Result(NamedTuple):
    """A trained network, and how it came about.

    Attributes:
        model: as `load` gives it.
        metrics: lines of steps and of checkpoints, in order.
        summary: accuracies, fractions, after the last and the best epoch; sizes.
        record: what makes it the same training: settings, versions, hashes of the data.
    """

    model: Model
    metrics: list[dict[str, Any]]
    summary: Mapping[str, Any]
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value per checkpoint}: step, size, epoch, train_top1, ..."""
        return metrics_log.columns(self.metrics)

    def save(self, folder: str | Path) -> None:
        """What the command leaves of a finished training, but for its checkpoints.

        Raises:
            BadInput: the folder holds something else.
        """
        folder = Path(folder)
        records.check_same_run(folder, self.record)
        with locking.locked(folder):
            records.check_no_other_run(folder, self.record)
            outputs.write_json(folder / records.NAME, self.record)
            metrics_log.write_lines(folder / "metrics.jsonl", self.metrics)
            known = self.model.weights
            write(folder, known.params, known.metadata, self.metrics, self.summary)

    def __repr__(self) -> str:
        return f"{told(self.summary)}\n{self.model}"

    def _repr_html_(self) -> str:
        curve = {"learning curve": metrics_log.learning_curve(self.metrics)}
        return inline.findings("A training", repr(self).splitlines(), curve)


def run(
    settings: TrainSettings | None = None,
    images: Source | None = None,
    *,
    out: str | Path | None = None,
    progress: Progress | bool = True,
) -> Result:
    """Train a network, or go on from the latest checkpoint in a folder.

    Args:
        settings: the network, how it is trained, on what; of one seed.
        images: with their classes; by default what `settings.data` names.
        out: folder for checkpoints and results, where a training that was stopped goes
            on; by default one that is gone afterwards.
        progress: whether to show bars.

    Raises:
        BadInput: naming the setting that cannot be; `out` holds another training.
    """
    settings = settings or TrainSettings()
    if settings.num_seeds > 1:
        raise BadInput(
            f"`num_seeds` is {settings.num_seeds}; from Python train one seed at a time"
        )
    with tempfile.TemporaryDirectory() as folder:
        plan = make_plan(
            replace(settings, out=Path(folder if out is None else out)),
            images,
            progress=progress_of(progress),
            tell=untold,
        )
        train(plan)
        found = _read(plan)
    subject = SubjectSettings(Path(out or settings.out) / "weights.safetensors")
    return found._replace(model=found.model._replace(subject=subject))


def train(plan: Plan) -> None:
    """Carry a plan out in its folder, from the latest checkpoint there.

    Raises:
        BadInput: the folder holds another training, or damaged weights.
    """
    out, record = plan.settings.out, plan.record
    if plan.settings.data.name == "yale":
        seed = plan.settings.data.seed
        plan.tell(f"training and test faces: the split of seed {seed}")
    records.check_same_run(out, record)
    if plan.source.said:
        plan.tell(plan.source.said)
    if all(is_finished(folder) for folder in plan.folders):
        plan.tell(f"already trained: {out}")
        return
    with locking.locked(out):
        records.check_no_other_run(out, record)
        if all(is_finished(folder) for folder in plan.folders):
            plan.tell(f"already trained: {out}")
        else:
            _train(plan, record)


def _train(plan: Plan, record: Mapping[str, Any]) -> None:
    out = plan.settings.out
    outputs.write_json(out / records.NAME, record)
    for folder in plan.folders:
        folder.mkdir(exist_ok=True)
    try:
        final = fit_plan(plan)
    except KeyboardInterrupt:
        raise publishing.Interrupted(
            "the same command goes on from the latest checkpoint there is"
        ) from None
    for number, folder in enumerate(plan.folders):
        finish(plan, folder, number, of_seed(plan, final, number), record)
    shutil.rmtree(out / "checkpoints" / checkpoints.DAMAGED, ignore_errors=True)


def is_finished(folder: Path) -> bool:
    """Whether a training left everything it leaves.

    Raises:
        BadInput: its weights are damaged.
    """
    file = folder / "weights.safetensors"
    if not (file.exists() and (folder / "summary.json").exists()):
        return False
    with saved_files.advising("delete it, and the same command makes it anew"):
        weights.load(file)
    return True


def finish(
    plan: Plan,
    folder: Path,
    number: int,
    final: state.TrainState,
    record: Mapping[str, Any],
) -> None:
    """Write weights, summary, table and learning curve of one seed."""
    file = folder / "metrics.jsonl"
    lines = metrics_log.read_metrics(file)
    tested = metrics_log.tested(lines, file)
    best = max(tested, key=lambda line: line["test_top1"])
    summary = {
        "test_top1": tested[-1]["test_top1"],
        "best_test_top1": best["test_top1"],
        "best_step": best["step"],
        "train_top1": tested[-1]["train_top1"],
        "steps": int(final.step),
        "parameters": sum(
            x.size for x in jax.tree.leaves(state.trainable(final.params))
        ),
        "sha256": weights.digest(final.params),
        **({"images": plan.source.said} if plan.source.said else {}),
    }
    seed = {"seed": plan.seeds[number], "num_seeds": 1}
    provenance = {
        **record,
        "config": {**record["config"], **seed},
        "classes": plan.source.classes,
        "summary": summary,
    }
    write(folder, final.params, provenance, lines, summary)
    plan.tell(told(summary))
    plan.tell(f"weights: {folder / 'weights.safetensors'}")


def write(
    folder: Path,
    params: Any,
    provenance: Mapping[str, Any],
    lines: list[dict[str, Any]],
    summary: Mapping[str, Any],
) -> None:
    """Weights, table, learning curve, and the summary last."""
    weights.save(folder / "weights.safetensors", params, provenance)
    metrics_log.write_csv(folder / "metrics.csv", lines)
    curve = metrics_log.learning_curve(lines)
    figures.save(curve, folder / "learning_curve.png")
    outputs.write_json(folder / "summary.json", summary)


def told(summary: Mapping[str, Any]) -> str:
    """How well the network does, in words."""
    return f"top-1 on held-out images: {summary['test_top1']:.1%}"


def _read(plan: Plan) -> Result:
    (folder,) = plan.folders
    lines = metrics_log.read_metrics(folder / "metrics.jsonl")
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    trained = model.load_trained(folder / "weights.safetensors")
    return Result(trained, lines, summary, plan.record)
