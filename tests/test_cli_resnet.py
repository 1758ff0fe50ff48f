"""A ResNet is dissected and ablated at block outputs, and dissected inside blocks."""

import csv
import json
from dataclasses import asdict

import jax
import pytest
from conftest import fails

from jaxdissect import networks, weights
from jaxdissect.cli import main
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.networks.architectures import build_network
from jaxdissect.settings import NetworkSettings

CONFIG = NetworkSettings(architecture="resnet18", width=1 / 16)
INNER = "layer2.0.conv1"


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A file of weights, as `train` writes it."""
    file = tmp_path_factory.mktemp("resnet") / "resnet.safetensors"
    network = build_network(CONFIG, len(scenes.CLASSES))
    params = networks.init(jax.random.key(0), network, (48, 48, 3))
    described = {"network": asdict(CONFIG), "schedule": [[48, 1]]}
    weights.save(file, params, {"config": described, "classes": scenes.CLASSES})
    return ["--weights", str(file)]


@pytest.fixture(scope="module")
def dissected(resnet, tmp_path_factory):
    out = tmp_path_factory.mktemp("dissected") / "resnet"
    few = ["--num-images", "28", "--num-draws", "0", "--layers", "layer4.1", INNER]
    main(["dissect", *resnet, *few, "--out", str(out)])
    return out


@pytest.mark.slow
def test_blocks_and_what_is_inside_are_dissected(dissected):
    for layer, units in (("layer4.1", 32), (INNER, 8)):
        rows = list(csv.DictReader((dissected / layer / "units.csv").open()))
        assert len(rows) == units
        facts = json.loads((dissected / layer / "summary.json").read_text())["facts"]
        assert facts["architecture"] == "resnet18"


@pytest.mark.slow
def test_a_block_is_ablated_without_the_norms_of_one_map(resnet, dissected, tmp_path):
    few = ["--num-rank", "28", "--num-report", "28", "--batch-size", "14"]
    main(
        [
            *("ablate", *resnet, *few, "--layers", "layer4.1", "--random-draws", "2"),
            *(
                "--dissection",
                str(dissected / "layer4.1"),
                "--out",
                str(tmp_path / "a"),
            ),
        ]
    )
    folder = tmp_path / "a" / "layer4.1"
    assert len(list(csv.DictReader((folder / "units.csv").open()))) == 32
    assert "norm of weights" not in (folder / "findings.txt").read_text()


@pytest.mark.slow
def test_units_inside_are_not_removed_alone(resnet, capsys):
    said = fails(capsys, "ablate", *resnet, "--layers", INNER)
    assert f"{INNER!r}, inside the residual block layer2.0" in said
    said = fails(
        capsys, "ablate", "configs/scale_conv5_3.py", *resnet, "--layer", "fc9"
    )
    assert "did you mean fc? this network has conv1, layer1.0" in said


def test_block_norms_are_refused(capsys):
    said = fails(
        capsys,
        *("train", "--network.architecture", "resnet18"),
        *("--regularize.block-norm.weight", "0.1"),
    )
    assert "block norms are not defined for residual blocks" in said
