"""The passes of a dissection: over all images, then over those that are shown."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np
from PIL import Image

from jaxdissect import dissection
from jaxdissect.dissection.layers import make_layers, unit_regions
from jaxdissect.dissection.pipeline import levels_of_layers
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.pages import pictures
from jaxdissect.runs import probes
from jaxdissect.runs.labelled import Probe
from jaxdissect.runs.progress import Progress
from jaxdissect.runs.subjects import Subject


class Scope(NamedTuple):
    """What is dissected, and how.

    Attributes:
        settings: of the experiment.
        subject: the network.
        probe: images to dissect with.
        choosing: images to choose levels on, where the protocol does so.
        protocol: the conventions.
        progress: how far it is.
    """

    settings: DissectSettings
    subject: Subject
    probe: Probe
    choosing: Probe | None
    protocol: dissection.Protocol
    progress: Progress


def measure(
    scope: Scope, label: str = "", *, num_draws: int = 0
) -> dict[str, dissection.Findings]:
    """Dissect all layers of a network, running it as often as that takes.

    Args:
        scope: what is dissected, and how.
        label: what is dissected, where an experiment dissects several times.
        num_draws: resamples behind intervals; 0 for neither these nor chance levels.
    """
    settings, subject, probe, choosing, protocol, progress = scope

    def look(images: Probe) -> probes.Look:
        return probes.look_at(
            subject,
            images,
            protocol,
            batch_size=settings.batch_size,
            keep_bytes=settings.keep_mib * 2**20,
        )

    looked = look(probe)
    acts, labels, _ = looked.batch(0)
    layers = make_layers(acts, labels, subject.centres, subject.image_size, protocol)
    categories = probe.source.category_numbers()
    levels = sampling = None
    if choosing is not None:
        levels = levels_of_layers(look(choosing).batches, layers, categories, protocol)
    if num_draws:
        key, strata = jax.random.key(settings.seed), probe.source.strata[probe.indices]
        sampling = dissection.Sampling(key, strata, num_draws)
    return dissection.find(
        probes.passes_over(looked, progress, label),
        layers,
        categories,
        num_images=looked.num_images,
        num_top=settings.num_top,
        protocol=protocol,
        levels=levels,
        sampling=sampling,
        memory_bytes=settings.memory_mib * 2**20,
    )


def top_strips(
    scope: Scope, findings: Mapping[str, dissection.Findings]
) -> dict[str, list[str]]:
    """Every unit's top images, dimmed where it is off, as `data:` addresses.

    The network runs once more over the images that are shown; all layers draw from
    that pass, and only the pictures stay in memory.
    """
    subject, probe, protocol = scope.subject, scope.probe, scope.protocol
    side, size = min(subject.image_size, pictures.HEIGHT), subject.image_size
    tops = {layer: one.top.indices for layer, one in findings.items()}
    shown = np.unique(np.concatenate([top.ravel() for top in tops.values()]))
    small = np.zeros((len(shown), side, side, 3), np.uint8)
    regions = {
        layer: np.zeros((*top.shape, side, side), bool) for layer, top in tops.items()
    }
    starts = range(0, len(shown), scope.settings.batch_size)
    for start in scope.progress.bar(starts, len(starts), "drawing units"):
        part = shown[start : start + scope.settings.batch_size]
        images = probe.source.load(
            probe.indices[part], size=size, stride=protocol.stride
        ).images
        small[start : start + len(part)] = [_shrink(image, side) for image in images]
        all_acts = subject.forward(images)
        acts = {layer: all_acts[layer] for layer in findings}
        layers = make_layers(acts, small, subject.centres, size, protocol)
        for layer, top in tops.items():
            units, ranks = np.nonzero(np.isin(top, part))
            at = np.searchsorted(part, top[units, ranks])
            maps = np.asarray(acts[layer])[at, :, :, units]
            thresholds = findings[layer].dissection.thresholds[units]
            regions[layer][units, ranks] = unit_regions(layers[layer], maps, thresholds)
    return {
        layer: [
            pictures.data_uri(
                pictures.region_strip(small[np.searchsorted(shown, row)], on)
            )
            for row, on in zip(top, regions[layer], strict=True)
        ]
        for layer, top in tops.items()
    }


def _shrink(image: np.ndarray, side: int) -> np.ndarray:
    if len(image) == side:
        return image
    return np.asarray(
        Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
    )
