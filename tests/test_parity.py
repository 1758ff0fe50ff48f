"""Every layer of a converted network equals PyTorch's, and goes back unchanged.

Needs PyTorch (the extra `torch`); test_state_dicts.py does what can be done without.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from reference import torch_networks, torch_resnets  # noqa: E402
from reference.torch_running import Reference, activations, randomize  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from jaxdissect import networks  # noqa: E402
from jaxdissect.checkpoints import (  # noqa: E402
    Checkpoint,
    export_torchvision,
    load_checkpoint,
)

pytestmark = pytest.mark.slow

CLASSES = 7
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
# Values up to 255, so that local response normalization changes something.
CAFFE = {"mean": (0.48, 0.46, 0.41), "std": (1 / 255, 1 / 255, 1 / 255)}


class Case(NamedTuple):
    """A network of PyTorch.

    Attributes:
        build: (classes) -> the network.
        sizes: of images.
        exported: (classes) -> the same with the names of an export.
        preprocessing: of images in [0, 1].
    """

    build: Callable[[int], Reference]
    sizes: tuple[int, ...]
    exported: Callable[[int], Reference]
    preprocessing: dict[str, Any] = IMAGENET


def with_own_names(build, *sizes, preprocessing=IMAGENET):
    return Case(build, sizes, build, preprocessing)


vgg16, resnet = torch_networks.vgg16, torch_resnets.resnet
vgg16_bn = partial(vgg16, batch_norm=True)
lua_resnet, caffe_alexnet = torch_resnets.lua_resnet, torch_networks.caffe_alexnet
cifar_resnet = torch_resnets.cifar_resnet
csail = partial(vgg16, naming=torch_networks.csail)
timm_bn = partial(torch_networks.timm_vgg16, batch_norm=True)
CASES = {
    "vgg16": with_own_names(vgg16, 64, 96),
    "vgg16_bn": with_own_names(vgg16_bn, 64, 96),
    "vgg16_csail": Case(csail, (64, 96), vgg16),
    "vgg16_timm": Case(torch_networks.timm_vgg16, (64, 96), vgg16),
    "vgg16_bn_timm": Case(timm_bn, (64, 96), vgg16_bn),
    "vgg11": with_own_names(partial(vgg16, depth=11), 64),
    "vgg19": with_own_names(partial(vgg16, depth=19, batch_norm=True), 64),
    "resnet20": with_own_names(partial(cifar_resnet, depth=20), 32, 25),
    "resnet14": with_own_names(partial(cifar_resnet, depth=14, padded=False), 32),
    "alexnet": with_own_names(torch_networks.alexnet, 64, 96),
    "caffe_alexnet_67": with_own_names(
        partial(caffe_alexnet, grid=1), 67, preprocessing=CAFFE
    ),
    "caffe_alexnet_131": with_own_names(
        partial(caffe_alexnet, grid=3), 131, preprocessing=CAFFE
    ),
    **{
        f"resnet{depth}": with_own_names(partial(resnet, depth=depth), 64, 49)
        for depth in (18, 50)
    },
    **{
        f"resnet{depth}_lua": Case(
            partial(lua_resnet, depth=depth), sizes, partial(resnet, depth=depth)
        )
        for depth, sizes in ((18, (64,)), (50, (49,)), (152, (49,)))
    },
}


class Converted(NamedTuple):
    """A network of PyTorch, and what was made of its state dictionary."""

    name: str
    case: Case
    reference: Reference
    checkpoint: Checkpoint


@pytest.fixture(scope="module", params=CASES)
def converted(request, tmp_path_factory):
    case = CASES[request.param]
    reference = case.build(CLASSES)
    _, normalized = random_images(case.sizes[0], case.preprocessing)
    randomize(reference.model, normalized, seed=0)
    file = tmp_path_factory.mktemp(request.param) / "model.safetensors"
    save_file(reference.model.state_dict(), file)
    checkpoint = load_checkpoint(file, **case.preprocessing)
    return Converted(request.param, case, reference, checkpoint)


def random_images(size, preprocessing):
    """Images [B H W 3] for us; normalized ones [B 3 H W] for PyTorch.

    Patches of colour under noise: layers answer differently to them in every place.
    """
    rng = np.random.default_rng(size)
    patch = np.arange(size) * 4 // size
    colours = rng.uniform(size=(2, 4, 4, 3))[:, patch][:, :, patch]
    images = (colours * rng.uniform(size=(2, size, size, 3))).astype(np.float32)
    mean, std = (torch.tensor(value) for value in preprocessing.values())
    return images, ((torch.tensor(images) - mean) / std).permute(0, 3, 1, 2)


def test_the_architecture_is_recognised(converted):
    recognised = converted.checkpoint.recognised
    assert converted.name.startswith(recognised.architecture)
    assert recognised.num_classes == CLASSES


def test_every_layer_equals_that_of_pytorch(converted):
    network, params = converted.checkpoint.network, converted.checkpoint.params
    names = (*networks.layer_names(network), *networks.inner_layers(network))
    tapped = jax.jit(networks.taps(network, names))
    for size in converted.case.sizes:
        images, normalized = random_images(size, converted.case.preprocessing)
        want = activations(converted.reference, normalized)
        got = tapped(params, images)
        assert set(got) == set(want) == set(names)
        for layer, acts in got.items():
            scale = abs(want[layer]).max()
            # Nothing would be compared where images were all alike.
            assert np.ptp(want[layer], axis=0).max() > 0.01 * scale > 1e-6, layer
            assert acts.shape == want[layer].shape, layer
            assert abs(acts - want[layer]).max() <= 1e-4 * scale, (size, layer)


@pytest.fixture
def exported(converted, tmp_path):
    file = tmp_path / "exported.safetensors"
    recognised, network, params, *_ = converted.checkpoint
    export_torchvision(file, recognised.architecture, network, params)
    return load_file(file)


def test_pytorch_takes_an_export_and_gives_the_same_logits(converted, exported):
    model = converted.case.exported(CLASSES).model.eval()
    assert model.load_state_dict(exported, strict=True)
    _, normalized = random_images(converted.case.sizes[0], converted.case.preprocessing)
    with torch.inference_mode():
        got, want = model(normalized), converted.reference.model(normalized)
    assert (got - want).abs().max() <= 1e-5 * want.abs().max()


def test_an_export_is_what_was_read_bit_for_bit(converted, exported):
    state = {
        name: tensor
        for name, tensor in converted.reference.model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    if converted.case.exported is converted.case.build:
        assert set(exported) == set(state)
        for name, tensor in exported.items():
            assert tensor.dtype == state[name].dtype
            assert torch.equal(tensor, state[name]), name
    else:  # by other names, and convolutions of the whole map as matrices
        pairs = [
            sorted(tensor.numpy().tobytes() for tensor in tensors.values())
            for tensors in (exported, state)
        ]
        assert pairs[0] == pairs[1]
