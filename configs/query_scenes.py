"""Where are aeroplanes, televisions and trees? Asked of conv5_3 of the bundled network.

It has detectors of the first two and none of trees. `--images` adds pictures of your
own and says what fires on them; `--concepts` asks for others. See docs/queries.md.

    python dissect.py configs/query_scenes.py
"""

from jaxdissect.experiments import QuerySettings

config = QuerySettings(
    concepts=("object/aeroplane", "object/television", "object/tree")
)
