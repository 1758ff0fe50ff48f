"""What a dissection measures: all layers in the same passes over the images."""

from typing import NamedTuple

import jax

from jaxdissect import dissection
from jaxdissect.dissection.layers import make_layers
from jaxdissect.dissection.pipeline import levels_of_layers
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.runs import labelled, probes, subjects
from jaxdissect.runs.progress import Progress


class Run(NamedTuple):
    """What a run dissects, and how.

    Attributes:
        config: the settings.
        subject: the network.
        probe: images to dissect with.
        choosing: images to choose levels on, where the protocol does so.
        protocol: the conventions.
    """

    config: DissectSettings
    subject: subjects.Subject
    probe: labelled.Probe
    choosing: labelled.Probe | None
    protocol: dissection.Protocol


def find(
    this: Run, progress: Progress, label: str = "", *, num_draws: int = 0
) -> dict[str, dissection.Findings]:
    """Dissect all layers of a network, running it as often as that takes.

    Args:
        this: what is dissected, and how.
        progress: how far it is.
        label: what is dissected, where a run dissects several times.
        num_draws: resamples behind intervals; 0 for neither these nor chance levels.
    """
    config, subject, probe, choosing, protocol = this

    def look(images: labelled.Probe) -> probes.Look:
        return probes.look_at(
            subject,
            images,
            protocol,
            batch_size=config.batch_size,
            keep_bytes=config.keep_mib * 2**20,
        )

    looked = look(probe)
    acts, labels, _ = looked.batch(0)
    layers = make_layers(acts, labels, subject.centres, subject.image_size, protocol)
    categories = probe.source.category_numbers()
    levels = sampling = None
    if choosing is not None:
        levels = levels_of_layers(look(choosing).batches, layers, categories, protocol)
    if num_draws:
        key, strata = jax.random.key(config.seed), probe.source.strata[probe.indices]
        sampling = dissection.Sampling(key, strata, num_draws)
    return dissection.find(
        probes.passes_over(looked, progress, label),
        layers,
        categories,
        num_images=looked.num_images,
        num_top=config.num_top,
        protocol=protocol,
        levels=levels,
        sampling=sampling,
        memory_bytes=config.memory_mib * 2**20,
    )
