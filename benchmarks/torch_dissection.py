"""Dissection as it is usually published, written from the papers, in PyTorch.

`torch_process` runs this file, like `torch_training`: it reads
settings as one line of JSON, answers with what it can do, then reads lines "NAME
BATCHES" and answers each, when done, with its processor seconds. The activations
[N H W U] and label maps [N h w L] to dissect lie in the folder that the settings name;
the IoU [U C] goes there.

References:
    Bau et al., Network Dissection, CVPR 2017 (the second, "lite" code).
    Bau et al., Understanding the role of individual units in a deep neural network,
    PNAS 2020.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from torch_ablation import vgg16
from torch_training import prepare

if TYPE_CHECKING:
    import torch

THRESHOLDS_BATCH = 10


def main() -> None:
    """Load what there is to dissect, then dissect when asked."""
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
    runs = make_runs(settings, device)
    answer([about, list(runs)])
    for line in sys.stdin:
        name, count = line.split()
        began = process_time()
        with torch.inference_mode():
            iou = runs[name](int(count))
        if device == "cuda":
            torch.cuda.synchronize()
        used = process_time() - began
        if iou is not None:
            np.save(Path(settings["folder"]) / f"{name}.npy", iou.cpu().numpy())
        answer(used)


def make_runs(
    settings: dict[str, Any], device: str
) -> dict[str, Callable[[int], torch.Tensor | None]]:
    """{row: take so many batches -> IoU [U C], or none of the network alone}."""
    import torch

    folder, batch = Path(settings["folder"]), settings["batch"]
    acts = torch.from_numpy(np.load(folder / "acts.npy")).permute(0, 3, 1, 2)
    acts = acts.contiguous()
    labels = torch.from_numpy(np.load(folder / "labels.npy")).permute(0, 3, 1, 2)
    labels = labels.contiguous().long()
    category = torch.tensor(settings["categories"])
    size, masses = settings["image_size"], settings["masses"]
    images = torch.rand(batch, 3, size, size).to(device)
    model, last = vgg16({"width": settings["width"], "hidden": (), "num_classes": 2})
    trunk = model[: 1 + list(model).index(last)].eval().to(device)
    there = acts.to(device), labels.to(device)

    def plain(count: int) -> None:
        for _ in range(count):
            trunk(images)

    def lite(count: int) -> torch.Tensor:
        cut = slice(count * batch)
        return lite_iou(acts[cut], labels[cut], category, masses["torch_lite"])

    def pnas(count: int) -> torch.Tensor:
        cut = slice(count * batch)
        arrays = (array[cut] for array in there)
        mass = masses["torch_pnas"]
        return pnas_iou(*arrays, len(category), mass, settings["top"])

    return {"torch_plain": plain, "torch_lite": lite, "torch_pnas": pnas}


def lite_iou(
    acts: torch.Tensor, labels: torch.Tensor, category: torch.Tensor, mass: float
) -> torch.Tensor:
    """For each image and unit: resize the map, compare, count labels below the mask.

    A unit whose peak on an image is not above its threshold is skipped there. The
    thresholds are exact here, by a selection over all values.
    """
    import torch
    from torch.nn.functional import interpolate

    units, concepts = acts.shape[1], len(category)
    values = acts.transpose(0, 1).reshape(units, -1)
    level = values.topk(rank(mass, values.shape[1])).values[:, -1]
    # A category 0 for no label, so that labels index it.
    of_label = torch.cat([torch.zeros(1, dtype=torch.long), category + 1])
    tally = torch.zeros(units, concepts + 1, dtype=torch.long)
    seen = torch.zeros(concepts + 1, dtype=torch.long)
    area = torch.zeros(units, int(of_label.max()) + 1, dtype=torch.long)
    for maps, layers in zip(acts, labels, strict=True):
        seen += torch.bincount(layers.flatten(), minlength=concepts + 1)
        carried = of_label[layers.unique()].unique()
        peaks = maps.amax((1, 2)) > level
        for unit in peaks.nonzero()[:, 0].tolist():
            resized = interpolate(
                maps[None, None, unit], size=layers.shape[1:], mode="bilinear"
            )
            mask = resized[0, 0] > level[unit]
            inside = layers[:, mask].flatten()
            tally[unit] += torch.bincount(inside, minlength=concepts + 1)
            area[unit, carried] += mask.sum()
    both = tally[:, 1:].double()
    return both / (area[:, category + 1] + seen[1:] - both + 1e-10)


def pnas_iou(
    acts: torch.Tensor, labels: torch.Tensor, concepts: int, mass: float, top: int
) -> torch.Tensor:
    """Thresholds on upsampled maps, top images, then a mean for each label.

    The last pass takes one image at a time: the mean of every unit's mask given each
    label of the image, merged into running means, from which IoU follows. Thresholds
    are exact here, by keeping the largest values.
    """
    import torch

    side = labels.shape[-1]
    level = pnas_level(acts, side, mass)
    acts.amax((2, 3)).topk(min(top, len(acts)), dim=0)
    units = acts.shape[1]
    mean = torch.zeros(units, concepts + 1, dtype=torch.double, device=acts.device)
    seen = torch.zeros(concepts + 1, dtype=torch.double, device=acts.device)
    on_mean = torch.zeros(units, dtype=torch.double, device=acts.device)
    for number in range(len(acts)):
        on = upsample(acts[number : number + 1], side)[0] > level[:, None, None]
        on, layers = on.flatten(1).float(), labels[number].flatten(1)
        on_mean += (on.mean(1) - on_mean) / (number + 1)
        for label in layers.unique().tolist():
            if label:
                given = on[:, (layers == label).any(0)]
                seen[label] += given.shape[1]
                share = given.shape[1] / seen[label]
                mean[:, label] += (given.mean(1) - mean[:, label]) * share
    truth = seen[1:] / (len(acts) * side**2)
    both = mean[:, 1:] * truth
    return both / (on_mean[:, None] + truth - both).clamp(min=1e-20)


def pnas_level(acts: torch.Tensor, side: int, mass: float) -> torch.Tensor:
    """Every unit's upper quantile over upsampled maps, ten images at a time."""
    import torch

    count = rank(mass, len(acts) * side**2)
    kept = acts.new_empty(acts.shape[1], 0)
    for batch in acts.split(THRESHOLDS_BATCH):
        values = upsample(batch, side).transpose(0, 1).flatten(1)
        both = torch.cat([kept, values], 1)
        kept = both.topk(min(count, both.shape[1])).values
    return kept.amin(1)


def upsample(acts: torch.Tensor, side: int) -> torch.Tensor:
    """Bilinear, with centres of cells on centres of what they cover; 0 outside."""
    import torch
    from torch.nn.functional import grid_sample

    cells = acts.shape[-1]
    scale = side / cells
    places = (torch.arange(side, device=acts.device) - (scale - 1) / 2) / scale
    places = places * 2 / (cells - 1) - 1
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    grid = torch.stack([columns, rows], -1).expand(len(acts), side, side, 2)
    return grid_sample(acts, grid, padding_mode="zeros", align_corners=True)


def rank(mass: float, number: int) -> int:
    """k of the k-th largest value that leaves so much of the values above it."""
    return max(1, math.ceil(round(mass * number, 6)))


if __name__ == "__main__":
    main()
