"""Networks from state dictionaries, beside plain numpy; no PyTorch is needed.

test_parity.py holds every layer against PyTorch where it is installed.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import numpy_networks, state_dicts
from safetensors.numpy import load_file, save_file

from jaxdissect import networks
from jaxdissect.checkpoints import (
    Checkpoint,
    State,
    export_torchvision,
    load_checkpoint,
    recognise,
)
from jaxdissect.checkpoints.converting import convert, from_pytorch, to_pytorch
from jaxdissect.errors import BadInput
from jaxdissect.networks import layers

# In half the time; what runs once need not run fast.
compiled = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
MEAN, STD = (0.48, 0.46, 0.41), (0.23, 0.22, 0.25)
# Values up to 255, so that local response normalization changes something.
CAFFE_STD = (1 / 255, 1 / 254, 1 / 253)
CLASSES = 6
BLOCKS = state_dicts.RESNET_BLOCKS


class Case(NamedTuple):
    """An architecture.

    Attributes:
        shapes: {name: shape} of its state dictionary.
        reference: (state dictionary, normalized images) -> {layer: acts}.
        size: of images.
        compared: layers from the beginning; all unless compiling them takes long.
        exported: (name) -> name in an export.
    """

    shapes: dict[str, tuple[int, ...]]
    reference: Callable[..., dict[str, np.ndarray]]
    size: int
    compared: int = 99
    exported: Callable[[str], str] = str


resnet = numpy_networks.resnet
CASES = {
    "vgg16": Case(
        state_dicts.vgg16_shapes(CLASSES), numpy_networks.vgg16, 96, compared=7
    ),
    "vgg16_bn": Case(
        state_dicts.vgg16_shapes(CLASSES, batch_norm=True),
        partial(numpy_networks.vgg16, batch_norm=True),
        96,
    ),
    "alexnet": Case(state_dicts.alexnet_shapes(CLASSES), numpy_networks.alexnet, 127),
    "caffe_alexnet": Case(
        state_dicts.caffe_alexnet_shapes(CLASSES, grid=1),
        numpy_networks.caffe_alexnet,
        67,
    ),
    "resnet18": Case(
        state_dicts.resnet_shapes(CLASSES, depth=18),
        partial(resnet, blocks=BLOCKS[18], bottleneck=False),
        33,
    ),
    "resnet50": Case(
        state_dicts.resnet_shapes(CLASSES, depth=50),
        partial(resnet, blocks=BLOCKS[50], bottleneck=True),
        33,
        compared=14,
    ),
    "vgg11_bn": Case(
        state_dicts.vgg_shapes(CLASSES, depth=11, batch_norm=True, channels=1, grid=1),
        partial(numpy_networks.vgg16, batch_norm=True, groups=(1, 1, 2, 2, 2), grid=1),
        40,
    ),
    "vgg19": Case(
        state_dicts.vgg_shapes(CLASSES, depth=19, channels=4),
        partial(numpy_networks.vgg16, groups=(2, 2, 4, 4, 4)),
        64,
        compared=9,
    ),
    "resnet8": Case(
        state_dicts.cifar_resnet_shapes(CLASSES, depth=8),
        partial(resnet, blocks=(1, 1, 1), bottleneck=False, padded=True),
        17,
    ),
    "resnet14": Case(
        state_dicts.cifar_resnet_shapes(CLASSES, depth=14, projection=True),
        partial(resnet, blocks=(2, 2, 2), bottleneck=False),
        17,
    ),
    "resnet34": Case(  # of small images, by the names of a repository for CIFAR
        {
            state_dicts.kuangliu(name): shape
            for name, shape in state_dicts.resnet_shapes(
                CLASSES, depth=34, stem=3
            ).items()
        },
        partial(resnet, blocks=BLOCKS[34], bottleneck=False),
        17,
        compared=9,
        exported=lambda n: n.replace("shortcut", "downsample").replace("linear", "fc"),
    ),
}


class Loaded(NamedTuple):
    """Made-up arrays, and what was made of the file they were in."""

    name: str
    arrays: dict[str, np.ndarray]
    checkpoint: Checkpoint


def quick_or_slow(name):
    return name if name == "alexnet" else pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=map(quick_or_slow, CASES))
def loaded(request, tmp_path_factory):
    shapes, reference, size, *_ = CASES[request.param]
    mean, std = normalization(request.param)
    made_up = state_dicts.made_up(shapes).items()
    arrays = {name: array for name, array in made_up if ".running_" not in name}
    images = seen(random_images(size, len(mean)), mean)
    reference(arrays, channels_first(images, mean, std))  # fills the statistics in
    file = tmp_path_factory.mktemp("state_dicts") / "model.safetensors"
    save_file(arrays, file)
    return Loaded(request.param, arrays, load_checkpoint(file, mean=mean, std=std))


def normalization(name):
    """Mean and standard deviation: one for the grey network, four for that of four."""
    if "caffe" in name:
        return MEAN, CAFFE_STD
    channels = {"vgg11_bn": 1, "vgg19": 4}.get(name, 3)
    return (MEAN * 2)[:channels], (STD * 2)[:channels]


def random_images(size, channels=3):
    """Patches of colour under noise: layers answer differently in every place."""
    channels = max(3, channels)  # also where the network makes them grey
    rng = np.random.default_rng(size)
    patch = np.arange(size) * 4 // size
    colours = rng.uniform(size=(2, 4, 4, channels))[:, patch][:, :, patch]
    return (colours * rng.uniform(size=(2, size, size, channels))).astype(np.float32)


def seen(images, mean):
    """Colours as the network was trained on them: grey by luminance, or as they are."""
    return images @ [[0.299], [0.587], [0.114]] if len(mean) == 1 else images


def channels_first(images, mean, std):
    return np.moveaxis((images.astype(np.float64) - mean) / std, -1, 1)


def test_layers_and_logits_equal_plain_numpy(loaded):
    recognised, network, params, mean, std = loaded.checkpoint
    assert loaded.name.removesuffix("_bn") == recognised.architecture
    _, reference, size, compared, _ = CASES[loaded.name]
    images = random_images(size, recognised.channels)
    layers = reference(loaded.arrays, channels_first(seen(images, mean), mean, std))
    want = dict(list(layers.items())[:compared])
    got = compiled(networks.taps(network, tuple(want)))(params, images)
    for layer, acts in got.items():
        expected = want[layer]
        if layer == "logits":
            assert expected.shape == (2, CLASSES)
        elif expected.ndim == 2:
            expected = expected[:, None, None]
        else:
            expected = np.moveaxis(expected, 1, -1)
        scale = abs(expected).max()
        # Nothing would be compared where images were all alike.
        assert np.ptp(expected, axis=0).max() > 0.01 * scale > 1e-6, layer
        assert acts.shape == expected.shape, layer
        assert abs(acts - expected).max() <= 3e-5 * scale, layer


def test_an_export_is_what_was_read_bit_for_bit(loaded, tmp_path):
    recognised, network, params, *_ = loaded.checkpoint
    export_torchvision(
        tmp_path / "out.safetensors", recognised.architecture, network, params
    )
    exported = load_file(tmp_path / "out.safetensors")
    counted = {n for n in loaded.arrays if n.endswith("num_batches_tracked")}
    named = CASES[loaded.name].exported
    given = {named(n): a for n, a in loaded.arrays.items() if n not in counted}
    assert set(exported) == set(given)
    for name, array in exported.items():
        assert array.dtype == np.float32
        assert array.tobytes() == given[name].tobytes(), name
    assert [*tmp_path.iterdir()] == [tmp_path / "out.safetensors"]


def converted(arrays):
    """The parameters of arrays that need not be in a file."""
    shapes = {name: array.shape for name, array in arrays.items()}
    recognised = recognise(shapes)
    options = {**recognised.options, "mean": (0.5,), "std": (0.5,)}
    network = recognised.build(recognised.num_classes, **options)
    if recognised.channels == 1:
        network = (layers.luminance_stage(), *network)
    return convert(State(shapes, arrays.__getitem__), network, recognised)


def renamed(arrays, names):
    return {names(name): array for name, array in arrays.items()}


def in_parallel(arrays):
    return {f"module.{name}": array for name, array in arrays.items()}


def features_in_parallel(arrays):
    return renamed(arrays, lambda n: n.replace("features.", "features.module."))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "called_otherwise"),
    [
        ("vgg16", partial(renamed, names=state_dicts.csail)),
        ("vgg16", state_dicts.timm_arrays),
        ("resnet18", partial(renamed, names=state_dicts.lua)),
        ("resnet18", partial(renamed, names=state_dicts.of_functions)),
        ("resnet18", partial(renamed, names=lambda n: n.replace("fc.", "fc.1."))),
    ],
)
def test_other_names_give_the_same_parameters(name, called_otherwise):
    arrays = state_dicts.made_up(CASES[name].shapes, seed=1)
    ours, others = converted(arrays), converted(called_otherwise(arrays))
    assert jax.tree.structure(ours) == jax.tree.structure(others)
    jax.tree.map(np.testing.assert_array_equal, ours, others)


@pytest.mark.parametrize(
    ("wrapped", "number"),
    [(in_parallel, np.float16), (features_in_parallel, np.float64)],
)
def test_prefixes_go_and_every_float_becomes_float32(wrapped, number, tmp_path):
    arrays = state_dicts.made_up(CASES["alexnet"].shapes)
    arrays = {name: array.astype(number) for name, array in arrays.items()}
    save_file(wrapped(arrays), tmp_path / "model.safetensors")
    params = load_checkpoint(tmp_path / "model.safetensors").params
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}
    jax.tree.map(np.testing.assert_array_equal, params, converted(arrays))


def test_a_network_for_bgr_becomes_one_for_rgb(tmp_path):
    arrays = state_dicts.made_up(CASES["alexnet"].shapes)
    save_file(arrays, tmp_path / "model.safetensors")
    given = {"mean": MEAN, "std": STD, "channels": "bgr"}
    _, network, params, *_ = load_checkpoint(tmp_path / "model.safetensors", **given)
    images = random_images(64)
    bgr = channels_first(images[..., ::-1], MEAN, STD)
    want = numpy_networks.alexnet(arrays, bgr)["logits"]
    got = compiled(partial(networks.apply, network))(params, images)
    assert abs(got - want).max() <= 1e-5 * abs(want).max()


@pytest.mark.parametrize("depth", BLOCKS)
@pytest.mark.parametrize("names", [str, state_dicts.lua])
def test_every_depth_is_recognised(depth, names):
    shapes = state_dicts.resnet_shapes(CLASSES, depth=depth)
    recognised = recognise({names(name): shape for name, shape in shapes.items()})
    assert recognised.architecture == f"resnet{depth}"
    assert recognised.num_classes == CLASSES
    assert recognised.options["width"] == state_dicts.WIDTH


kernels = st.tuples(*[st.integers(1, 4)] * 4)


@settings(deadline=None, max_examples=20)
@given(kernels, st.integers(0, 99))
def test_flattened_maps_meet_the_same_weights(shape, seed):
    height, width, units, outputs = shape
    rng = np.random.default_rng(seed)
    theirs = rng.normal(size=(outputs, units * height * width))
    maps = rng.normal(size=(units, height, width))
    ours = from_pytorch(theirs, shape)
    got = np.einsum("hwu,hwum->m", np.moveaxis(maps, 0, -1), ours)
    np.testing.assert_allclose(got, theirs @ maps.reshape(-1), atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(kernels, st.sampled_from(["fc6.dense", "conv1.conv"]), st.integers(0, 99))
def test_layouts_go_there_and_back(shape, stage, seed):
    bits = np.random.default_rng(seed).integers(0, 2**32, shape, np.uint32)
    ours = bits.view(np.float32)  # NaNs and all
    there = to_pytorch(f"{stage}/params/kernel", ours)
    assert there.ndim == (2 if stage == "fc6.dense" else 4)
    assert len(there) == shape[-1]
    assert from_pytorch(there, shape).tobytes() == ours.tobytes()


@pytest.mark.parametrize("depth", state_dicts.VGG_GROUPS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_vgg_is_recognised(depth, batch_norm):
    shapes = state_dicts.vgg_shapes(CLASSES, depth=depth, batch_norm=batch_norm)
    recognised = recognise(shapes)
    assert recognised.architecture == f"vgg{depth}"
    assert recognised.options.get("batch_norm", False) == batch_norm
    assert recognised.options["hidden"] == state_dicts.HIDDEN
    assert (recognised.image_size, recognised.normalization[0][0]) == (224, 0.485)
    single = {n: s for n, s in shapes.items() if "classifier" not in n}
    single |= {"classifier.weight": (CLASSES, 32), "classifier.bias": (CLASSES,)}
    found = recognise(single)
    assert (found.architecture, found.options["hidden"]) == (f"vgg{depth}", ())
    assert (found.image_size, found.normalization[0][0]) == (32, 0.4914)


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_every_resnet_of_cifar_is_recognised(depth):
    plain = recognise(state_dicts.cifar_resnet_shapes(10, depth=depth))
    assert plain.architecture == f"resnet{depth}"
    assert plain.options == {"width": 1 / 4, "shortcut": "padding"}
    # As in the script that its names are from.
    assert (plain.image_size, plain.normalization[0][0]) == (32, 0.485)
    assert "add units of zeros on both sides" in plain.assumed[1]
    shapes = state_dicts.cifar_resnet_shapes(100, depth=depth, projection=True)
    convolved = recognise(shapes)
    assert convolved.options == {"width": 1 / 4, "shortcut": "projection"}
    assert convolved.normalization[0][0] == 0.5071


def test_a_small_stem_is_of_small_images():
    shapes = state_dicts.resnet_shapes(CLASSES, depth=18, stem=3)
    for names in (str, state_dicts.kuangliu, state_dicts.of_functions):
        found = recognise({names(name): shape for name, shape in shapes.items()})
        assert (found.architecture, found.options["stem"]) == ("resnet18", "small")
        assert (found.image_size, found.normalization[0][0]) == (32, 0.4914)
        assert found.assumed == ("a 3 x 3 stem of stride 1 without max pooling",)


def test_images_of_other_than_three_channels_need_their_normalization(tmp_path):
    file = tmp_path / "grey.safetensors"
    shapes = state_dicts.resnet_shapes(CLASSES, depth=18, channels=1)
    save_file(state_dicts.made_up(shapes), file)
    for choice, said in (
        ({}, "takes images of 1 channel, for which no `mean` is usual; it must be"),
        ({"mean": MEAN, "std": STD}, "`mean` has 3 values, but the resnet18 takes"),
        ({"mean": (0.1,), "std": (0.0,)}, r"`std` is \(0.0,\); it must be positive"),
        (
            {"mean": (0.1,), "std": (0.3,), "channels": "bgr"},
            "`channels` is 'bgr', but the resnet18 takes images of 1 channel",
        ),
    ):
        with pytest.raises(BadInput, match=said):
            load_checkpoint(file, **choice)


PREFIXES = [
    "model.",
    "backbone.",
    "encoder.model.",
    "net.0.",
    "module.model._orig_mod.",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "name",
    [
        "resnet8",
        pytest.param("alexnet", marks=pytest.mark.slow),
        pytest.param("vgg11_bn", marks=pytest.mark.slow),
    ],
)
def test_whatever_all_names_begin_with(prefix, name, tmp_path):
    shapes = CASES[name].shapes
    arrays = state_dicts.made_up(shapes)
    save_file(renamed(arrays, lambda n: f"{prefix}{n}"), tmp_path / "model.safetensors")
    mean, std = normalization(name)
    loaded = load_checkpoint(tmp_path / "model.safetensors", mean=mean, std=std)
    expected = converted(arrays)
    jax.tree.map(np.testing.assert_array_equal, loaded.params, expected)
    kept = prefix.replace("module.", "").replace("_orig_mod.", "")
    assert loaded.recognised.prefix == kept
    # And without, or with something of another network beside it.
    beside = renamed(arrays, lambda n: f"{prefix}{n}") | {
        "n_averaged": np.array(3),
        "criterion.weight": np.ones(3, np.float32),
    }
    save_file(beside, tmp_path / "beside.safetensors")
    with pytest.raises(BadInput, match=r"outside it, criterion.weight; `part` takes"):
        load_checkpoint(tmp_path / "beside.safetensors", mean=mean, std=std)
    part = kept.rstrip(".")
    loaded = load_checkpoint(
        tmp_path / "beside.safetensors", mean=mean, std=std, part=part
    )
    jax.tree.map(np.testing.assert_array_equal, loaded.params, expected)


def test_of_two_networks_in_one_state_dictionary_one_is_chosen(tmp_path):
    file = tmp_path / "model.safetensors"
    first, second = (
        state_dicts.made_up(CASES["alexnet"].shapes, seed=seed) for seed in (1, 2)
    )
    save_file(
        renamed(first, lambda n: f"student.{n}")
        | renamed(second, lambda n: f"module.teacher.{n}"),
        file,
    )
    with pytest.raises(BadInput, match=r"several networks, student, teacher; `part` "):
        load_checkpoint(file)
    chosen = load_checkpoint(file, part="teacher").params
    jax.tree.map(np.testing.assert_array_equal, chosen, converted(second))
