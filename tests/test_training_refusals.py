"""`train` says in one sentence what is wrong before it writes anything."""

import numpy as np
import pytest
import requests
from conftest import fails

SHAPESNET = [
    *("--network.architecture", "shapesnet", "--network.width", "0.0625"),
    *("--data.name", "shapes", "--data.num-train", "16", "--data.num-test", "4"),
    *("--schedule", "32", "1", "--optim.batch-size", "8"),
]

FOCUS = "--regularize.focused-dropout"
BLOCKS = "--regularize.block-norm.weight 0.1 --regularize.block-norm"
GRADIENT = "--regularize.input-gradient.weight 1"


def refuse(arguments, said, out, capsys):
    error = fails(capsys, "train", *SHAPESNET, *arguments, "--out", str(out))
    assert error.startswith("error: ") and said in error
    assert error.count("\n") == 1 and error.endswith("\n")
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            f"{FOCUS}.rate 1.5",
            "focused_dropout.rate` is 1.5; it must be a number in [0, 1]",
        ),
        (
            f"{FOCUS}.rate -0.1",
            "focused_dropout.rate` is -0.1; it must be a number in [0, 1]",
        ),
        (
            f"{FOCUS}.rate 0.1 {FOCUS}.low 0.7 {FOCUS}.high 0.2",
            "`low` and `high` are 0.7 and 0.2",
        ),
        (f"{FOCUS}.rate 0.1 {FOCUS}.high 1.5", "focused_dropout.high` is 1.5"),
        (
            f"{FOCUS}.rate 0.1 {FOCUS}.decay-factor -1",
            "focused_dropout.decay_factor` is -1.0",
        ),
        ("--regularize.dropout.rate 1", "`regularize.dropout.rate` is 1.0"),
        (
            "--regularize.spatial-dropout.rate -0.5",
            "`regularize.spatial_dropout.rate` is -0.5",
        ),
        ("--regularize.dropblock.rate 2", "`regularize.dropblock.rate` is 2.0"),
        (
            "--regularize.dropblock.rate 0.1 --regularize.dropblock.block-size 0",
            "dropblock.block_size` is 0",
        ),
        (f"{BLOCKS}.p 0.5", "block_norm.p` is 0.5; it must be a number in [1, inf]"),
        (f"{BLOCKS}.q 0.5", "block_norm.q` is 0.5; it must be a number in [1, inf]"),
        (f"{BLOCKS}.groups 9", "`num_groups` is 9; it must be between 1 and"),
        (
            f"{BLOCKS}.groups 0",
            "block_norm.groups` is 0; it must be a whole number in [1",
        ),
        (
            "--regularize.fields.group 1 --regularize.block-norm.groups 17",
            "`num_groups` is 17",
        ),
        (
            "--regularize.block-norm.weight -1",
            "`regularize.block_norm.weight` is -1.0; it must be a number",
        ),
        ("--regularize.fields.spatial inf", "`regularize.fields.spatial` is inf"),
        (
            "--regularize.input-gradient.weight nan",
            "`regularize.input_gradient.weight` is nan",
        ),
        (
            f"{GRADIENT} --regularize.input-gradient.estimator forward "
            "--regularize.input-gradient.step 0",
            "input_gradient.step` is 0.0",
        ),
    ],
)
def test_regularisers_that_mean_nothing(arguments, said, tmp_path, capsys):
    refuse(arguments.split(), said, tmp_path / "out", capsys)


@pytest.mark.parametrize("layer", ["conv9", "conv2_1"])
@pytest.mark.parametrize(
    "section",
    [
        "--regularize.dropout.rate 0.1 --regularize.dropout",
        "--regularize.spatial-dropout.rate 0.1 --regularize.spatial-dropout",
        "--regularize.dropblock.rate 0.1 --regularize.dropblock",
        f"{FOCUS}.rate 0.1 {FOCUS}",
        "--regularize.fields.group 0.1 --regularize.fields",
        "--watch.epochs 1 --watch",
    ],
)
def test_layers_the_network_does_not_have(section, layer, tmp_path, capsys):
    arguments = f"{section}.layers conv1 {layer}".split()
    said = f"`layer` is {layer!r}; did you mean conv2? this network has conv1, conv2"
    refuse(arguments, said, tmp_path / "out", capsys)


@pytest.mark.parametrize(
    "section",
    [
        "--regularize.spatial-dropout.rate 0.1 --regularize.spatial-dropout",
        "--regularize.dropblock.rate 0.1 --regularize.dropblock",
        f"{FOCUS}.rate 0.1 {FOCUS}",
        "--regularize.fields.spatial 0.1 --regularize.fields",
        "--watch.epochs 1 --watch",
    ],
)
def test_logits_where_maps_are_needed(section, tmp_path, capsys):
    arguments = f"{section}.layers logits".split()
    refuse(arguments, "`layer` is 'logits', which has no", tmp_path / "out", capsys)


def test_fields_of_a_layer_that_has_none(tmp_path, capsys):
    fields = ["--regularize.fields.group", "1", "--regularize.fields.layers", "pool1"]
    refuse(fields, "`layer` is 'pool1', which has no", tmp_path / "out", capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--optim.parts 3", "`parts` is 3; it must divide `batch_size`, 8"),
        ("--optim.parts 0", "`optim.parts` is 0"),
        ("--num-seeds 0", "`num_seeds` is 0"),
        ("--optim.lr -1", "`optim.lr` is -1.0"),
        ("--optim.lr nan", "`optim.lr` is nan"),
        ("--optim.weight-decay -0.1", "`optim.weight_decay` is -0.1"),
        ("--optim.optimizer sgd --optim.momentum 1.5", "`optim.momentum` is 1.5"),
        ("--optim.decay epoch_cosine --optim.period 0", "`optim.period` is 0"),
        ("--optim.decay epoch_drops --optim.drop-by 0", "`optim.drop_by` is 0.0"),
        ("--augment.mirror 2", "is 2.0; it must be a number in [0, 1]"),
        ("--augment.rotation 200", "is 200.0; it must be a number in [0, 180]"),
        ("--augment.shift -2", "`augment.shift` is -2"),
        ("--watch.num-images 0", "`watch.num_images` is 0"),
    ],
)
def test_training_that_means_nothing(arguments, said, tmp_path, capsys):
    refuse(arguments.split(), said, tmp_path / "out", capsys)


def test_a_network_beyond_the_machine(tmp_path, capsys):
    large = "--network.architecture vgg16 --network.width 16 --network.grid 64 "
    large += "--network.hidden 65536 65536"
    said = "parameters, which take "
    refuse(large.split(), said, tmp_path / "out", capsys)


@pytest.mark.parametrize("name", ["folder", "places365_small", "imagenet2012"])
def test_data_without_a_path(name, tmp_path, capsys):
    said = f"`data.path` is needed for `data.name` {name}"
    refuse(["--data.name", name], said, tmp_path / "out", capsys)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_of_another_size(name, tmp_path, capsys):
    said = f"`schedule` has images of 64 pixels; those of {name} have 32"
    arguments = ["--data.name", name, "--schedule", "32", "1", "64", "1"]
    refuse(arguments, said, tmp_path / "out", capsys)


CIFAR = ["--data.name", "cifar10", "--schedule", "32", "1", "--data.path"]


def test_a_folder_without_cifar_and_no_network_to_fetch_it(
    tmp_path, capsys, monkeypatch
):
    def offline(*arguments, **options):
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests, "head", offline)
    folder = tmp_path / "cifar"
    folder.mkdir()
    said = "cannot be reached; download https://"
    refuse([*CIFAR, str(folder)], said, tmp_path / "out", capsys)
    assert list(folder.iterdir()) == []


def test_a_folder_with_part_of_cifar(tmp_path, capsys):
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3073))
    said = f"`folder` is {tmp_path}; it must be or hold cifar-10-batches-bin/"
    refuse([*CIFAR, str(tmp_path)], said, tmp_path / "out", capsys)


@pytest.fixture
def cifar(tmp_path):
    """CIFAR-10's official files with an image in each."""
    for number in range(1, 6):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(bytes(3073))
    (tmp_path / "test_batch.bin").write_bytes(bytes(3073))
    (tmp_path / "batches.meta.txt").write_text("plane\ncar\n")
    return tmp_path


def test_a_truncated_file_of_cifar(cifar, capsys):
    (cifar / "data_batch_3.bin").write_bytes(bytes(3000))
    said = "data_batch_3.bin has 3000 bytes; it must have a multiple of 3073"
    refuse([*CIFAR, str(cifar)], said, cifar / "out", capsys)


def test_a_label_that_is_no_class(cifar, capsys):
    record = np.full(3073, 2, np.uint8)
    (cifar / "test_batch.bin").write_bytes(record.tobytes())
    said = "test_batch.bin has label 2 at position 0; allowed are 0 to 1"
    refuse([*CIFAR, str(cifar)], said, cifar / "out", capsys)


@pytest.mark.parametrize(
    ("setting", "said"),
    [("num-train", "`num` is 9; it must be from 1 to 5"), ("num-test", "`num` is 9")],
)
def test_more_images_than_there_are(setting, said, cifar, capsys):
    arguments = [*CIFAR, str(cifar), f"--data.{setting}", "9"]
    rest = ["--data.num-test", "1"] if setting == "num-train" else []
    rest += ["--data.num-train", "5"] if setting == "num-test" else []
    refuse([*arguments, *rest], said, cifar / "out", capsys)
