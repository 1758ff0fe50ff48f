"""Network functions that fail in every way there is: one sentence."""

import pytest
from fuzzing import judging
from fuzzing import world as tiny

pytestmark = pytest.mark.slow

RETURNS = {
    "none": "None",
    "a-number": "3",
    "a-tuple": "(1, 2, 3, 4)",
    "a-dict": "{'network': 1}",
    "a-class": "Classifier",
    "no-network": "network()._replace(network=None)",
    "an-empty-network": "network()._replace(network=())",
    "a-network-of-words": "network()._replace(network=('a', 'b'))",
    "half-a-network": "network()._replace(network=network().network[:1])",
    "no-params": "network()._replace(params=None)",
    "missing-params": "network()._replace(params={})",
    "params-of-text": "network()._replace(params={'units': 'x', 'logits': 'y'})",
    "params-of-objects": "network()._replace(params={'units': object(), 'logits': 1})",
    "params-of-another-shape": "network()._replace(params={'units': W.T, 'logits': W})",
    "nan-params": "network(numbers=W * jnp.nan)",
    "infinite-params": "network(numbers=W / 0.0)",
    "no-size": "network()._replace(image_size=None)",
    "size-of-text": "network()._replace(image_size='32')",
    "size-zero": "network()._replace(image_size=0)",
    "size-negative": "network()._replace(image_size=-32)",
    "size-fraction": "network()._replace(image_size=32.5)",
    "size-nan": "network()._replace(image_size=float('nan'))",
    "size-huge": "network()._replace(image_size=10 ** 30)",
    "another-size": "network()._replace(image_size=33)",
    "no-classes": "network()._replace(classes=None)",
    "one-class": "network()._replace(classes=('cat',))",
    "many-classes": "network()._replace(classes=('a', 'b', 'c'))",
    "classes-of-numbers": "network()._replace(classes=(1, 2))",
    "classes-a-number": "network()._replace(classes=2)",
}
STAGES = {
    "no-logits": ("units", "params"),
    "logits-a-number": ("logits", "acts.sum()"),
    "logits-of-one-axis": ("logits", "acts.mean((1, 2, 3))"),
    "logits-are-maps": ("logits", "acts @ params"),
    "logits-squeezed": ("logits", "(acts.mean((1, 2)) @ params)[:1]"),
    "logits-are-none": ("logits", "None"),
    "logits-are-text": ("logits", "'x'"),
    "logits-are-a-tuple": ("logits", "(acts.mean((1, 2)) @ params, 1.0)"),
    "logits-complex": ("logits", "acts.mean((1, 2)) @ params + 1j"),
    "units-of-five-axes": ("units", "images[None]"),
    "units-none": ("units", "images[..., :0] * 1.0"),
    "units-of-no-batch": ("units", "images[0]"),
    "units-are-nan": ("units", "units_of(params, images) * jnp.nan"),
    "units-raise": ("units", "1 / 0"),
    "units-exit": ("units", "__import__('sys').exit(3)"),
    "units-look-at-values": ("units", "images if images.sum() > 0 else -images"),
    "units-want-numpy": ("units", "__import__('numpy').asarray(images)"),
}
FILES = {
    "syntax": "def network(:\n",
    "raises": "raise ValueError('no')\n",
    "exits": "import sys\nsys.exit(0)\n",
    "base-exception": "class Mine(BaseException): pass\nraise Mine\n",
    "words-that-fail": "class E(Exception):\n"
    "    def __str__(self): raise ValueError\nraise E\n",
    "nothing": "",
    "no-function": "network = 3\n",
    "wants-arguments": "def network(a, b, c): return a\n",
    "a-generator": "def network():\n    yield 3\n",
    "a-coroutine": "async def network():\n    return 3\n",
    "a-module-missing": "import no_such_module_anywhere\ndef network(): return 3\n",
    "recursion": "def network(): return network()\n",
    "stop-iteration": "def network(): raise StopIteration\n",
    "long-words": "def network(): raise ValueError('x' * 100_000)\n",
    "control-words": "def network(): raise ValueError('\\x1b[31m\\n\\x07')\n",
    "memory": "def network(): raise MemoryError\n",
    "asserts": "def network(): assert False\n",
    "annotations-and-dataclass": "from __future__ import annotations\n"
    "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
    "def network(): return A(3)\n",
}


def own_file(folder, text):
    """A copy of the network of one's own, and more text."""
    folder.mkdir()
    file = folder / "own.py"
    file.write_text(tiny.OWN + text)
    return file


def returning(value):
    """A function `spoilt` that returns some value."""
    return f"\n\ndef spoilt():\n    return {value}\n"


def with_stage(stage, value):
    """A function `spoilt` of a network with one stage that computes something else."""
    given = {"units": "images", "logits": "acts"}[stage]
    return (
        f"\n\nunits_of = units\n\n\ndef bad(params, {given}):\n    return {value}\n\n\n"
        "def spoilt():\n"
        "    made = network()\n"
        "    stages = [\n"
        f"        s._replace(apply=bad) if s.name == {stage!r} else s\n"
        "        for s in made.network\n    ]\n"
        "    return made._replace(network=tuple(stages))\n"
    )


def faults(folder, file, world, function="spoilt"):
    """What is wrong with how a dissection of the network ends."""
    out = folder / "place" / "out"
    out.parent.mkdir()
    judge = judging.Judge(file.parent, out)
    network = ["--network", f"{file}:{function}", "--layers", "units"]
    command = ["dissect", *network, *tiny.probed(world), "--out", out]
    return judge.faults(*command, named=f"{file.name}|`layer`", harmless=False)


@pytest.mark.parametrize("name", RETURNS)
def test_what_functions_return(name, tmp_path, world):
    file = own_file(tmp_path / "in", returning(RETURNS[name]))
    assert faults(tmp_path, file, world) == []


@pytest.mark.parametrize("name", STAGES)
def test_what_stages_compute(name, tmp_path, world):
    file = own_file(tmp_path / "in", with_stage(*STAGES[name]))
    assert faults(tmp_path, file, world) == []


@pytest.mark.parametrize("name", FILES)
def test_files(name, tmp_path, world):
    file = own_file(tmp_path / "in", "")
    file.write_text(FILES[name])
    assert faults(tmp_path, file, world, "network") == []
