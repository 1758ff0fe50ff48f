"""The experiments of `train` end to end, tiny: trainings, tables, figures, resuming."""

import csv
import json

import numpy as np
import pytest
from conftest import compiling_quickly, fails

from jaxdissect.cli import main

NETWORK = """
import dataclasses
from jaxdissect.experiments import *
base = TrainSettings(
    network=NetworkSettings(architecture="shapesnet", width=0.0625, batch_norm=False),
    data=DataSettings(name="squares", num_train=90, num_test=45),
    optim=OptimSettings(optimizer="sgd", lr=0.01, weight_decay=5e-4, batch_size=45),
    schedule=((32, 2),),
)
"""
REGIMES = (
    NETWORK
    + """
config = RegimesSettings(
    base=base,
    seeds=(0, 1),
    together=True,
    regimes=("none", "input gradient", "focused dropout"),
    steps=(1 / 255, 8 / 255),
    num_attacked=45,
    num_images=45,
)
"""
)
GROUPS = (
    NETWORK
    + """
config = GroupsSettings(
    base=TrainSettings(data=DataSettings(name="folder")),  # what --quick leaves alone
    small=base,
    quick=True,
    seeds=(0,),
    batch_norm=(False,),
    num_images=45,
)
"""
)


@pytest.fixture(scope="module", autouse=True)
def what_trainings_write_is_tested_not_their_speed():
    with compiling_quickly():
        yield


@pytest.fixture(scope="module")
def regimes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regimes")
    (folder / "config.py").write_text(REGIMES)
    main(["train", str(folder / "config.py"), "--out", str(folder / "out")])
    return folder


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_regimes_write_a_table_figure_and_page_of_each_kind(regimes):
    results = regimes / "out" / "results"
    names = {p.name for p in results.iterdir()}
    for name in ("accuracy", "robustness", "detectors"):
        assert {f"{name}.csv", f"{name}.png"} <= names
    rows = read(results / "trainings.csv")
    assert [(r["regime"], r["seed"]) for r in rows] == [
        (regime, seed)
        for regime in ("none", "input gradient", "focused dropout")
        for seed in ("0", "1")
    ]
    page = (results / "results.md").read_text()
    assert "| none | 2 |" in page and "![robustness](robustness.png)" in page
    summary = json.loads(
        (regimes / "out/trainings/none/seed-1/summary.json").read_text()
    )
    assert float(rows[1]["last_top1"]) == summary["test_top1"]


@pytest.mark.slow
def test_the_source_s_numbers_stand_beside_its_own_setting_only(regimes):
    for row in read(regimes / "out" / "results" / "accuracy.csv"):
        assert row["reported train"] == row["reported test, best epoch"] == ""


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_writes_the_same(regimes, capsys):
    results = regimes / "out" / "results"
    before = {p.name: p.read_bytes() for p in results.glob("*.csv")}
    main(["train", str(regimes / "config.py"), "--out", str(regimes / "out")])
    assert capsys.readouterr().out.count("already trained") == 3
    assert before == {p.name: p.read_bytes() for p in results.glob("*.csv")}


@pytest.mark.slow
def test_groups_are_scored_layer_by_layer(tmp_path):
    (tmp_path / "config.py").write_text(GROUPS)
    main(["train", str(tmp_path / "config.py"), "--out", str(tmp_path / "out")])
    results = tmp_path / "out" / "results"
    rows = read(results / "trainings.csv")
    assert [row["regime"] for row in rows] == [
        "weight decay",
        "block norm",
        "block norm and fields",
    ]
    for row in rows:
        assert int(row["score"]) == int(row["conv1"]) + int(row["conv2"])
    assert np.ptp([float(row["unevenness"]) for row in rows]) > 0
    assert (results / "relevance-shapesnet.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--regimes dropout", "`regimes` is ('dropout',)"),
        ("--seeds 1 1", "`seeds` is (1, 1)"),
        ("--seeds 0 2", "must be consecutive"),
        ("--steps 2.0", "`steps[0]` is 2.0"),
        ("--num-attacked 0", "`num_attacked` is 0"),
        ("--base.optim.parts 7", "`parts` is 7"),
    ],
)
def test_experiments_that_cannot_be_are_refused_before_any_training(
    arguments, said, tmp_path, capsys
):
    (tmp_path / "config.py").write_text(REGIMES)
    out = tmp_path / "out"
    command = ["train", str(tmp_path / "config.py"), "--out", str(out)]
    assert said in fails(capsys, *command, *arguments.split())
    assert not out.exists()
