"""Residual networks in PyTorch, with torchvision's names and as converted from Lua.

Source:
    He et al., Deep residual learning for image recognition, CVPR 2016; the stride of a
    bottleneck is at its 3 x 3 convolution (Gross and Wilber, Training and investigating
    residual nets, 2016). The nested sequences are those of the Places365 ResNet-152 of
    BAU20: stem 0 to 3, groups of blocks 4 to 7, average 8, view 9, classifier 10.
"""

from collections import OrderedDict
from typing import NamedTuple

from reference.torch_networks import WIDTH
from reference.torch_running import Reference, Tensor, nn

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
EXPANSION = {18: 1, 34: 1, 50: 4, 101: 4, 152: 4}


class Plan(NamedTuple):
    """A residual block: convolutions (units, size, stride) of either way."""

    inputs: int
    branch: tuple[tuple[int, int, int], ...]
    shortcut: tuple[tuple[int, int, int], ...]


def plans(depth: int, width: float) -> list[list[Plan]]:
    """The blocks of each group."""
    expansion = EXPANSION[depth]
    inputs, groups = int(64 * width), []
    for group, number in enumerate(BLOCKS[depth]):
        units, blocks = int(64 * 2**group * width), []
        for n in range(number):
            stride = 2 if n == 0 and group > 0 else 1
            outputs = expansion * units
            branch = ((units, 3, stride), (units, 3, 1))
            if expansion > 1:
                branch = ((units, 1, 1), (units, 3, stride), (outputs, 1, 1))
            same = stride == 1 and inputs == outputs
            shortcut = () if same else ((outputs, 1, stride),)
            blocks.append(Plan(inputs, branch, shortcut))
            inputs = outputs
        groups.append(blocks)
    return groups


def units_of(inputs: int, way: tuple[tuple[int, int, int], ...]) -> list[nn.Module]:
    """Convolution, BatchNorm, convolution, BatchNorm, ..."""
    modules: list[nn.Module] = []
    for units, size, stride in way:
        modules.append(
            nn.Conv2d(inputs, units, size, stride, (size - 1) // 2, bias=False)
        )
        modules.append(nn.BatchNorm2d(units))
        inputs = units
    return modules


class Block(nn.Module):
    """A residual block with torchvision's names; each ReLU is a module of its own."""

    def __init__(self, plan: Plan, around: str = "downsample"):
        super().__init__()
        self.around = around
        modules = units_of(plan.inputs, plan.branch)
        self.depth = len(modules) // 2
        for n in range(self.depth):
            setattr(self, f"conv{n + 1}", modules[2 * n])
            setattr(self, f"bn{n + 1}", modules[2 * n + 1])
            setattr(self, f"relu{n + 1}", nn.ReLU())
        if plan.shortcut:
            modules = units_of(plan.inputs, plan.shortcut)
            setattr(self, around, nn.Sequential(*modules))

    def forward(self, x: Tensor) -> Tensor:
        around = getattr(self, self.around, nn.Identity())(x)
        for n in range(1, self.depth + 1):
            x = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(x))
            x = getattr(self, f"relu{n}")(x if n < self.depth else x + around)
        return x


def resnet(classes: int, *, depth: int, width: float = WIDTH) -> Reference:
    """A ResNet with torchvision's names."""
    groups = plans(depth, width)
    parts = OrderedDict(
        conv1=nn.Conv2d(3, int(64 * width), 7, 2, 3, bias=False),
        bn1=nn.BatchNorm2d(int(64 * width)),
        relu=nn.ReLU(),
        maxpool=nn.MaxPool2d(3, 2, 1),
    )
    layers = {"conv1.conv": "conv1", "conv1.bn": "bn1", "conv1": "relu"}
    layers |= {"pool1": "maxpool", "avgpool": "avgpool", "fc": "fc"}
    for group, blocks in enumerate(groups, 1):
        parts[f"layer{group}"] = nn.Sequential(*(Block(plan) for plan in blocks))
        for n, plan in enumerate(blocks):
            block = f"layer{group}.{n}"
            layers[block] = block
            for m in range(1, len(plan.branch) + 1):
                layers[f"{block}.conv{m}.conv"] = f"{block}.conv{m}"
                layers[f"{block}.conv{m}.bn"] = f"{block}.bn{m}"
                if m < len(plan.branch):
                    layers[f"{block}.conv{m}"] = f"{block}.relu{m}"
    parts["avgpool"] = nn.AdaptiveAvgPool2d(1)
    parts["flat"] = nn.Flatten()
    parts["fc"] = nn.Linear(groups[-1][-1].branch[-1][0], classes)
    return Reference(nn.Sequential(parts), layers)


class Padded(nn.Module):
    """Option A: every other cell, and units of zeros before and behind."""

    def __init__(self, units: int):
        super().__init__()
        self.units = units

    def forward(self, x: Tensor) -> Tensor:
        more = (self.units - x.shape[1]) // 2
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))


def cifar_resnet(
    classes: int, *, depth: int, padded: bool = True, width: float = 1 / 4
) -> Reference:
    """A ResNet of section 4.2, whose last layer is called linear."""
    inputs = int(16 * width)
    parts = OrderedDict(
        conv1=nn.Conv2d(3, inputs, 3, 1, 1, bias=False),
        bn1=nn.BatchNorm2d(inputs),
        relu=nn.ReLU(),
    )
    layers = {"conv1.conv": "conv1", "conv1.bn": "bn1", "conv1": "relu"}
    layers |= {"avgpool": "avgpool", "fc": "linear"}
    for group in range(3):
        units, blocks = int(16 * 2**group * width), []
        for n in range((depth - 2) // 6):
            stride = 2 if group and not n else 1
            branch = ((units, 3, stride), (units, 3, 1))
            widens = stride == 2 and not padded
            around = ((units, 1, stride),) if widens else ()
            blocks.append(Block(Plan(inputs, branch, around), "shortcut"))
            if padded and stride == 2:
                blocks[-1].shortcut = Padded(units)
            inputs, name = units, f"layer{group + 1}.{n}"
            layers[name] = name
            for m in (1, 2):
                layers[f"{name}.conv{m}.conv"] = f"{name}.conv{m}"
                layers[f"{name}.conv{m}.bn"] = f"{name}.bn{m}"
            layers[f"{name}.conv1"] = f"{name}.relu1"
        parts[f"layer{group + 1}"] = nn.Sequential(*blocks)
    parts["avgpool"] = nn.AdaptiveAvgPool2d(1)
    parts["flat"] = nn.Flatten()
    parts["linear"] = nn.Linear(inputs, classes)
    return Reference(nn.Sequential(parts), layers)


class Both(nn.ModuleList):
    """What every module makes of the same input."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [module(x) for module in self]


class Sum(nn.Module):
    """The sum of what is in a list."""

    def forward(self, parts: list[Tensor]) -> Tensor:
        return sum(parts[1:], parts[0])


def lua_block(plan: Plan) -> nn.Sequential:
    """A residual block: (branch, shortcut), their sum, ReLU."""
    modules = units_of(plan.inputs, plan.branch)
    branch: list[nn.Module] = []
    for conv, norm in zip(modules[::2], modules[1::2], strict=True):
        branch += [conv, norm, nn.ReLU()]
    shortcut: nn.Module = nn.Identity()
    if plan.shortcut:
        shortcut = nn.Sequential(*units_of(plan.inputs, plan.shortcut))
    return nn.Sequential(
        Both([nn.Sequential(*branch[:-1]), shortcut]), Sum(), nn.ReLU()
    )


def lua_resnet(classes: int, *, depth: int, width: float = WIDTH) -> Reference:
    """A ResNet as nested sequences, named by their places.

    The published one averages 7 x 7 cells, which is all of them at 224 pixels.
    """
    groups = plans(depth, width)
    stem = [
        nn.Conv2d(3, int(64 * width), 7, 2, 3, bias=False),
        nn.BatchNorm2d(int(64 * width)),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    features = groups[-1][-1].branch[-1][0]
    model = nn.Sequential(
        *stem,
        *(nn.Sequential(*map(lua_block, blocks)) for blocks in groups),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Sequential(nn.Identity(), nn.Linear(features, classes)),
    )
    layers = {"conv1.conv": "0", "conv1.bn": "1", "conv1": "2", "pool1": "3"}
    layers |= {"avgpool": "8", "fc": "10.1"}
    for group, blocks in enumerate(groups):
        for n, plan in enumerate(blocks):
            block, place = f"layer{group + 1}.{n}", f"{group + 4}.{n}"
            layers[block] = place
            last = 3 * len(plan.branch) - 1
            for m in range(last):
                suffix = (".conv", ".bn", "")[m % 3]
                layers[f"{block}.conv{m // 3 + 1}{suffix}"] = f"{place}.0.0.{m}"
    return Reference(model, layers)
