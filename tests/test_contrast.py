"""Two dissections held against each other from Python."""

import csv

import numpy as np
import pytest

import jaxdissect as jd
from jaxdissect.errors import BadInput
from jaxdissect.experiments import contrast

FEW = {"num_draws": 0, "progress": False, "batch_size": 14}


@pytest.fixture(scope="module")
def found(trained):
    network = jd.load(trained / "weights.safetensors")
    images = jd.data.scenes(14, size=48)
    return jd.dissect(network, ["conv4_3", "conv5_3"], images, **FEW)


def test_results_are_held_against_each_other(found, capfd, tmp_path):
    first, second = found["conv4_3"], found["conv5_3"]
    held = contrast.run(first, second)
    assert held.names == ("conv4_3", "conv5_3") and capfd.readouterr() == ("", "")
    assert repr(held).startswith("conv4_3: ") and "<iframe" in held._repr_html_()
    held.save(tmp_path / "out")
    for name in ("units", "concepts"):
        columns = held.table(name)
        with (tmp_path / "out" / f"{name}.csv").open() as file:
            rows = list(csv.reader(file))
        assert rows[0] == list(columns)
        cells = [list(map(str, column)) for column in columns.values()]
        assert [list(row) for row in zip(*cells, strict=True)] == rows[1:]


def test_a_result_is_what_it_saved(found, tmp_path):
    found.save(tmp_path / "found")
    folders = [tmp_path / "found" / layer for layer in ("conv4_3", "conv5_3")]
    read, held = contrast.run(*folders), contrast.run(*found.layers.values())
    assert read.table() == held.table()
    assert read.names == ("conv4_3", "conv5_3")


def test_other_contents_are_another_run(found, tmp_path):
    first, second = found["conv4_3"], found["conv5_3"]
    result = second.findings.dissection
    changed = second.findings._replace(
        dissection=result._replace(iou=result.iou + np.float32(0.001))
    )
    contrast.run(first, second).save(tmp_path / "out")
    with pytest.raises(BadInput, match="another run's results, which differ in cont"):
        contrast.run(first, second._replace(findings=changed)).save(tmp_path / "out")


def test_a_missing_side_is_refused(found):
    with pytest.raises(BadInput, match="`second` is missing: a folder that"):
        contrast.run(found["conv5_3"], None)
