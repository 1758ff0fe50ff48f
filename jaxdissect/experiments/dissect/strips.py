"""Pictures of the top images of every unit, dimmed where the unit is off."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from jaxdissect import dissection
from jaxdissect.dissection.layers import make_layers, unit_regions
from jaxdissect.pages import pictures

if TYPE_CHECKING:
    from jaxdissect.experiments.dissect.experiment import Run


def top_strips(
    this: "Run", found: Mapping[str, dissection.Findings]
) -> dict[str, list[str]]:
    """Every unit's top images side by side, as `data:` addresses.

    The network runs once more over the images that are shown; all layers draw from
    that pass, and only the pictures stay in memory.

    Args:
        this: the network, and the images it was dissected with.
        found: {layer: what was found}.
    """
    subject, probe, protocol = this.subject, this.probe, this.protocol
    batch_size = this.settings.batch_size
    side, size = min(subject.image_size, pictures.HEIGHT), subject.image_size
    tops = {layer: each.top.indices for layer, each in found.items()}
    shown = np.unique(np.concatenate([top.ravel() for top in tops.values()]))
    small = np.zeros((len(shown), side, side, 3), np.uint8)
    regions = {
        layer: np.zeros((*top.shape, side, side), bool) for layer, top in tops.items()
    }
    starts = range(0, len(shown), batch_size)
    for start in this.progress.bar(starts, len(starts), "drawing units"):
        part = shown[start : start + batch_size]
        images = probe.source.load(
            probe.indices[part], size=size, stride=protocol.stride
        ).images
        small[start : start + len(part)] = [_shrink(image, side) for image in images]
        acts = subject.forward(images)
        layers = make_layers(
            {layer: acts[layer] for layer in found},
            small,
            subject.centres,
            size,
            protocol,
        )
        for layer, top in tops.items():
            units, ranks = np.nonzero(np.isin(top, part))
            at = np.searchsorted(part, top[units, ranks])
            maps = np.asarray(acts[layer])[at, :, :, units]
            thresholds = found[layer].dissection.thresholds[units]
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
