"""Networks of users, which a function in a file of theirs gives."""

import difflib
import inspect
import operator
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import logits, networks
from jaxdissect.adapters.digests import network_digest
from jaxdissect.errors import BadInput
from jaxdissect.networks.stages import Network, Stage
from jaxdissect.own_files import Neighbours, guarded, imported, refusing

LAST = "logits"
ENDINGS = ("logits", "softmax", "log_softmax")

NUM_TRIED = 4
"""Images on which a network is tried."""

FAR = (50.0, 1e4)
"""How many times brighter than the others those images are on which outputs that only
look like probabilities no longer do."""

ALIKE = (0.02, 0.004)
"""Of what images make of a difference, and of the largest output: what outputs for the
same image may differ by, as half precision may round them."""


class Tried(NamedTuple):
    """What a network that nothing is known of gave when it was tried.

    Attributes:
        images: [4 S S 3] on which it was.
        outputs: [4 K] of its own.
        kind: what they look like, of `logits.Kind`; "" where the user says it.
        ends_in: what the user says that the network ends in; "" where nothing.
    """

    images: np.ndarray
    outputs: np.ndarray
    kind: str
    ends_in: str


class OwnNetwork(NamedTuple):
    """A network of the user's, looked at and tried.

    Attributes:
        classifier: its fields of the types they should have, a name for every class.
        digest: what tells it from any other, a hash of all it computes with.
        tried: what it gave on made-up images.
    """

    classifier: networks.Classifier
    digest: str
    tried: Tried


def own_network(name: str, path: Path | None) -> OwnNetwork:
    """What a function in the user's own file gives.

    Args:
        name: path/to/file.py:function, which returns a `networks.Classifier`.
        path: handed to the function, if given.

    Raises:
        BadInput: no such file or function; it fails, in whatever way, or returns
            something else; the network fails, or an image's outputs depend on others.
    """
    make, neighbours = _function(name)
    try:
        inspect.signature(make).bind(*([] if path is None else [path]))
    except TypeError as error:
        raise BadInput(
            f"`weights` is {path}, which does not suit {name}: {error}"
        ) from None
    except ValueError:
        pass  # it does not say what it takes
    try:
        with refusing(name), neighbours:
            made = make() if path is None else make(path)
    except BadInput as error:
        whole = str(error)
        raise BadInput(whole if name in whole else f"{name}: {whole}") from error
    return _tried_out(name, _checked(name, made), neighbours)


def _function(name: str) -> tuple[Callable[..., Any], Neighbours]:
    file, _, function = name.rpartition(":")
    if not file.endswith(".py") or not function:
        raise BadInput(f"`network` is {name!r}; it must be path/to/file.py:function")
    if not Path(file).is_file():
        raise BadInput(f"`network` is {name!r}, but there is no file {file}")
    module, neighbours = imported(Path(file))
    make = getattr(module, function, None)
    if not callable(make):
        there = [n for n, f in vars(module).items() if inspect.isfunction(f)]
        near = difflib.get_close_matches(function, there, n=3, cutoff=0.0)
        raise BadInput(
            f"`network` is {name!r}, but {file} has no function {function}; it has "
            f"{', '.join(near) or 'none'}"
        )
    return make, neighbours


def _checked(name: str, made: Any) -> networks.Classifier:
    """The classifier, its fields of the types they should have.

    Raises:
        BadInput: naming the field.
    """
    if not isinstance(made, networks.Classifier):
        raise BadInput(
            f"{name} returns a {type(made).__name__}; it must return a "
            "`jaxdissect.networks.Classifier`"
        )

    def refuse(field: str, allowed: str) -> BadInput:
        found = repr(getattr(made, field)).splitlines()[0][:80]
        return BadInput(
            f"{name} returns a Classifier whose `{field}` is {found}; it must be "
            f"{allowed}"
        )

    network = made.network
    is_table = isinstance(network, tuple | list) and len(network) > 0
    if not is_table or not all(isinstance(stage, Stage) for stage in network):
        raise refuse("network", "a tuple of stages, as `adapters` make it")
    names = networks.layer_names(tuple(network))
    if twice := {n for n in names if names.count(n) > 1}:
        raise BadInput(f"{name} has several stages called {min(twice)!r}")
    if not isinstance(made.params, dict) and not hasattr(made.params, "get"):
        raise refuse("params", "{stage: variables}")
    if not all(map(_is_array, jax.tree.leaves(made.params))):
        raise refuse("params", "{stage: variables}, arrays of numbers")
    try:
        size = operator.index(made.image_size)
    except TypeError:
        size = 0
    if size < 1 or isinstance(made.image_size, bool):
        raise refuse("image_size", "a whole number of pixels, at least 1")
    classes = made.classes
    listed = classes.tolist() if isinstance(classes, np.ndarray) else classes
    is_list = isinstance(listed, tuple | list)
    if not is_list or not all(isinstance(each, str) for each in listed):
        raise refuse("classes", "names, or () for none")
    if made.ends_in not in ("", *ENDINGS):
        raise refuse("ends_in", f"one of {', '.join(ENDINGS)}, or left out")
    return networks.Classifier(
        tuple(network), made.params, size, tuple(listed), made.ends_in
    )


def _is_array(leaf: Any) -> bool:
    if isinstance(leaf, jax.Array):
        return True
    try:
        return np.asarray(leaf).dtype.kind in "biufcV"
    except Exception:  # whatever an object raises that is asked to be an array
        return False


def check_classifier(
    made: networks.Classifier, name: str = "the classifier"
) -> OwnNetwork:
    """A classifier made by hand or by an adapter, looked at and tried like a file's.

    Raises:
        BadInput: as `own_network`.
    """
    return _tried_out(name, _checked(name, made), nullcontext())


def _tried_out(
    name: str, made: networks.Classifier, neighbours: AbstractContextManager
) -> OwnNetwork:
    side = made.image_size
    network = tuple(_guarded(name, stage, neighbours) for stage in made.network)
    made = made._replace(network=network)
    try:
        shapes = _shapes(name, made)
        outputs = _outputs(name, made, shapes)
        with refusing("it"):
            digest = _digest(made)
            tried = _tried(name, made)
    except BadInput as error:
        if name in (whole := str(error)) and " fails " not in whole:
            raise
        raise BadInput(
            f"the network of {name} fails on images of {side} pixels: {whole}"
        ) from error
    numbered = tuple(f"class {n}" for n in range(outputs))
    named = made._replace(classes=made.classes or numbered)
    return OwnNetwork(named, digest, tried)


def _guarded(name: str, stage: Stage, neighbours: AbstractContextManager) -> Stage:
    """A stage of the user's, whose errors are sentences."""
    what = f"{stage.name!r} of {name}"

    def of(function: Any) -> Any:
        return function and guarded(function, what, neighbours)

    return stage._replace(
        apply=of(stage.apply),
        join=of(stage.join),
        contributions=of(stage.contributions),
        windows=of(stage.windows),
        branch=tuple(_guarded(name, inner, neighbours) for inner in stage.branch),
    )


def _shapes(name: str, made: networks.Classifier) -> dict[str, Any]:
    """{stage: its shape for one image}, which has the images first for any number."""
    names = networks.layer_names(made.network)

    def shapes(number: int) -> dict[str, Any]:
        return jax.eval_shape(
            lambda params, x: networks.run(made.network, params, x, taps=names)[1],
            made.params,
            _images_like(made.image_size, number),
        )

    one, three = shapes(1), shapes(3)
    for layer in names:
        a, b = one[layer].shape, three[layer].shape
        if a[:1] != (1,) or b != (3, *a[1:]):
            raise BadInput(
                f"{layer!r} of {name} has the shape {list(a)} for one image and "
                f"{list(b)} for three; the first axis must be that of the images"
            )
    return one


def _outputs(name: str, made: networks.Classifier, shapes: dict[str, Any]) -> int:
    """How many classes there are; 0 if no logits."""
    last = made.network[-1].name
    if last != LAST:
        if made.classes:
            raise BadInput(
                f"{name} names {len(made.classes)} classes, but its last stage is "
                f"{last!r}; that of a classifier is called {LAST!r}"
            )
        return 0
    shape = shapes[last].shape
    if len(shape) != 2:
        raise BadInput(
            f"{name} gives outputs of shape {list(shape)} for one image; logits have "
            "the shape [1, classes], and what gives none has another name than 'logits'"
        )
    if made.classes and len(made.classes) != shape[1]:
        raise BadInput(
            f"{name} names {len(made.classes)} classes, but gives {shape[1]}"
        )
    return shape[1]


def _digest(made: networks.Classifier) -> str:
    """What tells the network from any other: all it computes with."""
    return network_digest(made.network, made.params, _images_like(made.image_size, 2))


def _tried(name: str, made: networks.Classifier) -> Tried:
    """Outputs on a few made-up images.

    Raises:
        BadInput: an image's outputs depend on others, or its place among them.
    """
    network: Network = made.network
    forward = jax.jit(lambda params, x: networks.apply(network, params, x))

    def outputs(images: np.ndarray) -> np.ndarray:
        with jax.default_matmul_precision("highest"):
            found = forward(made.params, jnp.asarray(images, jnp.float32))
        return np.asarray(found.astype(jnp.promote_types(found.dtype, jnp.float32)))

    images = made_up_images(made.image_size, NUM_TRIED + 1)
    first, again = outputs(images[:-1]), outputs(np.roll(images, 1, 0)[:-1])
    known = np.where(np.isfinite(first), first, 0)
    apart, largest = np.ptp(known, axis=0).max(), np.abs(known).max()
    bound = ALIKE[0] * apart + ALIKE[1] * largest
    if not np.allclose(first[:-1], again[1:], rtol=0, atol=bound, equal_nan=True):
        raise BadInput(
            f"{name} gives an image other outputs among other images; they must depend "
            "on the image alone, so not on means over the batch or on dropout"
        )
    kind = ""
    if network[-1].name == LAST and not made.ends_in:
        kind = logits.kind_of(first, *_far(outputs, images[:-1]))
    return Tried(images[:-1], first, kind, made.ends_in)


def _far(outputs: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> list:
    """Outputs for images far from all that are usual, where there are any."""
    found = []
    for times in FAR:
        try:
            found.append(outputs(np.float32(times) * images))
        except Exception:  # a network may refuse such images
            break
    return found


def made_up_images(size: int, number: int) -> np.ndarray:
    """[number S S 3] random images in [0, 1], coarse and fine, dark and bright.

    >>> made_up_images(8, 2).shape
    (2, 8, 8, 3)
    """
    random = np.random.default_rng(0)
    cells = np.arange(size) * min(size, 7) // size
    coarse = random.random((number, min(size, 7), min(size, 7), 3))[:, cells][
        :, :, cells
    ]
    fine = random.random((number, size, size, 3))
    light = np.linspace(0.5, 1, number)[:, None, None, None]
    return (light * (0.7 * coarse + 0.3 * fine)).astype(np.float32)


def _images_like(size: int, number: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((number, size, size, 3), np.float32)
