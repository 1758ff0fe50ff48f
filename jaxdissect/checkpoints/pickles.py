"""Pickles read as data: nothing they name is imported, nothing of theirs runs.

A pickle is a program for a small machine. Here the machine is Python's own, but what it
would import is a name and no more. Calling a name makes what we say it makes: tensors,
numbers, containers, something inert for other plain data. A name that is not listed can
be mentioned, but calling it ends the reading.
"""

import pickle
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, NoReturn

Makers = Mapping[str, Callable[..., Any]]
"""{name in the pickle: what is made of the arguments}."""


class Code(Exception):
    """A pickle would call something that is no data."""


class Name(NamedTuple):
    """What a pickle would import."""

    module: str
    name: str

    def __str__(self) -> str:
        """Names of Python 2 are those of today's Python."""
        return f"{PYTHON2.get(self.module, self.module)}.{self.name}"


class Inert:
    """Plain data that nobody asks for: a date, a path, the arguments of a script.

    Attributes:
        kind: what it would be.
    """

    def __init__(self, kind: str):
        self.kind = kind


class Machine(pickle._Unpickler):
    """Python's unpickler in Python, without imports, and with calls of `makers` only.

    Args:
        file: with `read` and `readline`.
        makers: what may be called, besides plain data.
        stored: makes what a persistent id stands for.
    """

    stack: list[Any]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(
        pickle._Unpickler.dispatch
    )

    def __init__(
        self,
        file: Any,
        makers: Makers,
        stored: Callable[[Any], Any] | None = None,
    ):
        # Strings of Python 2 are bytes; in Latin-1 none is an error.
        super().__init__(file, encoding="latin1")
        self.makers = makers
        self.stored = stored

    def find_class(self, module: str, name: str) -> Name:
        """A name, not what it names."""
        return Name(module, name)

    def persistent_load(self, pid: Any) -> Any:
        """What is stored outside the pickle."""
        if self.stored is None:
            raise pickle.UnpicklingError("nothing is stored outside the pickle")
        return self.stored(pid)

    def called(self, name: Any, arguments: Any) -> Any:
        """What a call makes.

        Raises:
            Code: it is not known to be data.
        """
        full = str(name)
        if full in self.makers:
            return self.makers[full](*arguments)
        if full in CONTAINERS:
            return CONTAINERS[full](*arguments)
        if full in ("copyreg._reconstructor", "copyreg.__newobj__"):
            # The older protocols' way to an object: the class is an argument.
            return self.called(arguments[0], ())
        if DATA.fullmatch(full):
            return Inert(full)
        raise Code(full)

    def load_reduce(self) -> None:
        """Call what lies below the arguments."""
        arguments = self.stack.pop()
        self.stack[-1] = self.called(self.stack[-1], arguments)

    def load_newobj_ex(self) -> None:
        """A new object from arguments and keywords, which are not looked at."""
        del self.stack[-1]
        self.load_reduce()

    def load_inst(self) -> None:
        """The form of old: module and name, arguments back to the mark."""
        module, name = (self.readline()[:-1].decode("ascii") for _ in range(2))
        arguments = self.pop_mark()
        self.append(self.called(Name(module, name), arguments))

    def load_obj(self) -> None:
        """The form of old: the name is the first of the arguments."""
        name, *arguments = self.pop_mark()
        self.append(self.called(name, arguments))

    def load_build(self) -> None:
        """What an object is told about itself; only arrays listen."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Told):
            self.stack[-1].tell(state)
        elif isinstance(self.stack[-1], Name):
            raise pickle.UnpicklingError("a name is no object")

    def load_ext(self) -> NoReturn:
        """What no checkpoint has: names by number, for one."""
        raise pickle.UnpicklingError("an instruction that no checkpoint has")

    def load_bytearray8(self) -> None:
        """Bytes; Python's own reserves whatever length is claimed."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(length))

    dispatch.update(
        {
            pickle.REDUCE[0]: load_reduce,
            pickle.NEWOBJ[0]: load_reduce,
            pickle.NEWOBJ_EX[0]: load_newobj_ex,
            pickle.INST[0]: load_inst,
            pickle.OBJ[0]: load_obj,
            pickle.BUILD[0]: load_build,
            pickle.EXT1[0]: load_ext,
            pickle.EXT2[0]: load_ext,
            pickle.EXT4[0]: load_ext,
            pickle.BYTEARRAY8[0]: load_bytearray8,
        }
    )


class Told:
    """An object whose contents come after it."""

    def tell(self, state: Any) -> None:
        """Take the contents."""
        raise NotImplementedError


def encoded(text: str, encoding: str = "utf-8", errors: str = "strict") -> bytes:
    """Bytes, as the older protocols write them."""
    if encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise pickle.UnpicklingError(f"bytes in {encoding}")
    return text.encode(encoding, "strict")


def _filled(factory: Any = None, items: Any = ()) -> dict[Any, Any]:
    del factory
    return dict(items)


PYTHON2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}
CONTAINERS: Makers = {
    "collections.OrderedDict": dict,
    "collections.defaultdict": _filled,
    "collections.Counter": dict,
    "collections.deque": lambda items=(), maxlen=None: list(items),
    "builtins.dict": dict,
    "builtins.list": list,
    "builtins.tuple": tuple,
    "builtins.set": list,
    "builtins.frozenset": tuple,
    "_codecs.encode": encoded,
    "torch.Size": tuple,
    # Lightning's settings, whose module moved with each version.
    **{
        f"{module}.AttributeDict": dict
        for module in (
            "pytorch_lightning.utilities.parsing",
            "lightning.pytorch.utilities.parsing",
            "lightning.fabric.utilities.data",
            "lightning_fabric.utilities.data",
        )
    },
}
"""What holds other things, by name."""
DATA = re.compile(
    r"argparse\.Namespace|types\.SimpleNamespace"
    r"|builtins\.(object|bool|int|float|complex|str|bytes|bytearray|range|slice)"
    r"|builtins\.(xrange|long|unicode)"
    r"|datetime\.(datetime|date|time|timedelta|timezone)"
    r"|zoneinfo\.ZoneInfo(\._unpickle)?"
    r"|decimal\.Decimal|fractions\.Fraction|uuid\.UUID"
    r"|pathlib\.(_local\.)?(Pure)?(Posix|Windows)?Path"
    r"|numpy\.(_?core\.multiarray\.scalar|ndarray|dtypes\.\w+DType)"
    r"|numpy\.(bool_?|u?int\d+|float\d+|complex\d+|str_|bytes_|datetime64)"
    r"|numpy\.random\.(_pickle|bit_generator|_mt19937|_pcg64|_philox|_sfc64)\.\w+"
    r"|torch\.(device|dtype|torch_version\.TorchVersion)"
)
"""Names of plain data that nobody asks for."""
