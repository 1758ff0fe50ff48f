"""A network of three units, whatever is red, green and blue, for `--network`."""

import jax.numpy as jnp
import numpy as np

from jaxdissect import adapters, networks

SIZE = 16


def thirds():
    functions = {
        "cells": lambda w, x: x.reshape(-1, 8, 2, 8, 2, 3).mean((2, 4)) * w,
        "logits": lambda w, x: x.mean((1, 2)) * w,
    }
    weights = {"cells": np.ones(3, np.float32), "logits": np.ones(3, np.float32)}
    like = jnp.zeros((1, SIZE, SIZE, 3))
    network, params = adapters.chain(functions, weights, like)
    classes = ("red", "green", "blue")
    return networks.Classifier(network, params, image_size=SIZE, classes=classes)
