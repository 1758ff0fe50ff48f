"""Config files and settings: one sentence, before anything starts."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from conftest import fails
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import cli, range_checks
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.settings import NetworkSettings

KINDS = list(cli.EXPERIMENTS.values())

HOSTILE = [
    *(None, True, -1, 0, 10**30, 10**400, -(10**5000), 0.5, -0.5, 1e300),
    *(math.nan, math.inf, -math.inf, "", "x", "\x1b[31m", "a\0b", b"x", 1j),
    *([], {}, set(), ["conv5_3"], (), (1,), ("x", "x"), (None,), (math.nan,), ((1,),)),
    *(
        Path("x"),
        Path("a\0b"),
        int,
        object(),
        NetworkSettings,
        NetworkSettings(width=0.0),
    ),
]
"""Values that some field or other must not take."""


def places(config, name=""):
    """Dotted names of all settings of a config, those of nested configs as well."""
    for field in dataclasses.fields(config):
        below = f"{name}.{field.name}" if name else field.name
        yield below
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from places(value, below)


def put(config, name, value):
    """Set a value at a dotted name, past every check of types that tests switch on."""
    *sections, last = name.split(".")
    for section in sections:
        config = getattr(config, section)
    object.__setattr__(config, last, value)


EVERYWHERE = [(kind, name) for kind in KINDS for name in places(kind())]


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_allowed(kind):
    range_checks.check(kind())


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(EVERYWHERE), st.sampled_from(HOSTILE))
def test_a_setting_is_taken_or_named(place, value):
    kind, name = place
    config = kind()
    put(config, name, value)
    try:
        range_checks.check(config)
    except BadInput as error:
        assert str(error).startswith(f"`{name}") and "it must be" in str(error)
        assert str(error).isprintable() and len(str(error)) < 1000
        return
    # What is let through is what its default looks like, a finite number for instance.
    assert not isinstance(value, bytes | complex | list | dict | set | type)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert abs(value) <= 1e6 or name.endswith(("block_norm.p", "block_norm.q"))
    assert value == value and "\0" not in str(value)


WRONG = [
    ("train", "Train", "seed", "'3'", "is '3'; it must be a whole number in [0, 2147"),
    ("train", "Train", "seed", "10**30", f"is {10**30}; it must be a whole number in"),
    ("train", "Train", "num_seeds", "True", "is True; it must be a whole number in ["),
    ("train", "Train", "out", "3", "is 3; it must be a Path"),
    ("train", "Train", "out", "'runs/x'", "is 'runs/x'; it must be a Path"),
    ("train", "Train", "network", "None", "is None; it must be a NetworkSettings"),
    (
        "train",
        "Train",
        "network",
        "OptimSettings()",
        "is a OptimSettings; it must be a N",
    ),
    (
        "train",
        "Train",
        "schedule",
        "[(32, 1)]",
        "is a list; it must be a tuple of 1",
    ),
    ("train", "Train", "optim.lr", "'fast'", "is 'fast'; it must be a number in [0"),
    ("train", "Regimes", "seeds", "(0, 0)", "is (0, 0); it must be a tuple of 1"),
    ("train", "Groups", "base.data.path", "7", "is 7; it must be a Path or None"),
    ("dissect", "Dissect", "layers", "()", "is (); it must be a tuple of 1 or more"),
    ("dissect", "Dissect", "layers", "'conv5_3'", "is 'conv5_3'; it must be a tuple"),
    ("dissect", "Dissect", "images", "'seens'", "is 'seens'; it must be one of 'sce"),
    (
        "dissect",
        "Dissect",
        "num_images",
        "0",
        "is 0; it must be a whole number in [1",
    ),
    (
        "ablate",
        "Ablate",
        "share",
        "float('nan')",
        "is nan; it must be a number in (",
    ),
]


@pytest.mark.parametrize(("command", "kind", "name", "value", "said"), WRONG)
def test_wrong_settings_in_a_file(command, kind, name, value, said, tmp_path, capsys):
    file = tmp_path / "mine.py"
    *sections, last = name.split(".")
    whole = ".".join(["config", *sections])
    file.write_text(
        "from jaxdissect.experiments import *\n"
        f"config = {kind}Settings()\nobject.__setattr__({whole}, {last!r}, {value})\n"
    )
    error = fails(capsys, command, str(file))
    assert error.startswith(f"error: {file}: `{name}` {said}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(("command", "kind"), list(cli.EXPERIMENTS.items()))
def test_a_file_with_the_defaults_is_taken(command, kind, tmp_path):
    name = kind.__name__
    file = tmp_path / "mine.py"
    file.write_text(f"from jaxdissect.experiments import {name}\nconfig = {name}()\n")
    assert cli.parse(command, [str(file)]) == kind()


def test_the_place_inside_a_tuple_is_said():
    config = cli.parse("train", [])
    put(config, "schedule", ((32, 1), (64, 1.5)))
    with pytest.raises(BadInput, match=r"`schedule\[1\]\[1\]` is 1.5; it must"):
        range_checks.check(config)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"config = ", "fails with SyntaxError: "),
        (b"\xff\xfe\x00", "fails with SyntaxError: "),
        ("config = 'straße'".encode("latin-1"), "fails with SyntaxError: "),
        (b"import sys\nsys.exit(0)", "fails with SystemExit: 0"),
        (b"raise BaseException('a\\x1b[2J\\nb')", "BaseException: a"),
        (b"def f(): f()\nf()", "fails with RecursionError: "),
        (b"", "defines no `config`; this command takes DissectSettings or "),
        (b"config = None", "defines `config` as NoneType; this command takes "),
        (
            b"from jaxdissect.experiments import DissectSettings\n"
            b"class MyConfig(DissectSettings): pass\nconfig = MyConfig()",
            "defines `config` as MyConfig; this command takes",
        ),
        (
            b"from jaxdissect.experiments import TrainSettings\n"
            b"config = TrainSettings()",
            "defines `config` as TrainSettings; this command takes",
        ),
    ],
)
def test_files_that_are_no_config(content, said, tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_bytes(content)
    error = fails(capsys, "dissect", str(file))
    assert error.startswith(f"error: {file} ") and said in error
    assert error.count("\n") == 1 and error[:-1].isprintable()


def test_a_folder_is_no_config(tmp_path, capsys):
    assert f"{tmp_path} is a folder" in fails(capsys, "train", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("dissect --layers", "`layers` is (); "),
        ("dissect --num-images 0", "`num_images` is 0; "),
        ("dissect --seed -1", "`seed` is -1; "),
        ("dissect --protocol.tail-mass nan", "`protocol.tail_mass` is nan; "),
        ("dissect --preprocessing.std 1 1 0", "`preprocessing.std[2]` is 0.0; "),
        ("ablate --layers fc6 fc6", "`layers` is ('fc6', 'fc6'); "),
        ("train --network.width inf", "`network.width` is inf; "),
        ("train --network.hidden 1000000", "`network.hidden[0]` is 1000000; "),
        ("train --optim.lr=-0.1", "`optim.lr` is -0.1; "),
    ],
)
def test_settings_out_of_range_on_the_command_line(arguments, said, capsys):
    assert said in fails(capsys, *arguments.split())


def test_long_names_lose_their_middle(capsys):
    error = fails(capsys, "dissect", "o" * 100_000)
    assert error.startswith("error: ") and 150 < len(error) < 1000
    error = fails(capsys, "dissect", "--out", "o" * 100_000, "--layers", "x\x1b[2J\r")
    assert len(error) < 3000 and error[:-1].isprintable()


def test_ranges_do_not_disturb_the_help(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["dissect", "--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert "--layers [STR [STR ...]]" in said and "--protocol.stride {None}|INT" in said


def test_a_config_is_json_after_all():
    config = cli.parse("dissect", ["--rotate", "0", "0.5", "--num-images", "28"])
    assert config == DissectSettings(rotate=(0.0, 0.5), num_images=28)
    json.dumps(dataclasses.asdict(config), default=str)
