"""Do the p-values of a dissection keep what they promise? Against real permutations.

    python benchmarks/chance.py
    python benchmarks/chance.py --images 100 --permutations 5

Dissects the bundled network, exchanges the concept masks among images at random, and
counts how often units and concepts that now have nothing to do with each other get
p-values at or below some levels: the share should be the level, or less.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tyro
from tqdm.auto import tqdm

from jaxdissect import dissection, model
from jaxdissect.dissection.chance import Chance, chance_level, p_values
from jaxdissect.dissection.layers import make_layers, masks
from jaxdissect.dissection.moments import mask_moments
from jaxdissect.runs import labelled, subjects
from jaxdissect.significance import false_discovery
from jaxdissect.streaming import add

LEVELS = (0.05, 0.01, 0.001, 1e-4)
BATCH = 50


@dataclass(frozen=True)
class Config:
    """Which images, layers and permutations."""

    layers: tuple[str, ...] = ("conv3_3", "conv5_3")
    images: int = 600
    permutations: int = 200
    seed: int = 0


def observe(config: Config) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Masks of units {layer: [N h w U]} and of concepts [N h w C]."""
    protocol = dissection.PNAS20
    trained = model.load_trained(None)
    subject = subjects.of_trained(trained, config.layers, {})
    size = subject.image_size
    source, indices = labelled.generated_probe(
        "scenes", config.seed, config.images, size
    )
    seen = []
    for start in range(0, config.images, BATCH):
        part = source.load(
            indices[start : start + BATCH], size=size, stride=protocol.stride
        )
        acts = subject.forward(part.images)
        seen.append(({name: np.asarray(acts[name]) for name in acts}, part.labels))
    found = dissection.dissect(
        seen,
        source.concepts,
        subject.centres,
        size,
        num_images=config.images,
        protocol=protocol,
    )
    layers = make_layers(*seen[0], subject.centres, size, protocol)
    units = {
        name: np.concatenate(
            [masks(layer, acts[name], found[name].thresholds) for acts, _ in seen]
        )
        for name, layer in layers.items()
    }
    num_concepts = len(source.concepts)
    concepts = [
        dissection.concept_masks(labels, num_concepts=num_concepts)
        for _, labels in seen
    ]
    return units, np.concatenate(concepts)


def null_of(units: np.ndarray, concepts: np.ndarray) -> Chance:
    """The chance level, from the moments of both."""

    def moments(shown: np.ndarray):
        starts = range(0, len(shown), BATCH)
        parts = (shown[start : start + BATCH] for start in starts)
        return functools.reduce(
            add, (mask_moments(part, np.zeros(len(part), int)) for part in parts)
        )

    return chance_level(moments(units), moments(concepts))


def permuted(
    config: Config, units: np.ndarray, concepts: np.ndarray
) -> Iterator[np.ndarray]:
    """Intersections [U C] after each permutation of the concept masks."""
    on = units.reshape(-1, units.shape[-1]).astype(np.float32).T.copy()
    rng = np.random.default_rng(config.seed)
    for _ in tqdm(range(config.permutations), desc="permuting"):
        shown = concepts[rng.permutation(len(concepts))]
        shown = shown.reshape(-1, shown.shape[-1]).astype(np.float32)
        yield np.rint(on @ shown).astype(np.int64)


def main(config: Config) -> None:
    """Print, for each layer, the share of p-values at each level over that level."""
    units, concepts = observe(config)
    levels = " | ".join(f"p <= {level:g}" for level in LEVELS)
    print(f"{config.images} scenes, {config.permutations} permutations, {config}")
    print(f"\n| layer | {levels} | tables with a discovery |\n|{'---|' * 6}")
    for name, on in units.items():
        null = null_of(on, concepts)
        shares, any_found = np.zeros(len(LEVELS)), 0
        for intersection in permuted(config, on, concepts):
            p = p_values(intersection, null)
            shares += [(p <= level).mean() / level for level in LEVELS]
            any_found += bool((false_discovery(p) <= 0.05).any())
        found = " | ".join(f"{share / config.permutations:.2f}" for share in shares)
        print(f"| {name} | {found} | {any_found / config.permutations:.1%} |")


if __name__ == "__main__":
    main(tyro.cli(Config))
