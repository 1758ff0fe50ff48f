"""What earlier runs left is read as it was written, or refused with file and key."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_saved_dissection import made_up, write

from jaxdissect import weights
from jaxdissect.errors import BadInput
from jaxdissect.experiments.attack import units
from jaxdissect.experiments.dissect import saved
from jaxdissect.model import Model
from jaxdissect.runs import records, saved_files

RUN = {
    "command": "dissect",
    "weights": "abc" * 8,
    "images": "def" * 8,
    "config": {
        **{"images": "scenes", "split": "", "seed": 0, "categories": []},
        **{"colours": False, "random_weights": False, "layers": ["conv5"]},
    },
    "files": {"iou.npz": "123"},
}
ABLATION = {
    "command": "ablate",
    "weights": "abc" * 8,
    "config": {
        **{"layers": ["conv5"], "rank_split": "rank", "report_split": "report"},
        **{"num_rank": 10, "rank_by": "log_probability", "value": "zero"},
        "data": {"name": "scenes"},
    },
}
WRONG = [None, [], {}, "", "x" * 500, -1, 1e400, True, [None], {"a": {}}, "\ud800"]
GONE = object()


@pytest.fixture(scope="module")
def dissected(tmp_path_factory):
    folder = write(
        tmp_path_factory.mktemp("made") / "",
        made_up(),
        summary={"num_images": 12, "labels": {}},
    )
    with np.load(folder / "iou.npz") as arrays:
        found = dict(arrays)
    np.savez_compressed(folder / "iou.npz", **found, top_peaks=np.ones((4, 2)))
    (folder / "run.json").write_text(json.dumps(RUN))
    return folder


@pytest.fixture
def copy(dissected, tmp_path):
    return shutil.copytree(dissected, tmp_path / "copy")


def read_all(folder):
    """All that later commands read of a dissection."""
    asked = saved.open_dissection(folder)
    saved._record_in(folder, asked.run["weights"], "conv5")
    return asked


def test_what_is_whole_is_read(dissected):
    asked = read_all(dissected)
    assert asked.run == {k: v for k, v in RUN.items() if k != "files"}
    assert (asked.layer, asked.num_images) == ("conv5", 12)
    np.testing.assert_allclose(asked.tails, 1 - np.linspace(0, 1, 4), atol=1e-6)


def keys_of(value, path=()):
    """The path of every value in a JSON document."""
    if path:
        yield path
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in inner:
            yield from keys_of(each, (*path, key))


def changed(value, path, new):
    """A document with one value replaced or taken away."""
    value = json.loads(json.dumps(value))
    at = value
    for key in path[:-1]:
        at = at[key]
    if new is GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return value


@pytest.mark.parametrize("name", ["run.json", "summary.json", "cards.json"])
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_value_changed_in_json_is_read_or_refused_with_the_file(name, copy, data):
    whole = (copy / name).read_text()
    document = json.loads(whole)
    path = data.draw(st.sampled_from(list(keys_of(document))))
    new = data.draw(st.sampled_from([*WRONG, GONE]))
    (copy / name).write_text(json.dumps(changed(document, path, new)))
    try:
        read_all(copy)
    except BadInput as error:
        said = str(error)
        assert "\n" not in said and len(said) < 1000
    finally:
        (copy / name).write_text(whole)


REFUSED = [
    ("run.json", ("weights",), GONE, r"run\.json: `weights` is missing"),
    ("run.json", ("config", "seed"), "x", r"`config\.seed` is 'x'; it must be a whole"),
    ("run.json", ("config", "layers"), 3, r"`config\.layers` is 3; it must be a list"),
    ("run.json", ("files",), [1], r"run\.json is damaged: `files`"),
    ("summary.json", ("num_images",), None, "`num_images` is None"),
    ("summary.json", ("best_iou",), "?", r"summary\.json: `best_iou` is '\?'"),
    ("summary.json", ("protocol", "stride"), 0, "`protocol`: `stride` is 0"),
    ("summary.json", ("facts", "layer"), GONE, r"`facts\.layer` is missing"),
    ("cards.json", (1, "iou"), None, r"cards\.json: `unit 1\.iou` is None"),
    ("cards.json", (0, "ranking"), {}, r"`unit 0\.ranking` is {}; it must be a list"),
]


@pytest.mark.parametrize(("name", "path", "new", "said"), REFUSED)
def test_the_sentence_names_file_and_key(name, path, new, said, copy):
    document = json.loads((copy / name).read_text())
    (copy / name).write_text(json.dumps(changed(document, path, new)))
    with pytest.raises(BadInput, match=said):
        read_all(copy)


NAMES = ["run.json", "summary.json", "cards.json", "iou.npz"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "contents",
    [
        *(b"", b"null", b"[1", b"\xff\xfe\x00", b"NaN", b'{"a": NaN}', b"9" * 5000),
        *(b"[" * 100_000, None, "folder", "half", "flipped"),
    ],
    ids=lambda c: repr(c)[:12],
)
def test_files_that_are_none_are_refused(name, contents, copy):
    file, whole = copy / name, (copy / name).read_bytes()
    file.unlink()
    if contents == "folder":
        file.mkdir()
    elif contents == "half":
        file.write_bytes(whole[: len(whole) // 2])
    elif contents == "flipped":
        file.write_bytes(bytes(255 - b for b in whole))
    elif contents is not None:
        file.write_bytes(contents)
    with pytest.raises(BadInput) as refused:
        read_all(copy)
    assert "\n" not in str(refused.value)
    assert name in str(refused.value) or "holds no dissection" in str(refused.value)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_arrays_is_read_or_refused(copy, at, bit):
    whole = (copy / "iou.npz").read_bytes()
    data = bytearray(whole)
    data[int(at * len(data))] ^= 1 << bit
    (copy / "iou.npz").write_bytes(data)
    try:
        read_all(copy)
    except BadInput as error:
        assert "iou.npz" in str(error) or "dissect again" in str(error)
    finally:
        (copy / "iou.npz").write_bytes(whole)


def with_arrays(folder, **changed_arrays):
    with np.load(folder / "iou.npz") as arrays:
        found = {**arrays, **changed_arrays}
    found = {name: array for name, array in found.items() if array is not None}
    np.savez_compressed(folder / "iou.npz", **found)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"iou": np.zeros(4)}, r"`iou` has shape \(4,\); it must be \(any, any\)"),
        ({"iou": None}, r"iou\.npz: the array `iou` is missing"),
        ({"iou": np.full((4, 3), np.nan)}, "`iou` has values that are not finite"),
        ({"iou": np.full((4, 3), -1.0)}, "`iou` has values below 0"),
        ({"iou": np.full((4, 3), "x")}, "`iou` has values of <U1"),
        ({"iou": np.array([[None] * 3] * 4)}, r"iou\.npz is damaged \(Object arrays"),
        ({"thresholds": np.zeros(3)}, r"`thresholds` has shape \(3,\)"),
        ({"concepts": np.array(["a"])}, r"`concepts` has shape \(1,\)"),
        ({"top_peaks": np.zeros((4, 0))}, "is of no images"),
        ({"top_peaks": np.zeros(4)}, r"`top_peaks` has shape"),
        ({"intersection": np.zeros((3, 4))}, r"`intersection` has shape \(3, 4\)"),
    ],
)
def test_arrays_of_other_shapes_and_values_are_refused(arrays, said, copy):
    with_arrays(copy, **arrays)
    with pytest.raises(BadInput, match=said):
        read_all(copy)


@pytest.mark.parametrize("path", list(keys_of(ABLATION)))
@pytest.mark.parametrize("new", [GONE, None, {}, 7.5])
def test_an_ablation_s_record_is_looked_at_before_its_use(path, new, tmp_path):
    known = weights.Weights({}, {}, "abc" * 8)
    trained = Model((), known, 8, ("a", "b"), {})
    (tmp_path / "run.json").write_text(json.dumps(ABLATION))
    assert units._record_of_ablation(tmp_path, trained, "conv5").run == ABLATION
    (tmp_path / "run.json").write_text(json.dumps(changed(ABLATION, path, new)))
    with pytest.raises(BadInput):
        units._record_of_ablation(tmp_path, trained, "conv5")


def test_a_record_is_read_without_its_files(copy):
    found = records.read(copy)
    assert found.files == {"iou.npz": "123"} and "files" not in found.run


def test_numbers_are_of_their_type(tmp_path):
    file = Path("a.json")
    assert saved_files.typed(3, float, "x", file) == 3.0
    for value, hint in [(True, int), (1.0, int), (10**400, float), (10**30, int)]:
        with pytest.raises(BadInput, match=r"a\.json: `x` is"):
            saved_files.typed(value, hint, "x", file)
