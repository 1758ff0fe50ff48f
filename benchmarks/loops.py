"""Dissection by published loops, in PyTorch, beside ours on the same activations."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import dissecting
import jax
import numpy as np
import torch_dissection
from dissecting import LAYER, STRIDE, Batch, Run, Subject
from steps import Timed, beside_plain
from torch_process import TorchSteps, started

from jaxdissect.dissection import LITE, PNAS20, Protocol


class Loop(NamedTuple):
    """A published loop.

    Attributes:
        what: in words.
        protocol: ours for the same numbers.
        passes: how often the published code runs the network.
    """

    what: str
    protocol: Protocol
    passes: int


LOOPS = {
    "torch_lite": Loop(
        "an image and a unit at a time", LITE._replace(stride=STRIDE), 1
    ),
    "torch_pnas": Loop("an image and a label at a time", PNAS20, 3),
}


class Beside(NamedTuple):
    """How a published loop did beside ours, without the network.

    Attributes:
        ours: a batch, in every round.
        theirs: the same; its ratios are to ours.
        seconds: of ours, part by part, in the last round.
        differs: the largest difference of any IoU.
    """

    ours: Timed
    theirs: Timed
    seconds: dict[str, float]
    differs: float


@contextmanager
def torch_beside(
    python: Path, subject: Subject, kept: list[Batch], settings: Mapping[str, Any]
) -> Iterator[tuple[Path, TorchSteps]]:
    """PyTorch in another process, and the folder through which it gets its arrays."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        acts = np.concatenate([acts[LAYER] for acts, *_ in kept])
        np.save(folder / "acts.npy", acts)
        np.save(folder / "labels.npy", np.concatenate(subject.labels))
        given = {
            "folder": folder,
            "backend": jax.default_backend(),
            "categories": subject.categories,
            "masses": {name: loop.protocol.tail_mass for name, loop in LOOPS.items()},
            "top": dissecting.NUM_TOP,
        }
        with started(torch_dissection.__file__, python, {**settings, **given}) as torch:
            yield folder, torch


def of_torch(torch: TorchSteps, name: str) -> Run:
    """A row of PyTorch's, to be timed like ours."""
    return lambda steps: (torch.steps[name](steps), None)


def beside_ours(
    subject: Subject,
    kept: list[Batch],
    torch: TorchSteps,
    folder: Path,
    *,
    steps: int,
    repeats: int,
) -> dict[str, Beside]:
    """Every published loop beside ours, once it is known that they find the same."""
    found = {}
    for name in (name for name in LOOPS if name in torch.steps):
        ours = dissecting.dissected_kept(subject, kept, LOOPS[name].protocol)
        theirs = of_torch(torch, name)
        iou = ours(steps)[1].findings[LAYER].dissection.iou
        theirs(steps)
        differs = np.abs(np.load(folder / f"{name}.npy") - iou)
        # A pixel at the threshold may round either way; a pixel of a small concept
        # is a visible part of its IoU.
        if differs.sum() > 1e-3 * iou.sum():
            sys.exit(f"{name} finds other IoU: they differ by {differs.max():.2g}")
        timed, last = beside_plain({"plain": ours, name: theirs}, steps, repeats)
        found[name] = Beside(
            timed["plain"], timed[name], last["plain"].seconds, float(differs.max())
        )
    return found
