"""Pretrained VGG-16 and AlexNets as people have them, in PyTorch.

Written from the publications. Names of modules are those of the packages whose
checkpoints are read, so that a state dictionary from here is like one of theirs.

Sources:
    Simonyan and Zisserman, ICLR 2015, configuration D. Krizhevsky, One weird trick for
    parallelizing convolutional neural networks, 2014. Krizhevsky, Sutskever and Hinton,
    NIPS 2012, pooled before it is normalized, as in Caffe. Names: torchvision, timm,
    and the Places365 networks of BAU20.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping

from reference.torch_running import Reference, Tensor, nn

WIDTH, HIDDEN = 1 / 16, (12, 10)
VGG_UNITS = (64, 128, 256, 512, 512)
VGG = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
ALEXNET = (
    # units, size, stride, padding, groups
    (64, 11, 4, 2, 1),
    (192, 5, 1, 2, 1),
    (384, 3, 1, 1, 1),
    (256, 3, 1, 1, 1),
    (256, 3, 1, 1, 1),
)
CAFFE_ALEXNET = (
    (96, 11, 4, 0, 1),
    (256, 5, 1, 2, 2),
    (384, 3, 1, 1, 1),
    (384, 3, 1, 1, 2),
    (256, 3, 1, 1, 2),
)
Parts = dict[str, nn.Module]
"""{layer: module}, in order; a layer before its nonlinearity has a suffix."""
Naming = Callable[[int, str], str]
"""(place in the sequence, layer) -> name of the module."""


class Averaged(nn.Module):
    """Features, averaged to a grid of cells, and fully connected layers."""

    def __init__(self, features: nn.Module, grid: int, classifier: nn.Module):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class Convolutional(nn.Module):
    """VGG as in timm: the first fully connected layers are convolutions.

    Smaller maps than 7 x 7 are enlarged first. Larger ones would be looked at in every
    place and averaged at the end, which is another network than torchvision's.
    """

    def __init__(self, features: nn.Module, pre_logits: nn.Module, head: nn.Module):
        super().__init__()
        self.features = features
        self.enlarge = nn.AdaptiveAvgPool2d(7)
        self.pre_logits = pre_logits
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        assert max(x.shape[2:]) <= 7
        return self.head(self.pre_logits(self.enlarge(x)))


def numbered(place: int, layer: str) -> str:
    """torchvision's names in a sequence."""
    return str(place)


def by_layer(place: int, layer: str) -> str:
    """Names of networks converted from Caffe: conv1, relu1, lrn1, ..., fc8."""
    if "." in layer or layer == "fc8":
        return layer.partition(".")[0]
    return re.sub("^norm", "lrn", re.sub("^(conv|fc)", "relu", layer))


def csail(place: int, layer: str) -> str:
    """Names of the VGG-16 of BAU20."""
    return "fc8a" if layer == "fc8" else by_layer(place, layer)


def vgg16(
    classes: int,
    *,
    depth: int = 16,
    naming: Naming = numbered,
    batch_norm: bool = False,
    width: float = WIDTH,
    hidden: tuple[int, int] = HIDDEN,
) -> Reference:
    """A VGG with the names of torchvision, or VGG-16 with those of BAU20."""
    features, units = _vgg_features(batch_norm, width, depth)
    head = _fully_connected(units * 7**2, hidden, classes)
    return Reference(*_averaged(features, 7, head, naming))


def timm_vgg16(
    classes: int, *, batch_norm: bool = False, hidden: tuple[int, int] = HIDDEN
) -> Reference:
    """VGG-16 with the names and shapes of timm."""
    features, units = _vgg_features(batch_norm, WIDTH)
    pre_logits: Parts = {
        "fc1": nn.Conv2d(units, hidden[0], 7),
        "act1": nn.ReLU(),
        "drop": nn.Dropout(),
        "fc2": nn.Conv2d(*hidden, 1),
        "act2": nn.ReLU(),
    }
    head: Parts = {
        "global_pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "drop": nn.Dropout(),
        "fc": nn.Linear(hidden[1], classes),
    }
    model = Convolutional(
        _sequence(features, numbered),
        nn.Sequential(OrderedDict(pre_logits)),
        nn.Sequential(OrderedDict(head)),
    )
    layers = _places(features, numbered, "features.")
    layers |= {"avgpool": "enlarge", "drop6": "pre_logits.drop", "fc8": "head.fc"}
    layers |= {"fc6.dense": "pre_logits.fc1", "fc6": "pre_logits.act1"}
    layers |= {"fc7.dense": "pre_logits.fc2", "fc7": "pre_logits.act2"}
    return Reference(model, layers | {"drop7": "head.drop"})


def alexnet(classes: int) -> Reference:
    """AlexNet of 2014 as in torchvision, where dropout comes before fc6 and fc7."""
    features, units = _alexnet_features(ALEXNET, {})
    head = _fully_connected(units * 6**2, HIDDEN, classes)
    del head["drop7"]
    model, layers = _averaged(features, 6, {"first": nn.Dropout(), **head}, numbered)
    del layers["first"]
    return Reference(model, {**layers, "drop7": layers["fc7"]})


def caffe_alexnet(classes: int, *, grid: int) -> Reference:
    """AlexNet of 2012 in one sequence, for images whose last maps are grid x grid."""
    norms = {n: nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1) for n in (1, 2)}
    features, units = _alexnet_features(CAFFE_ALEXNET, norms)
    head = _fully_connected(units * grid**2, HIDDEN, classes)
    parts = {**features, "view": nn.Flatten(), **head}
    layers = _places(parts, by_layer)
    del layers["view"]
    return Reference(_sequence(parts, by_layer), {**layers, "avgpool": "pool5"})


def _sequence(parts: Parts, naming: Naming) -> nn.Sequential:
    named = (naming(n, layer) for n, layer in enumerate(parts))
    return nn.Sequential(OrderedDict(zip(named, parts.values(), strict=True)))


def _places(parts: Parts, naming: Naming, prefix: str = "") -> dict[str, str]:
    return {layer: prefix + naming(n, layer) for n, layer in enumerate(parts)}


def _averaged(
    features: Parts, grid: int, head: Parts, naming: Naming
) -> tuple[nn.Module, dict[str, str]]:
    layers = _places(features, naming, "features.")
    layers |= {"avgpool": "avgpool", **_places(head, naming, "classifier.")}
    parts = _sequence(features, naming), grid, _sequence(head, naming)
    return Averaged(*parts), layers


def _vgg_features(batch_norm: bool, width: float, depth: int = 16) -> tuple[Parts, int]:
    features: Parts = {}
    inputs = 3
    groups = zip(VGG_UNITS, VGG[depth], strict=True)
    for group, (number, convolutions) in enumerate(groups, 1):
        units = int(number * width)
        for n in range(1, convolutions + 1):
            layer = f"conv{group}_{n}"
            features[f"{layer}.conv"] = nn.Conv2d(inputs, units, 3, padding=1)
            if batch_norm:
                features[f"{layer}.bn"] = nn.BatchNorm2d(units)
            features[layer] = nn.ReLU()
            inputs = units
        features[f"pool{group}"] = nn.MaxPool2d(2)
    return features, inputs


def _alexnet_features(table, norms: Mapping[int, nn.Module]) -> tuple[Parts, int]:
    features: Parts = {}
    inputs = 3
    for n, (number, size, stride, padding, groups) in enumerate(table, 1):
        units = int(number * WIDTH)
        features[f"conv{n}.conv"] = nn.Conv2d(
            inputs, units, size, stride, padding, groups=groups
        )
        features[f"conv{n}"] = nn.ReLU()
        if n in (1, 2, 5):
            features[f"pool{n}"] = nn.MaxPool2d(3, 2)
        if n in norms:
            features[f"norm{n}"] = norms[n]
        inputs = units
    return features, inputs


def _fully_connected(inputs: int, hidden: tuple[int, int], classes: int) -> Parts:
    head: Parts = {}
    for n, units in enumerate(hidden, 6):
        head[f"fc{n}.dense"] = nn.Linear(inputs, units)
        head[f"fc{n}"] = nn.ReLU()
        head[f"drop{n}"] = nn.Dropout()
        inputs = units
    return {**head, "fc8": nn.Linear(inputs, classes)}
