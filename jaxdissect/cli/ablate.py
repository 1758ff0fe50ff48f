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
    weights = config.weights.stem if config.weights else "scenes_vgg16"
    out = config.out or Path("runs") / f"ablate-{weights}-{config.layer}"
    manifest = build.begin_run(config, trained, out)
    with jax.default_matmul_precision("highest"):
        orders, counts, curves = measure(config, trained)
    removed = share_of_units(config, orders.shape[1])
    summary = ablation_results.summarize(counts, curves, trained.classes, removed)
    with outputs.results_folder(out, manifest) as folder:
        write(folder, trained.classes, orders, counts, curves)
        ablation_results.save_figures(folder, counts, curves, trained.classes, removed)
        outputs.write_json(folder / "summary.json", summary)
    print_summary(summary)
    print(f"results: {out}")


def measure(
    config: AblateConfig, trained: build.Trained
) -> tuple[np.ndarray, metrics.ClassCounts, ablation.RemovalCurves]:
    """Rankings [K U] on one split; single units and curves on another."""
    rank = observe(config, trained, "rank", config.num_rank)
    report = observe(config, trained, "report", config.num_report)
    num_units = rank.acts[0].shape[-1]
    whole = np.ones((1, num_units), np.float32)
    singles = np.concatenate([whole, ablation.single_unit_keeps(num_units)])

    ranked = sweep(config, trained, rank, singles, "ranking units")
    balanced = metrics.balanced_accuracy(ranked)
    orders = ablation.rank_units(balanced[0], balanced[1:])
    counts = sweep(config, trained, report, singles, "removing single units")
    curves = ablation.removal_curves(
        lambda keeps: metrics.balanced_accuracy(
            sweep(config, trained, report, keeps, "removing sets of units")
        ),
        orders,
        ablation.random_orders(
            jax.random.key(config.seed), config.random_draws, num_units
        ),
        removal_steps(config, num_units),
    )
    return orders, counts, curves


def observe(
    config: AblateConfig, trained: build.Trained, split: str, number: int
) -> Observed:
    """The layer's activations on a split, computed once for all edits."""
    forward = build.forward_to(trained, config.layer)
    acts, targets = [], []
    for batch in build.scene_batches(
        config.seed,
        build.split_indices(split, number),
        trained.image_size,
        config.batch_size,
        f"{split} split",
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
) -> metrics.ClassCounts:
    """Counts under every edit, by the factored tail where there is one."""
    network = trained.network
    if config.layer in networks.factored_layers(network):
        edited = ablation.by_factoring(networks.factored(network, config.layer))
    else:
        edited = ablation.by_replaying(networks.split(network, config.layer).tail)
    return ablation.count_under_edits(
        edited,
        trained.weights.params,
        keeps,
        iter(outputs.progress(observed.batches(), len(observed.acts), label)),
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
    counts: metrics.ClassCounts,
    curves: ablation.RemovalCurves,
) -> None:
    """units.csv, ranking.csv and ablation.npz."""
    units = ablation_results.units_table(counts, classes)
    ranking = ablation_results.ranking_table(orders, classes)
    tables.write_csv(folder / "units.csv", *units)
    tables.write_csv(folder / "ranking.csv", *ranking)
    np.savez_compressed(
        folder / "ablation.npz",
        classes=np.array(classes),
        orders=orders,
        **counts._asdict(),
        **{f"curve_{name}": value for name, value in curves._asdict().items()},
    )


def print_summary(summary: dict) -> None:
    """A few lines for the terminal."""
    print(
        f"top-1 {summary['top1']:.1%}; without one of the {summary['units']} units the "
        f"median loss is {summary['median_top1_drop']:.2f} points overall and "
        f"{summary['median_worst_class_drop']:.2f} points of balanced accuracy in the "
        "class hit hardest"
    )
    print(
        f"without its {summary['removed']} most important units (ranked on other "
        f"images) a class loses {summary['drop_of_most_important']:.1f} points of "
        f"balanced accuracy, without {summary['removed']} random ones "
        f"{summary['drop_of_random']:.1f}"
    )
