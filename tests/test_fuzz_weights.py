"""Weights of our own and of PyTorch, spoilt in every way, and hostile pickles."""

import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from fuzzing import judging, mutations, results
from fuzzing import world as tiny
from fuzzing.bench import Bench
from reference import state_dicts
from reference.torch_files import save_archive, save_stream

from jaxdissect import checkpoints, weights

pytestmark = pytest.mark.slow

OWN = "weights.safetensors"


@pytest.fixture(scope="module")
def own(world, tmp_path_factory):
    """A dissection of what `train` wrote."""
    settings = ["--layers", tiny.LAYER, *tiny.probed(world)]
    return Bench(
        tmp_path_factory.mktemp("own"),
        world / "training",
        (OWN,),
        lambda copy: ["dissect", "--weights", copy / OWN, *settings],
    )


@pytest.mark.parametrize("mutation", mutations.BYTES)
def test_bytes(own, mutation):
    assert own.faults(OWN, mutations.BYTES[mutation]) == []


def of_provenance(mutate):
    """A mutation of the provenance, the file being sound otherwise."""

    def of_file(path):
        loaded, told = weights.load(path), path.with_name("told.json")
        told.write_text(json.dumps(dict(loaded.metadata)))
        mutate(told)
        metadata = json.loads(told.read_text())
        told.unlink()
        weights.save(path, loaded.params, metadata)

    return of_file


NEEDED = ("config/network", "config/schedule", "classes")


@pytest.mark.parametrize("kind", ["missing", *mutations.WRONG])
def test_every_key_of_the_provenance(own, kind, tmp_path):
    told = tmp_path / "told.json"
    told.write_text(json.dumps(dict(weights.load(own.origin / OWN).metadata)))
    cases = [
        (name, of_provenance(mutate))
        for name, mutate in results.json_cases(told, kind)
        if name.split()[1].startswith(NEEDED)
    ]
    assert own.all_faults(OWN, cases, at_least=5) == ""


def of_header(change):
    """A mutation of the header of a safetensors file."""

    def mutate(path):
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        length, header = change(length, header)
        text = json.dumps(header).encode() if header is not None else b""
        length = len(text) if length is None else length
        path.write_bytes(struct.pack("<Q", length) + text + data[8 + length :])

    return mutate


def with_tensor(**changed):
    """The first tensor's entry says something else."""

    def change(length, header):
        name = min(name for name in header if name != "__metadata__")
        return None, {**header, name: {**header[name], **changed}}

    return change


def with_metadata(**changed):
    """The metadata says something else; None leaves it out."""

    def change(length, header):
        told = {**header["__metadata__"], **changed}
        told = {name: value for name, value in told.items() if value is not None}
        return None, {**header, "__metadata__": told}

    return change


HEADERS = {
    "seven-gigabytes": lambda length, header: (7 * 10**9, header),
    "the-longest-there-is": lambda length, header: (2**64 - 1, header),
    "no-header": lambda length, header: (0, None),
    "a-list": lambda length, header: (None, [header]),
    "no-tensors": lambda length, header: (
        None,
        {"__metadata__": header["__metadata__"]},
    ),
    "a-shape-of-terabytes": with_tensor(shape=[10**6, 10**6]),
    "a-shape-beyond-numbers": with_tensor(shape=[2**63, 2**63]),
    "a-negative-shape": with_tensor(shape=[-1]),
    "an-unknown-type": with_tensor(dtype="Q9"),
    "offsets-beyond-the-end": with_tensor(data_offsets=[0, 10**12]),
    "offsets-the-wrong-way": with_tensor(data_offsets=[8, 0]),
    "no-provenance": with_metadata(provenance=None),
    "no-digest": with_metadata(sha256=None),
    "another-digest": with_metadata(sha256="0" * 64),
    "an-empty-digest": with_metadata(sha256=""),
    "provenance-of-no-json": with_metadata(provenance="{"),
    "provenance-a-list": with_metadata(provenance="[]"),
    "provenance-null": with_metadata(provenance="null"),
    "provenance-nan": with_metadata(provenance="NaN"),
    "provenance-nested": with_metadata(provenance="[" * 100_000),
    "provenance-of-another": with_metadata(provenance='{"classes": ["a", "b"]}'),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(own, name):
    assert own.faults(OWN, of_header(HEADERS[name])) == []


def of_params(change):
    """A mutation of the arrays, with a digest of their own."""

    def mutate(path):
        loaded = weights.load(path)
        arrays = dict(weights.flattened(loaded.params))
        weights.save(path, weights.nested(change(arrays)), loaded.metadata)

    return mutate


FIRST = "conv1.conv/params/kernel"
ARRAYS = {
    "missing": lambda arrays: {k: v for k, v in arrays.items() if k != FIRST},
    "one-more": lambda arrays: {**arrays, "conv9/params/kernel": np.ones(3)},
    "another-shape": lambda arrays: {**arrays, FIRST: arrays[FIRST][..., :1]},
    "of-whole-numbers": lambda arrays: {**arrays, FIRST: arrays[FIRST].astype(int)},
    "of-booleans": lambda arrays: {**arrays, FIRST: arrays[FIRST] > 0},
    "nan": lambda arrays: {**arrays, FIRST: arrays[FIRST] * np.float32(np.nan)},
    "infinite": lambda arrays: {
        **arrays,
        FIRST: np.full_like(arrays[FIRST], np.inf),
    },
    "none": lambda arrays: {},
    "scalar": lambda arrays: {**arrays, FIRST: np.float32(1)},
    "empty": lambda arrays: {**arrays, FIRST: arrays[FIRST][..., :0]},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(own, name):
    assert own.faults(OWN, of_params(ARRAYS[name])) == []


SAVERS = {"archive": save_archive, "stream": save_stream}


@pytest.fixture(scope="module")
def arrays():
    return state_dicts.made_up(state_dicts.alexnet_shapes(2))


def asked(file, world, out):
    """A dissection of a checkpoint of PyTorch."""
    size = ["--preprocessing.size", 96, "--layers", "conv5"]
    return ["dissect", "--weights", file, *size, *tiny.probed(world), "--out", out]


def faults(file, world, tmp_path):
    """What is wrong when a checkpoint is not refused."""
    out = tmp_path / "place" / "out"
    out.parent.mkdir()
    judge = judging.Judge(file.parent, out)
    return judge.faults(*asked(file, world, out), harmless=False)


LOUD = [name for name in mutations.BYTES if not name.startswith("bits")]
"""Flips in numbers go unseen in a stream, which has no check sums."""
PREFIXED = ("not-utf-8", "control-characters")
"""An archive is read from its end; what stands before it changes nothing."""


@pytest.mark.parametrize("mutation", LOUD)
@pytest.mark.parametrize("form", SAVERS)
def test_bytes_of_pytorch(form, mutation, arrays, world, tmp_path):
    file = tmp_path / "in" / "model.pth"
    file.parent.mkdir()
    SAVERS[form](arrays, file)
    if form == "stream" and mutation == "a-page-of-zeros":
        file.write_bytes(bytes(64) + file.read_bytes()[64:])
    elif mutation == "a-page-of-zeros":
        file.write_bytes(file.read_bytes()[:-2000] + bytes(2000))
    else:
        mutations.BYTES[mutation](file)
    harmless = form == "archive" and mutation in PREFIXED
    assert harmless_or_refused(file, arrays, world, tmp_path, harmless)


def harmless_or_refused(file, arrays, world, tmp_path, may_be):
    """Refused, or, where that may be, every number is read as it was written."""
    found = faults(file, world, tmp_path)
    if found != ["accepted"]:
        return found == []
    state = checkpoints.read_state(file)
    return may_be and all(
        np.array_equal(state.read(name), array) for name, array in arrays.items()
    )


@pytest.mark.parametrize("seed", range(12))
def test_bits_of_an_archive(seed, arrays, world, tmp_path):
    file = tmp_path / "in" / "model.pth"
    file.parent.mkdir()
    save_archive(arrays, file)
    with zipfile.ZipFile(file) as archive:
        infos = [i for i in archive.infolist() if i.file_size > 64]
        info = infos[seed % len(infos)]
    data = bytearray(file.read_bytes())
    at = (
        info.header_offset
        + 200
        + np.random.default_rng(seed).integers(max(1, info.file_size - 200))
    )
    data[int(at)] ^= 1 << seed % 8
    file.write_bytes(bytes(data))
    assert harmless_or_refused(file, arrays, world, tmp_path, True)


class Hostile:
    """Calls something when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


CALLS = {
    "system": lambda mark: Hostile(os.system, f"touch {mark}"),
    "open": lambda mark: Hostile(open, str(mark), "w"),
    "eval": lambda mark: Hostile(eval, f"open({str(mark)!r}, 'w')"),
    "exec": lambda mark: Hostile(exec, f"open({str(mark)!r}, 'w')"),
    "getattr": lambda mark: Hostile(getattr, "x", "upper"),
    "import": lambda mark: Hostile(__import__, "antigravity"),
    "mkdir": lambda mark: Hostile(os.mkdir, str(mark)),
    "loads": lambda mark: Hostile(
        pickle.loads, pickle.dumps(Hostile(os.system, f"touch {mark}"))
    ),
    "exit": lambda mark: Hostile(os._exit, 3),
    "bytes-of-gigabytes": lambda mark: Hostile(bytearray, 2**40),
}


def hostile_archive(value, file):
    contents = io.BytesIO()
    with zipfile.ZipFile(contents, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(value, 2))
        archive.writestr("model/version", "3\n")
    file.write_bytes(contents.getvalue())


def hostile_stream(value, file):
    magic = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    file.write_bytes(b"".join([*magic, pickle.dumps(value, 2), pickle.dumps([], 2)]))


def hostile_bare(value, file):
    file.write_bytes(pickle.dumps(value, 2))


WRITERS = [hostile_archive, hostile_stream, hostile_bare]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("call", CALLS)
def test_hostile_pickles(call, write, world, tmp_path):
    file, mark = tmp_path / "in" / "model.pth", tmp_path / "mark"
    file.parent.mkdir()
    write({"state_dict": {"a": CALLS[call](mark)}}, file)
    assert faults(file, world, tmp_path) == []
    assert not mark.exists()


VALUES = {
    "none": None,
    "a-number": 3,
    "text": "x" * 100_000,
    "a-list": [1, 2],
    "an-empty-dict": {},
    "numbers": {"a": 1, "b": 2.0},
    "nested": {"a": {"b": {"c": {}}}},
    "control-names": {"\x1b[31m\x07": 1},
    "bytes": b"\0" * 99,
    "huge": 10**5000,
}


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", VALUES)
def test_pickles_without_tensors(name, write, world, tmp_path):
    file = tmp_path / "in" / "model.pth"
    file.parent.mkdir()
    write(VALUES[name], file)
    assert faults(file, world, tmp_path) == []
