"""Python files of users: run under names of their own, next to their neighbours."""

import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxdissect.errors import BadInput

LONGEST = 300
"""Characters of what an error says."""


class Neighbours:
    """Modules that a user's file may import by name, as it could as a script.

    A context: only while it is entered are they found, and kept from the modules of the
    same names of another user's file. Modules of Python go first, and so does a real
    one that is called as the file itself.
    """

    def __init__(self, file: Path, folders: Sequence[Path]):
        self.own = file.stem
        self.folders = [str(folder) for folder in folders]
        self.modules: dict[str, ModuleType] = {}
        self.names: set[str] = set()
        self.depth = 0

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> ModuleSpec | None:
        """What Python's import asks."""
        if path is not None or "." in name or name in sys.stdlib_module_names:
            return None
        found = PathFinder.find_spec(name, self.folders)
        # A folder without code is a module only where there is no other of its name.
        yields = name == self.own or (found is not None and found.loader is None)
        if found is None or (yields and PathFinder.find_spec(name, sys.path)):
            return None
        self.names.add(name)
        return found

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        self.before = {n: sys.modules[n] for n in self.modules if n in sys.modules}
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]
        # Nothing is left in the user's folder.
        self.wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True

    def __exit__(self, *raised: object) -> None:
        self.depth -= 1
        if self.depth:
            return
        sys.dont_write_bytecode = self.wrote
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        theirs = [n for n in sys.modules if n.partition(".")[0] in self.names]
        self.modules = {name: sys.modules.pop(name) for name in theirs}
        sys.modules.update(self.before)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Whatever code of users raises, as one sentence.

    Raises:
        BadInput: saying what fails, and with what; a `BadInput` stays what it is.
    """
    try:
        yield
    except (BadInput, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit, too
        raise BadInput(f"{what} fails with {said(error)}") from error


def said(error: BaseException) -> str:
    """What an error says, in a line.

    >>> said(KeyError("conv9")), said(SystemExit(3))
    ("KeyError: 'conv9'", 'SystemExit: 3')
    """
    try:
        text = str(error)
    except Exception:  # an error whose own text fails
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip(" -\t")]
    # Of a callback's error JAX gives the whole traceback, which ends with the error.
    line = (
        lines[-1 if "Traceback (most recent call last)" in text else 0] if lines else ""
    )
    line = re.sub(r"[^\x20-\x7e\xa0-\uffff]", "?", line)
    shown = line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
    return f"{type(error).__name__}: {shown}".removesuffix(": ")


def imported(file: Path) -> tuple[ModuleType, Neighbours]:
    """Run a user's file, anew each time.

    It has a module name that no other has, and is part of a package: of the one it is
    in, or of its folder, so that relative imports find its neighbours.

    Raises:
        BadInput: it cannot be run, whatever the reason.
    """
    file = file.absolute()
    home = file.parent
    while (home / "__init__.py").is_file() and home != home.parent:
        home = home.parent
    root = f"_own_{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    for name in [name for name in sys.modules if name.partition(".")[0] == root]:
        del sys.modules[name]
    importlib.invalidate_caches()
    package = ModuleType(root)
    package.__path__ = [str(home)]
    sys.modules[root] = package
    neighbours = Neighbours(file, [file.parent, home])
    with refusing(str(file)), neighbours:
        parent = root
        for part in file.parent.relative_to(home).parts:
            parent = f"{parent}.{part}"
            importlib.import_module(parent)
        return _run(file, f"{parent}.{_identifier(file.stem)}"), neighbours


def _run(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _identifier(stem: str) -> str:
    if stem.isidentifier():
        return stem
    marked = hashlib.sha256(stem.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return re.sub(r"\W", "_", stem) + f"_{marked}"


def guarded(
    function: Callable[..., Any], what: str, neighbours: AbstractContextManager
) -> Callable[..., Any]:
    """A user's function whose errors are sentences and whose imports are found."""

    def called(*arguments: Any) -> Any:
        shapes = [list(a.shape) for a in arguments if hasattr(a, "shape")]
        given = f", given shape {shapes[-1]}," if shapes else ""
        with refusing(f"{what}{given}"), neighbours:
            return function(*arguments)

    return called
