"""The command `jaxdissect`: config in, library calls, files out.

Heavy imports come after parsing, so that `--help` and mistakes answer at once.
"""

import difflib
import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

import tyro

from jaxdissect import __version__, range_checks
from jaxdissect.errors import BadInput, printable
from jaxdissect.experiments import (
    AblateSettings,
    AgreementSettings,
    AttackSettings,
    CompareSettings,
    ContrastSettings,
    DissectSettings,
    ExplainSettings,
    FacesSettings,
    GradientsSettings,
    GroupsSettings,
    QuerySettings,
    RegimesSettings,
    ScaleSettings,
    TrainSettings,
)
from jaxdissect.own_files import said
from jaxdissect.runs import console

COMMANDS: dict[str, tuple[type, ...]] = {
    "train": (TrainSettings, RegimesSettings, GroupsSettings, FacesSettings),
    "dissect": (
        DissectSettings,
        QuerySettings,
        ContrastSettings,
        GradientsSettings,
        ExplainSettings,
        AttackSettings,
    ),
    "ablate": (AblateSettings, ScaleSettings, CompareSettings, AgreementSettings),
}
"""What each command can be told; without a config file, the first."""

USAGE = """usage: jaxdissect {train,dissect,ablate} [CONFIG.py] [--setting VALUE ...]

  train    train a network; compare regularisers or block norms, or train on faces and
           ask with gradients, with a CONFIG.py that says so (configs/*_regimes.py,
           configs/groups_*.py, configs/faces_gradients.py)
  dissect  find what every unit of a layer looks for; ask which images show a concept
           and what fires on pictures, hold two dissections against each other, ask
           units with gradients, explain a picture or attack the network, with a
           CONFIG.py that says so (configs/query_*, contrast, gradients_*, explain,
           attack_*)
  ablate   remove units of a layer and see which classes suffer; scale them, compare
           trainings, or see whether gradients predict it, with a CONFIG.py that says so
           (configs/scale_*, configs/compare_*, configs/agreement_*)

`jaxdissect COMMAND [CONFIG.py] --help` lists the settings and their defaults."""


def main(argv: list[str] | None = None) -> None:
    """Run one command; mistakes print one sentence and exit with code 2.

    Args:
        argv: command, config file and settings; the process's own by default.
    """
    with console.forgiving():
        _main(sys.argv[1:] if argv is None else argv)


def _main(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return
    if arguments[0] == "--version":
        print(f"jaxdissect {__version__}")
        return
    try:
        command, *rest = arguments
        config = parse(command, rest)
        name = type(config).__name__.removesuffix("Settings").lower()
        importlib.import_module(f"jaxdissect.experiments.{name}.command").run(config)
    except BadInput as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        names = [str(n) for n in (error.filename, error.filename2) if n is not None]
        where = " -> ".join(names) or "a file"
        sentence = printable(f"{where}: {error.strerror or error}")
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        # What XLA raises where a program runs: a callback of the user's own network
        # fails on some image, or memory is short. Its class is not imported for that.
        if type(error).__name__ != "JaxRuntimeError":
            raise
        sentence = printable(f"a compiled program fails with {said(error)}")
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        advice = str(stop) or "the same command starts anew"
        print(f"\ninterrupted; {advice}", file=sys.stderr)
        sys.exit(130)


def parse(command: str, arguments: list[str]) -> Any:
    """The command's config: defaults, then a config file, then the command line.

    Raises:
        BadInput: unknown command; the config file is missing or of another command; a
            setting of another type, or out of its range.
    """
    if command not in COMMANDS:
        raise BadInput(
            f"there is no command {command!r}; {_nearest(command, list(COMMANDS))}"
        )
    kinds = COMMANDS[command]
    default = kinds[0]()
    if arguments and not arguments[0].startswith("-"):
        default = load_config(Path(arguments[0]), kinds)
        arguments = arguments[1:]
    config = tyro.cli(
        type(default), default=default, args=arguments, prog=f"jaxdissect {command}"
    )
    range_checks.check(config)
    return config


def load_config(path: Path, kinds: tuple[type, ...]) -> Any:
    """The `config` a Python file defines.

    Raises:
        BadInput: no such file, it fails, or its `config` is missing, of another kind or
            has a setting that cannot be.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no config file"
        near = [str(p) for p in sorted(path.parent.glob("*.py"))]
        raise BadInput(f"{path} {what}; {_nearest(str(path), near)}")
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
        raise BadInput(f"{path} defines `config` as {type(config).__name__}; {takes}")
    range_checks.check(config, where=f"{path}: ")
    return config


def _nearest(word: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(word, allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}there are {', '.join(allowed) or 'none'}"
