"""VGG-16 in PyTorch: a .safetensors file as a .pth, and logits of images.

Runs in a process of its own: settings come as JSON on standard input, what PyTorch is
goes as JSON to standard output.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from torch_ablation import GROUPS, num_cores


def main() -> None:
    """Write what was asked for into the folder."""
    settings = json.load(sys.stdin)
    folder = Path(settings["folder"])
    try:
        import torch
        from safetensors.torch import load_file
    except ImportError as error:
        sys.exit(f"this Python lacks {error.name}")
    torch.set_num_threads(num_cores())
    state = load_file(folder / "vgg16.safetensors")
    torch.save(state, folder / "vgg16.pth")
    if settings["logits"]:
        images = np.load(folder / "images.npy")
        np.save(folder / "logits.npy", logits(settings, state, images))
    print(json.dumps({"torch": torch.__version__}))


def logits(
    settings: dict[str, Any], state: dict[str, Any], images: np.ndarray
) -> np.ndarray:
    """What PyTorch makes of images [B H W 3] in [0, 1]."""
    import torch
    from torch import nn

    features: list[nn.Module] = []
    channels = 3
    for number, depth in GROUPS:
        units = max(1, round(number * settings["width"]))
        for _ in range(depth):
            features += [nn.Conv2d(channels, units, 3, padding=1), nn.ReLU()]
            channels = units
        features.append(nn.MaxPool2d(2))
    inputs = channels * 7 * 7
    classifier: list[nn.Module] = []
    for units in settings["hidden"]:
        classifier += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout()]
        inputs = units
    classifier.append(nn.Linear(inputs, settings["num_classes"]))
    parts = {"features": nn.Sequential(*features)}
    model = nn.ModuleDict(parts | {"classifier": nn.Sequential(*classifier)}).eval()
    model.load_state_dict(state, strict=True)
    mean, std = torch.tensor(settings["mean"]), torch.tensor(settings["std"])
    x = ((torch.tensor(images) - mean) / std).permute(0, 3, 1, 2)
    with torch.inference_mode():
        maps = nn.functional.adaptive_avg_pool2d(model["features"](x), 7)
        return model["classifier"](maps.flatten(1)).numpy()


if __name__ == "__main__":
    main()
