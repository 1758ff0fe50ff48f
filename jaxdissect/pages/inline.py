"""Pages inside notebooks: apart from the notebook's styles, of bounded height."""

import base64
import html
import io
from collections.abc import Iterable, Mapping
from typing import Any

HEIGHT = 640
"""Of a page inside a notebook, in CSS pixels."""


def framed(page: str, height: int = HEIGHT) -> str:
    """A whole page in a frame of its own, whose styles and the notebook's do not meet.

    Args:
        page: a complete HTML document.
        height: of the frame, in CSS pixels.

    >>> framed("<p>1 < 2</p>")[:30]
    '<iframe srcdoc="&lt;p&gt;1 &lt'
    """
    style = f"width:100%;height:{height}px;border:0"
    return f'<iframe srcdoc="{html.escape(page)}" style="{style}"></iframe>'


def findings(title: str, sentences: Iterable[str], figures: Mapping[str, Any]) -> str:
    """What was found, with its figures, in a frame: for experiments without a page.

    Args:
        title: what was measured.
        sentences: a paragraph each.
        figures: {name: matplotlib figure}.
    """
    said = "".join(f"<p>{html.escape(s)}</p>" for s in sentences)
    drawn = "".join(
        f'<img alt="{html.escape(name)}" src="{picture(figure)}">'
        for name, figure in figures.items()
    )
    style = "body{font:14px/1.5 system-ui,sans-serif;max-width:60rem}img{width:100%}"
    head = f'<meta charset="utf-8"><style>{style}</style>'
    return framed(f"{head}<h1>{html.escape(title)}</h1>{said}{drawn}")


def picture(figure: Any) -> str:
    """A figure as a PNG in a `data:` address."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/png;base64,{encoded}"
