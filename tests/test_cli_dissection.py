"""`dissect` with any network: layers, conventions, rotations, stops, own images."""

import csv
import json

import numpy as np
import pytest
from conftest import fails
from PIL import Image

from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import netdissect
from jaxdissect.experiments.dissect.command import dissect_subject
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.runs.subjects import Subject
from jaxdissect.settings import ProtocolSettings
from jaxdissect.upsampling import Centres

SIZE = 32


def pooled(images, cells):
    step = SIZE // cells
    values = images.astype(np.float32) / 255
    return values.reshape(-1, cells, step, cells, step, 3).mean((2, 4))


def forward(images):
    """Two layers whose units are colours: red, green, blue; yellow and its opposite."""
    fine, coarse = pooled(images, 16), pooled(images, 8)
    ramp = np.linspace(0, 0.1, 256, dtype=np.float32).reshape(16, 16, 1)  # no ties
    fine = fine - fine.mean(-1, keepdims=True) + ramp
    yellow = coarse[..., 0] + coarse[..., 1] - 2 * coarse[..., 2]
    return {"fine": fine, "coarse": np.stack([yellow, -yellow], -1)}


def subject(forward=forward):
    centres = {"fine": Centres.square(0.5, 2.0), "coarse": Centres.square(1.5, 4.0)}
    return Subject(forward, centres, SIZE, {"network": "colours"}, digest="of colours")


def settings(**changed):
    few = {"images": "shapes", "num_images": 24, "batch_size": 8, "num_top": 2}
    protocol = ProtocolSettings(stride=2)
    return DissectSettings(**{"protocol": protocol, "num_draws": 100, **few, **changed})


def rows(path):
    return list(csv.DictReader(path.open()))


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def dissected(tmp_path_factory):
    out = tmp_path_factory.mktemp("colours") / "out"
    dissect_subject(settings(), subject(), out)
    return out


@pytest.mark.slow
def test_every_layer_has_a_folder_and_all_have_a_profile(dissected):
    assert {path.name for path in dissected.iterdir()} == {
        *("fine", "coarse", "profile.csv", "profile.png", "run.json")
    }
    *layers, whole = rows(dissected / "profile.csv")
    assert [row["layer"] for row in layers] == ["fine", "coarse"]
    for row in layers:
        summary = json.loads((dissected / row["layer"] / "summary.json").read_text())
        for name in ("units", "detectors", "unique_labels", "unique_by_category"):
            assert int(row[name]) == summary[name]
        assert summary["significant_detectors"] <= summary["detectors"]
    score = sum(int(row["unique_labels"]) for row in layers)
    assert int(whole["unique_labels"]) == score > 0


def test_the_table_of_netdissect_says_the_same(dissected):
    table = netdissect.read_netdissect(dissected / "fine" / "netdissect.csv")
    ours = rows(dissected / "fine" / "units.csv")
    for unit, score, label in zip(table.units, table.score, table.label, strict=True):
        assert score == pytest.approx(float(ours[unit]["iou"]), abs=1e-6)
        assert label == ours[unit]["label"]


def test_colour_units_are_labelled_with_colours_and_sure_of_it(dissected):
    found = rows(dissected / "fine" / "units.csv")
    assert found[0]["category"].endswith(("colour", "coloured shape"))
    (first, *_) = json.loads((dissected / "fine" / "cards.json").read_text())
    assert first["low"] < first["iou"] < first["high"]
    assert first["ranking"][0]["q"] < 0.05
    assert float(found[0]["q"]) == first["ranking"][0]["q"]
    assert [float(found[0][end]) for end in ("low", "high")] == [
        first["low"],
        first["high"],
    ]
    assert first["ranking"][0]["chance"] < first["iou"]


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [3, 8, 11])
def test_a_stopped_dissection_goes_on_to_identical_files(dissected, tmp_path, stop_at):
    calls = []

    def stopping(images):
        calls.append(None)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return forward(images)

    out, config = tmp_path / "out", settings(keep_mib=0)
    with pytest.raises(KeyboardInterrupt):
        dissect_subject(config, subject(stopping), out)
    left = list(out.iterdir()) if out.exists() else []
    assert [path.name for path in left] == [".jaxdissect"] * (stop_at > 4)
    before = len(calls)
    dissect_subject(config, subject(stopping), out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    ours, whole = contents(out), contents(dissected)
    assert "keep_mib" in ours.pop("run.json").decode()
    whole.pop("run.json")
    assert ours == whole
    # A first look, three passes of 3 batches and a batch of pictures; passes that
    # were over cost only their last batch.
    assert (len(calls) - before < 11) == (stop_at > 4)


@pytest.mark.slow
def test_other_conventions_and_axes_are_compared(tmp_path):
    config = settings(compare_presets=True, rotate=(0.0, 1.0), rotations=2, num_draws=0)
    dissect_subject(config, subject(), tmp_path / "out")
    for layer, units in (("fine", 3), ("coarse", 2)):
        folder = tmp_path / "out" / layer
        presets = [row["preset"] for row in rows(folder / "presets.csv")]
        assert presets == ["pnas20", "cvpr17", "lite", "gan19"]
        assert len(rows(folder / "labels_by_preset.csv")) == units
        own = json.loads((folder / "summary.json").read_text())
        assert own["significant_detectors"] is None
        for row in rows(folder / "rotation.csv"):
            if float(row["power"]) == 0:
                assert int(row["detectors"]) == own["detectors"]
        assert len(rows(folder / "rotation.csv")) == 4
        page = (folder / "report.html").read_text()
        assert "other conventions" in page and "other axes" in page


def test_two_dissections_are_held_against_each_other(dissected, tmp_path, capsys):
    settings = ["--first", str(dissected / "fine"), "--out", str(tmp_path / "out")]
    both = [*settings, "--second", str(dissected / "coarse")]
    main(["dissect", "configs/contrast.py", *both])
    assert "2 matched units" in capsys.readouterr().out
    assert len(rows(tmp_path / "out" / "units.csv")) == 3
    refused = [*settings, "--second", str(dissected)]
    error = fails(capsys, "dissect", "configs/contrast.py", *refused)
    assert "has layers coarse, fine; name one" in error
    error = fails(
        capsys,
        "dissect",
        "configs/contrast.py",
        *both[:2],
        *both[4:],
        "--match",
        "number",
        "--out",
        str(tmp_path / "x"),
    )
    assert "3 and 2 units" in error


@pytest.fixture
def squares(tmp_path):
    """A folder of pictures of red squares, and where these are."""
    folder, rng = tmp_path / "squares", np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    (folder / "labels.csv").write_text("index,name,category\n1,red square,object\n")
    for number in range(20):
        mask = np.zeros((40, 48), np.uint8)
        y, x = rng.integers(0, 30, 2)
        mask[y : y + 6, x : x + 6] = 1
        image = rng.integers(0, 60, (40, 48, 3)).astype(np.uint8)
        image[mask == 1] = (250, 0, 0)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    return folder


@pytest.mark.slow
def test_a_folder_of_one_s_own_is_dissected(squares, tmp_path):
    config = settings(images="segmented", path=squares, num_images=None, colours=True)
    dissect_subject(config, subject(), tmp_path / "out")
    red, *_ = rows(tmp_path / "out" / "fine" / "units.csv")
    assert red["label"] in ("red square", "red")
    assert float(red["object_iou"]) > 0.3
    summary = json.loads((tmp_path / "out" / "fine" / "summary.json").read_text())
    assert summary["num_images"] == 20


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"images": "segmented"}, "`path` is missing"),
        ({"images": "broden", "path": "nowhere"}, "nowhere"),
        ({"path": "nowhere"}, "shapes are generated"),
        ({"num_images": 0}, "`num_images` is 0"),
        ({"num_draws": 3}, "`num_draws` is 3"),
        ({"rotate": (2.0,)}, r"`rotate\[0\]` is 2"),
        ({"rotate": (1.0,), "rotations": 0}, "`rotations` is 0"),
        ({"images": "segmented", "path": "squares", "num_images": 21}, "has 20"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(changed, said, squares, tmp_path):
    if "path" in changed:
        changed = {**changed, "path": tmp_path / changed["path"]}
    with pytest.raises(BadInput, match=said):
        dissect_subject(settings(**changed), subject(), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["squares"]


def test_a_broken_mask_is_named_and_leaves_nothing(squares, tmp_path):
    (squares / "masks" / "7.png").write_bytes(b"\x89PNG cut short")
    with pytest.raises(BadInput, match=r"7\.png"):
        config = settings(images="segmented", path=squares, num_images=None)
        dissect_subject(config, subject(), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["squares"]
