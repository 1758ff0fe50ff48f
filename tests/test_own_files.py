"""Files of users, in all the ways they can be written and fail."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxdissect import networks, own_files
from jaxdissect.errors import BadInput
from jaxdissect.runs import subjects
from jaxdissect.settings import SubjectSettings

NET = """
import jax, jax.numpy as jnp
from jaxdissect import adapters, networks

def made(last=lambda v, a: a.mean((1, 2)) @ jnp.eye(4), trunk=None, size=8, **more):
    def first(v, x):
        return jnp.concatenate([x, x[..., :1] - x[..., 1:2]], -1)
    functions = {"trunk": trunk or first, "logits": last}
    network, params = adapters.chain(functions, {}, jnp.zeros((1, size, size, 3)))
    return networks.Classifier(network, params, size, **more)

def build():
    return made()
"""


def written(path, text="", before=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before + NET + text)
    return path


def load(file, function="build"):
    return subjects.load(SubjectSettings(network=f"{file}:{function}"))


def refused(file, function="build"):
    with pytest.raises(BadInput) as error:
        load(file, function)
    said = str(error.value)
    assert file.name in said and "\n" not in said and len(said) < 1000
    return said


def test_postponed_annotations_and_dataclasses(tmp_path):
    text = """
import dataclasses, typing

@dataclasses.dataclass
class Settings:
    size: int = 8
    kind: typing.ClassVar[str] = "a"

def build():
    typing.get_type_hints(Settings)
    return made(size=Settings().size)
"""
    before = "from __future__ import annotations\n"
    assert load(written(tmp_path / "own.py", text, before)).image_size == 8


@pytest.mark.parametrize("name", ["jax.py", "random.py", "2 nets-v1.0.py", "torch.py"])
def test_names_of_files_that_are_others_or_none(tmp_path, name):
    text = "import random, colorsys\nimport numpy.random\n\nrandom.Random(0)\n"
    assert load(written(tmp_path / name, text)).classes[0] == "class 0"
    assert set(tmp_path.iterdir()) == {tmp_path / name}  # nothing is left there


def test_files_of_one_name_have_neighbours_of_their_own(tmp_path):
    text = """
import neighbour
from . import neighbour as same

def build():
    import later
    assert same.SCALE == neighbour.SCALE == later.SCALE
    return made(lambda v, a: neighbour.SCALE * a.mean((1, 2)))
"""
    for folder, scale in (("a", 1.0), ("b", 2.0)):
        file = written(tmp_path / folder / "own.py", text)
        for name in ("neighbour", "later"):
            (file.parent / f"{name}.py").write_text(f"SCALE = {scale}\n")
    one, two = (load(tmp_path / folder / "own.py") for folder in "ab")
    images = one.tried.images
    for found, scale in ((one, 1), (two, 2)):
        logits = networks.apply(found.network, {}, images)
        want = scale * images.mean((1, 2))
        np.testing.assert_allclose(logits[:, :3], want, rtol=1e-5)
    assert "neighbour" not in sys.modules and one.weights.digest != two.weights.digest


def test_files_in_packages_import_what_is_around_them(tmp_path):
    text = "from ..sizes import SIZE\nfrom .. import sizes\nimport pack.sizes\n"
    text += "\ndef build():\n    return made(size=SIZE)\n"
    file = written(tmp_path / "pack" / "inner" / "own.py", text)
    for folder in (tmp_path / "pack", tmp_path / "pack" / "inner"):
        (folder / "__init__.py").touch()
    (tmp_path / "pack" / "sizes.py").write_text("SIZE = 12\n")
    assert load(file).image_size == 12


FAILING = {
    "raise SystemExit(3)": "SystemExit: 3",
    "import sys; sys.exit('no weights')": "SystemExit: no weights",
    "raise BaseException('odd')": "BaseException: odd",
    "raise GeneratorExit": "GeneratorExit",
    "raise ValueError('one\\n\\ntwo' + 'x' * 10**5)": "ValueError: one",
    "raise KeyError": "KeyError",
    "return 1 / 0": "ZeroDivisionError: division by zero",
    "return made(trunk=lambda v, x: x.shape.nope)": "AttributeError",
    "return adapters.chain({}, {}, jnp.ones((1, 8, 8, 3)))": "`functions` has []",
}


@pytest.mark.parametrize("body", list(FAILING))
def test_whatever_a_function_raises_is_a_sentence(tmp_path, body):
    file = written(tmp_path / "own.py", f"\ndef build():\n    {body}\n")
    assert FAILING[body] in refused(file)
    if "return" not in body:
        said = refused(written(tmp_path / "own.py", body + "\n"))
        assert FAILING[body] in said


def test_an_interrupt_stays_one(tmp_path):
    text = "\ndef build():\n    raise KeyboardInterrupt\n"
    with pytest.raises(KeyboardInterrupt):
        load(written(tmp_path / "own.py", text))


FIELDS = {
    "classes=None": "`classes` is None",
    "classes='abcd'": "`classes` is 'abcd'",
    "classes=(1, 2, 3, 4)": "`classes` is (1, 2, 3, 4)",
    "classes=('a', 'b')": "names 2 classes, but gives 4",
    "image_size=(8, 8)": "`image_size` is (8, 8)",
    "image_size=8.0": "`image_size` is 8.0",
    "image_size=True": "`image_size` is True",
    "image_size=-8": "`image_size` is -8",
    "network=()": "`network` is ()",
    "network='vgg16'": "`network` is 'vgg16'",
    "network=made().network * 2": "several stages called 'logits'",
    "params=None": "`params` is None",
    "params={'trunk': 'w.npz'}": "`params` is {'trunk': 'w.npz'}",
    "ends_in='sigmoid'": "`ends_in` is 'sigmoid'",
}


@pytest.mark.parametrize("field", list(FIELDS))
def test_fields_of_other_types_are_refused_by_name(tmp_path, field):
    text = f"\ndef build():\n    return made()._replace({field})\n"
    assert FIELDS[field] in refused(written(tmp_path / "own.py", text))


def test_lists_and_numbers_of_numpy_are_taken(tmp_path):
    text = """
import numpy as np

def build():
    few = {"network": list(made().network), "image_size": np.int64(8)}
    return made()._replace(**few, classes=np.array(["a", "b", "c", "d"]))
"""
    assert load(written(tmp_path / "own.py", text)).classes == ("a", "b", "c", "d")


BATCHES = {
    "a.mean((1, 2)).squeeze() @ jnp.eye(4)": "has the shape [4] for one image",
    "a.mean((0, 1, 2))[None] @ jnp.eye(4)": "[1, 4] for one image and [1, 4] for th",
    "(a - a.mean(0)).mean((1, 2))": "other outputs among other images",
    "a.mean((1, 2)) * (1 + jnp.arange(len(a)))[:, None]": "other outputs among",
    "a.mean((1, 2)) * jax.random.bernoulli(jax.random.key(0), .5, (len(a), 4))": (
        "other outputs among other images"
    ),
}


@pytest.mark.parametrize("last", list(BATCHES))
def test_outputs_that_depend_on_the_batch_are_refused(tmp_path, last):
    text = f"""
def build():
    network = made().network
    def apply(v, a):
        return {last}
    return made()._replace(network=(network[0], network[1]._replace(apply=apply)))
"""
    assert BATCHES[last] in refused(written(tmp_path / "own.py", text))


def test_errors_at_run_time_are_sentences(tmp_path):
    text = """
import numpy as np

def calling(function):
    def last(v, a):
        like = jax.ShapeDtypeStruct((len(a), 4), jnp.float32)
        return jax.pure_callback(function, like, a.mean((1, 2)))
    return made(last)

def fails(a):
    raise OSError("no such table")

def build():
    return calling(fails)

def works():
    return calling(np.asarray)
"""
    file = written(tmp_path / "own.py", text)
    said = refused(file)
    assert "JaxRuntimeError" in said and "OSError: no such table" in said
    assert load(file, "works").classes[3] == "class 3"


def test_errors_with_other_batches_are_sentences(tmp_path):
    text = """
def build():
    def last(v, a):
        assert len(a) < 10, "too many images"
        return a.mean((1, 2))
    return made(last)
"""
    found = load(written(tmp_path / "own.py", text))
    with pytest.raises(BadInput, match=r"own.py.*\[10, 8, 8, 4\].*too many"):
        networks.apply(found.network, {}, np.zeros((10, 8, 8, 3), np.float32))


@pytest.mark.slow
def test_a_command_ends_with_the_sentence_and_code_2(tmp_path):
    file = written(tmp_path / "own.py", "\nraise SystemExit(0)\n")
    command = "import sys; from jaxdissect.cli import main; main(sys.argv[1:])"
    for arguments in (["dissect"], ["ablate"], ["dissect", "configs/explain.py"]):
        done = subprocess.run(
            [sys.executable, "-c", command, *arguments, "--network", f"{file}:build"],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert done.stderr.count("\n") == 1 and "SystemExit: 0" in done.stderr


def test_what_errors_say_is_one_short_line():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    assert own_files.said(Mute()) == "Mute"
    assert own_files.said(ValueError("a\x1b[2J\rb")) == "ValueError: a?[2J"
    assert len(own_files.said(ValueError("x" * 10**6))) < 400
