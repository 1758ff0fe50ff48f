"""Weights on disk: exact, with provenance, and never silently damaged."""

import numpy as np
import pytest
from conftest import make_example

from jaxdissect import weights
from jaxdissect.errors import BadInput


@pytest.fixture
def saved(tmp_path):
    _, params, _ = make_example("alexnet_b")
    path = tmp_path / "weights.safetensors"
    weights.save(path, params, {"seed": 3, "note": "ünits"})
    return path, params


def test_what_is_loaded_is_what_was_saved(saved):
    path, params = saved
    loaded = weights.load(path)
    assert loaded.metadata == {"seed": 3, "note": "ünits"}
    assert loaded.digest == weights.digest(params) == weights.digest(loaded.params)
    assert list(path.parent.iterdir()) == [path]


def test_a_single_flipped_bit_is_noticed(saved):
    path, _ = saved
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match="damaged"):
        weights.load(path)


@pytest.mark.parametrize("kept", [0, 5, 0.5])
def test_a_truncated_file_is_refused(saved, kept):
    path, _ = saved
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    with pytest.raises(BadInput, match="truncated or no safetensors file"):
        weights.load(path)


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(BadInput, match="there is no weights file"):
        weights.load(tmp_path / "none.safetensors")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(2, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(BadInput, match="lacks the metadata"):
        weights.load(tmp_path / "other.safetensors")
