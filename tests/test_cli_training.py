"""`train` from files to weights: seeds, curves, stops of every kind, mistakes."""

import csv
import json
import resource

import chex
import numpy as np
import pytest
from conftest import compiling_quickly, fails

from jaxdissect import networks, range_checks, weights
from jaxdissect.cli import main
from jaxdissect.data import cifar
from jaxdissect.networks import architectures
from jaxdissect.settings import NetworkSettings
from jaxdissect.training import checkpoints

pytestmark = pytest.mark.slow

FAST = [
    *("--network.architecture", "shapesnet", "--network.width", "0.0625"),
    *("--schedule", "32", "2", "--optim.batch-size", "8", "--checkpoint-every", "2"),
]
REGULARIZED = [
    *("--optim.optimizer", "sgd", "--optim.lr", "0.05"),
    *("--regularize.focused-dropout.rate", "0.5", "--regularize.dropout.rate", "0.1"),
    *("--regularize.block-norm.weight", "0.001", "--regularize.block-norm.groups", "2"),
    *("--regularize.fields.spatial", "0.01"),
    *("--watch.epochs", "1", "--watch.num-images", "28"),
]


@pytest.fixture(scope="module", autouse=True)
def what_trainings_write_is_tested_not_their_speed():
    with compiling_quickly():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """CIFAR-10's official files, with eight images of noise in each."""
    folder = tmp_path_factory.mktemp("cifar10") / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    batches = [f"data_batch_{number}.bin" for number in range(1, 6)]
    for name in (*batches, "test_batch.bin"):
        records = rng.integers(0, 256, (8, 1 + 3 * 32 * 32), dtype=np.uint8)
        records[:, 0] %= 4
        (folder / name).write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("plane\ncar\nbird\ncat\n")
    return folder


@pytest.fixture(scope="module")
def command(data):
    """All but the folder of a short training, with everything that draws at random."""
    return ["train", "--data.name", "cifar10", "--data.path", str(data), *FAST]


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    main([*command, *REGULARIZED, "--out", str(out)])
    return out


def lines_of(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").open()]


def test_metrics_have_every_term_and_every_checkpoint(whole):
    lines = lines_of(whole)
    logged = [line for line in lines if "loss" in line]
    assert [line["step"] for line in logged] == [5, 10]
    for line in logged:
        terms = set(line) - {"step", "loss", "accuracy"}
        assert terms == {"cross_entropy", "block_norm", "spatial"}
        assert line["loss"] == pytest.approx(sum(line[term] for term in terms))
    tested = [line["step"] for line in lines if "test_top1" in line]
    assert tested == [2, 4, 5, 6, 8, 10]
    steps = [line["step"] for line in lines]
    assert steps == sorted(steps)


def test_units_are_watched_at_the_epochs_asked_for(whole):
    watched = [line for line in lines_of(whole) if "unique_labels" in line]
    assert [(line["step"], line["epoch"]) for line in watched] == [(5, 1.0)]
    (line,) = watched
    assert 0 <= line["unique_labels_conv2"] == line["unique_labels"] <= 16


def test_the_table_and_the_curve_are_of_the_metrics(whole):
    rows = list(csv.DictReader((whole / "metrics.csv").open()))
    tested = [line for line in lines_of(whole) if "test_top1" in line]
    for row, line in zip(rows, tested, strict=True):
        for name in ("step", "epoch", "train_top1", "test_top1"):
            assert float(row[name]) == line[name]
        assert row["unique_labels"] == str(line.get("unique_labels", ""))
    assert (whole / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_accuracy_written_down_is_that_of_the_weights_without_any_dropout(
    whole, data
):
    loaded = weights.load(whole / "weights.safetensors")
    described = NetworkSettings(architecture="shapesnet", width=0.0625)
    network = architectures.build_network(described, 4)
    _, test_set = cifar.cifar(data, "cifar10")
    images, targets = test_set.read(np.arange(8))
    logits = networks.apply(network, loaded.params, images / np.float32(255))
    assert lines_of(whole)[-1]["test_top1"] == (logits.argmax(-1) == targets).mean()
    assert loaded.metadata["classes"] == ["plane", "car", "bird", "cat"]


@pytest.fixture
def full_disk(monkeypatch):
    """From step 6 on no file grows beyond 2000 bytes, until this is called."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    save = checkpoints.save

    def save_on_full_disk(manager, state, step, accuracy):
        if step == 6:
            manager.wait_until_finished()
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        save(manager, state, step, accuracy)

    def delete_something():
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        monkeypatch.setattr(checkpoints, "save", save)

    monkeypatch.setattr(checkpoints, "save", save_on_full_disk)
    yield delete_something
    delete_something()


def test_a_full_disk_leaves_the_checkpoint_before_and_the_run_goes_on_from_it(
    whole, command, tmp_path, capsys, full_disk
):
    out = tmp_path / "out"
    again = [*command, *REGULARIZED, "--out", str(out)]
    error = fails(capsys, *again).splitlines()[-1]
    full_disk()
    assert f"error: a checkpoint could not be written to {out}/checkpoints" in error
    assert "goes on from the latest" in error
    assert not (out / "weights.safetensors").exists()
    # The two latest, and the best, which may be one of them.
    names = {path.name for path in whole_checkpoints(out)}
    assert {"4", "5"} <= names <= {"2", "4", "5"}
    main(again)
    for name in ("metrics.jsonl", "metrics.csv", "summary.json"):
        assert (out / name).read_text() == (whole / name).read_text()


def whole_checkpoints(out):
    return [p for p in (out / "checkpoints").iterdir() if p.name.isdigit()]


@pytest.fixture(scope="module")
def two_seeds(command, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "two"
    main([*command, *REGULARIZED, "--num-seeds", "2", "--out", str(out)])
    return out


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_among_others_has_the_weights_it_has_alone(
    seed, two_seeds, whole, command, tmp_path
):
    alone = whole
    if seed:
        alone = tmp_path / "alone"
        main([*command, *REGULARIZED, "--seed", str(seed), "--out", str(alone)])
    got, want = (
        weights.load(folder / "weights.safetensors")
        for folder in (two_seeds / f"seed-{seed}", alone)
    )
    chex.assert_trees_all_close(got.params, want.params, rtol=1e-3, atol=1e-4)
    assert got.metadata["config"] == want.metadata["config"]
    for a, b in zip(lines_of(two_seeds / f"seed-{seed}"), lines_of(alone), strict=True):
        assert a.keys() == b.keys() and a["step"] == b["step"]
        assert a.get("loss", 0) == pytest.approx(b.get("loss", 0), rel=1e-3)
    for name in ("metrics.csv", "learning_curve.png", "summary.json"):
        assert (two_seeds / f"seed-{seed}" / name).exists()


def test_seeds_that_have_finished_are_restored_and_left_as_they_are(two_seeds, command):
    def contents():
        folders = [two_seeds / f"seed-{seed}" for seed in (0, 1)]
        files = [f for folder in folders for f in sorted(folder.rglob("*"))]
        assert len(files) == 10
        return {f: f.read_bytes() for f in files if f.suffix != ".png"}

    before = contents()
    main([*command, *REGULARIZED, "--num-seeds", "2", "--out", str(two_seeds)])
    assert contents() == before


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(
    command, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(range_checks, "check", lambda config, where="": None)
    out = tmp_path / "out"
    diverging = [*command, "--optim.lr", "1e30", "--out", str(out)]
    for _ in range(2):
        error = fails(capsys, *diverging).splitlines()[-1]
        assert "error: the loss's term cross_entropy is nan at step 3;" in error
        assert [line["step"] for line in lines_of(out)] == [2]
        assert [p.name for p in whole_checkpoints(out)] == ["2"]
        assert not (out / "weights.safetensors").exists()


def test_weights_that_are_not_finite_are_never_saved(
    command, tmp_path, capsys, monkeypatch
):
    """The loss of a step is that of the weights before it."""
    monkeypatch.setattr(range_checks, "check", lambda config, where="": None)
    out = tmp_path / "out"
    overflow = ["--optim.optimizer", "sgd", "--optim.decay", "epoch_cosine"]
    overflow += ["--optim.lr", "1e30", "--optim.weight-decay", "1e30"]
    diverging = [*command, *overflow, "--checkpoint-every", "1", "--out", str(out)]
    error = fails(capsys, *diverging).splitlines()[-1]
    assert "error: weights are not finite after step 1" in error
    assert whole_checkpoints(out) == []
    assert lines_of(out) == []
