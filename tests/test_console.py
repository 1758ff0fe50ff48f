"""What commands say stops none of them, whoever listens."""

import io
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from jaxdissect import caching
from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.experiments.contrast import command as contrast
from jaxdissect.runs import console, publishing

SAYING = """
import sys
from pathlib import Path
from jaxdissect.runs import console
from jaxdissect.runs.progress import Progress
with console.forgiving():
    for n in Progress().bar(range(2000), 2000, "naïve"):
        print("ein Häuschen, 家", n)
    Path(sys.argv[1]).write_text("whole")
"""


def said_to(tmp_path, redirected, **environment):
    """Exit code and errors of a process that says much, and whether it ended."""
    file, script = tmp_path / "file", tmp_path / "saying.py"
    script.write_text(SAYING, encoding="utf-8")
    command = f'"{sys.executable}" "{script}" "{file}" {redirected}'
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        timeout=120,
    )
    return done.returncode, done.stderr.decode(errors="replace"), file.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "redirected",
    ["| head -1", ">&-", ">&- 2>&-", "2>&-", "<&- >&- 2>&-", "> /dev/full", "2>&1 | :"],
)
def test_output_that_no_one_reads_stops_no_run(redirected, tmp_path):
    code, errors, whole = said_to(tmp_path, redirected)
    assert code == 0 and whole
    assert "Traceback" not in errors and "Exception ignored" not in errors


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"HOME": None, "XDG_CACHE_HOME": None},
    ],
)
def test_letters_that_the_terminal_does_not_know_stop_no_run(environment, tmp_path):
    code, errors, whole = said_to(tmp_path, "> /dev/null", **environment)
    assert code == 0 and whole and "Traceback" not in errors


def test_unknown_letters_are_escaped():
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream = console.Forgiving(plain)
    print("Häuschen", file=stream, flush=True)
    assert plain.buffer.getvalue() == b"H\\xe4uschen\n"
    console.Forgiving(None).write("no one")
    plain.close()
    stream.write("after the end")
    stream.flush()


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BadInput("`layer` is none"), 2, "error: `layer` is none\n"),
        (
            OSError(28, "No space left on device", "runs/x"),
            2,
            "error: runs/x: No space left on device\n",
        ),
        (KeyboardInterrupt(), 130, "\ninterrupted; the same command starts anew\n"),
        (
            publishing.Interrupted("the same command goes on"),
            130,
            "\ninterrupted; the same command goes on\n",
        ),
    ],
)
def test_what_ends_a_command_is_one_sentence(error, code, said, monkeypatch, capsys):
    def fail(config):
        raise error

    monkeypatch.setattr(contrast, "run", fail)
    with pytest.raises(SystemExit) as stopped:
        main(["dissect", str(ROOT / "configs" / "contrast.py")])
    assert stopped.value.code == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("cache", ["/proc/none", "below a file", "no home"])
def test_a_cache_that_cannot_be_written_is_replaced(
    cache, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    if cache == "below a file":
        (tmp_path / "file").write_text("")
        cache = str(tmp_path / "file" / "cache")
    if cache == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
        monkeypatch.chdir(tmp_path)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
    caching._usable_or_instead.cache_clear()
    found = caching.folder("xla")
    assert found.is_dir() and found.is_relative_to(tmp_path)
    assert "takes its place" in capsys.readouterr().err
    assert not (tmp_path / "~").exists()
    caching._usable_or_instead.cache_clear()
