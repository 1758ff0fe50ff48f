"""Networks in PyTorch: random weights, and every layer's activations.

Importing this skips a test where PyTorch is not installed.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import Tensor, nn  # noqa: E402


class Reference(NamedTuple):
    """A network, and which module's output each layer is.

    Attributes:
        model: normalized images [B 3 H W] to logits [B K].
        layers: {layer: path of a module}; all but `input` and `logits`.
    """

    model: nn.Module
    layers: Mapping[str, str]


def randomize(model: nn.Module, images: Tensor, *, seed: int) -> None:
    """Random weights with which activations neither vanish nor explode.

    Kernels are He-normal. BatchNorm's statistics are those of the images. Before it
    kernels are small, so that its epsilon matters; its scales are small, so that
    rounding does not grow from block to block of a deep residual network.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = [part for part in model.modules() if not [*part.children()]]
    with torch.no_grad():
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(0.1, 0.3, generator=generator)
                part.bias.normal_(0, 0.2, generator=generator)
                part.momentum = 1.0
            elif isinstance(part, nn.Conv2d | nn.Linear):
                scale = 0.02 if isinstance(following, nn.BatchNorm2d) else 1.0
                spread = scale * (2 / part.weight[0].numel()) ** 0.5
                part.weight.normal_(0, spread, generator=generator)
                if part.bias is not None:
                    part.bias.normal_(0, 0.1 * scale, generator=generator)
        model.train()
        model(images)
    model.eval()


def activations(reference: Reference, images: Tensor) -> dict[str, np.ndarray]:
    """{layer: [B H W U]} and the logits [B K] of normalized images [B 3 H W]."""
    found = {"input": _channels_last(images)}

    def keep(layer: str):
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor):
            found[layer] = _channels_last(outputs)

        return hook

    model, layers = reference
    hooks = [
        model.get_submodule(path).register_forward_hook(keep(layer))
        for layer, path in layers.items()
    ]
    with torch.inference_mode():
        found["logits"] = model(images).numpy()
    for hook in hooks:
        hook.remove()
    return found


def _channels_last(acts: Tensor) -> np.ndarray:
    if acts.ndim == 2:
        acts = acts[:, :, None, None]
    return acts.permute(0, 2, 3, 1).numpy()
