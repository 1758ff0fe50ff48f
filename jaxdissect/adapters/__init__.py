"""Networks of one's own, unchanged, for every tool.

A Flax module is traced once and cut where nothing goes around a layer; functions
written by hand are chained. In reading order: `programs`, `reading`, `models`, `maps`,
`layers`, `splits`, `chains`, `tables`.
"""

from jaxdissect.adapters.chains import chain
from jaxdissect.adapters.layers import Layer, layer_table, list_layers
from jaxdissect.adapters.splits import split_linen, split_nnx
from jaxdissect.adapters.tables import linen_network, nnx_network

__all__ = [
    "Layer",
    "chain",
    "layer_table",
    "linen_network",
    "list_layers",
    "nnx_network",
    "split_linen",
    "split_nnx",
]
