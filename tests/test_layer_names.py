"""Names of layers that are known without JAX are those of the networks."""

from pathlib import Path

import pytest

from jaxdissect import layer_names, networks
from jaxdissect.errors import BadInput
from jaxdissect.networks import architectures
from jaxdissect.settings import NetworkSettings, SubjectSettings

SMALL = {"width": 1 / 16, "hidden": (4, 4)}
NETWORKS = [
    *(NetworkSettings(f"vgg{depth}", **SMALL) for depth in (11, 13, 16, 19)),
    NetworkSettings("vgg16", batch_norm=False, **SMALL),
    NetworkSettings("vgg16", width=1 / 16, hidden=()),
    NetworkSettings("vgg11", width=1 / 16, hidden=(4,), grey=True),
    *(NetworkSettings("alexnet", batch_norm=norm, **SMALL) for norm in (True, False)),
    NetworkSettings("caffe_alexnet", **SMALL),
    *(NetworkSettings(f"resnet{d}", width=1 / 16) for d in (18, 50, 20, 8)),
    NetworkSettings("resnet18", width=1 / 16, stem="small", grey=True),
    NetworkSettings("lenet", hidden=(4,)),
    NetworkSettings("lenet", hidden=(4,), grey=True),
    *(NetworkSettings("shapesnet", batch_norm=norm) for norm in (True, False)),
]


@pytest.mark.parametrize("settings", NETWORKS, ids=lambda s: s.architecture)
def test_they_are_those_of_the_table(settings):
    built = networks.layer_names(architectures.build_network(settings, 3))
    assert layer_names.stage_names(settings) == built


PLAIN = layer_names.stage_names(NetworkSettings("vgg16", batch_norm=False))
NORMED = layer_names.stage_names(NetworkSettings("vgg16", batch_norm=True))
ALEXNET = layer_names.stage_names(NetworkSettings("alexnet", batch_norm=False))
RESNET = layer_names.stage_names(NetworkSettings("resnet50"))


@pytest.mark.parametrize(
    ("names", "theirs", "ours"),
    [  # what torchvision's modules of these numbers are
        (PLAIN, "features.0", "conv1_1.conv"),
        (PLAIN, "features.28", "conv5_3.conv"),
        (PLAIN, "features.29", "conv5_3"),
        (PLAIN, "features.30", "pool5"),
        (PLAIN, "classifier.0", "fc6.dense"),
        (PLAIN, "classifier.4", "fc7"),
        (PLAIN, "classifier.6", "fc8"),
        (NORMED, "features.41", "conv5_3.bn"),
        (NORMED, "features.42", "conv5_3"),
        (ALEXNET, "features.11", "conv5"),
        (ALEXNET, "classifier.1", "fc6.dense"),
        (ALEXNET, "classifier.5", "fc7"),
        (ALEXNET, "classifier.6", "fc8"),
        (RESNET, "layer4", "layer4.2"),
        (RESNET, "layer3", "layer3.5"),
        (RESNET, "maxpool", "pool1"),
        (RESNET, "layer4.1", "layer4.1"),
        (RESNET, "conv1", "conv1"),
    ],
)
def test_torchvision_s_names_are_understood(names, theirs, ours):
    assert layer_names.find(theirs, names) == ours


@pytest.mark.parametrize("layer", ["convv5_3", "conv5-3", "Conv5_3"])
def test_a_mistyped_layer_gets_a_suggestion(layer):
    with pytest.raises(BadInput, match=r"did you mean conv5_3\?.* has conv1_1, conv"):
        layer_names.find(layer, PLAIN)


def test_files_say_what_they_are(trained):
    bundled = layer_names.known(SubjectSettings())
    assert bundled and "conv5_3" in bundled and bundled[-1] == "logits"
    named = layer_names.known(SubjectSettings(trained / "weights.safetensors"))
    assert named and named[0] == "input"
    for path in ("nothing.safetensors", "model.pth", "vgg16-places365"):
        assert layer_names.known(SubjectSettings(Path(path))) is None
    assert layer_names.known(SubjectSettings(network="own.py:f")) is None


def test_what_is_inside_blocks_is_left_to_the_network():
    assert layer_names.find("layer2.0.conv1", RESNET) == "layer2.0.conv1"
    with pytest.raises(BadInput, match="did you mean layer2"):
        layer_names.find("layer2.9.conv1", RESNET)
    with pytest.raises(BadInput, match=r"`layer` is 'layer2\.0\.conv7'"):
        layer_names.find("layer2.0.conv7", RESNET, inner=["layer2.0.conv1"])
