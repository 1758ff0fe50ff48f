"""State dictionaries of pretrained networks: names, shapes and made-up arrays.

Written out from torchvision's numbering of layers; the other names are those of the
Places365 networks of BAU20 and of timm.
"""

import re

import numpy as np

VGG_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
VGG_GROUPS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
VGG_NAMES = (
    *("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3"),
    *("conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3"),
)
ALEXNET_UNITS, ALEXNET_NUMBERS = (64, 192, 384, 256, 256), (0, 3, 6, 8, 10)
CAFFE_UNITS, CAFFE_GROUPS = (96, 256, 384, 384, 256), (1, 2, 1, 2, 2)
ALEXNET_SIZES = (11, 5, 3, 3, 3)
RESNET_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
WIDTH, HIDDEN = 1 / 16, (12, 10)


def vgg_shapes(classes, *, depth=16, batch_norm=False, channels=3, grid=7):
    shapes, inputs, number = {}, channels, 0
    for units, convolutions in zip(
        (64, 128, 256, 512, 512), VGG_GROUPS[depth], strict=True
    ):
        outputs = int(units * WIDTH)
        for _ in range(convolutions):
            add_linear(shapes, f"features.{number}", outputs, inputs, 3, 3)
            if batch_norm:
                add_norm(shapes, f"features.{number + 1}", outputs)
            inputs, number = outputs, number + (3 if batch_norm else 2)
        number += 1
    cells = inputs * grid**2
    add_heads(shapes, [f"classifier.{n}" for n in (0, 3, 6)], cells, classes)
    return shapes


vgg16_shapes = vgg_shapes


def alexnet_shapes(classes):
    shapes, inputs = {}, 3
    layers = zip(ALEXNET_NUMBERS, ALEXNET_UNITS, ALEXNET_SIZES, strict=True)
    for number, units, size in layers:
        outputs = int(units * WIDTH)
        add_linear(shapes, f"features.{number}", outputs, inputs, size, size)
        inputs = outputs
    add_heads(shapes, [f"classifier.{n}" for n in (1, 4, 6)], inputs * 36, classes)
    return shapes


def caffe_alexnet_shapes(classes, *, grid):
    shapes, inputs = {}, 3
    layers = zip(CAFFE_UNITS, ALEXNET_SIZES, CAFFE_GROUPS, strict=True)
    for n, (units, size, groups) in enumerate(layers, 1):
        outputs = int(units * WIDTH)
        add_linear(shapes, f"conv{n}", outputs, inputs // groups, size, size)
        inputs = outputs
    add_heads(shapes, [f"fc{n}" for n in (6, 7, 8)], inputs * grid**2, classes)
    return shapes


def resnet_shapes(classes, *, depth, stem=7, channels=3):
    shapes = {}
    inputs = int(64 * WIDTH)
    add_linear(shapes, "conv1", inputs, channels, stem, stem, bias=False)
    add_norm(shapes, "bn1", inputs)
    for group, blocks in enumerate(RESNET_BLOCKS[depth]):
        units = int(64 * 2**group * WIDTH)
        outputs = units if depth < 50 else 4 * units
        for block in range(blocks):
            name = f"layer{group + 1}.{block}"
            sizes = (3, 3) if depth < 50 else (1, 3, 1)
            between = inputs
            for n, size in enumerate(sizes, 1):
                made = outputs if n == len(sizes) else units
                kernel = (made, between, size, size)
                add_linear(shapes, f"{name}.conv{n}", *kernel, bias=False)
                add_norm(shapes, f"{name}.bn{n}", made)
                between = made
            if block == 0 and inputs != outputs:
                kernel = (outputs, inputs, 1, 1)
                add_linear(shapes, f"{name}.downsample.0", *kernel, bias=False)
                add_norm(shapes, f"{name}.downsample.1", outputs)
            inputs = outputs
    add_linear(shapes, "fc", classes, inputs)
    return shapes


def cifar_resnet_shapes(classes, *, depth, projection=False):
    """Three groups of basic blocks; the last layer is called linear."""
    shapes, inputs = {}, 4
    add_linear(shapes, "conv1", inputs, 3, 3, 3, bias=False)
    add_norm(shapes, "bn1", inputs)
    for group, units in enumerate((4, 8, 16), 1):
        for block in range((depth - 2) // 6):
            name = f"layer{group}.{block}"
            for n, before in enumerate((inputs, units), 1):
                add_linear(shapes, f"{name}.conv{n}", units, before, 3, 3, bias=False)
                add_norm(shapes, f"{name}.bn{n}", units)
            if projection and inputs != units:
                add_linear(
                    shapes, f"{name}.shortcut.0", units, inputs, 1, 1, bias=False
                )
                add_norm(shapes, f"{name}.shortcut.1", units)
            inputs = units
    add_linear(shapes, "linear", classes, inputs)
    return shapes


def add_linear(shapes, name, *kernel, bias=True):
    shapes[f"{name}.weight"] = kernel
    if bias:
        shapes[f"{name}.bias"] = kernel[:1]


def add_norm(shapes, name, units):
    for part in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"{name}.{part}"] = (units,)
    shapes[f"{name}.num_batches_tracked"] = ()


def add_heads(shapes, names, inputs, classes):
    for name, outputs in zip(names, (*HIDDEN, classes), strict=True):
        add_linear(shapes, name, outputs, inputs)
        inputs = outputs


def made_up(shapes, seed=0):
    """Arrays: He-normal kernels, small before BatchNorm, so that its epsilon matters.

    BatchNorm's scales are small, too: rounding does not grow from block to block of a
    deep residual network.
    """
    rng = np.random.default_rng(seed)
    normalized = any(name.endswith("running_var") for name in shapes)
    arrays = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            array = np.array(7, np.int64)
        elif name.endswith("running_var"):
            array = rng.uniform(2e-5, 2e-4, shape)
        elif name.endswith("running_mean"):
            array = rng.normal(0, 5e-3, shape)
        elif name.endswith("bias"):
            array = rng.normal(0, 0.1, shape)
        elif len(shape) == 1:
            array = rng.uniform(0.1, 0.3, shape)
        else:
            scale = 0.02 if normalized and len(shape) == 4 else 1
            array = rng.normal(0, scale * (2 / np.prod(shape[1:])) ** 0.5, shape)
        number = np.int64 if array.dtype == np.int64 else np.float32
        arrays[name] = array.astype(number)
    return arrays


def csail(name):
    """The same tensor in the VGG-16 of BAU20."""
    place, _, kind = name.rpartition(".")
    numbers = (f"features.{n}" for n in VGG_NUMBERS)
    layers = dict(zip(numbers, (f"features.{n}" for n in VGG_NAMES), strict=True))
    heads = {"classifier.0": "classifier.fc6", "classifier.3": "classifier.fc7"}
    return f"{({**layers, **heads, 'classifier.6': 'classifier.fc8a'})[place]}.{kind}"


def timm(name):
    """The same tensor in timm's VGG-16, whose kernels of fc6 and fc7 are 4-D."""
    heads = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2"}
    place, _, kind = name.rpartition(".")
    return f"{({**heads, 'classifier.6': 'head.fc'}).get(place, place)}.{kind}"


def timm_arrays(arrays):
    """VGG-16's arrays by timm's names."""
    renamed = {timm(name): array for name, array in arrays.items()}
    for name, cells in (("pre_logits.fc1.weight", 7), ("pre_logits.fc2.weight", 1)):
        kernel = renamed[name]
        renamed[name] = kernel.reshape(len(kernel), -1, cells, cells)
    return renamed


def kuangliu(name):
    """The same tensor in the ResNets most repositories for CIFAR have."""
    return name.replace("downsample", "shortcut").replace("fc.", "linear.")


def of_functions(name):
    """The same tensor where a block is a residual function and a shortcut."""
    place, _, kind = name.rpartition(".")
    if "." not in place:
        return f"{ {'conv1': 'conv1.0', 'bn1': 'conv1.1', 'fc': 'fc'}[place] }.{kind}"
    group, block, part, *n = place.split(".")
    way = f"conv{int(group[-1]) + 1}_x.{block}"
    if part == "downsample":
        return f"{way}.shortcut.{n[0]}.{kind}"
    number = 3 * (int(part[-1]) - 1) + part.startswith("bn")
    return f"{way}.residual_function.{number}.{kind}"


def lua(name):
    """The same tensor in a ResNet converted from Lua."""
    place, _, kind = name.rpartition(".")
    if "." not in place:
        return f"{ {'conv1': '0', 'bn1': '1', 'fc': '10.1'}[place] }.{kind}"
    pattern = r"layer(\d)\.(\d+)\.(conv|bn|downsample\.)(\d)"
    group, block, part, n = re.fullmatch(pattern, place).groups()
    way = f"{int(group) + 3}.{block}.0"
    if part == "downsample.":
        return f"{way}.1.{n}.{kind}"
    return f"{way}.0.{3 * (int(n) - 1) + (part == 'bn')}.{kind}"
