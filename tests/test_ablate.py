"""`jd.ablate`: any labelled images, results by layer, no files and no prints."""

import csv

import numpy as np
import pytest
from conftest import fails

import jaxdissect as jd
from jaxdissect.data import generated
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data.images import in_memory
from jaxdissect.errors import BadInput
from jaxdissect.experiments import ablate
from jaxdissect.runs import halves
from jaxdissect.settings import ImageSweepSettings

SIZE, LAYER = 48, "fc6"
FEW = {"batch_size": 14, "memory_mib": 64, "random_draws": 2, "progress": False}


@pytest.fixture(scope="module")
def network(trained):
    return jd.load(trained / "weights.safetensors")


@pytest.fixture(scope="module")
def ablated(network):
    return jd.ablate(network, LAYER, jd.data.scenes(56, size=SIZE), **FEW)


def test_nothing_is_written_or_printed(network, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    images = jd.data.scenes(56, size=SIZE)
    classes = scenes.CLASSES[:2]
    found = jd.ablate(network, [LAYER], images, classes=classes, **FEW)
    assert capfd.readouterr() == ("", "") and not list(tmp_path.iterdir())
    assert found[LAYER].classes == classes and list(found.layers) == [LAYER]
    assert found[LAYER].effects.units.base.true.tolist() == [2, 2]


def test_a_table_is_columns_of_one_length(ablated, tmp_path):
    columns = ablated[LAYER].table()
    assert list(columns)[:3] == ["unit", "label", "worst_class"]
    assert {len(values) for values in columns.values()} == {8}
    assert set(columns["worst_class"]) <= set(scenes.CLASSES)
    assert ablated.table() == {"layer": [LAYER] * 8, **columns}
    ablated.save(tmp_path / "out")
    with (tmp_path / "out" / LAYER / "units.csv").open() as file:
        rows = list(csv.DictReader(file))
    text = {name: list(map(str, values)) for name, values in columns.items()}
    assert {name: [row[name] for row in rows] for name in rows[0]} == text


def test_findings_come_first(ablated):
    said = repr(ablated).splitlines()
    assert said[0].startswith("Pictures of 14 of the network's 14 classes: 28 to rank")
    assert said[1].startswith(f"Layer {LAYER}: 8 units, 28 images not used for ranking")
    html = ablated[LAYER]._repr_html_()
    assert html.count("<iframe") == 2 and html.index("28 images") < html.index("card")
    assert "correlations" in ablated[LAYER].figures()
    with pytest.raises(BadInput, match="'fc7' was not ablated; these were: fc6"):
        ablated["fc7"]


def test_images_in_memory_are_the_same_images(network, ablated):
    """Those of a split as an array, whose labels are under other names."""
    drawn = scenes.render(0, generated.split_indices("probe", 56), size=SIZE)
    names = tuple(name.upper() for name in scenes.CLASSES)
    images = in_memory(drawn.images, drawn.targets, names)._replace(labels=None)
    found = jd.ablate(network, LAYER, images, **FEW)
    assert found[LAYER].table() == ablated[LAYER].table()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": jd.data.scenes(55, size=SIZE)}, "fewer than 4 images of beach"),
        ({"images": jd.data.shapes(56, size=SIZE)}, "other classes than the network"),
        (
            {"classes": ["farn"]},
            "`classes` names farn, which the network does not know",
        ),
        ({"classes": ["farm"]}, "`classes` is farm; two are needed"),
        ({"layers": ["conv9"]}, "`layer` is 'conv9'"),
        ({"share": 2.0}, "`share` is 2.0"),
        ({"dissection": "configs"}, "configs holds no dissection"),
        ({"value": "resample", "batch_size": 9}, "leaves one of 28 images"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(
    change, said, network, monkeypatch
):
    monkeypatch.setattr(ablate.passes, "measure", None)
    images = jd.data.scenes(56, size=SIZE)
    given = {"layers": [LAYER], "images": images, **FEW, **change}
    with pytest.raises(BadInput, match=said):
        jd.ablate(network, given.pop("layers"), given.pop("images"), **given)


def test_images_of_another_size_are_refused(network):
    images = in_memory(np.zeros((9, 8, 8, 3), np.uint8), np.zeros(9, int), ("farm",))
    with pytest.raises(BadInput, match="has images of 8 pixels; the network takes 48"):
        jd.ablate(network, LAYER, images)


def test_classes_are_restricted_in_both_halves(network):
    few = ImageSweepSettings(num_rank=28, num_report=42)
    some = halves.of_classes(halves.open_images(few, network), ["farm", "harbour"])
    numbers = [scenes.CLASSES.index(name) for name in some.classes]
    assert numbers == some.numbers.tolist() == sorted(numbers)
    for half, number in ((some.rank, 4), (some.report, 6)):
        _, labels = half.images.read(np.arange(number))
        assert set(labels.tolist()) == set(numbers)
        assert half.images.num_images == number


@pytest.mark.slow
def test_the_command_takes_classes(trained, tmp_path, capsys):
    few = ["--weights", str(trained / "weights.safetensors"), "--num-rank", "28"]
    few += ["--num-report", "28", "--out", str(tmp_path / "out"), "--classes", "farm"]
    assert "two are needed" in fails(capsys, "ablate", *few)
    assert "does not know" in fails(capsys, "ablate", *few, "no such class")
