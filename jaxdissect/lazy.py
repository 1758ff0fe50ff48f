"""Names that are imported when they are first asked for (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`, so that importing it does not import what it offers.

    Args:
        package: its `__name__`.
        homes: {name: the module in the package that defines it}.

    >>> attributes("jaxdissect", {"BadInput": "errors"})("BadInput").__name__
    'BadInput'
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return find
