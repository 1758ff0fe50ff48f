"""Unit ablation as it is usually published: a hook, and one full pass per unit.

`torch_seconds` runs this file in a process of its own, so that the thread pools of the
two libraries do not compete: settings come as JSON on standard input, seconds go as
JSON to standard output. Torch is imported there only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

GROUPS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def num_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def torch_seconds(python: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Seconds of the plain pass and of ablation; none, and why, without torch."""
    done = subprocess.run(
        [python, __file__],
        input=json.dumps(settings, default=str),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it failed"])[-1]
        return {"about": {"torch": f"left out ({reason})"}, "seconds": {}}
    return json.loads(done.stdout)


def main() -> None:
    """Time the plain forward pass, and passes with one unit of conv5_3 at zero."""
    settings = json.load(sys.stdin)
    device = _device(settings)
    import torch

    model, conv5_3 = vgg16(settings)
    model.eval().to(device)
    size, repeats = settings["image_size"], settings["repeats"]
    images = torch.rand(settings["images"], 3, size, size).to(device)
    batches = list(images.split(settings["batch"]))

    def forward(batches: list[torch.Tensor]) -> None:
        for images in batches:
            model(images)

    def ablated(batches: list[torch.Tensor]) -> None:
        for unit in range(settings["units_extrapolated"]):
            hook = conv5_3.register_forward_hook(_zeroing(unit))
            forward(batches)
            hook.remove()

    with torch.inference_mode():
        seconds = {
            "torch_plain": _seconds(forward, batches, repeats, device),
            "torch_full": _seconds(ablated, batches, repeats, device),
        }
    about = {"torch": torch.__version__, "torch threads": torch.get_num_threads()}
    print(json.dumps({"about": about, "seconds": seconds}))


def vgg16(settings: dict[str, Any]) -> tuple[nn.Sequential, nn.Module]:
    """VGG-16 as torchvision has it, and its layer conv5_3 after the ReLU."""
    from torch import nn

    layers: list[nn.Module] = []
    channels = 3
    for features, depth in GROUPS:
        units = max(1, round(features * settings["width"]))
        for _ in range(depth):
            layers += [nn.Conv2d(channels, units, 3, padding=1), nn.ReLU(inplace=True)]
            channels = units
        layers.append(nn.MaxPool2d(2))
    conv5_3 = layers[-2]
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten()]
    width = channels * 7 * 7
    for features in settings["hidden"]:
        layers += [nn.Linear(width, features), nn.ReLU(inplace=True), nn.Dropout()]
        width = features
    model = nn.Sequential(*layers, nn.Linear(width, settings["num_classes"]))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    return model, conv5_3


def _seconds(
    run: Callable[[list[torch.Tensor]], None],
    batches: list[torch.Tensor],
    repeats: int,
    device: str,
) -> list[float]:
    from torch import cuda

    run(batches[:1])  # warm-up
    times = []
    for _ in range(repeats):
        if device == "cuda":
            cuda.synchronize()
        start = perf_counter()
        run(batches)
        if device == "cuda":
            cuda.synchronize()
        times.append(perf_counter() - start)
    return times


def _zeroing(unit: int) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        output[:, unit] = 0

    return hook


def _device(settings: dict[str, Any]) -> str:
    try:
        import torch
    except ImportError:
        sys.exit("this Python has no torch")
    torch.set_num_threads(num_cores())
    if settings["backend"] != "gpu":
        return "cpu"
    if not torch.cuda.is_available():
        sys.exit("its torch sees no GPU")
    exact = settings["precision"] in ("highest", "float32")
    torch.set_float32_matmul_precision("highest" if exact else "high")
    torch.backends.cudnn.allow_tf32 = not exact
    return "cuda"


if __name__ == "__main__":
    main()
