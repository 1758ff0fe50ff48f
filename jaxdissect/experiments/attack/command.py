"""`dissect` with an `AttackSettings`: what an attack does to the units of a layer."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from jaxdissect import caching, model, networks
from jaxdissect.data import generated
from jaxdissect.errors import BadInput
from jaxdissect.experiments.attack import attacking, knowing, pictures, results
from jaxdissect.experiments.attack import writing as pages
from jaxdissect.experiments.attack.findings import MEASURES, Findings, Measured
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.model import Model
from jaxdissect.runs import halves, outputs, publishing, records, subjects, sweeps

NUM_TARGETS = 5
"""Classes aimed at unless told otherwise, as many as in the paper."""


def run(config: AttackSettings) -> None:
    """Attack, measure what moves, write everything to `config.out`."""
    caching.use_compilation_cache()
    trained = halves.check_on_scenes(
        subjects.load_with_logits(config), subjects.run_name(config)
    )
    check(config, trained)
    targets = targets_of(config.targets, trained.classes)
    runs = knowing.runs_of(config, trained)
    name = f"attack-{subjects.run_name(config)}-{config.layer}"
    out = config.out or Path("runs") / name
    manifest = outputs.manifest(
        config,
        weights=trained.weights.digest,
        **model.answers_of(trained),
        scenes=generated.scenes_fingerprint(config.seed, trained.image_size),
        ablation=runs.ablation,
        dissection=runs.dissection,
    )
    records.check_same_run(out, manifest)
    # Never those on which units were ranked.
    split = runs.ablation["config"]["report_split"]
    pairs = attacking.choose(config, trained, split, targets)
    known = knowing.known(config, trained)
    said: list[str] = []

    def make(work: publishing.Work) -> None:
        done = attacking.attack(config, trained, pairs, work.progress)
        found = findings(config, trained.classes, known, done)
        drawn = pictures.draw(config, trained, found, known.scale)
        facts = {**facts_of(config, known, runs, split), **trained.facts}
        centres = networks.centres(trained.network, config.layer, trained.image_size)
        if cells := subjects.supposed(centres):
            facts["cells"] = cells
        said.extend(pages.write(work.results, config, found, drawn, facts))

    publishing.make_once(out, manifest, make)
    print("\n".join([*said, f"report: {out / 'report.html'}"]))


def check(config: AttackSettings, trained: Model) -> None:
    """Refuse settings that would fail in the middle.

    Raises:
        BadInput: naming the setting.
    """
    units = sweeps.num_units(trained, config.layer)
    if 2 * config.top >= units:
        raise BadInput(
            f"`top` is {config.top}; {config.layer} has {units} units, and those "
            "of two classes must leave others"
        )


def targets_of(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Numbers of the classes named, each once; by default five spread over all.

    Raises:
        BadInput: an unknown class.

    >>> targets_of(["park", "farm"], ["farm", "park"])
    [1, 0]
    """
    if not names:
        spread = np.linspace(0, len(classes) - 1, NUM_TARGETS).round().astype(int)
        return list(dict.fromkeys(spread.tolist()))
    for name in names:
        if name not in classes:
            close = difflib.get_close_matches(name, classes, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise BadInput(
                f"`targets` has {name!r}, which is no class; {hint}there are "
                f"{', '.join(classes)}"
            )
    return list(dict.fromkeys(list(classes).index(name) for name in names))


def findings(
    config: AttackSettings,
    classes: tuple[str, ...],
    known: knowing.Known,
    done: results.Attacks,
) -> Findings:
    """Put intervals and tests to what was measured, in both measures."""
    keys = jax.random.split(jax.random.key(config.seed), 3)
    important = known.orders[:, : config.top]
    changes = (done.changes, results.of_scale(done.changes, known.scale))
    measured = {}
    for measure, values in zip(MEASURES, changes, strict=True):
        # With the same keys: both speak of the same random units.
        roles = results.roles_of(keys[0], done, values, important)
        measured[measure] = Measured(
            values,
            roles,
            results.role_effects(keys[1], done, roles),
            results.unit_effects(keys[2], done, values),
        )
    steps = results.step_effects(done, config.pixel_steps)
    return Findings(classes, known.cards, important, done, measured, steps)


def facts_of(
    config: AttackSettings, known: knowing.Known, runs: knowing.Runs, split: str
) -> dict[str, str]:
    """What was attacked and how, in reading order."""
    ablated = runs.ablation["config"]
    kind = ablated.get("data", {}).get("name", "scenes")
    ranked_on = f"{ablated['num_rank']} {ablated['rank_split']} {kind}"
    settings = attacking.settings_of(config)._asdict()
    values = ", ".join(f"{name} {value:g}" for name, value in settings.items())
    return {
        "layer": config.layer,
        "network": subjects.run_name(config),
        "weights": f"sha256 {runs.ablation['weights'][:12]}",
        "units": f"{len(known.cards)}, {config.top} of each class",
        "images": f"{config.num_images} for each target, of the {split} split, seed "
        f"{config.seed}",
        "importance": f"{ablated['rank_by'].replace('_', ' ')}, set to "
        f"{ablated['value']}, on {ranked_on}",
        "attack": f"Carlini-Wagner L2, targeted; {values}",
        **outputs.computed_with(),
    }
