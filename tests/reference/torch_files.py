"""Files as PyTorch writes them, written without it: an archive or a stream.

From the format as it is documented and as files show it: a pickle whose tensors are
calls of `_rebuild_tensor_v2` on persistent ids of storages, and the storages' bytes.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import Any, ClassVar

import numpy as np

STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
    "int8": "CharStorage",
    "bool": "BoolStorage",
}
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class Name(str):
    """What is imported by name: `module:name`."""


class Call:
    """What is made by calling a name."""

    def __init__(self, name: str, *arguments: Any, state: Any = None):
        self.reduced = (Name(name), arguments, state)


class Writer(pickle._Pickler):
    """Arrays as tensors, `Name`s as imports, `Call`s as calls."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def __init__(self, file: Any, *, stream: bool = False, protocol: int = 2):
        super().__init__(file, protocol)
        self.stream = stream
        self.storages: dict[str, np.ndarray] = {}

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Stored):
            return None
        key = str(len(self.storages))
        self.storages[key] = value.array
        storage = Name(f"torch:{STORAGES[value.array.dtype.name]}")
        pid = ("storage", storage, key, "cpu", value.array.size)
        return (*pid, None) if self.stream else pid

    def save_name(self, name: Name) -> None:
        module, _, called = name.partition(":")
        self.write(pickle.GLOBAL + f"{module}\n{called}\n".encode())
        self.memoize(name)

    def save_call(self, call: Call) -> None:
        name, arguments, state = call.reduced
        self.save(name)
        self.save(arguments)
        self.write(pickle.REDUCE)
        if state is not None:
            self.save(state)
            self.write(pickle.BUILD)

    def save_array(self, array: np.ndarray) -> None:
        steps = tuple(s // array.itemsize for s in array.strides)
        rebuilt = (Stored(array), 0, array.shape, steps, False, OrderedDict())
        self.save(Call("torch._utils:_rebuild_tensor_v2", *rebuilt))

    dispatch.update({Name: save_name, Call: save_call, np.ndarray: save_array})


class Stored:
    """The numbers of an array."""

    def __init__(self, array: np.ndarray):
        self.array = array


def save_archive(value: Any, file: Any) -> None:
    """As `torch.save` writes it today."""
    main = io.BytesIO()
    writer = Writer(main)
    writer.dump(value)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", main.getvalue())
        archive.writestr("model/byteorder", "little")
        for key, array in writer.storages.items():
            archive.writestr(f"model/data/{key}", array.tobytes())
        archive.writestr("model/version", "3\n")


def save_stream(value: Any, file: Any) -> None:
    """As `torch.save` wrote it before version 1.6."""
    with open(file, "wb") as out:
        pickle.dump(MAGIC, out, 2)
        pickle.dump(VERSION, out, 2)
        pickle.dump({"protocol_version": VERSION, "little_endian": True}, out, 2)
        writer = Writer(out, stream=True)
        writer.dump(value)
        pickle.dump(sorted(writer.storages), out, 2)
        for key in sorted(writer.storages):
            array = writer.storages[key]
            out.write(struct.pack("<q", array.size) + array.tobytes())


def save_plain(value: Any, file: Any, protocol: int = 4) -> None:
    """A pickle of Python's own; it has no tensors."""
    with open(file, "wb") as out:
        Writer(out, protocol=protocol).dump(value)
