"""PyTorch's own files, read without PyTorch: an archive or a stream, and its tensors.

Both hold a pickle of everything but the numbers, which lie in *storages*: in an
archive each is a member, in the stream of PyTorch before 1.6 they follow the pickles.
No storage is read before a tensor of it is asked for.
"""

import functools
import math
import mmap
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdissect.checkpoints.pickles import Code, Machine, Makers, Name, Told

MAGIC = 0x1950A86A20F9469CFC6C
"""The number that a stream begins with."""
TYPES: Mapping[str, Any] = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": jnp.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
    "ComplexFloatStorage": np.complex64,
    "ComplexDoubleStorage": np.complex128,
    "UntypedStorage": np.uint8,
    "QInt8Storage": np.int8,
    "QUInt8Storage": np.uint8,
    "QInt32Storage": np.int32,
}
"""{class of a storage: type of its numbers}."""


class Damaged(Exception):
    """Not what PyTorch writes."""


class Tensor(NamedTuple):
    """A tensor that is still in its file.

    Attributes:
        shape: as PyTorch has it.
        numbers: () -> its values, in their own type.
        kind: the name of that type, or why there are no plain values.
    """

    shape: tuple[int, ...]
    numbers: Callable[[], np.ndarray]
    kind: str


class Storage(NamedTuple):
    """Numbers in a row.

    Attributes:
        dtype: their type.
        length: how many.
        read: () -> all of them.
    """

    dtype: np.dtype[Any]
    length: int
    read: Callable[[], np.ndarray]


def load(path: Path) -> Any:
    """What `torch.save` was given: containers, tensors, and inert other data.

    Raises:
        Damaged: truncated, or of another kind.
        Code: it would call something that is no data.
    """
    try:
        if zipfile.is_zipfile(path):
            return _archive(path)
        return _stream(path)
    except (Code, Damaged):
        raise
    except Exception as error:  # of any kind, when the machine meets damaged bytes
        sentence = str(error).partition("\n")[0].partition(". ")[0][:200]
        raise Damaged(f"{type(error).__name__}: {sentence}") from None


def _archive(path: Path) -> Any:
    archive = zipfile.ZipFile(path)
    members = {info.filename: info for info in archive.infolist()}
    (main,) = (name for name in members if name.endswith("/data.pkl"))
    folder = main.removesuffix("data.pkl")
    if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
        raise Damaged("compressed, as PyTorch never is")
    big = members.keys() & {f"{folder}byteorder"}
    order = ">" if big and archive.read(f"{folder}byteorder") == b"big" else "<"

    # Neighbouring tensors may be views of one storage.
    @functools.lru_cache(maxsize=1)
    def member(name: str) -> bytes:
        try:
            return archive.read(name)
        except zipfile.BadZipFile as error:
            raise Damaged(str(error)) from None

    def stored(pid: Any) -> Storage:
        _, class_, key, _, length = pid
        dtype, name = _type(class_, order), f"{folder}data/{key}"
        if not 0 <= length * dtype.itemsize <= members[name].file_size:
            raise Damaged(f"storage {key} is cut short")
        return Storage(
            dtype, length, lambda: np.frombuffer(member(name), dtype, length)
        )

    with archive.open(main) as file:
        return Machine(file, MAKERS, stored).load()


def _stream(path: Path) -> Any:
    with path.open("rb") as file:
        stream = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    first = Machine(stream, MAKERS).load()
    if first != MAGIC:
        return first  # a pickle that is not PyTorch's, perhaps of arrays
    if Machine(stream, MAKERS).load() != 1001:
        raise Damaged("of an unknown version")
    Machine(stream, MAKERS).load()  # about the machine that wrote it
    sizes: dict[Any, int] = {}
    places: dict[Any, int] = {}

    def stored(pid: Any) -> Any:
        kind, *rest = pid
        if kind == "module":
            return rest[0]
        class_, key, _, length, view = rest
        dtype = _type(class_, "<")
        sizes[key] = length * dtype.itemsize

        def read() -> np.ndarray:
            return np.frombuffer(stream, dtype, length, places[key])

        if view is None:
            return Storage(dtype, length, read)
        _, first, number = view
        if not 0 <= first <= first + number <= length:
            raise Damaged("a view that reaches beyond its storage")
        return Storage(dtype, number, lambda: read()[first : first + number])

    loaded = Machine(stream, MAKERS, stored).load()
    for key in Machine(stream, MAKERS).load():
        places[key] = stream.tell() + 8  # after the number of numbers
        if not 0 <= places[key] + sizes[key] <= len(stream):
            raise Damaged(f"storage {key} is cut short")
        stream.seek(places[key] + sizes[key])
    if missing := sizes.keys() - places.keys():
        raise Damaged(f"storage {missing.pop()} is missing")
    return loaded


def _type(class_: Any, order: str) -> np.dtype[Any]:
    if not isinstance(class_, Name) or class_.name not in TYPES:
        raise Damaged(f"a storage of {class_}")
    return np.dtype(TYPES[class_.name]).newbyteorder(order)


def _tensor(
    storage: Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *others: Any,
) -> Tensor:
    """A tensor is a storage, a place in it, a shape and steps along each axis."""
    del others  # whether it wants a gradient, hooks
    dtype, length, read = storage
    counts = [offset, *shape, *strides]
    if len(shape) != len(strides) or not all(
        isinstance(count, int) and 0 <= count < 2**62 for count in counts
    ):
        raise Damaged("a tensor of no shape")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and last >= length:
        raise Damaged("a tensor that reaches beyond its storage")

    def numbers() -> np.ndarray:
        if math.prod(shape) > length:
            raise ValueError("it repeats what the file holds")
        size = dtype.itemsize
        steps = [stride * size for stride in strides]
        raw = read().view(np.uint8)
        return np.ndarray(shape, dtype, raw, offset * size if raw.size else 0, steps)

    return Tensor(tuple(shape), numbers, dtype.name)


def _tensor_of_type(
    storage: Storage, offset: int, shape: Any, strides: Any, *others: Any
) -> Tensor:
    """The same over bytes, with the type beside it: types that came later."""
    (type_,) = (other for other in others if isinstance(other, Name))
    dtype = np.dtype(type_.name)  # jax makes NumPy know the later ones
    length, rest = divmod(storage.length, dtype.itemsize)
    if rest:
        raise Damaged("a storage of another type")
    numbers = Storage(dtype, length, lambda: storage.read().view(dtype))
    return _tensor(numbers, offset, shape, strides)


def _without_values(kind: str, shape_of: Callable[..., Any]) -> Callable[..., Tensor]:
    """A tensor that is in the file, but not as an array."""

    def make(*arguments: Any) -> Tensor:
        def numbers() -> np.ndarray:
            raise ValueError(f"it is {kind}")

        return Tensor(tuple(shape_of(*arguments)), numbers, kind)

    return make


class NumpyType(Told):
    """A type of NumPy's, whose byte order comes after it."""

    def __init__(self, name: str, *others: Any):
        self.dtype = np.dtype(name if isinstance(name, str) else name.name)
        if self.dtype.hasobject:
            raise Code("numpy.dtype of objects")

    def tell(self, state: Any) -> None:
        """Take the byte order, the second of what a type says about itself."""
        order = state[1]
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class NumpyArray(Told):
    """An array of NumPy's, whose shape, type and bytes come after it."""

    tensor: Tensor

    def __init__(self, *arguments: Any):
        self.tensor = Tensor((), lambda: np.zeros(()), "nothing")

    def tell(self, state: Any) -> None:
        """Take (version, shape, type, whether in Fortran's order, bytes)."""
        _, shape, type_, fortran, data = state
        if isinstance(data, str):
            data = data.encode("latin1")  # Python 2's
        array = np.frombuffer(data, type_.dtype) if isinstance(data, bytes) else None
        if array is None or array.size != math.prod(shape):
            raise Damaged("an array of another size")
        array = array.reshape(shape, order="F" if fortran else "C")
        self.tensor = Tensor(tuple(shape), lambda: array, array.dtype.name)


def _array(
    data: bytes, type_: NumpyType, shape: tuple[int, ...], order: str, *axes: Any
) -> NumpyArray:
    """An array as protocol 5 has it."""
    if axes and axes[0] is not None:
        raise Damaged("an array with its axes in another order")
    array = NumpyArray()
    array.tell((1, shape, type_, order == "F", bytes(data)))
    return array


def _of_subclass(make: Any, class_: Any, arguments: Any, state: Any) -> Any:
    del class_, state
    if str(make) not in MAKERS:
        raise Code(str(make))
    return MAKERS[str(make)](*arguments)


_sparse = _without_values(
    "sparse",
    lambda layout, data: [part for part in data if type(part) is tuple][-1],
)
_quantised = _without_values("quantised", lambda storage, offset, size, *_: size)
_absent = _without_values("without values", lambda dtype, size, *_: size)
MAKERS: Makers = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": lambda data, *others: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *others: data,
    "torch.nn.parameter.Parameter": lambda data, *others: data,
    "torch._tensor._rebuild_from_type_v2": _of_subclass,
    "torch._tensor._rebuild_from_type": _of_subclass,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_qtensor": _quantised,
    "torch._utils._rebuild_meta_tensor_no_storage": _absent,
    "torch.serialization._get_layout": lambda name: name,
    "numpy.dtype": NumpyType,
    **{
        f"numpy.{core}.multiarray._reconstruct": NumpyArray
        for core in ("core", "_core")
    },
    **{f"numpy.{core}.numeric._frombuffer": _array for core in ("core", "_core")},
}
"""What tensors and arrays are made of, by name."""
