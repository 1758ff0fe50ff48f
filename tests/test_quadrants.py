"""Squares of four colours, found by units that look for them, to the last pixel."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxdissect.cli import main

QUADRANTS = ("red", "green", "blue", "yellow")
COLOURS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)])
UNITS = np.array([[1, -1, -1, 1], [-1, 1, -1, 1], [-1, -1, 1, -1]], np.float32)
NETWORK = """
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxdissect import adapters, networks

SIZE, CELL, UNITS = {size}, {cell}, np.array({units}, np.float32)

class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.avg_pool(x, CELL, CELL)
        if {far}:
            x = x + {far} * x.mean((1, 2), keepdims=True)
        x = nn.relu(nn.Conv(4, (1, 1), use_bias=False, name="c")(x))
        return x.mean((1, 2))

def own():
    image = jnp.zeros((1, SIZE, SIZE, 3))
    variables = {{"params": {{"c": {{"kernel": UNITS[None, None]}}}}}}
    network, params = adapters.linen_network(Net(), variables, image)
    return networks.Classifier(network, params, SIZE)
"""
TAIL_MASS = 0.05


def draw(size, number):
    """Pictures, and numbers of their colours: a square in each quadrant."""
    rng = np.random.default_rng(0)
    pictures = np.zeros((number, size, size, 3), int)
    masks = np.zeros((number, size, size), np.uint8)
    side = size // 4
    for k in range(number):
        for c in range(4):
            y, x = size // 2 * np.array(divmod(c, 2)) + rng.integers(0, side, 2)
            pictures[k, y : y + side, x : x + side] = COLOURS[c]
            masks[k, y : y + side, x : x + side] = c + 1
    # Noise, so that no two values are equal at a threshold.
    noisy = abs(pictures - rng.integers(0, 30, pictures.shape))
    return noisy.astype(np.uint8), masks


def write(folder, pictures, masks):
    """A folder of segmented pictures in the working directory."""
    table = [f"{n},{name},object" for n, name in enumerate(QUADRANTS, 1)]
    for name, arrays in (("images", pictures), ("masks", masks)):
        Path(folder, name).mkdir(parents=True)
        for k, pixels in enumerate(arrays):
            Image.fromarray(pixels).save(Path(folder, name, f"{k:02d}.png"))
    Path(folder, "labels.csv").write_text("\n".join(["index,name,category", *table]))


def iou_reference(pictures, masks, cell, stride):
    """IoU of each unit with each colour, under the PNAS 2020 conventions.

    Cells sit in the middle of their pixels; of a mask of `size // stride` equal cells
    each has the label of the pixel its middle lies in.
    """
    number, size = pictures.shape[:2]
    height, width = cell
    rows, columns = size // height, size // width
    cells = pictures.reshape(number, rows, height, columns, width, 3) / 255
    acts = np.maximum(cells.mean((2, 4)) @ UNITS, 0)
    middles = (np.arange(size // stride) + 0.5) * size / (size // stride)

    def weights(step, count):
        place = (middles - step / 2) / step
        return np.maximum(0, 1 - abs(place[:, None] - np.arange(count)))

    fine = np.einsum(
        "hH,nHWu,wW->nhwu", weights(height, rows), acts, weights(width, columns)
    )
    pixels = np.floor(middles).astype(int)
    labels = masks[:, pixels][:, :, pixels, None]
    values = np.sort(fine.reshape(-1, 4), 0)[::-1]
    on = (fine > values[int(TAIL_MASS * len(values))])[..., None]
    there = labels[..., None] == np.arange(1, 5)
    return (on & there).sum((0, 1, 2)) / (on | there).sum((0, 1, 2))


def write_network(size, cell, far=0):
    """A user's file; `far` says how much each cell sees of all others."""
    settings = {"size": size, "cell": cell, "far": far, "units": UNITS.tolist()}
    Path("nets.py").write_text(NETWORK.format(**settings))


def dissect(*options):
    network = ("--network", "nets.py:own", "--layers", "c.relu", "--num-draws", "0")
    images = ("--images", "segmented", "--path", "squares")
    tail = ("--protocol.tail-mass", str(TAIL_MASS))
    main(["dissect", *network, *images, *tail, *options, "--out", "found"])


@pytest.mark.parametrize(
    ("size", "cell", "stride"),
    [
        (64, (4, 8), 4),  # cells that are no squares
        pytest.param(45, (9, 5), 4, marks=pytest.mark.slow),  # 11 cells of 4.09 pixels
        pytest.param(64, (64, 4), 4, marks=pytest.mark.slow),  # one row of cells
        pytest.param(57, (3, 3), 4, marks=pytest.mark.slow),  # 14 cells of 4.07 pixels
        pytest.param(227, (1, 227), 4, marks=pytest.mark.slow),
        pytest.param(50, (5, 10), 7, marks=pytest.mark.slow),
        pytest.param(51, (3, 17), 20, marks=pytest.mark.slow),
    ],
)
def test_planted_squares_are_found(size, cell, stride, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_network(size, cell)
    drawn = draw(size, 8)
    write("squares", *drawn)
    dissect(*(() if stride == 4 else ("--protocol.stride", str(stride))))
    want = iou_reference(*drawn, cell, stride)
    with np.load("found/iou.npz") as arrays:
        np.testing.assert_allclose(arrays["iou"], want, rtol=1e-6)
    if max(cell) < 10:
        assert list(want.argmax(1)) == [0, 1, 2, 3]
        with Path("found/units.csv").open() as file:
            labels = [row["label"] for row in csv.DictReader(file)]
        assert labels == list(QUADRANTS)
    facts = json.loads(Path("found/summary.json").read_text())["facts"]
    assert "cells" not in facts  # all of them measured


def test_cells_without_borders_are_said_to_be_an_estimate(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_network(64, (4, 8), far=1e-6)
    drawn = draw(64, 8)
    write("squares", *drawn)
    dissect()
    # Dividing the map evenly is right here, but nothing that is seen tells so.
    want = iou_reference(*drawn, (4, 8), 4)
    with np.load("found/iou.npz") as arrays:
        np.testing.assert_allclose(arrays["iou"], want, atol=0.01)
    said = "where they lie along rows and columns is an estimate"
    facts = json.loads(Path("found/summary.json").read_text())["facts"]
    assert facts["cells"].startswith(said)
    assert said in capsys.readouterr().out
    assert said in Path("found/report.html").read_text()


@pytest.mark.slow
def test_a_row_of_cells_is_among_all_layers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_network(64, (64, 4))
    write("squares", *draw(64, 4))
    dissect("--layers", "all")
    assert Path("found", "c.relu", "units.csv").exists()
