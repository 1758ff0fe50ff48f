"""Gradients of classes with respect to a layer, in PyTorch and by Captum.

`torch_process` runs this file, like `torch_training`: it reads
settings as one line of JSON, answers with what it can do, then reads lines "NAME
CALLS" and answers each, when done, with its processor seconds. The weights of the tail
after conv5_3, the activations and the classes asked about lie in the folder that the
settings name; the gradients of the last call go there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from torch_training import prepare

if TYPE_CHECKING:
    import torch


def main() -> None:
    """Load the tail, then ask for gradients when told to."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what torch prints is no answer

    def answer(value: Any) -> None:
        print(json.dumps(value), file=answers, flush=True)

    settings = json.loads(sys.stdin.readline())
    try:
        device = prepare(settings | {"precision": "float32"})
    except (ImportError, RuntimeError) as error:
        return answer([{"torch": f"left out ({error})"}, []])
    import torch

    about = {"torch": torch.__version__, "torch threads": torch.get_num_threads()}
    folder = Path(settings["folder"])
    runs, version = make_runs(folder, device)
    answer([about | {"captum": version}, list(runs)])
    for line in sys.stdin:
        name, count = line.split()
        began = process_time()
        for _ in range(int(count)):
            found = runs[name]()
        if device == "cuda":
            torch.cuda.synchronize()
        used = process_time() - began
        np.save(folder / f"{name}.npy", torch.stack(found).cpu().numpy())
        answer(used)


def make_runs(
    folder: Path, device: str
) -> tuple[dict[str, Callable[[], list[torch.Tensor]]], str]:
    """{row: the probability's gradients [B U H W] of each class}; Captum's version."""
    import torch

    model = tail(folder).eval().to(device)
    acts = torch.from_numpy(np.load(folder / "acts.npy")).permute(0, 3, 1, 2)
    acts = acts.contiguous().to(device)
    classes = np.load(folder / "classes.npy").tolist()

    def autograd() -> list[torch.Tensor]:
        asked = acts.clone().requires_grad_()
        scores = model(asked)
        return [
            torch.autograd.grad(scores[:, k].sum(), asked, retain_graph=True)[0]
            for k in classes
        ]

    runs = {"torch": autograd}
    try:
        import captum
        from captum.attr import LayerGradientXActivation
    except ImportError as error:
        return runs, f"left out ({error})"
    layer = LayerGradientXActivation(model, model[0], multiply_by_inputs=False)

    def by_captum() -> list[torch.Tensor]:
        return [layer.attribute(acts, target=k).detach() for k in classes]

    return runs | {"captum": by_captum}, captum.__version__


def tail(folder: Path) -> torch.nn.Sequential:
    """VGG-16 after conv5_3, which `model[0]` hands on, to probabilities."""
    from torch import from_numpy, nn

    layers: list[nn.Module] = [nn.Identity(), nn.MaxPool2d(2)]
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten()]
    for name in ("fc6.dense", "fc7.dense", "fc8"):
        kernel = np.load(folder / f"{name}.kernel.npy")
        units = kernel.shape[-1]
        linear = nn.Linear(kernel[..., 0].size, units)
        flat = kernel.transpose(3, 2, 0, 1).reshape(units, -1)
        linear.weight.data = from_numpy(np.ascontiguousarray(flat))
        linear.bias.data = from_numpy(np.load(folder / f"{name}.bias.npy"))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Softmax(-1)).requires_grad_(False)


if __name__ == "__main__":
    main()
