"""Attacking images of scenes, and what that does to the units of a layer."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Bool, Int

from jaxdissect import attacks, gradients, networks, range_checks
from jaxdissect.attacks import AttackEffects, Attacks, CarliniWagner, StepEffect
from jaxdissect.base import Statistic
from jaxdissect.data import generated
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.attack import figures, page, units, writing
from jaxdissect.experiments.attack.figures import Drawn
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.experiments.attack.units import Known
from jaxdissect.model import Model, answers_of, forward_to, with_logits
from jaxdissect.pages import inline
from jaxdissect.runs import halves, outputs, publishing, subjects, sweeps
from jaxdissect.runs.progress import Progress, progress_of

if TYPE_CHECKING:
    from jaxdissect.experiments import ablate, dissect
    from jaxdissect.experiments.dissect import UnitCard

NUM_TARGETS = 5
"""Classes aimed at unless told otherwise, as many as in the paper."""

LOOKED_AT = 10
"""Scenes looked at for each image wanted, at most."""


class Pairs(NamedTuple):
    """Which image is attacked towards which class.

    Attributes:
        scenes: [P] numbers of the images.
        true: [P] their classes.
        sources: [P] what they are taken for.
        targets: [P] what they are to be taken for.
        is_shown: [P] whether a picture of it is drawn.
    """

    scenes: Int[np.ndarray, "P"]
    true: Int[np.ndarray, "P"]
    sources: Int[np.ndarray, "P"]
    targets: Int[np.ndarray, "P"]
    is_shown: Bool[np.ndarray, "P"]


class Result(NamedTuple):
    """What attacks did to the units of a layer.

    Attributes:
        layer: its name.
        classes: [K] names.
        cards: [U] what each unit looks for.
        important: [K n] the units that matter most to each class.
        attacks: each of them: images, classes, success, distance, changes.
        measured: {"activation" or "share of scale": effects with changes so measured}.
        steps: what single steps come to.
        drawn: the images that are drawn.
        facts: what was attacked and how, in reading order.
        record: what makes it the same run: settings, versions, hashes of what it read.
    """

    layer: str
    classes: tuple[str, ...]
    cards: "Sequence[UnitCard]"
    important: Int[np.ndarray, "K n"]
    attacks: Attacks
    measured: Mapping[str, AttackEffects]
    steps: Sequence[StepEffect]
    drawn: Sequence[Drawn]
    facts: Mapping[str, str]
    record: Mapping[str, Any]

    @property
    def findings(self) -> list[str]:
        """What was found, in sentences."""
        return page.sentences(self)

    def name(self, target: int) -> str:
        """Of a class, or "all"."""
        return "all" if target == attacks.ALL_TARGETS else self.classes[target]

    def table(self, rows: str = "units") -> dict[str, list[Any]]:
        """{column: one value for each row}.

        Args:
            rows: "units", one for each target and unit; "roles", for each measure,
                target and group of units; "attacks"; or "steps".

        Raises:
            BadInput: another word.
        """
        if rows not in writing.COLUMNS:
            raise BadInput(
                f"`rows` is {rows!r}; it must be one of {', '.join(writing.COLUMNS)}"
            )
        return writing.COLUMNS[rows](self)

    def write(self, folder: Path) -> None:
        """Tables, figures and the page into a folder."""
        writing.write(folder, self)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(self.findings)

    def _repr_html_(self) -> str:
        return inline.framed(page.page(self))


def run(
    model: Model,
    settings: AttackSettings | None = None,
    *,
    ablation: "ablate.Result | str | Path | None" = None,
    dissection: "dissect.Result | str | Path | None" = None,
    pairs: Pairs | None = None,
    progress: Progress | bool = True,
) -> Result:
    """Attack generated scenes and measure which units of a layer move.

    Args:
        model: a network that tells the classes of the scenes apart.
        settings: which layer, classes, images and attack.
        ablation: which units matter to which class: what `ablate` gave for this layer,
            or a folder it wrote; by default the one that settings name.
        dissection: what the units look for: what `dissect` gave, or a folder.
        pairs: images and the classes they are attacked towards; by default those that
            settings name, of a split on which units were not ranked.
        progress: whether to show bars.

    Raises:
        BadInput: no ablation or dissection, one of something else, an unknown layer or
            class, too few images, or settings that cannot be.
    """
    settings = settings or AttackSettings(**subjects.same_subject(model.subject))
    range_checks.check(settings)
    model = check(model, settings)
    targets = targets_of(settings.targets, model.classes)
    known = units.known(
        model,
        settings.layer,
        settings.ablation if ablation is None else ablation,
        settings.dissection if dissection is None else dissection,
    )
    split = known.ablation["config"]["report_split"]  # never those units were ranked on
    pairs = choose(settings, model, split, targets) if pairs is None else pairs
    done = attack(settings, model, pairs, progress_of(progress))
    important = known.orders[:, : settings.top]
    measured = measure(settings, known, done, important)
    return Result(
        settings.layer,
        model.classes,
        known.cards,
        important,
        done,
        measured,
        attacks.step_effects(done, settings.pixel_steps),
        draw(settings, model, known, done),
        facts_of(settings, model, known),
        record_of(settings, model, known.ablation, known.dissection),
    )


def check(model: Model, settings: AttackSettings) -> Model:
    """The network, its outputs logits.

    Raises:
        BadInput: it has other classes, or a setting would fail in the middle.
    """
    if "outputs" not in model.facts:
        model = with_logits(model, settings.network or "the network")
    model = halves.check_on_scenes(model, subjects.run_name(settings))
    num_units = sweeps.num_units(model, settings.layer)
    if 2 * settings.top >= num_units:
        raise BadInput(
            f"`top` is {settings.top}; {settings.layer} has {num_units} units, and "
            "those of two classes must leave others"
        )
    return model


def record_of(
    settings: AttackSettings,
    model: Model,
    ablation: Mapping[str, Any],
    dissection: Mapping[str, Any],
) -> dict[str, Any]:
    """What makes it the same run, with the records of what it builds upon."""
    return outputs.manifest(
        settings,
        weights=model.weights.digest,
        **answers_of(model),
        scenes=generated.scenes_fingerprint(settings.seed, model.image_size),
        ablation=ablation,
        dissection=dissection,
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


def choose(
    settings: AttackSettings, model: Model, split: str, targets: Sequence[int]
) -> Pairs:
    """For every target the first images that neither are nor are taken for it.

    Args:
        settings: how many.
        model: the network.
        split: scenes to choose from, other than those units were ranked on.
        targets: classes aimed at.

    Raises:
        BadInput: too few of the scenes looked at will do, or the layer's activations
            are not finite.
    """
    aims, wanted = np.array(targets), settings.num_images
    numbers, true, taken = _looked_at(settings, model, split, aims)
    suitable = _suitable(true, taken, aims)
    if suitable.sum(0).min() < wanted:
        fewest = int(suitable.sum(0).argmin())
        raise BadInput(
            f"`num_images` is {wanted}; of the first {len(true)} scenes "
            f"only {suitable.sum(0)[fewest]} neither are nor are taken for "
            f"{model.classes[aims[fewest]]!r}"
        )
    rows = np.concatenate([np.flatnonzero(column)[:wanted] for column in suitable.T])
    # One image of every target, each another one, then further ones.
    order = np.arange(wanted) - np.arange(len(aims))[:, None]
    turns = (order % wanted).ravel()
    shown = np.argsort(turns, kind="stable")[: settings.num_shown]
    return Pairs(
        scenes=numbers[rows],
        true=true[rows],
        sources=taken[rows],
        targets=aims.repeat(wanted),
        is_shown=np.isin(np.arange(len(rows)), shown),
    )


def _looked_at(
    settings: AttackSettings, model: Model, split: str, aims: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scenes, their classes, and what they are taken for, until enough will do."""
    num_scenes, size = LOOKED_AT * settings.num_images, settings.batch_size
    numbers = generated.split_indices(split, num_scenes)
    forward = forward_to(model.network, (settings.layer, "logits"))
    true, taken = np.zeros(0, int), np.zeros(0, int)
    for start in range(0, num_scenes, size):
        part = numbers[start : start + size]
        batch = scenes.render(settings.seed, part, size=model.image_size)
        logits = forward(model.weights.params, batch.images)["logits"]
        true = np.concatenate([true, batch.targets])
        taken = np.concatenate([taken, np.asarray(logits.argmax(-1))])
        if _suitable(true, taken, aims).sum(0).min() >= settings.num_images:
            break
    return np.array(numbers), true, taken


def _suitable(true: np.ndarray, taken: np.ndarray, aims: np.ndarray) -> np.ndarray:
    return (true[:, None] != aims) & (taken[:, None] != aims)


def attack_settings(settings: AttackSettings) -> CarliniWagner:
    """The preset, with what replaces its parts."""
    preset = {"light": attacks.LIGHT, "original": attacks.ORIGINAL}[settings.preset]
    given = {"steps": settings.steps, "searches": settings.searches}
    return preset._replace(
        confidence=settings.confidence,
        **{name: value for name, value in given.items() if value is not None},
    )


def attack(
    settings: AttackSettings, model: Model, pairs: Pairs, progress: Progress
) -> Attacks:
    """Attack every pair; what is done is written down after each batch."""
    size = settings.batch_size
    starts = range(0, len(pairs.scenes), size)

    def batch(number: int) -> tuple[Any, ...]:
        chosen = slice(starts[number], starts[number] + size)
        part = Pairs(*(field[chosen] for field in pairs))
        return rendered(settings, model, part), part

    def merge(first, second):
        return jax.tree.map(lambda a, b: np.concatenate([a, b]), first, second)

    statistic = Statistic(_measurement(settings, model), merge, lambda value: value)
    values = progress.accumulate(
        statistic, batch, len(starts), "attacking", seconds=0.0
    )
    return Attacks(**{**pairs._asdict(), **values})


def rendered(settings: AttackSettings, model: Model, pairs: Pairs) -> np.ndarray:
    """The images of pairs, in [0, 1]."""
    numbers = pairs.scenes.tolist()
    drawn = scenes.render(settings.seed, numbers, size=model.image_size)
    return drawn.images / np.float32(255)


def _measurement(
    settings: AttackSettings, model: Model
) -> Callable[[np.ndarray, Pairs], dict[str, np.ndarray]]:
    """(images, pairs) -> what attacking them gives, by name of `Attacks`."""
    network, params, layer = model.network, model.weights.params, settings.layer

    def tail(params, images) -> Array:
        return networks.apply(network, params, images)

    taps = jax.jit(networks.taps(network, (layer, "logits")))

    @jax.jit
    def log_gradients(params, images, classes) -> Array:
        # Of the logarithm, whose sign is the probability's and does not underflow.
        score = gradients.log_probabilities
        return gradients.prediction_gradient(tail, params, images, classes, score=score)

    def answers(images) -> np.ndarray:
        return np.asarray(taps(params, images)["logits"].argmax(-1))

    def stepped(images, classes, sign: int) -> list[np.ndarray]:
        uphill = sign * log_gradients(params, images, classes)
        return [
            answers(attacks.gradient_step(images, uphill, step=step, scaling="sign"))
            for step in settings.pixel_steps
        ]

    def measure(images: np.ndarray, pairs: Pairs) -> dict[str, np.ndarray]:
        with jax.default_matmul_precision("highest"):
            attacked = attacks.carlini_wagner(
                tail, params, images, pairs.targets, settings=attack_settings(settings)
            )
            before, after = taps(params, images), taps(params, attacked.images)
            in_8_bits = np.rint(255 * attacked.images) / np.float32(255)
            away = stepped(images, pairs.sources, -1)
            towards = stepped(images, pairs.targets, 1)
            return {
                "success": attacked.success,
                "distance": attacked.distance,
                "largest": np.abs(attacked.images - images).max((1, 2, 3)),
                "rounded": answers(in_8_bits) == pairs.targets,
                "changes": np.asarray(
                    attacks.peak_changes(before[layer], after[layer])
                ),
                "stepped": np.array([away, towards]).transpose(2, 0, 1),
                "images": attacked.images[pairs.is_shown],
            }

    return measure


def measure(
    settings: AttackSettings, known: Known, done: Attacks, important: np.ndarray
) -> dict[str, AttackEffects]:
    """{measure: effects of attacks, with intervals and tests}."""
    key = jax.random.key(settings.seed)
    shares = attacks.shares_of_scale(done.changes, known.scale)
    return {
        measure: attacks.attack_effects(key, done, changes, important)
        for measure, changes in zip(units.MEASURES, (done.changes, shares), strict=True)
    }


def draw(
    settings: AttackSettings, model: Model, known: Known, done: Attacks
) -> list[Drawn]:
    """The images that are kept, where the attack succeeds, and where units move."""
    rows = np.flatnonzero(done.is_shown)
    if not done.success[rows].any():
        return []
    pairs = Pairs(*(getattr(done, name)[rows] for name in Pairs._fields))
    layer, size = settings.layer, model.image_size
    images = rendered(settings, model, pairs), done.images
    taps = jax.jit(networks.taps(model.network, (layer, "logits")))
    with jax.default_matmul_precision("highest"):
        before, after = (
            jax.device_get(taps(model.weights.params, batch)) for batch in images
        )
    chances = [np.asarray(jax.nn.softmax(seen["logits"])) for seen in (before, after)]
    maps = attacks.shares_of_scale(after[layer] - before[layer], known.scale)
    changes = attacks.shares_of_scale(done.changes, known.scale)
    centres = networks.centres(model.network, layer, size)
    drawn = []
    for n, row in enumerate(rows.tolist()):
        if done.success[row]:
            ends = [model.classes[k[row]] for k in (done.sources, done.targets)]
            moved = units.moved_most(known.cards, changes[row], figures.NUM_MAPS)
            parts = figures.taken_for(
                [(x[n], chance[n]) for x, chance in zip(images, chances, strict=True)],
                model.classes,
                float(done.distance[row]),
            )
            parts += figures.maps_of(parts[0].pixels, moved, maps[n], centres, size)
            drawn.append(Drawn(" to ".join(ends), [*moved[0], *moved[1]], parts))
    return drawn


def facts_of(settings: AttackSettings, model: Model, known: Known) -> dict[str, str]:
    """What was attacked and how, in reading order."""
    ablated = known.ablation["config"]
    kind = ablated.get("data", {}).get("name", "scenes")
    ranked_on = f"{ablated['num_rank']} {ablated['rank_split']} {kind}"
    parts = attack_settings(settings)._asdict()
    values = ", ".join(f"{name} {value:g}" for name, value in parts.items())
    facts = {
        "layer": settings.layer,
        "network": subjects.run_name(settings),
        "weights": f"sha256 {known.ablation['weights'][:12]}",
        "units": f"{len(known.cards)}, {settings.top} of each class",
        "images": f"{settings.num_images} for each target, of the "
        f"{ablated['report_split']} split, seed {settings.seed}",
        "importance": f"{ablated['rank_by'].replace('_', ' ')}, set to "
        f"{ablated['value']}, on {ranked_on}",
        "attack": f"Carlini-Wagner L2, targeted; {values}",
        **outputs.computed_with(),
        **model.facts,
    }
    centres = networks.centres(model.network, settings.layer, model.image_size)
    cells = subjects.supposed(centres)
    return facts | ({"cells": cells} if cells else {})
