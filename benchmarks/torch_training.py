"""A step of training the CIFAR VGG-16 in PyTorch, eager and compiled.

`torch_process` runs this file in a process of its own, which takes steps whenever it is
told to.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import TYPE_CHECKING, Any

from torch_ablation import GROUPS, num_cores

if TYPE_CHECKING:
    import torch
    from torch import nn

FORMS = {
    "torch": (False, False),
    "torch_last": (True, False),
    "torch_compiled": (False, True),
    "torch_compiled_last": (True, True),
}
"""{row: (channels last, compiled)}."""


def main() -> None:
    """Prepare every form, then take steps when asked."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what torch prints is no answer

    def answer(value: Any) -> None:
        print(json.dumps(value), file=answers, flush=True)

    settings = json.loads(sys.stdin.readline())
    try:
        device = prepare(settings)
    except (ImportError, RuntimeError) as error:
        return answer([{"torch": f"left out ({error})"}, []])
    import torch

    about = {"torch": torch.__version__, "torch threads": torch.get_num_threads()}
    steps = {}
    for name, form in FORMS.items():
        try:
            step = make_step(settings, device, *form)
            step()
        except Exception as error:  # a compiler may be missing, or much else
            first, *_ = str(error).splitlines() or [type(error).__name__]
            about[name] = f"left out ({first})"
        else:
            steps[name] = step
    answer([about, list(steps)])
    for line in sys.stdin:
        name, count = line.split()
        began = process_time()
        for _ in range(int(count)):
            steps[name]()
        if device == "cuda":
            torch.cuda.synchronize()
        answer(process_time() - began)


def prepare(settings: dict[str, Any]) -> str:
    """The device to use, at the precision asked for."""
    import torch

    torch.set_num_threads(num_cores())
    if settings["backend"] != "gpu":
        return "cpu"
    if not torch.cuda.is_available():
        raise RuntimeError("its torch sees no GPU")
    exact = settings["precision"] == "float32"
    torch.set_float32_matmul_precision("highest" if exact else "high")
    torch.backends.cudnn.allow_tf32 = not exact
    torch.backends.cudnn.benchmark = True
    return "cuda"


def make_step(
    settings: dict[str, Any], device: str, channels_last: bool, compiled: bool
) -> Callable[[], None]:
    """A step of SGD on one random batch."""
    import torch
    from torch.nn.functional import cross_entropy

    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = vgg16(settings["width"]).to(device, memory_format=layout).train()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4
    )
    images = torch.rand(settings["batch"], 3, 32, 32).to(device, memory_format=layout)
    targets = torch.randint(100, (settings["batch"],)).to(device)
    half = settings["precision"] == "bfloat16"
    autocast = partial(torch.autocast, device, torch.bfloat16, enabled=half)

    def loss_of(images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(model((images - 0.5) / 0.25), targets)

    run = torch.compile(loss_of) if compiled else loss_of

    def step() -> None:
        optimizer.zero_grad()
        with autocast():
            loss = run(images, targets)
        loss.backward()
        optimizer.step()

    return step


def vgg16(width: float) -> nn.Sequential:
    """VGG-16 with BatchNorm as torchvision has it, and the CIFAR head."""
    from torch import nn

    layers: list[nn.Module] = []
    channels = 3
    for features, depth in GROUPS:
        units = max(1, round(features * width))
        for _ in range(depth):
            layers.append(nn.Conv2d(channels, units, 3, padding=1))
            layers += [nn.BatchNorm2d(units), nn.ReLU(inplace=True)]
            channels = units
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, 100))


if __name__ == "__main__":
    main()
