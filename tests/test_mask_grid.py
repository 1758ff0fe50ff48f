"""Masks of any stride on images of any size, wherever the labels come from."""

import csv
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxdissect.cli import main
from jaxdissect.data import colours
from jaxdissect.data import shape_rendering as shapes
from jaxdissect.data.label_maps import mask_cells, middles
from jaxdissect.data.segmented_folder import segmented
from jaxdissect.errors import BadInput
from jaxdissect.runs import labelled, probes
from jaxdissect.settings import ProtocolSettings
from jaxdissect.upsampling import Axis, bilinear_matrix

sizes = st.integers(1, 300).flatmap(
    lambda size: st.tuples(st.just(size), st.integers(1, size))
)


def pixels_reference(size, stride):
    """The pixel in which the middle of each cell lies, in exact fractions."""
    cells = size // stride
    return [floor((Fraction(1, 2) + k) * size / cells) for k in range(cells)]


@settings(deadline=None, max_examples=200)
@given(sizes)
def test_a_cell_is_the_pixel_its_middle_lies_in(both):
    size, stride = both
    got = middles(size, mask_cells(size, stride))
    np.testing.assert_array_equal(got, pixels_reference(size, stride))
    if size % stride == 0:
        np.testing.assert_array_equal(got, np.arange(stride // 2, size, stride))


@settings(deadline=None, max_examples=50)
@given(sizes)
def test_units_are_interpolated_where_labels_are_taken(both):
    """Of pixels as cells, that of a label has at least half of the weight."""
    size, stride = both
    cells = mask_cells(size, stride)
    matrix = bilinear_matrix(size, cells, size, Axis(0.0, 1.0), padding="edge")
    assert (matrix[np.arange(cells), middles(size, cells)] > 0.49999).all()


@pytest.mark.parametrize(("size", "stride"), [(45, 4), (33, 2), (40, 7), (33, 33)])
def test_generated_labels_are_those_of_the_middles(size, stride):
    source = labelled.generated_probe("shapes", 0, 3, size).source
    # Shapes have colours of their own, so those of the pixels go by their name.
    plain = source._replace(categories=("shape",))
    coloured = colours.with_colours(plain).load(np.arange(3), size=size, stride=stride)
    whole = source.load(np.arange(3), size=size, stride=1).labels
    at = pixels_reference(size, stride)
    grid = coloured.labels[..., :-1], coloured.labels[..., -1]
    np.testing.assert_array_equal(grid[0], whole[:, at][:, :, at])
    named = colours.colour_labels(coloured.images[:, at][:, :, at])
    np.testing.assert_array_equal(grid[1], named + len(shapes.CONCEPTS))


@pytest.mark.parametrize(("size", "stride"), [(23, 4), (23, 5), (22, 4)])
def test_segmented_labels_are_those_of_the_middles(size, stride, tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    lines = [f"{n},name {n},object" for n in range(1, 24)]
    (tmp_path / "labels.csv").write_text("\n".join(["index,name,category", *lines]))
    mask = np.tile(np.arange(1, size + 1, dtype=np.uint8), (size, 1))
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    Image.fromarray(mask).convert("RGB").save(tmp_path / "images" / "a.png")
    labels = segmented(tmp_path).load(np.array([0]), size=size, stride=stride).labels
    want = np.array(pixels_reference(size, stride)) + 1
    np.testing.assert_array_equal(labels[0, :, :, 0], np.tile(want, (len(want), 1)))


@pytest.mark.parametrize("size", [32, 45, 227])
def test_presets_fit_images_of_any_size(size):
    assert set(probes.presets(size)) == set(probes.PRESETS)
    assert probes.make_protocol(ProtocolSettings(), size).stride == 4


@pytest.mark.parametrize("stride", [33, 1000])
def test_a_cell_larger_than_the_image_is_refused(stride):
    with pytest.raises(BadInput, match="it must be from 1 to the size, 32"):
        probes.make_protocol(ProtocolSettings(stride=stride), 32)


CAFFE = """
import jax
from jaxdissect import networks

def caffe():
    network = networks.caffe_alexnet(5, width=1 / 16, hidden=(8, 8))
    params = networks.init(jax.random.key(0), network, (227, 227, 3))
    return networks.Classifier(network, params, 227)
"""


@pytest.mark.slow
def test_networks_of_227_pixels_are_dissected_by_every_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(CAFFE)
    network = ("--network", "nets.py:caffe", "--layers", "conv5", "--num-draws", "0")
    main(["dissect", *network, "--num-images", "12", "--compare-presets", "--out", "d"])
    source = labelled.generated_probe("scenes", 0, 12, 227).source
    whole = source.load(np.arange(12), size=227, stride=1).labels
    at = pixels_reference(227, 4)
    numbers, pixels = np.unique(whole[:, at][:, :, at], return_counts=True)
    with np.load("d/iou.npz") as arrays:
        assert arrays["pixels"] == 12 * 56**2
        np.testing.assert_array_equal(arrays["concept"][numbers[1:] - 1], pixels[1:])
    with Path("d/presets.csv").open() as file:
        assert [row["preset"] for row in csv.DictReader(file)] == list(probes.PRESETS)
