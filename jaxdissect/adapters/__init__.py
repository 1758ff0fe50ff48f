"""Networks of one's own, unchanged, for every tool.

A Flax module is traced once and cut where nothing goes around a layer; functions
written by hand are chained. In reading order: `programs`, `reading`, `models`,
`picking`, `layers`, `splits`, `tables`; then `digests` (what tells networks apart),
`endings` (the logits before a softmax), `own_networks` and `answers` (users' networks,
tried, and made to end in logits).
"""

from jaxdissect.adapters.digests import network_digest, program_digest
from jaxdissect.adapters.endings import before_ending
from jaxdissect.adapters.layers import Layer, layer_table, list_layers
from jaxdissect.adapters.splits import chain, split_linen, split_nnx
from jaxdissect.adapters.tables import linen_network, nnx_network

__all__ = [
    "Layer",
    "before_ending",
    "chain",
    "layer_table",
    "linen_network",
    "list_layers",
    "network_digest",
    "nnx_network",
    "program_digest",
    "split_linen",
    "split_nnx",
]
