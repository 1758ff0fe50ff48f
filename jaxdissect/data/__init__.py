"""Images, and what is labelled on them; `sources` has what notebooks ask for."""

from typing import TYPE_CHECKING

from jaxdissect import lazy

if TYPE_CHECKING:
    from jaxdissect.data.sources import (
        broden,
        class_folder,
        pictures,
        scenes,
        segmented,
        shapes,
    )

__all__ = ["broden", "class_folder", "pictures", "scenes", "segmented", "shapes"]
__getattr__ = lazy.attributes(__name__, dict.fromkeys(__all__, "sources"))
