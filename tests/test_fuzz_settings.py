"""Config files and settings with wrong values everywhere, each in turn: refused."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fuzzing import judging, mutations

from jaxdissect.cli import EXPERIMENTS

pytestmark = pytest.mark.slow

CONFIGS = {kind.__name__: (name, kind) for name, kind in EXPERIMENTS.items()}
WRONG = {
    "object": "object()",
    "list": "[1]",
    "dict": "{}",
    "bytes": "b'x'",
    "nan": "float('nan')",
    "infinity": "float('inf')",
    "astronomical": "10 ** 400",
    "nul": "'a\\0b'",
    "long": "'x' * 100_000",
    "control": "'\\x1b[31mred\\x07'",
    "class": "int",
    "surrogate": "'\\udcff'",
}
"""Python for values that no setting can have, but for texts where texts are asked."""
TEXTS = ("long", "control", "surrogate")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where a command without --out would write."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(judging, "SECONDS", 20)
    return folder


def leaves(config: Any, path: tuple[str, ...] = ()):
    """(path, default) of every setting, those of nested configs included."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, (*path, field.name))
        else:
            yield (*path, field.name), value


def takes_text(name: str, default: Any) -> bool:
    """Whether a text is of the right type, so that only the run can refuse it."""
    return name in ("network", "split", "layer", "part") or isinstance(default, str)


def written(kind: type, path: tuple[str, ...], value: str) -> str:
    """A config file in which one setting has a value.

    It is put there behind the back of the class: under pytest, `__init__` checks types.
    """
    inside = ".".join(("config", *path[:-1]))
    return (
        f"from jaxdissect.experiments import {kind.__name__}\n\n"
        f"config = {kind.__name__}()\n"
        f"object.__setattr__({inside}, {path[-1]!r}, {value})\n"
    )


def own_settings(config: Any):
    """Settings by themselves; of trainings inside experiments, `train` has its own."""
    for path, default in leaves(config):
        if path[0] not in ("base", "small", "ask") or len(path) == 2:
            yield path, default


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", CONFIGS)
def test_every_setting_in_turn(name, wrong, tmp_path, place):
    command, kind = CONFIGS[name]
    file, faults = tmp_path / "inputs" / "mine.py", {}
    file.parent.mkdir()
    judge = judging.Judge(file.parent, place / "out")
    for path, default in own_settings(kind()):
        if wrong in TEXTS and takes_text(path[-1], default):
            continue
        if wrong == "infinity" and path[-2:-1] == ("block_norm",) and path[-1] in "pq":
            continue  # the largest of a group
        file.write_text(written(kind, path, WRONG[wrong]), "utf-8")
        # The layer of a table that is not named either: that is said first.
        named = f"{path[-1]}|`first`" if path[-1].endswith("_layer") else path[-1]
        found = judge.faults(command, file, named=named, harmless=False)
        if found:
            faults[".".join(path)] = found
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())


FILES = {
    "empty": b"",
    "not-utf-8": b"config = '\xff'\n",
    "nul": b"config = 1\0\n",
    "syntax": b"config = (\n",
    "indentation": b"  config = 1\n config = 2\n",
    "raises": b"raise ValueError('a\\nb\\x1b[31m' + 'x' * 100_000)\n",
    "raises-without-words": b"raise RuntimeError\n",
    "exits": b"import sys; sys.exit(0)\n",
    "exits-with-words": b"raise SystemExit('never mind')\n",
    "base-exception": b"class Mine(BaseException): pass\nraise Mine('out')\n",
    "generator-exit": b"raise GeneratorExit\n",
    "recursion": b"def f(): return f()\nf()\n",
    "no-config": b"settings = 3\n",
    "none": b"config = None\n",
    "a-class": b"from jaxdissect.experiments import DissectSettings as config\n",
    "a-dict": b"config = {'seed': 3}\n",
    "unknown-field": b"from jaxdissect.experiments import *\nDissectSettings(sed=3)\n",
    "of-another-command": b"from jaxdissect.experiments import AblateSettings\n"
    b"config = AblateSettings()\n",
    "words-that-fail": b"class E(Exception):\n    def __str__(self): raise ValueError\n"
    b"raise E\n",
    "a-lying-class": b"from jaxdissect.experiments import DissectSettings\n"
    b"class Mine(DissectSettings): pass\nconfig = Mine()\n",
    "missing-module": b"import no_such_module_anywhere\n",
    "closes-stdout": b"import io, sys\nraise BrokenPipeError('gone')\n",
}


@pytest.mark.parametrize("name", FILES)
def test_config_files(name, tmp_path, place):
    file = tmp_path / "inputs" / "mine.py"
    file.parent.mkdir()
    file.write_bytes(FILES[name])
    judge = judging.Judge(file.parent, place / "out")
    assert judge.faults("dissect", file, named="mine.py", harmless=False) == []


BYTES = [
    *("gone", "a-folder", "a-link-to-itself", "a-dangling-link"),
    *("not-utf-8", "another-kind"),
]


@pytest.mark.parametrize("mutation", BYTES)
def test_what_is_no_config_file(mutation, tmp_path, place):
    file = tmp_path / "inputs" / "mine.py"
    file.parent.mkdir()
    file.write_text("config = 3\n")
    mutations.BYTES[mutation](file)
    judge = judging.Judge(file.parent, place / "out")
    assert judge.faults("dissect", file, harmless=False) == []


LINES = [
    ("dissect", "--seed -1"),
    ("dissect", "--seed 1000000000000000000000000000000"),
    ("dissect", "--layers"),
    ("dissect", "--layers conv5_3 conv5_3"),
    ("dissect", "--layers nonsense"),
    ("dissect", "--num-images 0"),
    ("dissect", "--num-images -5"),
    ("dissect", "--batch-size 0"),
    ("dissect", "--num-draws 1"),
    ("dissect", "--protocol.tail-mass nan"),
    ("dissect", "--protocol.tail-mass 0"),
    ("dissect", "--protocol.min-iou 1"),
    ("dissect", "--protocol.stride 0"),
    ("dissect", "--rotate nan"),
    ("dissect", "--rotate 2"),
    ("dissect", "--memory-mib 0"),
    ("dissect", "--keep-mib -1"),
    ("dissect", "--path nowhere"),
    ("dissect", "--images segmented"),
    ("dissect", "--images segmented --path nowhere"),
    ("dissect", "--images broden --path nowhere"),
    ("dissect", "--images broden --path ."),
    ("dissect", "--weights nowhere.safetensors"),
    ("dissect", "--weights ."),
    ("dissect", "--weights nowhere.pth"),
    ("dissect", "--weights no-such-network"),
    ("dissect", "--network nowhere.py:f"),
    ("dissect", "--network :f"),
    ("dissect", "--network ."),
    ("dissect", "--preprocessing.size 0"),
    ("dissect", "--preprocessing.std 0 0 0"),
    ("dissect", "nowhere.py"),
    ("dissect", "."),
    ("nonsense", ""),
    ("train", "--network.width inf"),
    ("train", "--network.width 1e300"),
    ("train", "--network.width 0"),
    ("train", "--network.std 0.2 0.2 nan"),
    ("train", "--network.std 0 0.2 0.2"),
    ("train", "--network.mean inf 0 0"),
    ("train", "--network.hidden -3"),
    ("train", "--network.grid 0"),
    ("train", "--network.dropout 1"),
    ("train", "--schedule 32 0"),
    ("train", "--schedule 0 1"),
    ("train", "--schedule -32 1"),
    ("train", "--schedule 32 1000000000000000000000"),
    ("train", "--schedule"),
    ("train", "--optim.lr nan"),
    ("train", "--optim.lr -1"),
    ("train", "--optim.momentum 2"),
    ("train", "--optim.weight-decay -1"),
    ("train", "--optim.warmup 2"),
    ("train", "--optim.batch-size 0"),
    ("train", "--optim.parts 3"),
    ("train", "--seed 1000000000000000000000000000000"),
    ("train", "--num-seeds 0"),
    ("train", "--checkpoint-every 0"),
    ("train", "--data.num-train 0"),
    ("train", "--data.num-test -1"),
    ("train", "--data.name folder"),
    ("train", "--data.name folder --data.path nowhere"),
    ("train", "--data.name cifar10 --data.path nowhere/else --schedule 33 1"),
    ("train", "--augment.shift -1"),
    ("train", "--augment.mirror 1.5"),
    ("train", "--augment.rotation inf"),
    ("train", "--augment.shadow 2"),
    ("train", "--regularize.block-norm.weight nan"),
    ("train", "--regularize.input-gradient.weight -1"),
    ("train", "--weights nowhere.safetensors"),
    ("ablate", "--share 0"),
    ("ablate", "--share nan"),
    ("ablate", "--top 0"),
    ("ablate", "--random-draws 0"),
    ("ablate", "--num-rank 1"),
    ("ablate", "--memory-mib 0"),
    ("ablate", "--layers logits"),
    ("ablate", "--dissection nowhere"),
    ("ablate", "--data.name pictures"),
    ("ablate", "--data.name pictures --data.path nowhere"),
    ("ablate", "--data.path ."),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line))
def test_settings_in_the_command_line(line, place):
    command, arguments = line
    judge = judging.Judge(Path(place), place / "out")
    assert judge.faults(command, *arguments.split(), harmless=False) == []
