"""PyTorch's files without PyTorch: what is data is read, what is code never runs."""

import argparse
import collections
import datetime
import decimal
import fractions
import pathlib
import pickle
import types
import uuid
import zipfile

import numpy as np
import pytest
from reference import state_dicts
from reference.torch_files import (
    Call,
    Name,
    Stored,
    save_archive,
    save_plain,
    save_stream,
)

from jaxdissect.checkpoints import read_state
from jaxdissect.checkpoints.pytorch_files import MAKERS
from jaxdissect.errors import BadInput

SAVERS = [save_archive, save_stream]
KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
STATE = {"fc.weight": KERNEL, "fc.bias": np.array([7, 8], np.float16)}


def refusal(file, **given):
    with pytest.raises(BadInput) as refused:
        read_state(file, **given)
    sentence = str(refused.value)
    assert "\n" not in sentence and ". " not in sentence
    return sentence.replace(str(file), "FILE")


def assert_is_state(state):
    assert dict(state.shapes) == {"fc.weight": (2, 3), "fc.bias": (2,)}
    np.testing.assert_array_equal(state.read("fc.weight"), KERNEL)
    np.testing.assert_array_equal(state.read("fc.bias"), [7, 8])
    assert state.read("fc.bias").dtype == np.float32


@pytest.mark.parametrize("save", SAVERS)
@pytest.mark.parametrize("ending", ["pth", "pt", "pth.tar", "th", "ckpt", "bin", "x"])
def test_both_forms_by_any_ending(save, ending, tmp_path):
    save(STATE, tmp_path / f"model.{ending}")
    if ending == "x" and save is save_stream:
        (tmp_path / "model.x").rename(tmp_path / "model")
        assert_is_state(read_state(tmp_path / "model"))
    else:
        assert_is_state(read_state(tmp_path / f"model.{ending}"))


LIGHTNING = {
    "epoch": 3,
    "pytorch-lightning_version": "2.1.0",
    "state_dict": STATE,
    "optimizer_states": [{"state": {0: {"exp_avg": KERNEL}}, "param_groups": []}],
    "hyper_parameters": Call(
        "pytorch_lightning.utilities.parsing:AttributeDict", {"lr": 0.1}
    ),
    "callbacks": {Name("pytorch_lightning.callbacks:ModelCheckpoint"): {"best": 1}},
}
NESTED = {
    "bare": STATE,
    "net": {"net": STATE, "acc": 91.7, "epoch": 9},
    "model": {"model": STATE, "optimizer": {"state": {0: {"exp_avg": KERNEL}}}},
    "state_dict": {"state_dict": STATE, "best_prec1": 91.7},
    "ema": {"ema": STATE, "updates": 4},
    "deep": {"checkpoint": {"weights": {"student": STATE}}},
    "in a list": [STATE, {"lr": 0.1}],
    "lightning": LIGHTNING,
    "random": {
        "model": STATE,
        "rng_state": np.zeros(8, np.uint8),
        "criterion": {"weight": np.ones(3, np.float32)},
        "optim_g": {"names": {"fc.weight": KERNEL}},
    },
    "itself": {"model": STATE},
}
NESTED["itself"]["again"] = NESTED["itself"]


@pytest.mark.parametrize("save", SAVERS)
@pytest.mark.parametrize("name", NESTED)
def test_wherever_the_state_dictionary_lies(save, name, tmp_path):
    save(NESTED[name], tmp_path / "model.pth")
    assert_is_state(read_state(tmp_path / "model.pth"))


WRAPPED = [
    "module.{}",
    "_orig_mod.{}",
    "module._orig_mod.{}",
    "_orig_mod.module.{}",
    "module.module.{}",
    "_fsdp_wrapped_module._orig_mod.{}",
]


@pytest.mark.parametrize("save", SAVERS)
@pytest.mark.parametrize("wrapped", [*WRAPPED, "inside"])
def test_wrappers_go_in_any_order(save, wrapped, tmp_path):
    def named(name):
        if wrapped == "inside":
            return name.replace(".", "._orig_mod.module.")
        return wrapped.format(name)

    file = tmp_path / "model.th"
    save({"net": {named(name): array for name, array in STATE.items()}}, file)
    assert_is_state(read_state(file))


def test_wrappers_stay_where_two_tensors_would_have_one_name(tmp_path):
    both = {"a.weight": KERNEL, "module.a.weight": 2 * KERNEL}
    save_archive(both, tmp_path / "model.pth")
    state = read_state(tmp_path / "model.pth")
    assert set(state.shapes) == set(both)
    np.testing.assert_array_equal(state.read("module.a.weight"), 2 * KERNEL)


DATA = {
    "arguments": argparse.Namespace(lr=0.1, layers=[1, 2], device="cuda"),
    "simple": types.SimpleNamespace(a=1, b={"c": 2}),
    "numbers": [np.float64(91.7), np.float32(1), np.int64(3), np.bool_(True)],
    "arrays": np.random.default_rng(0),
    "text": np.str_("a"),
    "dates": [
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        datetime.date(2026, 1, 2),
        datetime.timedelta(1),
    ],
    "paths": [pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("c:/d")],
    "containers": [
        collections.OrderedDict(a=1),
        collections.defaultdict(list, {"a": [1]}),
        collections.Counter("aab"),
        collections.deque([1, 2], maxlen=3),
        {1, 2},
        frozenset({3}),
        (1, (2, 3)),
    ],
    "values": [1 + 2j, range(3), slice(1, 2), bytearray(b"x"), b"y", None, 10**30],
    "exact": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=5)],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", DATA)
def test_plain_data_beside_the_tensors_is_passed_over(name, protocol, tmp_path):
    """As Python pickles it, in every protocol; a Generator is arrays and numbers."""
    written = pickle.dumps({"net": STATE, "other": DATA[name]}, protocol)
    (tmp_path / "model.pkl").write_bytes(written)
    assert_is_state(read_state(tmp_path / "model.pkl"))


@pytest.mark.parametrize("save", SAVERS)
def test_plain_data_of_other_machines(save, tmp_path):
    """Names that this machine could not import."""
    others = [
        Call("pathlib:WindowsPath", "c:", "x"),
        Call("pathlib._local:PosixPath", "x"),
        Call("numpy.core.multiarray:scalar", Call("numpy:dtype", "f8"), b"12345678"),
        Call("__builtin__:set", [1, 2]),
        Call("torch:Size", [1, 2]),
        Call("torch:device", "cuda", 0),
        Call("torch.torch_version:TorchVersion", "2.1"),
        Name("torch:float32"),
        Name("my_project.model:Network"),  # named, never called
        Call("lightning.fabric.utilities.data:AttributeDict"),
    ]
    save({"state_dict": STATE, "hparams": others}, tmp_path / "model.ckpt")
    assert_is_state(read_state(tmp_path / "model.ckpt"))


HOSTILE = [
    "os:system",
    "posix:system",
    "builtins:eval",
    "builtins:exec",
    "builtins:getattr",
    "builtins:__import__",
    "subprocess:Popen",
    "numpy.testing._private.utils:runstring",
    "numpy:load",
    "torch:load",
    "torch.hub:load",
    "torch.storage:_load_from_bytes",
    "pathlib:Path.unlink",
    "datetime:sys.exit",
    "operator:attrgetter",
    "functools:partial",
    "omegaconf.dictconfig:DictConfig",
    "omegaconf.base:ContainerMetadata",
    "my_project.model:Network",
    "argparse:ArgumentParser",
    "collections:namedtuple",
    "pickle:loads",
    "__torch__.torchvision.models.vgg:VGG",
]


@pytest.mark.parametrize("save", [*SAVERS, save_plain])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_data_is_refused_by_name(name, save, tmp_path):
    call = Call(name, "touch ran")
    value = {"note": call} if save is save_plain else {"net": STATE, "note": call}
    save(value, tmp_path / "model.pth")
    said = refusal(tmp_path / "model.pth")
    assert said == (
        f"FILE is refused: loading it would run {name.replace(':', '.')}; only tensors "
        "and plain data are read, such as `torch.save(model.state_dict(), path)` writes"
    )


class Runs:
    """Runs on being unpickled, by whichever opcode the protocol has for it."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return pathlib.Path.touch, (self.marker,)


def by_instance(marker):
    """The oldest opcode of all: a class called with what lies back to the mark."""
    return b"(S'touch " + str(marker).encode() + b"'\nios\nsystem\n."


def by_object(marker):
    return b"(cos\nsystem\nS'touch " + str(marker).encode() + b"'\no."


def by_state(marker):
    """A state given to something imported."""
    return b"cargparse\nNamespace\n}S'__setstate__'\ncos\nsystem\nsbS'" + (
        f"touch {marker}'\nb.".encode()
    )


@pytest.mark.parametrize("protocol", [*range(6), by_instance, by_object, by_state])
def test_no_opcode_runs_anything(protocol, tmp_path):
    marker = tmp_path / "ran"
    if callable(protocol):
        written = protocol(marker)
    else:
        written = pickle.dumps(Runs(marker), protocol)
    (tmp_path / "model.pth").write_bytes(written)
    assert "FILE is" in refusal(tmp_path / "model.pth")
    assert not marker.exists()
    if protocol is not by_state:
        pickle.loads(written)
        assert marker.exists()  # or nothing was shown


def test_what_makes_tensors_makes_nothing_else():
    """Every function that a file can call is ours."""
    for maker in MAKERS.values():
        assert maker.__module__ == "jaxdissect.checkpoints.pytorch_files"


SEVERAL = {
    "model and ema": (
        {"model": {**STATE}, "ema": {**STATE}, "epoch": 3},
        "model, ema",
    ),
    "generator and discriminator": (
        {"generator": {**STATE}, "discriminator": {**STATE}},
        "generator, discriminator",
    ),
    "state_dict_ema": (
        {"state_dict": {**STATE}, "state_dict_ema": {**STATE}},
        "state_dict, state_dict_ema",
    ),
    "deep": (
        {"nets": [{"teacher": {**STATE}}, {"student": {**STATE}}]},
        "nets.0.teacher, nets.1.student",
    ),
    "beside": ({**STATE, "ema": STATE}, "its own names, ema"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_of_several_networks_one_is_chosen(name, tmp_path):
    value, listed = SEVERAL[name]
    save_archive(value, tmp_path / "model.pth")
    assert refusal(tmp_path / "model.pth") == (
        f"FILE holds several state dictionaries, {listed}; `part` says which one is "
        "meant"
    )
    assert_is_state(read_state(tmp_path / "model.pth", listed.rpartition(", ")[2]))
    everything = read_state(tmp_path / "model.pth", "").shapes
    assert len(everything) == 4
    said = refusal(tmp_path / "model.pth", part="nothing")
    assert "`part` is 'nothing', which no name of FILE begins with; they" in said


@pytest.mark.parametrize("number", [np.int8, np.uint8, np.bool_])
def test_numbers_that_stand_for_others_are_not_read_as_weights(number, tmp_path):
    save_archive({"a.weight": KERNEL.astype(number)}, tmp_path / "model.pth")
    state = read_state(tmp_path / "model.pth")
    with pytest.raises(BadInput, match=r"a.weight is no array of floats \(its type is"):
        state.read("a.weight")


def test_arrays_of_numpy_are_tensors_too(tmp_path):
    columns = np.asfortranarray(KERNEL.astype(">f4"))
    (tmp_path / "model.pkl").write_bytes(
        pickle.dumps({"model": {"fc.weight": columns, "fc.bias": STATE["fc.bias"]}}, 2)
    )
    assert_is_state(read_state(tmp_path / "model.pkl"))


@pytest.mark.parametrize("kind", ["qtensor", "sparse_tensor"])
def test_tensors_without_plain_values_are_named(kind, tmp_path):
    made = {
        "qtensor": (KERNEL, 0, (2, 3), (3, 1), ("x", 0.1, 0), False, {}),
        "sparse_tensor": ("coo", (KERNEL, KERNEL, (2, 3), True)),
    }
    odd = Call(f"torch._utils:_rebuild_{kind}", *made[kind])
    save_archive({"net": {**STATE, "conv.weight": odd}}, tmp_path / "model.pth")
    state = read_state(tmp_path / "model.pth")
    assert state.shapes["conv.weight"] == (2, 3)
    with pytest.raises(BadInput, match=r"conv.weight is no array of floats \(ValueErr"):
        state.read("conv.weight")
    np.testing.assert_array_equal(state.read("fc.weight"), KERNEL)


@pytest.mark.parametrize("save", SAVERS)
def test_a_file_cut_short_or_flipped(save, tmp_path):
    file = tmp_path / "model.pth"
    save({"net": STATE, "lr": 0.1}, file)
    data = file.read_bytes()
    for kept in (*range(0, len(data) - 1, max(1, len(data) // 60)), len(data) - 1):
        file.write_bytes(data[:kept])
        said = refusal(file)
        assert said.startswith("FILE is truncated or no checkpoint of PyTorch (")
    rng = np.random.default_rng(0)
    for _ in range(200):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] ^= 1 << rng.integers(8)
        file.write_bytes(flipped)
        try:
            state = read_state(file)
            for name in state.shapes:
                state.read(name)
        except BadInput as refused:
            assert "\n" not in str(refused)


def test_a_flipped_bit_of_an_archive_is_noticed(tmp_path):
    file = tmp_path / "model.pth"
    save_archive(STATE, file)
    data = bytearray(file.read_bytes())
    data[data.index(KERNEL.tobytes()) + 5] ^= 1
    file.write_bytes(data)
    with pytest.raises(
        BadInput, match=r"is truncated or no checkpoint of PyTorch \(Bad"
    ):
        read_state(file).read("fc.weight")


def test_claims_cost_no_memory(tmp_path):
    """A small file that says it holds a large tensor: one number, over and over."""
    one, shape = Stored(np.zeros(1, np.float32)), (2**20, 2**20)
    repeated = (one, 0, shape, (0, 0), False, {})
    large = Call("torch._utils:_rebuild_tensor_v2", *repeated)
    save_archive({"fc.weight": large}, tmp_path / "model.pth")
    with pytest.raises(BadInput, match="it repeats what the file holds"):
        read_state(tmp_path / "model.pth").read("fc.weight")


def test_a_compressed_archive_is_not_pytorchs(tmp_path):
    file = tmp_path / "model.pth"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", pickle.dumps({}, 2))
    assert "compressed, as PyTorch never is" in refusal(file)


def test_an_archive_of_something_else(tmp_path):
    np.savez(tmp_path / "arrays.npz", KERNEL)
    assert "truncated or no checkpoint of PyTorch" in refusal(tmp_path / "arrays.npz")


def test_a_known_network_from_a_th_file_with_module(tmp_path):
    """As the widespread ResNets of CIFAR-10 come."""
    from jaxdissect.checkpoints import load_checkpoint

    arrays = state_dicts.made_up(state_dicts.cifar_resnet_shapes(10, depth=20))
    wrapped = {f"module.{name}": array for name, array in arrays.items()}
    save_stream({"state_dict": wrapped, "best_prec1": 91.7}, tmp_path / "resnet20.th")
    loaded = load_checkpoint(tmp_path / "resnet20.th")
    assert loaded.recognised.architecture == "resnet20"
    np.testing.assert_array_equal(
        loaded.params["fc"]["params"]["kernel"][0, 0].T, arrays["linear.weight"]
    )
