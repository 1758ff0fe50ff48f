"""Checkpoints that are damaged or of something else end in one sentence."""

import numpy as np
import pytest
from reference import state_dicts
from safetensors.numpy import save_file

from jaxdissect import networks
from jaxdissect.checkpoints import export_torchvision, load_checkpoint, recognise
from jaxdissect.errors import BadInput

ALEXNET = state_dicts.alexnet_shapes(6)
VGG16 = state_dicts.vgg16_shapes(6)
RESNET18 = state_dicts.resnet_shapes(6, depth=18)


def refusal(file):
    with pytest.raises(BadInput) as refused:
        load_checkpoint(file)
    sentence = str(refused.value)
    assert "\n" not in sentence and ". " not in sentence
    assert str(file) in sentence
    return sentence.replace(str(file), "FILE")


def zeros(shapes):
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.safetensors"


def refusal_of(shapes, file):
    save_file(zeros(shapes), file)
    return refusal(file)


def without(shapes, *names):
    return {name: shape for name, shape in shapes.items() if name not in names}


def renamed(shapes, **names):
    for before, after in names.items():
        shapes = {name.replace(before, after): s for name, s in shapes.items()}
    return shapes


def test_a_file_that_is_not_there(file):
    assert refusal(file) == "there is no checkpoint FILE"
    assert refusal(file.parent) == "there is no checkpoint FILE"


def test_a_file_by_another_name(tmp_path):
    file = tmp_path / "model.onnx"
    file.touch()
    assert refusal(file).startswith("FILE is no checkpoint by its name; allowed are ")


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 0.1, 0.5, 0.999])
def test_a_file_cut_short(kept, file):
    save_file(zeros(ALEXNET), file)
    data = file.read_bytes()
    file.write_bytes(data[: int(kept if kept >= 1 else kept * len(data))])
    said = refusal(file)
    assert said.startswith("FILE is truncated or no safetensors file (SafetensorError")


@pytest.mark.parametrize("data", [b"not a checkpoint\nat all\n", b"\xff" * 99])
def test_a_file_of_another_kind(data, file):
    file.write_bytes(data)
    assert "FILE is truncated or no safetensors file" in refusal(file)


def test_bytes_that_are_no_pickle(tmp_path):
    file = tmp_path / "model.pth.tar"
    file.write_bytes(b"a pickle")
    assert refusal(file).startswith("FILE is truncated or no checkpoint of PyTorch (")


RECIPE = "docs/own_network.md shows how any other network of PyTorch is read"


def other(architecture):
    """What is said where another network is meant."""
    return f"; the nearest network known is {architecture}, and {RECIPE}"


def test_a_tensor_is_missing(file):
    said = refusal_of(without(ALEXNET, "features.3.bias"), file)
    assert said == "FILE: the checkpoint lacks features.3.bias" + other("alexnet")


def test_a_tensor_too_many(file):
    said = refusal_of(ALEXNET | {"classifier.9.weight": (2, 2)}, file)
    unknown = "FILE: the checkpoint has unknown classifier.9.weight"
    assert said == unknown + other("alexnet")


def test_a_misspelt_tensor_is_named_with_what_it_should_be(file):
    shapes = renamed(VGG16, **{"26.weight": "26.wieght"})
    said = refusal_of(shapes, file)
    assert said == (
        "FILE: the checkpoint lacks features.26.weight (did you mean "
        "features.26.wieght?) and has unknown features.26.wieght (did you mean "
        "features.26.weight?)" + other("vgg16")
    )


@pytest.mark.parametrize("name", ["features.28.weight", "classifier.0.weight"])
def test_a_misspelt_tensor_that_tells_the_size(name, file):
    misspelt = name.replace("weight", "wieght")
    shapes = without(VGG16, name) | {misspelt: VGG16[name]}
    said = refusal_of(shapes, file)
    meant = f"(did you mean {misspelt}?); {RECIPE}"
    assert said == f"FILE: the checkpoint lacks {name} {meant}"


@pytest.mark.parametrize(
    ("shapes", "name"),
    [
        (VGG16, "features.28.weight"),
        (RESNET18, "fc.weight"),
        ({state_dicts.lua(name): s for name, s in RESNET18.items()}, "10.1.weight"),
    ],
)
def test_no_tensor_that_belongs_there_is_taken_for_a_missing_one(shapes, name, file):
    said = refusal_of(without(shapes, name), file)
    assert said == f"FILE: the checkpoint lacks {name}; {RECIPE}"


@pytest.mark.parametrize("name", ["features.6.weight", "classifier.4.bias"])
def test_a_tensor_of_another_shape(name, file):
    first, *rest = ALEXNET[name]
    shape = (first + 1, *rest)
    said = refusal_of(ALEXNET | {name: shape}, file)
    assert said == (
        f"FILE: {name} has shape {list(shape)} where the rest of the alexnet has "
        f"{[first, *rest]}" + other("alexnet")
    )


@pytest.mark.parametrize("shape", [(), (12,), (0, 576), (12, 576, 1)])
def test_a_kernel_of_no_shape(shape, file):
    said = refusal_of(ALEXNET | {"classifier.1.weight": shape}, file)
    assert said == (
        f"FILE: classifier.1.weight has shape {list(shape)}; a kernel has 2 or 4 axes, "
        f"none of them empty; {RECIPE}"
    )


def test_many_missing_tensors_are_counted(file):
    names = [f"layer{n}.0.bn1.{kind}" for n in (1, 2) for kind in ("weight", "bias")]
    names += [f"layer{n}.0.bn1.running_mean" for n in (1, 2)]
    shapes = without(RESNET18, *names)
    del shapes["bn1.num_batches_tracked"]  # nobody needs it
    said = refusal_of(shapes, file)
    assert said.startswith("FILE: the checkpoint lacks layer1.0.bn1.")
    assert said.endswith(" and 2 more" + other("resnet18")) and said.count(", ") == 4


# Networks that are nearly known ones.
VGG12 = {n: shape for n, shape in VGG16.items() if "features.5." not in n}
RESNET16 = without(RESNET18, *(name for name in RESNET18 if "layer4.1" in name))
WIDE = {
    name: (2 * shape[0], *shape[1:]) if ".conv1" in name else shape
    for name, shape in RESNET18.items()
}
SQUEEZED = RESNET18 | {
    f"layer{n}.0.se.fc{m}.weight": (4, 4) for n in (1, 2, 3, 4) for m in (1, 2)
}
DEEP_STEM = {
    name.replace("conv1", "conv1.0") if name == "conv1.weight" else name: shape
    for name, shape in RESNET18.items()
} | {"conv1.3.weight": (4, 4, 3, 3)}
FIVE = RESNET18 | {"conv1.weight": (4, 3, 5, 5)}
QUANTISED = RESNET18 | {"conv1.scale": (), "conv1.zero_point": ()}
SQUEEZENET = {
    "features.0.weight": (64, 3, 3, 3),
    "features.0.bias": (64,),
    "features.3.squeeze.weight": (16, 64, 1, 1),
    "classifier.1.weight": (10, 512, 1, 1),
}
DECODED = {f"encoder.{name}": shape for name, shape in RESNET18.items()} | {
    "decoder.0.weight": (4, 4, 3, 3)
}


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (
            VGG12,
            "lacks features.5.bias, features.5.weight; the nearest network known is ",
        ),
        (
            renamed(ALEXNET, features="stem"),
            "is of no known network: it has classifier.1.bias, classifier.1.weight and "
            "14 more, the first kernel being stem.0.weight of shape [4, 3, 11, 11]; "
            "known are VGG-11 to 19",
        ),
        (
            {"fc.weight": (2, 2)},
            "is of no known network: it has fc.weight, the first kernel being "
            "fc.weight of shape [2, 2]; known are ",
        ),
        (RESNET16, "is of a ResNet with [2, 2, 2, 1] basic blocks and a stem of 7 x 7"),
        (
            WIDE,
            "layer1.0.conv1.weight has shape [8, 4, 3, 3] where the rest of the "
            "resnet18 has [4, 4, 3, 3]",
        ),
        (renamed(VGG16, classifier="head"), "lacks classifier.0.weight"),
        (SQUEEZED, "has unknown layer1.0.se.fc1.weight"),
        (
            DEEP_STEM,
            "is of no known network: the nearest, resnet18, has no conv1.0.weight "
            "(here of shape [4, 3, 7, 7]) and needs conv1.weight; ",
        ),
        (FIVE, "conv1.weight has shape [4, 3, 5, 5]; ResNets begin with a "),
        (QUANTISED, "has unknown conv1.scale, conv1.zero_point"),
        (SQUEEZENET, "is of no known network: it has classifier.1.weight"),
        (
            DECODED,
            "holds a network under encoder and, outside it, decoder.0.weight; `part` "
            "takes what is under encoder alone",
        ),
    ],
)
def test_another_network(shapes, said, file):
    refused = refusal_of(shapes, file)
    assert said in refused
    assert refused.endswith(RECIPE)


def test_no_tensors_at_all():
    with pytest.raises(BadInput, match="of no known network: it has no tensors;"):
        recognise({})


def test_an_architecture_without_names_of_others(tmp_path):
    with pytest.raises(BadInput, match="`architecture` is 'lenet'; those with names"):
        export_torchvision(tmp_path / "x.safetensors", "lenet", networks.lenet(3), {})
    assert not [*tmp_path.iterdir()]
