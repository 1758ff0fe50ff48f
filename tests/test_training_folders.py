"""Folders of trainings: one at a time, through damage to the same bits."""

import json
import shutil

import pytest
from conftest import TINY, fails, shared

from jaxdissect import weights
from jaxdissect.cli import main
from jaxdissect.experiments.train import fitting
from jaxdissect.runs import locking

SMALL = [
    *("--network.architecture", "shapesnet", "--network.width", "0.0625"),
    *("--data.num-train", "56", "--data.num-test", "28", "--checkpoint-every", "2"),
    *("--optim.batch-size", "14", "--schedule", "32", "2"),
]


def train(out, *more):
    main(["train", *SMALL, *more, "--out", str(out)])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return shared(tmp_path_factory, "small-training", train)


def same(out, whole):
    ours, theirs = (weights.load(f / "weights.safetensors") for f in (out, whole))
    for name in ("metrics.jsonl", "summary.json", "run.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert not (out / locking.HIDDEN).exists()
    return ours.digest == theirs.digest


@pytest.mark.slow
def test_a_second_training_is_refused_and_the_first_ends_through_a_link(
    whole, tmp_path, capsys, monkeypatch
):
    (tmp_path / "disk").mkdir()
    out, link = tmp_path / "disk", tmp_path / "link"
    link.symlink_to("disk")
    refused = []

    def log(*arguments, log=fitting.log_checkpoint):
        (out / "notes.txt").write_text("mine")
        for more in ([], ["--seed", "7"]):
            refused.append(fails(capsys, "train", *SMALL, *more, "--out", str(out)))
        return log(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "log_checkpoint", log)
        train(link)
    assert "another run is writing to" in refused[0]
    assert "config.seed" in refused[1]
    assert link.is_symlink() and same(out, whole)
    assert (out / "notes.txt").read_text() == "mine"
    train(out)
    assert f"already trained: {out}" in capsys.readouterr().out


def cut_metrics(out):
    text = (out / "metrics.jsonl").read_bytes()
    (out / "metrics.jsonl").write_bytes(text[: len(text) // 2])


def flip_metrics(out):
    lines = (out / "metrics.jsonl").read_bytes().split(b"\n")
    lines[-2] = bytes(255 - b for b in lines[-2])
    (out / "metrics.jsonl").write_bytes(b"\n".join(lines))


def lose_metrics(out):
    (out / "metrics.jsonl").unlink()


def cut_checkpoints(out):
    for file in (out / "checkpoints").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_latest_checkpoint(out):
    latest = max(int(p.name) for p in (out / "checkpoints").glob("[0-9]*"))
    for file in (out / "checkpoints" / str(latest)).rglob("*"):
        if file.is_file():
            file.write_bytes(bytes(255 - b for b in file.read_bytes()))


DAMAGES = [
    *(cut_metrics, flip_metrics, lose_metrics),
    *(cut_checkpoints, flip_latest_checkpoint),
]


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_a_training_whose_files_are_damaged_ends_in_the_same_bits(
    damage, whole, tmp_path, capsys
):
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "summary.json").unlink()  # it was stopped before its end
    damage(out)
    train(out)
    assert "set aside" in capsys.readouterr().out
    assert same(out, whole)
    left = {p.name for p in (out / "checkpoints").iterdir()}
    assert left == {p.name for p in (whole / "checkpoints").iterdir()}


@pytest.mark.slow
def test_stopping_says_what_the_same_command_does(tmp_path, capsys, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "log_checkpoint", stop)
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "out")
    assert stopped.value.code == 130
    assert "goes on from the latest checkpoint there is" in capsys.readouterr().err
    assert "metrics.jsonl" in {p.name for p in (tmp_path / "out").iterdir()}


def test_damaged_weights_say_how_they_are_made_anew(trained, tmp_path, capsys):
    out = shutil.copytree(trained, tmp_path / "out")
    file = out / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    error = fails(capsys, "train", *TINY, "--out", str(out))
    assert "delete it, and the same command makes it anew" in error
    assert json.loads((out / "summary.json").read_text())["steps"] == 8
