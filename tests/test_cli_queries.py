"""The command `dissect`, asked questions: answers that agree, and mistakes."""

import csv
import json
import shutil

import jax
import numpy as np
import pytest
from conftest import QUICKLY, fails
from PIL import Image
from reference import queries as reference

from jaxdissect import data, model, networks
from jaxdissect.cli import main
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.experiments import QuerySettings, query
from jaxdissect.experiments import dissect as dissection
from jaxdissect.experiments.dissect import command as dissect

DISSECTED, OUTSIDE = 28, 42
SMALL = ["--num-images", str(DISSECTED), "--batch-size", "14"]
CONFIG = """
from jaxdissect.experiments import QuerySettings
config = QuerySettings(outside=42, batch_size=14, num_shown=3)
"""


def weights_of(run):
    return ["--weights", str(run / "weights.safetensors")]


@pytest.fixture(scope="module")
def dissected(trained):
    """One of two layers."""
    out = ["--out", str(trained.parent / "dissected_for_queries")]
    layers = ["--layers", "conv5_2", "conv5_3"]
    main(["dissect", *weights_of(trained), *SMALL, *layers, *out])
    return trained.parent / "dissected_for_queries" / "conv5_3"


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    """A config file, and two pictures that are not square."""
    folder = tmp_path_factory.mktemp("question")
    (folder / "query.py").write_text(CONFIG)
    drawn = scenes.render(9, [2, 5], size=64).images
    for name, image in zip(("one.png", "two.png"), drawn, strict=True):
        Image.fromarray(image).resize((90, 70)).save(folder / name)
    return folder


def ask(trained, question, dissected, out, *extra):
    file, where = str(question / "query.py"), ["--dissection", str(dissected)]
    main(["dissect", file, *weights_of(trained), *where, "--out", str(out), *extra])


def detected(dissected):
    """category/name of the label of the best unit, and the units that detect it."""
    cards = json.loads((dissected / "cards.json").read_text())
    best = max(cards, key=lambda card: card["iou"])
    assert best["is_detector"]
    label = best["category"], best["label"]
    same = [c for c in cards if (c["category"], c["label"]) == label]
    units = [card["unit"] for card in same if card["is_detector"]]
    return "/".join(label), units


def concept_of(dissected, choose):
    """category/name of the first concept whose best IoU is chosen."""
    arrays = np.load(dissected / "iou.npz")
    c = np.flatnonzero(choose(arrays["iou"].max(0)))[0]
    return f"{arrays['categories'][c]}/{arrays['concepts'][c]}"


@pytest.fixture(scope="module")
def answered(trained, question, dissected):
    out = trained.parent / "answered"
    concept, _ = detected(dissected)
    undetected = concept_of(dissected, lambda iou: (iou > 0) & (iou < 0.04))
    pictures = [str(question / "one.png"), str(question / "two.png")]
    asked = ["--concepts", concept, undetected, "--images", *pictures]
    ask(trained, question, dissected, out, *asked)
    return out


def rows_of(file):
    return list(csv.DictReader(file.open()))


@pytest.mark.slow
def test_images_searched_were_not_dissected_and_are_ranked(answered, dissected):
    concept, _ = detected(dissected)
    rows = [r for r in rows_of(answered / "concepts.csv") if r["concept"] == concept]
    outside, own = rows[:OUTSIDE], rows[OUTSIDE:]
    indices = [int(row["image"]) for row in outside]
    assert len(set(indices)) == OUTSIDE and min(indices) >= 2 * DISSECTED
    for part in (outside, own):
        evidence = [float(row["evidence"]) for row in part]
        assert evidence == sorted(evidence, reverse=True) and min(evidence) >= 0
    assert [row["iou"] for row in own] == ["", ""]
    assert all(row["has_concept"] == "True" for row in outside if float(row["iou"]))


@pytest.mark.slow
def test_peaks_judge_as_the_loops_do_on_scenes_drawn_anew(trained, answered, dissected):
    concept, units = detected(dissected)
    rows = [r for r in rows_of(answered / "classifiers.csv") if r["concept"] == concept]
    assert sorted(int(row["unit"]) for row in rows) == sorted(units)
    network = model.load_trained(trained / "weights.safetensors")
    first = 2_000_000 + 2 * DISSECTED
    size = network.image_size
    drawn = scenes.render(0, range(first, first + OUTSIDE), size=size)
    trunk = networks.taps(network.network, ("conv5_3",))
    trunk = jax.jit(trunk, compiler_options=QUICKLY)
    acts = trunk(network.weights.params, drawn.images / np.float32(255))["conv5_3"]
    category, name = concept.split("/")
    number = scenes.CONCEPTS.index((name, category)) + 1
    cells = drawn.labels[:, 2::4, 2::4]
    has_concept = [number in image for image in cells]
    for row in rows:
        peaks = np.asarray(acts)[..., int(row["unit"])].max((1, 2))
        expected = reference.classifier(peaks, has_concept, float(row["threshold"]))
        names = (
            "balanced_accuracy",
            "true_positive_rate",
            "false_positive_rate",
            "auc",
        )
        np.testing.assert_allclose([float(row[n]) for n in names], expected)
        assert float(row["low"]) < expected[0] < float(row["high"])


@pytest.mark.slow
def test_what_fires_on_pictures_is_listed_in_order(answered, dissected):
    rows = rows_of(answered / "images.csv")
    cards = json.loads((dissected / "cards.json").read_text())
    labels = {card["unit"]: card["label"] for card in cards}
    assert {row["image"].rpartition("/")[2] for row in rows} == {"one.png", "two.png"}
    for row in rows:
        assert float(row["peak"]) > float(row["threshold"])
        assert 0 < float(row["area"]) <= 1 and row["label"] == labels[int(row["unit"])]
    for name in ("one.png", "two.png"):
        strength = [float(r["strength"]) for r in rows if r["image"].endswith(name)]
        assert strength == sorted(strength, reverse=True)


@pytest.mark.slow
def test_figures_and_one_offline_page(answered, dissected):
    file = detected(dissected)[0].replace("/", "-").replace(" ", "_")
    for name in (
        f"concept_{file}",
        f"concept_{file}_images",
        f"classifier_{file}",
        "image_1_one",
        "image_2_two",
    ):
        assert (answered / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    page = (answered / "report.html").read_text()
    assert page.count('<section class="question"') == 4
    assert "http" not in page.replace("http-equiv", "")
    assert "No unit detects it; the nearest is unit" in page
    summary = json.loads((answered / "summary.json").read_text())
    assert len(summary["findings"]) == 4


@pytest.mark.slow
def test_the_same_question_again_and_another_one(
    trained, question, dissected, answered, tmp_path, capsys
):
    picture = ["--images", str(question / "one.png")]
    for _ in range(2):
        ask(trained, question, dissected, tmp_path / "a", *picture, "--rank-by", "area")
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert "images.csv" in names and "concepts.csv" not in names
    area = [float(row["area"]) for row in rows_of(tmp_path / "a" / "images.csv")]
    assert area == sorted(area, reverse=True)
    asked = [str(question / "query.py"), *weights_of(trained), *picture]
    asked += ["--dissection", str(dissected), "--out", str(answered)]
    assert "another run's results" in fails(capsys, "dissect", *asked)


@pytest.mark.slow
def test_from_python_no_files_no_prints_and_the_same_bytes(
    trained, question, dissected, answered, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    network = model.load(trained / "weights.safetensors")
    undetected = concept_of(dissected, lambda iou: (iou > 0) & (iou < 0.04))
    settings = QuerySettings(
        concepts=(detected(dissected)[0], undetected),
        images=(question / "one.png", question / "two.png"),
        outside=OUTSIDE,
        batch_size=14,
        num_shown=3,
    )
    result = query.run(network, dissected, settings, progress=False)
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir())
    rows, table = rows_of(answered / "concepts.csv"), result.table()
    assert {name: [r[name] for r in rows] for name in rows[0]} == {
        name: list(map(str, cells)) for name, cells in table.items()
    }
    assert len(repr(result).splitlines()) == 4
    assert result._repr_html_().startswith("<iframe")
    result.save(tmp_path / "again")
    files = {file.name for file in answered.iterdir() if file.is_file()}
    assert {file.name for file in (tmp_path / "again").iterdir()} == files
    for file in files:
        again = tmp_path / "again" / file
        assert again.read_bytes() == (answered / file).read_bytes(), file


@pytest.mark.slow
def test_what_jd_dissect_gives_can_be_asked(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = model.load(trained / "weights.safetensors")
    images = data.scenes(14, size=network.image_size)
    options = {"batch_size": 14, "num_draws": 0, "num_top": 2, "progress": False}
    found = dissection.dissect(network, ["conv5_3"], images, **options)
    settings = QuerySettings(outside=14, batch_size=14, num_shown=2)
    pictures = scenes.render(9, [2], size=network.image_size).images
    result = query.run(network, found, settings, pictures=pictures, progress=False)
    assert set(result.table()["image"]) <= {"picture 0"}
    found.save(tmp_path / "saved")
    saved = query.run(
        network, tmp_path / "saved", settings, pictures=pictures, progress=False
    )
    assert saved.table() == result.table()


@pytest.mark.slow
def test_the_best_unit_may_be_asked_alone(trained, question, dissected, tmp_path):
    concept, units = detected(dissected)
    asked = ["--concepts", concept, "--units", "best"]
    ask(trained, question, dissected, tmp_path / "out", *asked)
    (row,) = rows_of(tmp_path / "out" / "classifiers.csv")
    cards = json.loads((dissected / "cards.json").read_text())
    assert int(row["unit"]) == max(units, key=lambda u: cards[u]["iou"])


@pytest.mark.slow
def test_random_weights_can_be_asked(trained, question, dissected, tmp_path):
    folder = tmp_path / "random"
    shutil.copytree(dissected, folder)
    loaded = model.load_trained(trained / "weights.safetensors")
    run = json.loads((dissected.parent / "run.json").read_text())
    run["config"] |= {"random_weights": True, "seed": 3}
    run["weights"] = model.with_random_weights(loaded, 3).weights.digest
    (folder / "run.json").write_text(json.dumps(run))
    picture = ["--images", str(question / "one.png")]
    ask(trained, question, folder, tmp_path / "out", *picture)
    assert (tmp_path / "out" / "images.csv").exists()


@pytest.mark.slow
def test_a_missing_dissection_is_made(
    trained, question, dissected, tmp_path, monkeypatch, capsys
):
    def dissect_run(config):
        out = dissect.default_out(config)
        shutil.copytree(dissected, out)
        shutil.copy(dissected.parent / "run.json", out)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dissect, "run", dissect_run)
    picture = ["--images", str(question / "one.png")]
    main(["dissect", str(question / "query.py"), *weights_of(trained), *picture])
    made = {path.name for path in (tmp_path / "runs").iterdir()}
    assert made == {"dissect-tiny-conv5_3-pnas20", "query-tiny-conv5_3-pnas20-one"}
    assert "conv5_3 looks for is not known yet" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--concepts bosin", "`concepts` has 'bosin', which is none of the 158"),
        ("--concepts bosin", "did you mean basin"),
        ("--concepts basin", "which may be object/basin or part/basin"),
        ("--concepts", "`concepts` and `images` are both empty"),
        ("--images no.png", "`images` has no.png, which cannot be read: No such file"),
        ("--images query.py", "`images` has query.py, which is no picture"),
        ("--images cut.png", "`images` has cut.png, which is a broken picture"),
        ("--concepts tree --outside 0", "`outside` is 0"),
        ("--concepts tree --outside 1000000", "probe split has 1000000 scenes"),
        ("--concepts tree --num-shown 0", "`num_shown` is 0"),
        ("--concepts tree --path .", "`path` is .; scenes are generated"),
        (
            "--concepts tree --dissection .",
            "`dissection` is ., which holds no dissection",
        ),
        ("--concepts tree --dissection no", "`dissection` is no, which holds no"),
    ],
)
def test_questions_that_cannot_be_are_refused(
    arguments, said, trained, question, dissected, tmp_path, capsys, monkeypatch
):
    (question / "cut.png").write_bytes((question / "one.png").read_bytes()[:2000])
    monkeypatch.chdir(question)
    asked = ["query.py", *weights_of(trained), "--out", str(tmp_path / "out")]
    if "--dissection" not in arguments:
        asked += ["--dissection", str(dissected)]
    error = fails(capsys, "dissect", *asked, *arguments.split())
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_other_weights_and_several_layers_are_refused(
    trained, question, dissected, tmp_path, capsys
):
    asked = ["dissect", str(question / "query.py"), "--out", str(tmp_path / "out")]
    asked += ["--dissection", str(dissected), "--images", str(question / "one.png")]
    error = fails(capsys, *asked)
    assert "is the dissection of" in error and "--weights" in error
    asked += [*weights_of(trained), "--dissection"]
    error = fails(capsys, *asked, str(dissected.parent))
    assert "holds 2 layers; name one of them, such as" in error and "conv5_3" in error
    unmet = concept_of(dissected, lambda iou: iou == 0)
    error = fails(capsys, *asked, str(dissected), "--concepts", unmet)
    assert f"`concepts` has {unmet}, which no unit of conv5_3 ever meets" in error
    assert not list(tmp_path.iterdir())
