"""Pickles that would run code, damaged files and files of something else.

Needs PyTorch (the extra `torch`).
"""

import io
import os
import pickle
import types
from collections import OrderedDict
from functools import partial

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from reference import torch_networks  # noqa: E402

from jaxdissect.checkpoints import load_checkpoint  # noqa: E402
from jaxdissect.errors import BadInput  # noqa: E402

legacy = partial(torch.save, _use_new_zipfile_serialization=False)


def plain(value, file):
    file.write_bytes(pickle.dumps(value, 2))


@pytest.fixture(scope="module")
def state():
    return torch_networks.alexnet(5).model.state_dict()


def refusal(file):
    with pytest.raises(BadInput) as refused:
        load_checkpoint(file)
    sentence = str(refused.value)
    assert "\n" not in sentence and ". " not in sentence
    return sentence.replace(str(file), "FILE")


class Runs:
    """Would run something on being unpickled."""

    def __init__(self, function, *arguments):
        self.ran = function, arguments

    def __reduce__(self):
        return self.ran


@pytest.mark.parametrize(
    ("save", "wrapped"),
    [
        (torch.save, False),
        (torch.save, True),
        (legacy, False),
        (legacy, True),
        (plain, False),
    ],
)
def test_a_pickle_that_would_run_code_is_refused_and_does_not(
    save, wrapped, state, tmp_path
):
    marker, file = tmp_path / "ran", tmp_path / "model.pth"
    hostile = Runs(os.system, f"touch {marker}")
    save({"state_dict": state, "note": hostile} if wrapped else hostile, file)
    assert refusal(file) == (
        "FILE is refused: loading it would run posix.system; only tensors and plain "
        "data are read, such as `torch.save(model.state_dict(), path)` writes"
    )
    assert not marker.exists()
    pickle.loads(pickle.dumps(hostile))
    assert marker.exists()  # or nothing was shown


@pytest.mark.parametrize(
    ("value", "called"),
    [
        (Runs(eval, "1"), "builtins.eval"),
        (Runs(getattr, 1, "real"), "builtins.getattr"),
        (Runs(torch.load, "x"), "torch.serialization.load"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        (Runs(torch.hub.load, "x", "y"), "torch.hub.load"),
    ],
)
def test_what_would_be_called_is_named(value, called, tmp_path):
    torch.save(value, tmp_path / "model.pth")
    said = refusal(tmp_path / "model.pth")
    assert said.startswith(f"FILE is refused: loading it would run {called}; only ")


class OutOfBounds:
    """A tensor larger than its storage."""

    def __reduce__(self):
        storage = torch.zeros(2).storage()._untyped_storage
        storage = torch.storage.TypedStorage(
            wrap_storage=storage, dtype=torch.float32, _internal=True
        )
        shape = ((9, 9), (9, 1), False, OrderedDict())
        return torch._utils._rebuild_tensor_v2, (storage, 0, *shape)


@pytest.mark.parametrize("save", [torch.save, legacy])
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(save, tmp_path):
    save({"weight": OutOfBounds()}, tmp_path / "model.pth")
    assert "FILE is truncated or no checkpoint" in refusal(tmp_path / "model.pth")


@pytest.mark.parametrize("save", [torch.save, legacy])
def test_a_file_cut_short(save, state, tmp_path):
    whole = io.BytesIO()
    save(state, whole)
    data, file = whole.getvalue(), tmp_path / "model.pth"
    places = [0, 1, 2, 3, 5, 10, 100, 500, len(data) - 1]
    for kept in (*places, *range(1000, len(data), len(data) // 40)):
        file.write_bytes(data[:kept])
        assert refusal(file).startswith("FILE is truncated or no checkpoint of PyTorch")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"not a checkpoint\nat all\n", "is truncated or no checkpoint of PyTorch"),
        (b"\x80\x02.", "is truncated or no checkpoint of PyTorch"),
        (b"PK\x03\x04" + bytes(99), "is truncated or no checkpoint of PyTorch"),
    ],
)
def test_a_file_of_another_kind(data, said, tmp_path):
    (tmp_path / "model.pth").write_bytes(data)
    assert said in refusal(tmp_path / "model.pth")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2], "FILE holds a list; it must hold a state dictionary"),
        (torch.zeros(3), "FILE holds a tensor; it must hold a state dictionary"),
        (
            types.SimpleNamespace(weights=torch.zeros(2)),
            "FILE holds a types.SimpleNamespace; it must hold a state dictionary",
        ),
        ({"epoch": 3}, "FILE has no tensors; it must hold a state dictionary"),
        ({"fc.weight": torch.zeros(2, 2)}, "FILE: the checkpoint is of no known "),
    ],
)
def test_no_state_dictionary(value, said, tmp_path):
    torch.save(value, tmp_path / "model.pth")
    assert refusal(tmp_path / "model.pth").startswith(said)


def test_a_tensor_without_plain_values_is_named(state, tmp_path):
    name = "features.3.weight"
    sparse = state[name].to_sparse()
    torch.save(state | {name: sparse}, tmp_path / "model.pth")
    said = refusal(tmp_path / "model.pth")
    assert said.startswith(f"FILE: {name} is no array of floats (")
