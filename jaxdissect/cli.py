"""The command `jaxdissect`: which experiment, and what it is told.

Heavy imports come after parsing, so that `--help` and mistakes answer at once.
"""

import dataclasses
import difflib
import importlib
import runpy
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tyro

from jaxdissect import __version__, experiments, layer_names, range_checks
from jaxdissect.errors import BadInput, printable
from jaxdissect.own_files import said
from jaxdissect.runs import console
from jaxdissect.settings import SubjectSettings

GROUPS = {
    "train": ("train", "regimes", "groups", "faces"),
    "dissect": ("dissect", "query", "contrast", "gradients", "explain", "attack"),
    "ablate": ("ablate", "scale", "compare", "agreement"),
}
"""Experiments by the script at the top of the repository that runs them, too."""

EXPERIMENTS = {
    name: getattr(experiments, f"{name.capitalize()}Settings")
    for names in GROUPS.values()
    for name in names
}
"""What each experiment is told."""

TITLES = {
    "train": "Train networks",
    "dissect": "Look into a network",
    "ablate": "Edit units",
}


def main(argv: list[str] | None = None) -> None:
    """Run one experiment; mistakes print one sentence and exit with code 2.

    Args:
        argv: experiment, config and settings; the process's own by default.
    """
    with console.forgiving(), _one_sentence():
        _main(sys.argv[1:] if argv is None else argv)


def _main(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
    elif arguments[0] == "--version":
        print(f"jaxdissect {__version__}")
    elif arguments[0] == "runs":
        from jaxdissect.runs import index

        index.main(arguments[1:])
    else:
        name, *rest = arguments
        config = parse(name, rest)
        room = _name_of(type(config))
        importlib.import_module(f"jaxdissect.experiments.{room}.command").run(config)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """What a user can put right ends the process with a sentence."""
    try:
        yield
    except BadInput as error:
        sentence = str(error)
    except OSError as error:
        names = [str(n) for n in (error.filename, error.filename2) if n is not None]
        where = " -> ".join(names) or "a file"
        sentence = f"{where}: {error.strerror or error}"
    except RuntimeError as error:
        # What XLA raises where a program runs: a callback of the user's own network
        # fails on some image, or memory is short. Its class is not imported for that.
        if type(error).__name__ != "JaxRuntimeError":
            raise
        sentence = f"a compiled program fails with {said(error)}"
    except KeyboardInterrupt as stop:
        advice = str(stop) or "the same command starts anew"
        print(f"\ninterrupted; {advice}", file=sys.stderr)
        sys.exit(130)
    else:
        return
    print(f"error: {printable(sentence)}", file=sys.stderr)
    sys.exit(2)


def overview() -> str:
    """All experiments on one screen, a line each."""
    lines = ["usage: jaxdissect EXPERIMENT [--config NAME] [--setting VALUE ...]"]
    for group, names in GROUPS.items():
        lines += ["", f"{TITLES[group]}:"]
        lines += [f"  {name:<11}{_about(name)}" for name in names]
    return "\n".join(
        [
            *lines,
            "",
            "Results:",
            "  runs       List what is in runs/, and write an index page.",
            "",
            "`jaxdissect EXPERIMENT --help` lists its settings and their defaults.",
            "`--config` takes the name of a packaged config or a file of your own.",
        ]
    )


def _about(name: str) -> str:
    text = (EXPERIMENTS[name].__doc__ or "").partition("\n\n")[0]
    return textwrap.shorten(" ".join(text.split()), 74, placeholder=" ...")


def parse(name: str, arguments: list[str]) -> Any:
    """What an experiment is told: defaults, then a config, then the command line.

    Args:
        name: of an experiment; that of a group may be followed by one of its others.
        arguments: a config file first, or `--config` anywhere; then settings.

    Raises:
        BadInput: unknown experiment, config or layer; a config of another one; a
            setting of another type, or out of its range.
    """
    if name not in EXPERIMENTS:
        raise BadInput(
            f"there is no experiment {name!r}; {_nearest(name, [*EXPERIMENTS, 'runs'])}"
        )
    arguments, allowed = list(arguments), GROUPS.get(name, (name,))
    if arguments and arguments[0] in allowed:
        name = arguments.pop(0)
        allowed = (name,)
    elif arguments and arguments[0] in EXPERIMENTS:
        raise BadInput(
            f"{arguments[0]} is no part of {name}; run `jaxdissect {arguments[0]}`"
        )
    default = EXPERIMENTS[name]()
    file, settings = _config_of(arguments)
    if file is not None:
        default = load_config(find_config(file, name), allowed)
    config = tyro.cli(
        type(default),
        default=default,
        args=settings,
        prog=f"jaxdissect {_name_of(type(default))}",
        description=_described(type(default)),
    )
    range_checks.check(config)
    return _with_layers(config)


def _config_of(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The config that is named, and the other arguments.

    Raises:
        BadInput: `--config` without a name, or two configs.
    """
    named, others = [], list(arguments)
    if others and not others[0].startswith("-"):
        named.append(others.pop(0))
    while at := next((a for a in others if a.split("=")[0] == "--config"), None):
        place = others.index(at)
        _, equals, value = others.pop(place).partition("=")
        if not equals and place == len(others):
            raise BadInput("`--config` is last; a name or a file must follow it")
        named.append(value if equals else others.pop(place))
    if len(named) > 1:
        raise BadInput(f"there are two configs, {named[0]} and {named[1]}; name one")
    return (named[0] if named else None), others


def _described(kind: type) -> str:
    """The first paragraph of the help, with what configs there are."""
    about = (kind.__doc__ or "").partition("\n\n")[0]
    names = ", ".join(_packaged(_name_of(kind)))
    return f"{about} Packaged configs: {names}." if names else about


def configs_folder() -> Path:
    """Where configs are: in the package, or at the top of the repository."""
    inside = Path(__file__).with_name("configs")
    return inside if inside.is_dir() else Path(__file__).parents[1] / "configs"


def _packaged(name: str) -> list[str]:
    """Names of the packaged configs of an experiment."""
    made = f"config = {name.capitalize()}Settings("
    files = sorted(configs_folder().glob("*.py"))
    return [file.stem for file in files if made in file.read_text("utf-8")]


def find_config(named: str, name: str) -> Path:
    """A file, or the packaged config of a name, such as `scenes` or `attack_scenes`.

    Args:
        named: what the user says.
        name: of the experiment.

    Raises:
        BadInput: there is neither; says which there are.
    """
    path = Path(named)
    if path.suffix == ".py" or path.exists():
        return path
    for stem in (f"{name}_{named}", named):
        packaged = configs_folder() / f"{stem}.py"
        if packaged.is_file():
            return packaged
    raise BadInput(
        f"{named} is neither a file nor a packaged config of {name}; "
        f"{_nearest(named, _packaged(name))}"
    )


def load_config(path: Path, allowed: tuple[str, ...]) -> Any:
    """The `config` a Python file defines.

    Args:
        path: of the file.
        allowed: experiments it may be of.

    Raises:
        BadInput: no such file, it fails, or its `config` is missing, of another
            experiment or has a setting that cannot be.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no config file"
        near = [str(p) for p in sorted(path.parent.glob("*.py"))]
        raise BadInput(f"{path} {what}; {_nearest(str(path), near)}")
    kinds = [EXPERIMENTS[name] for name in allowed]
    takes = f"this command takes {' or '.join(kind.__name__ for kind in kinds)}"
    try:
        found = runpy.run_path(str(path))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's own file raises, or sys.exit
        raise BadInput(f"{path} fails with {said(error)}") from error
    if "config" not in found:
        raise BadInput(f"{path} defines no `config`; {takes}")
    config = found["config"]
    if type(config) not in kinds:
        what = f"{path} defines `config` as {type(config).__name__}; {takes}"
        if type(config) in EXPERIMENTS.values():
            right = f"jaxdissect {_name_of(type(config))} --config {path}"
            what = f"{what}; for this one run `{right}`"
        raise BadInput(what)
    range_checks.check(config, where=f"{path}: ")
    return config


def _with_layers(config: Any) -> Any:
    """The same, its layers called as the network does, where that is known already.

    Raises:
        BadInput: an unknown layer.
    """
    names = layer_names.known(config) if isinstance(config, SubjectSettings) else None
    if names is None:
        return config
    if getattr(config, "layers", ()) not in ((), ("all",)):
        found = tuple(layer_names.find(layer, names) for layer in config.layers)
        return dataclasses.replace(config, layers=found)
    if hasattr(config, "layer"):
        layer = layer_names.find(config.layer, names)
        return dataclasses.replace(config, layer=layer)
    return config


def _name_of(kind: type) -> str:
    return kind.__name__.removesuffix("Settings").lower()


def _nearest(word: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(word, allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}there are {', '.join(allowed) or 'none'}"
