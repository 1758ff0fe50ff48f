"""The page for one image: who speaks for a prediction, what is refused."""

import csv
import json
import re
import shutil
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import QUICKLY, fails
from page_in_browser import launched, visits
from PIL import Image

from jaxdissect import model, networks
from jaxdissect.cli import main
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.experiments.dissect import Pictures, open_dissection
from jaxdissect.experiments.dissect import command as dissect
from jaxdissect.experiments.explain import experiment as explain
from jaxdissect.experiments.explain import page as explanation
from jaxdissect.experiments.explain import run, writing
from jaxdissect.experiments.explain.settings import ExplainSettings
from jaxdissect.pages import pictures
from jaxdissect.runs import publishing, subjects
from jaxdissect.upsampling import Centres

CONFIG = """
from jaxdissect.experiments import ExplainSettings
config = ExplainSettings(num_units=3)
"""
FIRST = "scene 4000000"
NASTY = '</script><b title="x">'


def weights_of(run):
    return ["--weights", str(run / "weights.safetensors")]


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    """A config file, a picture that is not square, and one that is cut off."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "explain.py").write_text(CONFIG)
    image = Image.fromarray(scenes.render(9, [2], size=64).images[0])
    image.resize((90, 70)).save(folder / "one.png")
    (folder / "cut.png").write_bytes((folder / "one.png").read_bytes()[:2000])
    return folder


def ask(trained, question, dissected, out, *extra):
    file, where = str(question / "explain.py"), ["--dissection", str(dissected)]
    main(["dissect", file, *weights_of(trained), *where, "--out", str(out), *extra])


@pytest.fixture(scope="module")
def explained(trained, question, dissected):
    out = trained.parent / "explained"
    ask(trained, question, dissected, out, "--score", "logit")
    return out


def rows_of(file):
    return list(csv.DictReader(file.open()))


def drawn(size):
    return scenes.render(0, range(4_000_000, 4_000_003), size=size).images


@pytest.mark.slow
def test_drops_are_what_a_little_less_of_a_unit_costs(trained, explained):
    found = model.load_trained(trained / "weights.safetensors")
    trunk, tail = (
        jax.jit(half, compiler_options=QUICKLY)
        for half in networks.split(found.network, "conv5_3")
    )
    params, step = found.weights.params, 0.05
    acts = trunk(params, drawn(found.image_size)[:1] / np.float32(255))
    less = acts * (1 - step * jnp.eye(acts.shape[-1]))[:, None, None]
    lost = (tail(params, acts) - tail(params, less)) / step
    rows = [r for r in rows_of(explained / "units.csv") if r["picture"] == FIRST]
    assert len(rows) == 2 * acts.shape[-1]
    for row in rows:
        expected = lost[int(row["unit"]), found.classes.index(row["class"])]
        assert float(row["score_drop"]) == pytest.approx(float(expected), abs=2e-3)


@pytest.mark.slow
def test_two_likeliest_classes_are_asked_and_all_units_listed(trained, explained):
    found = model.load_trained(trained / "weights.safetensors")
    images = drawn(found.image_size) / np.float32(255)
    apply = jax.jit(partial(networks.apply, found.network), compiler_options=QUICKLY)
    logits = apply(found.weights.params, images)
    chances = np.asarray(jax.nn.softmax(logits))
    rows = rows_of(explained / "units.csv")
    for number in range(3):
        of_picture = [r for r in rows if r["picture"] == f"scene {4_000_000 + number}"]
        asked = list(dict.fromkeys(r["class"] for r in of_picture))
        best = np.argsort(-chances[number])[:2]
        assert asked == [found.classes[k] for k in best]
        for name, k in zip(asked, best, strict=True):
            part = [r for r in of_picture if r["class"] == name]
            assert float(part[0]["probability"]) == pytest.approx(
                chances[number, k], rel=1e-4
            )
            drops = np.array([float(r["score_drop"]) for r in part])
            shares = np.array([float(r["share"]) for r in part])
            assert sorted(int(r["unit"]) for r in part) == list(range(len(part)))
            assert (np.diff(drops) <= 0).all()
            for side in (drops > 0, drops < 0):
                assert shares[side].sum() == pytest.approx(1 if side.any() else 0)


@pytest.mark.slow
def test_one_offline_page_that_leads_back_into_the_dissection(explained, dissected):
    page = (explained / "report.html").read_text()
    assert page.count('<section class="question"') == 3
    assert "http" not in page.replace("http-equiv", "") and len(page) < 5e6
    links = set(re.findall(r'href="([^"]*)#unit-(\d+)"', page))
    there = (dissected / "report.html").read_text()
    assert links and all(f'id="unit-{unit}"' in there for _, unit in links)
    assert {(explained / link).resolve() for link, _ in links} == {
        (dissected / "report.html").resolve()
    }
    summary = json.loads((explained / "summary.json").read_text())
    rows = rows_of(explained / "units.csv")
    for name, found in summary["pictures"].items():
        for asked, numbers in found["classes"].items():
            listed = [r for r in rows if (r["picture"], r["class"]) == (name, asked)]
            units = [int(r["unit"]) for r in listed if float(r["score_drop"]) > 0]
            assert numbers["for"] == units[:3] and numbers["said"] in page


@pytest.mark.slow
def test_the_page_fits_a_phone_and_asks_for_nothing(explained):
    address = (explained / "report.html").as_uri()
    with launched() as browser, visits(browser, address) as visit:
        page = visit(viewport={"width": 360, "height": 640})
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) == 360
        broken = "[...document.images].filter((i) => i.complete && !i.naturalWidth)"
        assert page.evaluate(f"{broken}.length") == 0


@pytest.mark.slow
def test_own_pictures_and_classes_and_the_same_question_again(
    trained, question, dissected, tmp_path, capsys
):
    own = ["--images", str(question / "one.png"), "--classes", "farm", "park", "farm"]
    for _ in range(2):
        ask(trained, question, dissected, tmp_path / "a", *own)
    assert {r["class"] for r in rows_of(tmp_path / "a" / "units.csv")} == {
        "farm",
        "park",
    }
    assert "one.png: farm (p " in capsys.readouterr().out
    asked = [str(question / "explain.py"), *weights_of(trained), *own[:3], "camp"]
    asked += ["--dissection", str(dissected), "--out", str(tmp_path / "a")]
    assert "another run's results" in fails(capsys, "dissect", *asked)


def explain_with(tail, trained, dissected, out, **settings):
    """Explain one picture with another network after the layer."""
    found = model.load_trained(trained / "weights.safetensors")
    scope = explain.Scope(
        ExplainSettings(num_units=2, **settings),
        subjects.of_trained(found, ("conv5_3",), facts={}),
        explain.Head(tail, found.weights.params, ("one", NASTY)),
        open_dissection(dissected),
        Pictures([NASTY], [NASTY], [""], drawn(found.image_size)[:1]),
    )
    explain.explain(scope, progress=False).save(out)
    return (out / "report.html").read_text(), rows_of(out / "units.csv")


def saturated(params, acts):
    total = acts.sum((1, 2, 3))
    return jnp.stack([1000 + total, 0 * total], axis=-1)


@pytest.mark.slow
def test_a_saturated_probability_is_said_to_be_and_the_logit_still_speaks(
    trained, dissected, tmp_path
):
    page, rows = explain_with(saturated, trained, dissected, tmp_path / "a")
    assert page.count("the probability has saturated") == 2
    assert "--score logit" in page and "Speaking for" not in page
    assert "<b title" not in page
    assert {float(row["score_drop"]) for row in rows} == {0.0}
    assert {float(row["share"]) for row in rows} == {0.0}
    assert "NaN" not in (tmp_path / "a" / "summary.json").read_text()
    page, rows = explain_with(
        saturated, trained, dissected, tmp_path / "b", score="logit"
    )
    assert "Speaking for “one”" in page and "no unit of conv5_3 has a say" in page
    acts = {int(r["unit"]): float(r["score_drop"]) for r in rows if r["class"] == "one"}
    assert min(acts.values()) >= 0 and max(acts.values()) > 0


def test_colour_is_where_a_unit_speaks(dissected):
    opened = open_dissection(dissected)
    units = len(opened.saved.cards)
    maps = np.zeros((4, 4, units), np.float32)
    maps[0, 3, 1], maps[3, 0, 1] = 2.0, -1.0
    evidence = explain.Evidence(0, 0.5, 0.0, maps, maps.sum((0, 1)))
    image = np.full((64, 64, 3), 128, np.uint8)
    chances = np.array([0.5, 0.5])
    picture = explain.PictureAnswer("", "", "", image, chances, [evidence])
    centres = Centres.square(7.5, 16.0)
    result = explain.Result(
        *((picture,), ("a", "b"), opened, centres, "probability", 6, {}, {})
    )
    shown = explanation.shown_picture(result, picture, writing.said_of)
    ((unit,), opposing) = shown.classes[0].supporting, shown.classes[0].opposing
    assert (unit.card.unit, unit.drop, unit.share, opposing) == (1, 1.0, 1.0, [])
    redness = pictures.picture_of(unit.where).astype(int) @ [1, 0, -1]
    middle = explanation.SIDE // 8
    assert redness[middle, -middle] > 150 and redness[-middle, middle] < -50
    assert np.abs(redness[3 * middle : 5 * middle, 3 * middle : 5 * middle]).max() < 9


@pytest.mark.slow
def test_from_python_no_files_no_prints_and_the_same_bytes(
    trained, dissected, explained, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    network = model.load(trained / "weights.safetensors")
    settings = ExplainSettings(num_units=3, score="logit")
    result = run(network, None, settings, dissection=dissected, progress=False)
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir())
    rows, table = rows_of(explained / "units.csv"), result.table()
    assert {name: [r[name] for r in rows] for name in rows[0]} == {
        name: list(map(str, cells)) for name, cells in table.items()
    }
    assert repr(result).startswith(FIRST)
    assert result._repr_html_().startswith("<iframe")
    # Beside the command's, so that links to the dissection are the same.
    result.save(explained.parent / "explained_again")
    for file in ("units.csv", "summary.json", "report.html"):
        again = explained.parent / "explained_again" / file
        assert again.read_bytes() == (explained / file).read_bytes()
    of_arrays = run(
        network,
        drawn(network.image_size),
        settings,
        dissection=dissected,
        progress=False,
    )
    assert of_arrays.table()["score_drop"] == table["score_drop"]


def test_a_strip_comes_apart_into_its_pictures():
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 20, 3), np.uint8)
    strip = pictures.region_strip(images, np.ones((3, 20, 20), bool))
    np.testing.assert_array_equal(pictures.of_strip(strip, 3), images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--images no.png", "`images` has no.png, which cannot be read: No such file"),
        ("--images explain.py", "`images` has explain.py, which is no picture"),
        ("--images cut.png", "`images` has cut.png, which is a broken picture"),
        ("--classes frm", "`classes` has 'frm', which is none of the 14 classes"),
        ("--classes frm", "did you mean farm?"),
        ("--num-units 0", "`num_units` is 0"),
        ("--dissection .", "`dissection` is ., which holds no dissection"),
        ("--dissection no", "`dissection` is no, which holds no"),
    ],
)
def test_questions_that_cannot_be_are_refused(
    arguments, said, trained, question, dissected, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(question)
    asked = ["explain.py", *weights_of(trained), "--out", str(tmp_path / "out")]
    if "--dissection" not in arguments:
        asked += ["--dissection", str(dissected)]
    error = fails(capsys, "dissect", *asked, *arguments.split())
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def changed(dissected, folder, file, change):
    """A copy of a dissection with one file changed."""
    shutil.copytree(dissected, folder)
    holds = json.loads((folder / file).read_text())
    change(holds)
    (folder / file).write_text(json.dumps(holds))
    return folder


@pytest.mark.slow
def test_dissections_that_do_not_fit_are_refused(
    trained, question, dissected, tmp_path, capsys
):
    asked = ["dissect", str(question / "explain.py"), "--out", str(tmp_path / "out")]
    error = fails(capsys, *asked, "--dissection", str(dissected))
    assert "is the dissection of" in error and "--weights" in error
    asked += [*weights_of(trained), "--dissection"]
    several = tmp_path / "several"
    shutil.copytree(dissected, several / "conv5_3")
    shutil.move(several / "conv5_3" / "run.json", several)
    error = fails(capsys, *asked, str(several))
    assert "holds 1 layers; name one of them, such as" in error and "conv5_3" in error

    def of_a_folder(run):
        run["config"]["images"] = "segmented"

    folder = changed(dissected, tmp_path / "segmented", "run.json", of_a_folder)
    assert "`images` is empty, and segmented" in fails(capsys, *asked, str(folder))

    def without_pictures(cards):
        for card in cards:
            card["strip"] = "data:,"

    folder = changed(dissected, tmp_path / "broken", "cards.json", without_pictures)
    assert "is no JPEG in a `data:` address" in fails(capsys, *asked, str(folder))
    assert {path.name for path in tmp_path.iterdir()} == {
        "several",
        "segmented",
        "broken",
    }


@pytest.mark.slow
def test_a_missing_dissection_is_made_and_scores_do_not_meet(
    trained, question, dissected, tmp_path, monkeypatch
):
    def dissect_run(config):
        shutil.copytree(dissected, dissect.default_out(config))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dissect, "run", dissect_run)
    picture = ["--images", str(question / "one.png")]
    asked = ["dissect", str(question / "explain.py"), *weights_of(trained), *picture]
    outs = []
    monkeypatch.setattr(publishing, "make_once", lambda out, *_: outs.append(out.name))
    main(asked)
    main([*asked, "--score", "logit"])
    dissection = Path("runs") / "dissect-tiny-conv5_3-pnas20"
    assert list(Path("runs").iterdir()) == [dissection]
    assert outs == [
        "explain-tiny-conv5_3-pnas20-one",
        "explain-logit-tiny-conv5_3-pnas20-one",
    ]


def test_probabilities_are_never_rounded_to_certainty():
    for probability in (1e-9, 0.0004, 0.9996, 1 - 1e-12):
        assert explanation.percent(probability)[0] in "<>"
        assert writing.chance(probability)[0] in "<>"
