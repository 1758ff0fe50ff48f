"""A dissection from Python: a value that saves what the command writes."""

import csv

import numpy as np
import pytest
from test_cli_dissection import SIZE, contents, dissected, settings, subject  # noqa: F401
from test_cli_folders import NETWORK, masks_of
from test_cli_folders import dissected as dissected_by_command

import jaxdissect as jd
from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.settings import ProtocolSettings


@pytest.fixture(scope="module")
def result():
    shapes = jd.data.shapes(24, size=SIZE)
    return dissect.run_subject(subject(), shapes, settings(), progress=False)


def test_nothing_is_printed_or_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shapes, few = jd.data.shapes(24, size=SIZE), settings(num_draws=0)
    dissect.run_subject(subject(), shapes, few, progress=False)
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_columns_are_those_of_the_file(result, dissected):  # noqa: F811
    for layer in ("fine", "coarse"):
        rows = list(csv.DictReader((dissected / layer / "units.csv").open()))
        table = result[layer].table()
        assert list(table) == list(rows[0])
        for name, cells in table.items():
            assert [str(cell) for cell in cells] == [row[name] for row in rows]
    both = result.table()
    assert both["layer"] == ["fine"] * 3 + ["coarse"] * 2
    assert {len(cells) for cells in both.values()} == {5}


def test_what_is_saved_is_what_the_command_writes(result, dissected, tmp_path):  # noqa: F811
    result.save(tmp_path / "out")
    assert contents(tmp_path / "out") == contents(dissected)


def test_it_tells_its_findings_and_shows_its_page(result, dissected):  # noqa: F811
    text = repr(result)
    assert text.startswith("fine: ") and "\ncoarse: " in text
    assert text.count("\n") < 40
    assert result["fine"]._repr_html_().startswith("<iframe srcdoc=")
    assert result._repr_html_().count("<iframe") == 2


def test_a_layer_that_was_not_dissected_is_named(result):
    with pytest.raises(BadInput, match=r"'conv9' was not dissected; .* fine, coarse"):
        result["conv9"]


def test_units_without_a_label_have_no_name():
    iou = np.array([[0.1, 0.3], [0.0, 0.0]])
    result = jd.dissection.Dissection(
        np.ones(2),
        None,
        iou,
        jd.dissection.label_units(iou),
        [("car", ""), ("red", "")],
    )
    assert result.labels == ["red", ""]


def test_settings_are_held_against_their_ranges():
    shapes = jd.data.shapes(24, size=SIZE)
    with pytest.raises(BadInput, match="batch_size"):
        dissect.run_subject(subject(), shapes, settings(batch_size=0))


@pytest.mark.slow
def test_one_call_gives_the_files_of_the_command(trained, tmp_path, capsys):
    weights = trained / "weights.safetensors"
    few = {"num_draws": 40, "batch_size": 14, "num_top": 2}
    images = jd.data.scenes(28)
    found = jd.dissect(
        jd.load(weights), ["conv1_1", "conv2_1"], images, progress=False, **few
    )
    assert capsys.readouterr() == ("", "")
    found.save(tmp_path / "mine")
    options = [f"--{name.replace('_', '-')}={value}" for name, value in few.items()]
    main(
        [
            *("dissect", "--weights", str(weights), "--num-images", "28", *options),
            *("--layers", "conv1_1", "conv2_1", "--out", str(tmp_path / "command")),
        ]
    )
    assert contents(tmp_path / "mine") == contents(tmp_path / "command")


@pytest.mark.slow
def test_masks_are_read_and_spoken_of_as_by_the_command(tmp_path):
    root = masks_of(tmp_path / "in", "a", "b")
    protocol = ProtocolSettings(tail_mass=0.3)
    few = {"num_draws": 40, "num_top": 2, "protocol": protocol}
    images = jd.data.segmented(root)
    found = jd.dissect(jd.load(NETWORK), ["cells"], images, progress=False, **few)
    assert "occur in no mask" in found["cells"].facts["of these images"]
    found.save(tmp_path / "mine")
    dissected_by_command(root, tmp_path / "command", "--images", "segmented")
    assert contents(tmp_path / "mine") == contents(tmp_path / "command")
