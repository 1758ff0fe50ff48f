"""Experiments of trainings and gradients as calls: no prints, the command's bytes."""

import csv

import pytest
from conftest import compiling_quickly

from jaxdissect import model
from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.experiments import gradients, train
from jaxdissect.settings import DataSettings, NetworkSettings

FEW = gradients.Settings(
    data=DataSettings(num_train=28, num_test=28),
    layers=("conv2",),
    removed=2,
    random_draws=1,
    steps=(1.0,),
    num_pushed=28,
    num_shown=1,
    batch_size=28,
)
SMALL = [
    *("--network.architecture", "shapesnet", "--network.width", "0.0625"),
    *("--schedule", "32", "1", "--optim.batch-size", "14"),
    *("--data.num-train", "28", "--data.num-test", "28"),
]


@pytest.fixture(scope="module", autouse=True)
def quickly():
    with compiling_quickly():
        yield


@pytest.fixture(scope="module")
def training():
    return train.run(
        train.Settings(
            network=NetworkSettings(architecture="shapesnet", width=0.0625),
            data=DataSettings(num_train=28, num_test=28),
            optim=train.OptimSettings(batch_size=14),
            schedule=((32, 1),),
        ),
        progress=False,
    )


def rows_of(file):
    return list(csv.reader(file.open()))


def rows_in(columns):
    return [
        list(columns),
        *([str(c) for c in row] for row in zip(*columns.values(), strict=True)),
    ]


@pytest.mark.slow
def test_a_training_saves_what_the_command_writes(training, tmp_path, capsys):
    training.save(tmp_path / "saved")
    assert capsys.readouterr().out == ""
    main(["train", *SMALL, "--out", str(tmp_path / "out")])
    for name in ("metrics.jsonl", "metrics.csv", "summary.json", "learning_curve.png"):
        ours, theirs = (tmp_path / place / name for place in ("saved", "out"))
        assert ours.read_bytes() == theirs.read_bytes(), name
    ours, theirs = (
        model.load(tmp_path / place / "weights.safetensors")
        for place in ("saved", "out")
    )
    assert ours.digest == theirs.digest == training.model.digest
    assert ours.weights.metadata == theirs.weights.metadata
    assert rows_of(tmp_path / "out" / "metrics.csv") == rows_in(training.table())
    assert "top-1 on held-out images" in repr(training)
    main(["train", *SMALL, "--out", str(tmp_path / "saved")])
    assert "already trained" in capsys.readouterr().out


@pytest.mark.slow
def test_gradients_save_what_the_command_writes(training, tmp_path, capsys):
    training.save(tmp_path / "net")
    network = model.load(tmp_path / "net" / "weights.safetensors")
    result = gradients.run(network, settings=FEW, progress=False)
    result.save(tmp_path / "saved")
    assert capsys.readouterr() == ("", "")
    assert "area between strongest and weakest first" in repr(result)
    weights = str(tmp_path / "net" / "weights.safetensors")
    few = ["--layers", "conv2", "--removed", "2", "--random-draws", "1"]
    few += ["--data.num-train", "28", "--data.num-test", "28", "--num-shown", "1"]
    few += ["--steps", "1.0", "--num-pushed", "28", "--batch-size", "28"]
    out = tmp_path / "out"
    main(["gradients", "--weights", weights, *few, "--out", str(out)])
    for file in out.iterdir():
        assert file.read_bytes() == (tmp_path / "saved" / file.name).read_bytes(), file
    assert rows_of(out / "scores.csv") == rows_in(result.table())


def test_from_python_one_seed_is_trained():
    with pytest.raises(BadInput, match="`num_seeds` is 2"):
        train.run(train.Settings(num_seeds=2))
