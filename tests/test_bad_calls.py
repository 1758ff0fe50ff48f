"""What a function of the library cannot answer it refuses, in one sentence by name.

The calls run in a process of their own: under pytest the types of arguments are checked
before the library sees them, which is not so for those who call it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import bad_calls
import numpy as np
import pytest

from jaxdissect import dissection
from jaxdissect.dissection.batches import checked
from jaxdissect.dissection.layers import Layer
from jaxdissect.errors import BadInput
from jaxdissect.streaming import total

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes():
    done = subprocess.run(
        [sys.executable, HERE / "bad_calls.py"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", bad_calls.CALLS)
def test_a_call_that_cannot_be_answered_is_refused_in_one_sentence(name, outcomes):
    kind, said = outcomes[name]
    words = bad_calls.CALLS[name][1]
    assert kind == "BadInput", (kind, said)
    assert words in said and "\n" not in said


@pytest.mark.parametrize("kind", [np.int16, np.float16, np.float64])
def test_activations_of_other_numbers_are_dissected_as_those_of_float32(kind):
    rng = np.random.default_rng(0)
    acts, labels = rng.integers(0, 50, (6, 4, 4, 2)), rng.integers(0, 3, (6, 8, 8, 1))

    def run(acts, memory_bytes=2**31):
        return dissection.dissect(
            lambda: [
                ({"conv": acts[:4]}, labels[:4]),
                ({"conv": acts[4:]}, labels[4:]),
            ],
            bad_calls.CONCEPTS,
            bad_calls.CENTRES,
            8,
            num_images=6,
            protocol=dissection.PNAS20._replace(tail_mass=0.1),
            memory_bytes=memory_bytes,
        )["conv"]

    plain = run(acts.astype(np.float32))
    for memory_bytes in (2**31, 1):
        found = run(acts.astype(kind), memory_bytes)
        np.testing.assert_array_equal(found.thresholds, plain.thresholds)
        np.testing.assert_array_equal(found.iou, plain.iou)


def test_one_image_is_enough_to_be_dissected():
    acts, labels = bad_calls.ACTS[:1], bad_calls.LABELS[:1]
    found = bad_calls.dissect([({"conv": acts}, labels)], num_images=1)["conv"]
    assert found.overlap.pixels == 64 and np.isfinite(found.iou).all()


def test_what_is_checked_does_not_change():
    layer = Layer(3, np.eye(8, 4, dtype=np.float32), np.eye(8, 4, dtype=np.float32))
    seen = checked(total(lambda acts, labels: acts["conv"].sum()), {"conv": layer})
    found = seen.measure({"conv": bad_calls.ACTS}, bad_calls.LABELS)
    assert found == bad_calls.ACTS.sum()
    with pytest.raises(BadInput, match="a batch has no 'conv'"):
        seen.measure({"fc": bad_calls.ACTS}, bad_calls.LABELS)
