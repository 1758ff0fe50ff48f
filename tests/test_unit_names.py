"""Published names of units are read, refused by file and line, and set beside ours."""

import csv
import math
from pathlib import Path

import pytest
from conftest import fails

from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.experiments.contrast import named_units, unit_names

GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "golden" / "netdissect"
NETDISSECT = (
    "unit,category,label,score,object-label,object-truth,object-activation,"
    "object-intersect,object-iou\n"
    "2,object,car,0.5,car,3,3.0,2,0.5\n1,object,,0.0,wall,9,4.0,0,0.0\n"
)
CLIP = (
    "layer,unit,description,similarity\n"
    "layer3,0,sky,0.125\nlayer4,1,a road,-0.5\nlayer4,0,Car,0.25\n"
)
MILAN = 'layer,unit,description\nconv5,1,"cars, and roads"\nconv5,0,sky\n'


def write(tmp_path, text, name="names.csv"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "name", ["caffe_reference_imagenet", "ResNet-152-model_imagenet"]
)
def test_published_tables_give_names_from_0(name):
    if not GOLDEN.exists():
        pytest.skip("the published tables are not here")
    found = unit_names.read(GOLDEN / f"{name}.csv", None, "first")
    rows = list(csv.DictReader((GOLDEN / f"{name}.csv").open(newline="")))
    assert len(found.names) == len(rows) and found.numbering == 1
    for row in rows:
        unit = int(row["unit"]) - 1
        assert found.names[unit] == row["label"]
        assert found.scores[unit] == float(row["score"])


def test_a_unit_with_an_empty_label_and_iou_0_has_no_name(tmp_path):
    found = unit_names.read(write(tmp_path, NETDISSECT), None, "first")
    assert found.names == ("", "car") and found.scores == (0.0, 0.5)
    without = NETDISSECT.replace("wall,9,4.0,0,0.0", ",,,,nan")
    assert unit_names.read(write(tmp_path, without), None, "first").names == ("", "car")


def test_descriptions_are_of_one_layer(tmp_path):
    file = write(tmp_path, CLIP)
    found = unit_names.read(file, "layer4", "first")
    assert found.names == ("Car", "a road") and found.scores == (0.25, -0.5)
    assert (found.numbering, found.measure) == (0, "similarity")
    with pytest.raises(BadInput, match=r"`first_layer` is missing; .* layer3, layer4"):
        unit_names.read(file, None, "first")
    with pytest.raises(BadInput, match=r"`first_layer` is 'fc'; .* layer3, layer4"):
        unit_names.read(file, "fc", "first")
    found = unit_names.read(write(tmp_path, MILAN), None, "first")
    assert found.names == ("sky", "cars, and roads") and math.isnan(found.scores[0])
    with pytest.raises(BadInput, match="a table of one layer"):
        unit_names.read(write(tmp_path, NETDISSECT), "conv5", "first")


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (CLIP, "layer4,1,", "layer4,x,", "names.csv, line 3, has unit 'x'; it must be"),
        (CLIP, "layer4,1,", "layer4,-1,", "line 3, has unit '-1'"),
        (
            CLIP,
            "layer4,1,",
            "layer4,0,",
            "line 4, has unit 0 of 'layer4' a second time",
        ),
        (CLIP, "layer4,1,", "layer4,2,", "has no unit 1, but unit 2"),
        (
            CLIP,
            "-0.5",
            "nan",
            "line 3, has similarity 'nan'; it must be a finite number",
        ),
        (CLIP, "-0.5", "high", "line 3, has similarity 'high'"),
        (CLIP, ",-0.5", "", "line 3, has 3 cells; it must have one for each of the 4"),
        (CLIP, "unit", "neuron", "has columns layer, neuron, description"),
        (MILAN, '"cars', '"ca"rs', "has no names of units"),
        (NETDISSECT, "2,object", "3,object", "has no unit 2, but unit 3"),
        (NETDISSECT, "car,0.5,", "car,0.4,", "line 2, has 0.4 in column score"),
    ],
)
def test_malformed_rows_are_named(text, old, new, said, tmp_path):
    assert text.count(old) == 1
    file = write(tmp_path, text.replace(old, new))
    with pytest.raises(BadInput) as error:
        unit_names.read(file, "layer4" if text is CLIP else None, "first")
    assert said in str(error.value) and str(file) in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe\x00", b"layer,unit,description\n", b"a\0b,c\n"]
)
def test_files_that_are_none_are_refused(content, tmp_path):
    (tmp_path / "names.csv").write_bytes(content)
    with pytest.raises(BadInput, match=r"names\.csv"):
        unit_names.read(tmp_path / "names.csv", None, "first")


def test_names_are_the_same_but_for_capitals_and_endings(tmp_path):
    first = unit_names.read(write(tmp_path, CLIP), "layer4", "first")
    second = first._replace(names=("car", "road-s"), scores=(math.nan, math.nan))
    found = named_units.pairs(first, second)
    assert [pair.same for pair in found] == [True, False]
    assert found[0].scores == (0.25, None)
    assert not named_units.pairs(*[first._replace(names=("", ""))] * 2)[0].same


def contrast(tmp_path, first, second, *more):
    sides = ["--first", str(first), "--second", str(second), *more]
    return ["dissect", "configs/contrast.py", *sides, "--out", str(tmp_path / "out")]


def test_two_files_side_by_side(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    theirs = write(tmp_path, CLIP.replace("a road", "<b>a road</b>"), "clip.csv")
    ours = write(tmp_path, NETDISSECT, "netdissect.csv")
    main(contrast(tmp_path, ours, theirs, "--second-layer", "layer4"))
    said = capsys.readouterr().out
    assert "netdissect.csv: a result table of NetDissect's, 2 units, with IoU" in said
    assert "units count from 1, unit n here is its unit n + 1" in said
    assert "0 of 1 units with two names have the same name" in said
    rows = list(csv.DictReader((tmp_path / "out" / "units.csv").open()))
    assert [row["first_name"] for row in rows] == ["", "car"]
    assert [row["second_name"] for row in rows] == ["Car", "<b>a road</b>"]
    assert [row["second_score"] for row in rows] == ["0.25", "-0.5"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;b&gt;a road" in page and "<b>a road" not in page
    three = write(tmp_path, MILAN + "conv5,2,grass\n", "milan.csv")
    error = fails(capsys, *contrast(tmp_path / "x", ours, three))
    assert "`first` and `second` have 2 and 3 units; " in error
    error = fails(capsys, *contrast(tmp_path / "x", ours, ours, "--match", "profile"))
    assert "`match` is 'profile', but" in error and not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_file_beside_a_dissection_of_ours(dissected, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    rows = list(csv.DictReader((dissected / "units.csv").open()))
    labels = {int(row["unit"]): row["label"] for row in rows}
    lines = [f"conv5_3,{unit},{label}" for unit, label in labels.items()]
    theirs = write(tmp_path, "\n".join(["layer,unit,description", *lines]) + "\n")
    main(contrast(tmp_path, theirs, dissected))
    named = sum(bool(label) for label in labels.values())
    assert f"{named} of {named} units with two names" in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<img src=") == len(labels)
    error = fails(capsys, *contrast(tmp_path, theirs, dissected, "--second-layer", "x"))
    assert "`second_layer` is for a file with names of several layers" in error
