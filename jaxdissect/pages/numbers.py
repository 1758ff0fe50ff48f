"""Numbers as a page writes them."""

from typing import Any

MINUS = "\N{MINUS SIGN}"


def amount(value: float, digits: int = 2) -> str:
    """A number with a fixed count of digits; what rounds to zero has no sign.

    >>> amount(1.234), amount(1.26, 1), amount(-0.001)
    ('1.23', '1.3', '0.00')
    """
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def interval(low: float, high: float, digits: int = 2) -> str:
    """An interval of a drop in points; exactly [0, 0] where nothing changed at all.

    Args:
        low: lower end, a fraction.
        high: upper end, a fraction.
        digits: after the point.

    >>> interval(0.001, 0.021), interval(0.0, 0.00001), interval(0.0, 0.0)
    ('[0.10, 2.10]', '[0.00, 0.00]', '[0, 0]')
    """
    if low == high == 0:
        return "[0, 0]"
    return f"[{amount(100 * low, digits)}, {amount(100 * high, digits)}]"


def plain(value: Any) -> Any:
    """Named tuples as dicts, all the way down, for JSON.

    >>> plain([(1, 2), {"a": 3}])
    [[1, 2], {'a': 3}]
    """
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value
