"""Published pretrained networks: addresses, checksums, what images they take.

None of these addresses was tried when the table was written, and no file was at hand
to hash. Addresses, sizes and full checksums are those that at least one public source
other than this one states; what no source states is None or "".

The checksums of the three files of dissect.csail.mit.edu are the digits in their names,
by PyTorch's convention the first ones of the SHA-256; this could not be checked.
places2.csail.mit.edu has no https: its files are here only where a full SHA-256 is
known, which vouches for the bytes whoever sends them. For its AlexNet
(`alexnet_places365.pth.tar`) none was found, so it is not here.

Addresses name a revision where they can, so that file and checksum stay a pair.
"""

from typing import Literal, NamedTuple


class RemoteFile(NamedTuple):
    """A file and how to know it.

    Attributes:
        url: where it is.
        sha256: its hexadecimal digits, all 64 or the first few; "" if not known.
        size: in bytes, None if not known.
    """

    url: str
    sha256: str = ""
    size: int | None = None


class Published(NamedTuple):
    """A pretrained network somebody has published.

    Attributes:
        name: what users type.
        weights: its file.
        classes: names of its classes, a line each; None if nowhere listed.
        num_classes: how many.
        note: origin and terms.
        image_size: side of the images it was evaluated on.
        mean: of images in [0, 1], channel by channel in the order of `channels`.
        std: likewise.
        channels: their order.
    """

    name: str
    weights: RemoteFile
    classes: RemoteFile | None
    num_classes: int
    note: str
    image_size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    channels: Literal["rgb", "bgr"] = "rgb"


IMAGENET_CLASSES = RemoteFile(
    "https://raw.githubusercontent.com/pytorch/hub/master/imagenet_classes.txt"
)
PLACES365_CLASSES = RemoteFile(
    "https://raw.githubusercontent.com/CSAILVision/places365/"
    "8a953ed56438726dc98bdef3796d042e7f1f171e/categories_places365.txt",
    sha256="2affba635eb657e7ca95f4e6cc69bd9fac29ef4c32aeb83cafdfcd06ec6a1ea6",
    size=6833,
)

TORCHVISION = "torchvision's IMAGENET1K_V1, BSD-3-Clause; ImageNet's terms of access"
ZOO = "the Places365 model zoo, CC BY; cite Zhou et al. 2017"
DISSECT = "Network Dissection's own, cite Bau et al. 2020; terms not stated"


def _hub(name: str, revision: str, **known) -> Published:
    url = f"https://huggingface.co/timm/{name}.tv_in1k/resolve/{revision}"
    file = RemoteFile(f"{url}/model.safetensors", **known)
    full = f"{name}-imagenet"
    note = f"{TORCHVISION}; the hub's copy"
    return Published(full, file, IMAGENET_CLASSES, 1000, note)


def _places(architecture: str, file: RemoteFile, note: str) -> Published:
    name = f"{architecture}-places365"
    return Published(name, file, PLACES365_CLASSES, 365, note)


PUBLISHED = (
    _hub(
        "vgg16",
        "b8d8aa2dd860af9233c8c67385a8097fd6c35d3f",
        sha256="57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
    ),
    _hub(
        "vgg16_bn",
        "e00c01e7cee168262dcba6428dc4a8f41e27e965",
        sha256="88bbedbc8e780413736db38ac4efd41b06fc0e93fd5b8879b584bba63a950129",
    ),
    Published(
        "alexnet-imagenet",
        RemoteFile(
            "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            244408911,
        ),
        IMAGENET_CLASSES,
        1000,
        TORCHVISION,
    ),
    _hub(
        "resnet18",
        "bbd144b3e5565108aad885f145491d11bc6ce807",
        sha256="694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81",
        size=46807446,
    ),
    _hub(
        "resnet50",
        "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa",
        sha256="5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
        size=102469840,
    ),
    _hub(
        "resnet152",
        "2a9b5c2460893a2ab13d8625db2383f3094d704f",
        sha256="15897077afdf4d6334dc0c3f8e6fb483afb3faa9298c139f3c6eb29bca6ae5b2",
    ),
    _places(
        "vgg16",
        RemoteFile(
            "https://dissect.csail.mit.edu/models/vgg16_places365-0bafbc55.pth",
            "0bafbc55",
        ),
        DISSECT,
    ),
    _places(
        "alexnet",
        RemoteFile(
            "https://dissect.csail.mit.edu/models/alexnet_places365-92864cf6.pth",
            "92864cf6",
        ),
        DISSECT,
    )._replace(image_size=227),
    _places(
        "resnet18",
        RemoteFile(
            "http://places2.csail.mit.edu/models_places365/resnet18_places365.pth.tar",
            "2f4759217d470da2b803f8f66cd4488a066406b555a5fb95ee9a4663f9f05588",
            45506139,
        ),
        ZOO,
    ),
    _places(
        "resnet50",
        RemoteFile(
            "http://places2.csail.mit.edu/models_places365/resnet50_places365.pth.tar",
            "46529c86902bd0cfb0ea562a30b2850c28d2620d96282b3db9c318e1d774f6c5",
        ),
        ZOO,
    ),
    _places(
        "resnet152",
        RemoteFile(
            "https://dissect.csail.mit.edu/models/resnet152_places365-f928166e5c.pth",
            "f928166e5c",
        ),
        DISSECT,
    ),
)
"""All networks that can be fetched by name."""
