"""Files of weights that say impossible things: one sentence, and nothing is built."""

import copy
import json
import resource
import struct

import jax
import numpy as np
import pytest
from conftest import fails, random_params
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import model, weights
from jaxdissect.errors import BadInput
from jaxdissect.networks import architectures
from jaxdissect.settings import NetworkSettings

TINY = {"architecture": "shapesnet", "width": 0.0625, "hidden": [8]}
SAID = {
    "config": {"network": TINY, "schedule": [[16, 1]], "seed": 0},
    "classes": ["a", "b"],
    "summary": {"test_top1": 0.5},
}


@pytest.fixture(scope="module")
def params():
    config = NetworkSettings("shapesnet", width=0.0625)
    network = architectures.build_network(config, 2)
    return jax.tree.map(np.asarray, random_params(network, (16, 16, 3)))


def put(said, place, value):
    said = copy.deepcopy(said)
    *groups, last = place
    inner = said
    for group in groups:
        inner = inner[group]
    inner[last] = value
    return said


def test_what_is_saved_is_loaded(tmp_path, params):
    file = tmp_path / "w.safetensors"
    weights.save(file, params, SAID)
    trained = model.load_trained(file)
    assert trained.classes == ("a", "b") and trained.image_size == 16
    assert trained.weights.digest == weights.digest(params)


PLACES = [
    *(("config",), ("classes",), ("summary",), ("summary", "test_top1")),
    *(("config", "network"), ("config", "schedule"), ("config", "seed")),
    *(("config", "network", name) for name in NetworkSettings.__dataclass_fields__),
    ("config", "network", "stages"),
]
VALUES = [
    *(None, True, -1, 0, 10**6, 10**30, 1e300, float("nan"), float("inf"), "", "x"),
    *([], {}, [[]], [0], [[16, 1], [10**9, 1]], [[16]], [None], ["a", 3], {"a": 1}),
    *("\x1b[31m", "o" * 10_000, [1e6, 1e6, 1e6], [0, 0, 0], [10**9]),
]


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=st.sampled_from(VALUES))
def test_whatever_it_says_it_is_loaded_or_refused(
    place, value, tmp_path_factory, params
):
    file = tmp_path_factory.mktemp("w") / "w.safetensors"
    weights.save(file, params, put(SAID, place, value))
    try:
        trained = model.load_trained(file)
    except BadInput as error:
        assert str(file) in str(error) and str(error).isprintable()
        assert len(str(error)) < 2100
        return
    assert trained.weights.digest == weights.digest(params)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (
            ("config", "network", "width"),
            10**6,
            "`network.width` is 1000000; it must be",
        ),
        (("config", "network", "hidden"), [10**9], "`network.hidden[0]` is 1000000000"),
        (
            ("config", "network", "std"),
            [0, 1, 1],
            "`network.std[0]` is 0; it must be a",
        ),
        (("config", "network", "depth"), 3, "`network` has 'depth'; it may have archi"),
        (
            ("config", "schedule"),
            [[10**9, 1]],
            "`training.schedule[0][0]` is 1000000000",
        ),
        (
            ("config", "schedule"),
            [],
            "`training.schedule` is (); it must be a tuple of",
        ),
        (("classes",), "ab", "`training.classes` is 'ab'; it must be a tuple of 1 or"),
        (
            ("summary", "test_top1"),
            "good",
            "`training.test_top1` is 'good'; it must be",
        ),
        (("config",), 3, "`config` is no object"),
    ],
)
def test_what_cannot_be_is_named(place, value, said, tmp_path, params, capsys):
    file = tmp_path / "w.safetensors"
    weights.save(file, params, put(SAID, place, value))
    asked = ["dissect", "--weights", str(file), "--layers", "all"]
    assert said in fails(capsys, *asked)
    assert [f.name for f in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", "[]", "[" * 100_000, "1" * 5000, '{"config": {"network": 1}}'],
)
def test_provenance_that_is_no_json_object(text, tmp_path, params):
    file = tmp_path / "w.safetensors"
    header = {"provenance": text, "sha256": weights.digest(params)}
    weights.write_arrays(file, weights.flattened(params), header)
    with pytest.raises(BadInput, match=r"w\.safetensors"):
        model.load_trained(file)


def test_the_network_it_names_is_never_made(tmp_path, params):
    """Shapes are compared with the header's; what they would take is not allocated."""
    file = tmp_path / "w.safetensors"
    large = put(SAID, ("config", "network"), {"width": 16, "hidden": [65536, 65536]})
    weights.save(file, params, put(large, ("config", "schedule"), [[8192, 1]]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match="its network has"):
        model.load_trained(file)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000  # kilobytes; its first hidden layer alone would be 2 GB


def flipped(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'\\"seed\\": 0', b'\\"seed\\": 1', "provenance does not match its SHA-256"),
        (b"provenance_sha256", b"provenance_sha257", "metadata 'provenance_sha257'"),
        (b'"sha256"', b'"sha257"', "lacks the metadata"),
    ],
)
def test_a_flipped_bit_in_the_metadata_is_noticed(old, new, said, tmp_path, params):
    file = tmp_path / "w.safetensors"
    weights.save(file, params, SAID)
    file.write_bytes(flipped(file.read_bytes(), old, new))
    with pytest.raises(BadInput, match=said):
        model.load_trained(file)


def test_files_from_before_there_was_a_second_digest_are_read(tmp_path, params):
    file = tmp_path / "w.safetensors"
    header = {"provenance": json.dumps(SAID), "sha256": weights.digest(params)}
    weights.write_arrays(file, weights.flattened(params), header)
    assert model.load_trained(file).weights.digest == weights.digest(params)
    assert model.load_trained(None).classes[0] == "harbour"  # the bundled one is such


@pytest.mark.parametrize(
    "names", [("a", "a/b"), ("a/b", "a"), ("/".join("a" * 5000),), ("", "/")]
)
def test_names_of_arrays_that_cannot_be(names, tmp_path):
    file = tmp_path / "w.safetensors"
    arrays = {name: np.zeros(2, np.float32) for name in names}
    header = {"provenance": json.dumps(SAID), "sha256": "0" * 64}
    weights.write_arrays(file, arrays, header)
    for read in (weights.load, model.load_trained):
        with pytest.raises(BadInput, match=r"w\.safetensors"):
            read(file)


@pytest.mark.parametrize(
    ("dtype", "shape", "offsets"),
    [
        ("F32", [2**40], [0, 8]),
        ("F32", [2, 2**62], [0, 8]),
        ("F32", [0, 2**62], [0, 0]),
        ("BF16", [4], [0, 8]),
        ("F8_E4M3", [8], [0, 8]),
        ("F32", [-2], [0, 8]),
        ("F32", [2], [8, 0]),
        ("F32", [2], [0, 2**63]),
    ],
)
def test_headers_that_ask_for_more_than_there_is(dtype, shape, offsets, tmp_path):
    header = {
        "a/params/b": {"dtype": dtype, "shape": shape, "data_offsets": offsets},
        "__metadata__": {"provenance": json.dumps(SAID), "sha256": "0" * 64},
    }
    text = json.dumps(header).encode()
    file = tmp_path / "w.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offsets[-1] % 64))
    for read in (weights.load, model.load_trained):
        with pytest.raises(BadInput, match=r"w\.safetensors"):
            read(file)
