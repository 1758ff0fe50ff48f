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
from jaxdissect.reports import figures, tables

CURVE_STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Activations(NamedTuple):
    """A layer's activations on one split, per batch, with the true classes."""

    acts: list[np.ndarray]
    targets: list[np.ndarray]

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(acts, targets) batch by batch."""
        return zip(self.acts, self.targets, strict=True)


class Sweep(NamedTuple):
    """Accuracies under a set of edits.

    Attributes:
        top1: [N] over all classes.
        recall: [N K] per class.
        balanced: [N K] balanced accuracy per class.
    """

    top1: np.ndarray
    recall: np.ndarray
    balanced: np.ndarray


class Curves(NamedTuple):
    """Balanced accuracy of every class as units are removed, in three orders.

    Attributes:
        counts: [n] units removed.
        most: [K n] the class's most important units first.
        least: [K n] its least important units first.
        random: [R n K] random orders, for all classes.
    """

    counts: np.ndarray
    most: np.ndarray
    least: np.ndarray
    random: np.ndarray


def run(config: AblateConfig) -> None:
    """Rank units on one split, report on another, write everything to `config.out`."""
    build.use_compilation_cache()
    check(config)
    trained = build.load_trained(config.weights)
    weights = config.weights.stem if config.weights else "scenes_vgg16"
    out = config.out or Path("runs") / f"ablate-{weights}-{config.layer}"
    run_manifest = outputs.manifest(
        config,
        weights=trained.weights.digest,
        scenes=build.scenes_fingerprint(config.seed, trained.image_size),
    )
    outputs.check_same_run(out, run_manifest)
    with jax.default_matmul_precision("highest"):
        rank = observe(config, trained, "rank", config.num_rank)
        report = observe(config, trained, "report", config.num_report)
        singles = with_whole(ablation.single_unit_keeps(rank.acts[0].shape[-1]))
        ranked = sweep(config, trained, rank, singles, "ranking units")
        orders = ablation.rank_units(ranked.balanced[0], ranked.balanced[1:])
        reported = sweep(config, trained, report, singles, "removing units")
        curves = removal_curves(config, trained, report, orders)
    with outputs.results_folder(out, run_manifest) as folder:
        summary = write(folder, config, trained, orders, reported, curves)
    print_summary(summary)
    print(f"results: {out}")


def check(config: AblateConfig) -> None:
    """Refuse settings that mean nothing.

    Raises:
        BadInput: naming the setting.
    """
    if not 0 < config.share < 1:
        raise BadInput(f"`share` is {config.share}; it must be in (0, 1)")
    for name in ("num_rank", "num_report", "random_draws", "batch_size", "memory_mib"):
        if getattr(config, name) < 1:
            raise BadInput(f"`{name}` is {getattr(config, name)}; it must be positive")


def observe(
    config: AblateConfig, trained: build.Trained, split: str, number: int
) -> Activations:
    """The layer's activations on a split, computed once for all edits."""
    trunk = networks.split(trained.network, config.layer).trunk
    forward = jax.jit(lambda params, x: trunk(params, x / 255.0))
    acts, targets = [], []
    for batch in build.scene_batches(
        config.seed,
        build.split_indices(split, number),
        trained.image_size,
        config.batch_size,
        f"activations for the {split} split",
    ):
        acts.append(np.asarray(forward(trained.weights.params, batch.images)))
        targets.append(batch.targets)
    return Activations(acts, targets)


def sweep(
    config: AblateConfig,
    trained: build.Trained,
    observed: Activations,
    keeps: np.ndarray,
    label: str,
) -> Sweep:
    """Accuracies under every edit, by the factored tail where there is one."""
    network = trained.network
    if config.layer in networks.factored_layers(network):
        outputs_of = ablation.by_factoring(networks.factored(network, config.layer))
    else:
        outputs_of = ablation.by_replaying(networks.split(network, config.layer).tail)
    counts = ablation.count_under_edits(
        outputs_of,
        trained.weights.params,
        keeps,
        outputs.progress(observed.batches(), len(observed.acts), label),
        num_classes=len(trained.classes),
        memory_bytes=config.memory_mib * 2**20,
    )
    return Sweep(
        metrics.top1(counts), metrics.recall(counts), metrics.balanced_accuracy(counts)
    )


def with_whole(keeps: np.ndarray) -> np.ndarray:
    """The edits, preceded by the one that removes nothing."""
    return np.concatenate([np.ones((1, keeps.shape[1]), np.float32), keeps])


def share_of_units(config: AblateConfig, num_units: int) -> int:
    """How many units `config.share` is, at least one."""
    return max(1, round(config.share * num_units))


def removal_curves(
    config: AblateConfig,
    trained: build.Trained,
    observed: Activations,
    orders: np.ndarray,
) -> Curves:
    """Remove growing numbers of units: most important first, least first, random."""
    num_classes, num_units = orders.shape
    steps = {0, *CURVE_STEPS, share_of_units(config, num_units), num_units}
    counts = np.array(sorted(step for step in steps if step <= num_units))
    random = ablation.random_orders(
        jax.random.key(config.seed), config.random_draws, num_units
    )
    every = np.concatenate([orders, orders[:, ::-1], random])
    keeps = [ablation.removal_keeps(order, counts.tolist()) for order in every]
    swept = sweep(
        config, trained, observed, np.concatenate(keeps), "removing sets of units"
    )
    balanced = swept.balanced.reshape(len(every), len(counts), num_classes)
    own = np.arange(num_classes)
    return Curves(
        counts,
        most=balanced[own, :, own],
        least=balanced[num_classes + own, :, own],
        random=balanced[2 * num_classes :],
    )


def write(
    folder: Path,
    config: AblateConfig,
    trained: build.Trained,
    orders: np.ndarray,
    reported: Sweep,
    curves: Curves,
) -> dict[str, object]:
    """units.csv, classes.csv, ablation.npz, summary.json and the figures."""
    tables.write_csv(folder / "units.csv", *units_table(reported, trained.classes))
    tables.write_csv(folder / "ranking.csv", *ranking_table(orders, trained.classes))
    np.savez_compressed(
        folder / "ablation.npz",
        orders=orders,
        classes=np.array(trained.classes),
        **reported._asdict(),
        **{f"curve_{name}": value for name, value in curves._asdict().items()},
    )
    top_drop = reported.top1[0] - reported.top1[1:]
    class_drops = reported.balanced[0] - reported.balanced[1:]
    worst = [trained.classes[k] for k in class_drops.argmax(1)]
    figures.save(
        figures.drop_scatter(top_drop, class_drops.max(1), worst),
        folder / "overall_vs_worst_class.png",
    )
    random = np.moveaxis(curves.random, -1, 0)
    at_share = curves.counts.tolist().index(share_of_units(config, orders.shape[1]))
    lost = curves.most[:, 0] - curves.most[:, at_share]
    shown = int(lost.argmax())
    figures.save(
        figures.removal_curves(
            curves.counts,
            curves.most[shown],
            random[shown],
            curves.least[shown],
            trained.classes[shown],
            float(reported.balanced[0, shown]),
        ),
        folder / "removal_of_units.png",
    )
    figures.save(
        figures.removal_grid(
            curves.counts,
            curves.most,
            random,
            curves.least,
            trained.classes,
            reported.balanced[0],
        ),
        folder / "removal_of_units_by_class.png",
    )
    summary = summarize(config, trained, reported, curves)
    outputs.write_json(folder / "summary.json", summary)
    return summary


def units_table(reported: Sweep, classes: tuple[str, ...]) -> tables.Table:
    """One row per unit and class: accuracies with and without the unit."""
    columns = ["unit", "class", "top1_before", "top1_after"]
    columns += ["recall_before", "recall_after", "balanced_before", "balanced_after"]
    rows: list[list[tables.Cell]] = [
        [
            unit,
            name,
            reported.top1[0].item(),
            reported.top1[unit + 1].item(),
            reported.recall[0, k].item(),
            reported.recall[unit + 1, k].item(),
            reported.balanced[0, k].item(),
            reported.balanced[unit + 1, k].item(),
        ]
        for unit in range(len(reported.top1) - 1)
        for k, name in enumerate(classes)
    ]
    return tables.Table(columns, rows)


def ranking_table(orders: np.ndarray, classes: tuple[str, ...]) -> tables.Table:
    """One row per class and rank: the units from the most important to the least."""
    rows: list[list[tables.Cell]] = [
        [name, rank, unit]
        for name, order in zip(classes, orders.tolist(), strict=True)
        for rank, unit in enumerate(order, 1)
    ]
    return tables.Table(["class", "rank", "unit"], rows)


def summarize(
    config: AblateConfig, trained: build.Trained, reported: Sweep, curves: Curves
) -> dict[str, object]:
    """The figures that tell the story, in points (percent of images)."""
    num_units = len(reported.top1) - 1
    removed = share_of_units(config, num_units)
    at = curves.counts.tolist().index(removed)
    important = 100 * (curves.most[:, 0] - curves.most[:, at])
    random = 100 * (curves.random[:, 0] - curves.random[:, at]).mean(0)
    ratio = important.mean() / random.mean() if random.mean() > 0 else None
    top_drop = 100 * (reported.top1[0] - reported.top1[1:])
    class_drop = 100 * (reported.balanced[0] - reported.balanced[1:]).max(1)
    return {
        "layer": config.layer,
        "units": num_units,
        "images_ranked_on": config.num_rank,
        "images_reported_on": config.num_report,
        "top1": reported.top1[0].item(),
        "balanced_accuracy": float(reported.balanced[0].mean()),
        "median_top1_drop_of_one_unit": float(np.median(top_drop)),
        "median_worst_class_drop_of_one_unit": float(np.median(class_drop)),
        "units_removed": removed,
        "drop_of_most_important": float(important.mean()),
        "drop_of_random": float(random.mean()),
        "ratio": None if ratio is None else float(ratio),
        "per_class": {
            name: {"most_important": float(a), "random": float(b)}
            for name, a, b in zip(trained.classes, important, random, strict=True)
        },
    }


def print_summary(summary: dict[str, object]) -> None:
    """A few lines for the terminal."""
    print(
        "top-1 {top1:.1%}; removing one of {units} units costs {median_top1_drop_of_one_"
        "unit:.2f} points of top-1 and {median_worst_class_drop_of_one_unit:.2f} points "
        "of balanced accuracy in the class hit hardest (medians)".format(**summary)
    )
    print(
        "removing {units_removed} units costs a class {drop_of_most_important:.1f} points "
        "of balanced accuracy if they are its most important ones (ranked on other "
        "images), {drop_of_random:.1f} if they are random".format(**summary)
    )
