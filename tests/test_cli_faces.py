"""`train` with a FacesSettings: a network for each split, means over splits."""

import csv
import json

import numpy as np
import pytest
from conftest import compiling_quickly, fails
from test_faces import write_faces

from jaxdissect import ablation, attacks, gradients, model
from jaxdissect.cli import main
from jaxdissect.data import faces
from jaxdissect.experiments import gradients as questions
from jaxdissect.experiments.faces import writing
from jaxdissect.experiments.gradients import figures, tables

FEW = [
    *("--splits", "3", "4", "--base.schedule", "36", "1", "--base.optim.batch-size"),
    *("62", "--base.checkpoint-every", "2", "--ask.layers", "conv3"),
    *("--ask.removed", "2", "--ask.random-draws", "1", "--ask.steps", "1.0"),
    *("--ask.num-pushed", "15", "--ask.num-shown", "1"),
    *("--base.augment.shift", "0", "--base.augment.mirror", "0"),
    *("--base.augment.side-light", "0", "--base.augment.shadow", "0"),
]


@pytest.fixture(scope="module", autouse=True)
def what_trainings_write_is_tested_not_their_speed():
    with compiling_quickly():
        yield


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    folder = tmp_path_factory.mktemp("yale")
    write_faces(folder)
    return folder


@pytest.fixture(scope="module")
def asked(made_up, tmp_path_factory):
    out = tmp_path_factory.mktemp("faces") / "out"
    config, path = "configs/faces_gradients.py", ["--base.data.path", str(made_up)]
    with pytest.MonkeyPatch.context() as patch:
        # What is drawn of one network is tested in test_cli_gradients.
        patch.setattr(figures, "figures_of_examples", lambda *examples: {})
        main(["train", config, *path, *FEW, "--out", str(out)])
    return out / "results"


@pytest.mark.slow
def test_every_split_has_its_files_and_the_means_are_theirs(asked):
    rows = list(csv.DictReader((asked / "splits.csv").open()))
    assert [row["split"] for row in rows] == ["3", "4"]
    for row in rows:
        own = asked / f"split-{row['split']}"
        first = next(csv.DictReader((own / "knockouts.csv").open()))
        assert float(row["error_percent"]) == pytest.approx(
            100 * float(first["overall_error"])
        )
        assert (own / "knockouts_by_class.png").exists()
    assert rows[0]["error_percent"] != "" and (asked / "knockouts.png").exists()
    assert "test error: " in (asked / "results.md").read_text()


@pytest.mark.slow
def test_trainings_are_of_the_splits_their_names_say(asked, made_up):
    for split in (3, 4):
        folder = asked.parent / "trainings" / f"split-{split}" / "seed-0"
        trained = model.load_trained(folder / "weights.safetensors")
        assert trained.classes == faces.SUBJECTS
        assert trained.network[0].name == "grey"
        run = json.loads((folder / "run.json").read_text())
        train, test = faces.yale_faces(made_up, 36, seed=split)
        assert run["data"] == f"{train.fingerprint} {test.fingerprint}"


@pytest.mark.slow
def test_missing_files_and_a_single_split_are_one_sentence(
    capsys,
    made_up,
    tmp_path,
):
    out = ["--out", str(tmp_path / "out")]
    config = "configs/faces_gradients.py"
    said = fails(capsys, "train", config, "--base.data.path", str(tmp_path), *FEW, *out)
    assert "subject01.centerlight" in said and said.count("\n") == 1
    path = ["--base.data.path", str(made_up)]
    said = fails(capsys, "train", config, *path, *FEW, "--splits", "3", *out)
    assert "`splits` is (3,)" in said
    assert not (tmp_path / "out" / "results").exists()


def made_answers(error):
    """Ten images of each of two classes; knocking units out always breaks class 0."""
    right = np.array([[1.0 - error, 1.0], [0.0, 1.0]])
    curve = ablation.Curve(
        right[None].repeat(2, 0),
        right[None].repeat(2, 0),
        right.mean(1)[None].repeat(2, 0),
    )
    none = curve._replace(recall=np.ones((2, 2, 2)), top1=np.full((2, 2), 1.0))
    outcomes = attacks.StepOutcomes(
        *(np.full((1, 2), n) for n in (5, 8, 10)), np.zeros(2, int), np.full(2, 10)
    )
    return questions.Result(
        ("a", "b"),
        [("conv1", 0)],
        np.ones((2, 1)),
        gradients.Consistency(np.array([0.9, 0.7]), np.array([0.1, 0.1])),
        ablation.RemovalCurves(np.array([0, 1]), curve, none, curve),
        (1.0,),
        outcomes,
        examples=None,
        facts={},
        record={},
    )


def test_tables_hold_closed_forms():
    result = made_answers(0.2)
    own, overall = tables.errors(result.curves)
    np.testing.assert_allclose(own["strongest first"], [[0.2, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(overall["strongest first"], [[0.1, 0.5], [0.1, 0.5]])
    assert not own["weakest first"].any()
    # Trapezoids: class a (.2 + 1) / 2, class b none.
    area = tables.areas(result.curves)
    assert area.own_weakest == pytest.approx(0.3)
    assert area.overall_weakest == pytest.approx(0.3)
    assert area.own_random == pytest.approx(0)
    row = [cells[0] for cells in tables.steps(result).values()]
    assert row == ["a", 1.0, 10, 0.5, 0.8, 1.0, 0]
    assert tables.extremes(result, [1])["strongest"] == ["conv1 0 (1)"]


def test_errors_over_splits_are_means_with_intervals():
    found = [made_answers(error) for error in (0.0, 0.2, 0.4)]
    np.testing.assert_allclose(writing.errors_in_percent(found), [0, 10, 20])
    text = writing.summary(found)
    assert "test error: 10.00 [-14.84, 34.84] %" in text
    assert "within a class 0.80" in text and "between 0.10" in text
