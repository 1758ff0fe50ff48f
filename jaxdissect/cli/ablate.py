"""`ablate`: weights and scenes -> accuracies without units -> tables and figures."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxdissect import ablation, metrics, networks
from jaxdissect.base import BadInput
from jaxdissect.cli import build, outputs
from jaxdissect.cli.config import AblateConfig
from jaxdissect.reports import ablation_results, tables


class Observed(NamedTuple):
    """A layer's activations on one split, per batch, with the true classes."""

    acts: list[np.ndarray]
    targets: list[np.ndarray]

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(acts, targets) batch by batch."""
        return zip(self.acts, self.targets, strict=True)


def run(config: AblateConfig) -> None:
    """Rank units on one split, report on another, write everything to `config.out`."""
    build.use_compilation_cache()
    build.check_positive(
        config, "num_rank", "num_report", "random_draws", "batch_size", "memory_mib"
    )
    if not 0 < config.share < 1:
        raise BadInput(f"`share` is {config.share}; it must be in (0, 1)")
    trained = build.load_trained(config.weights)
    name = f"ablate-{build.run_name(config.weights)}-{config.layer}"
    out = config.out or Path("runs") / name
    manifest = build.analysis_manifest(config, trained)
    classes = trained.classes
    with outputs.results_folder(out, manifest) as folder:
        orders, reported, curves = measure(config, trained)
        removed = share_of_units(config, orders.shape[1])
        summary = ablation_results.summarize(reported.counts, curves, classes, removed)
        write(folder, classes, orders, reported, curves)
        ablation_results.save_figures(folder, reported.counts, curves, classes, removed)
        outputs.write_json(folder / "summary.json", summary)
    print_summary(summary)
    print(f"results: {out}")


def measure(
    config: AblateConfig, trained: build.Trained
) -> tuple[np.ndarray, ablation.EditMeasures, ablation.RemovalCurves]:
    """Rankings [K U] on one split; single units and curves on another."""
    rank = observe(config, trained, "rank", config.num_rank)
    report = observe(config, trained, "report", config.num_report)
    num_units = rank.acts[0].shape[-1]
    whole = np.ones((1, num_units), np.float32)
    singles = np.concatenate([whole, ablation.single_unit_keeps(num_units)])

    ranked = sweep(config, trained, rank, singles, "ranking units")
    measure_of = {
        "log_probability": ranked.log_probability,
        "balanced_accuracy": metrics.balanced_accuracy(ranked.counts),
    }[config.rank_by]
    orders = ablation.rank_units(measure_of[0], measure_of[1:])
    reported = sweep(config, trained, report, singles, "removing single units")
    curves = ablation.removal_curves(
        lambda keeps: (
            sweep(config, trained, report, keeps, "removing sets of units").counts
        ),
        orders,
        ablation.random_orders(
            jax.random.key(config.seed), config.random_draws, num_units
        ),
        removal_steps(config, num_units),
    )
    return orders, reported, curves


def observe(
    config: AblateConfig, trained: build.Trained, split: str, number: int
) -> Observed:
    """The layer's activations on a split, computed once for all edits."""
    forward = build.forward_to(trained, config.layer)
    indices = build.split_indices(split, number)
    acts, targets = [], []
    for batch in build.scene_batches(
        config.seed, indices, trained.image_size, config.batch_size, f"{split} split"
    ):
        acts.append(forward(batch.images))
        targets.append(batch.targets)
    return Observed(acts, targets)


def sweep(
    config: AblateConfig,
    trained: build.Trained,
    observed: Observed,
    keeps: np.ndarray,
    label: str,
) -> ablation.EditMeasures:
    """Measures under every edit, by the factored tail where there is one."""
    network = trained.network
    if config.layer in networks.factored_layers(network):
        edited = ablation.by_factoring(networks.factored(network, config.layer))
    else:
        edited = ablation.by_replaying(networks.split(network, config.layer).tail)
    bar = outputs.progress(observed.batches(), len(observed.acts), label)
    return ablation.measure_edits(
        edited,
        trained.weights.params,
        keeps,
        iter(bar),  # a bar looks like a list, and type checkers peek into lists
        num_classes=len(trained.classes),
        memory_bytes=config.memory_mib * 2**20,
    )


def share_of_units(config: AblateConfig, num_units: int) -> int:
    """How many units `config.share` is, at least one."""
    return max(1, round(config.share * num_units))


def removal_steps(config: AblateConfig, num_units: int) -> list[int]:
    """0, 1, 2, 4, ..., all units, and the share compared with random units."""
    doublings = [2**n for n in range(num_units.bit_length())]
    steps = {0, *doublings, share_of_units(config, num_units), num_units}
    return sorted(step for step in steps if step <= num_units)


def write(
    folder: Path,
    classes: tuple[str, ...],
    orders: np.ndarray,
    reported: ablation.EditMeasures,
    curves: ablation.RemovalCurves,
) -> None:
    """units.csv, ranking.csv and ablation.npz."""
    units = ablation_results.units_table(reported, classes)
    ranking = ablation_results.ranking_table(orders, classes)
    tables.write_csv(folder / "units.csv", *units)
    tables.write_csv(folder / "ranking.csv", *ranking)
    np.savez_compressed(
        folder / "ablation.npz",
        classes=np.array(classes),
        orders=orders,
        log_probability=reported.log_probability,
        **reported.counts._asdict(),
        curve_counts=curves.counts,
        **{
            f"curve_{order}_{measure}": values
            for order in ("most", "least", "random")
            for measure, values in getattr(curves, order)._asdict().items()
        },
    )


def print_summary(summary: dict) -> None:
    """A few lines for the terminal."""
    print(
        f"top-1 {summary['top1']:.1%}; without one of the {summary['units']} units the "
        f"median loss is {summary['median_top1_drop']:.2f} points overall and "
        f"{summary['median_worst_class_drop']:.2f} points of balanced accuracy in the "
        "class hit hardest"
    )
    print("units removed: a class's balanced accuracy, and top-1 over all classes")
    print("          its most important ones            random ones")
    columns = ("most_balanced", "most_top1", "random_balanced", "random_top1")
    for row in summary["removal"]:
        print(f"  {row['removed']:4d}  " + "".join(f"{row[c]:12.1%}" for c in columns))
