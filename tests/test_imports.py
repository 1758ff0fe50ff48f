"""What is not needed is not imported: mistakes and `--help` answer without JAX."""

import subprocess
import sys

import pytest

import jaxdissect

HEAVY = "{'jax', 'numpy', 'scipy'} & set(sys.modules)"


def heavy_after(code):
    program = f"import sys\n{code}\nprint('heavy:', *({HEAVY}))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].removeprefix("heavy:").split()


def test_the_package_starts_no_jax():
    assert heavy_after("import jaxdissect") == []


@pytest.mark.parametrize("command", ["train", "dissect", "ablate"])
@pytest.mark.parametrize("argument", ["--help", "--lyers"])
def test_parsing_starts_no_jax(command, argument):
    code = (
        "from jaxdissect.cli import main\n"
        f"try: main([{command!r}, {argument!r}])\nexcept SystemExit: pass"
    )
    assert heavy_after(code) == []


def test_every_public_name_is_reached_from_the_top():
    code = (
        "import jaxdissect as jd\n"
        "assert set(jd.__all__) <= set(dir(jd))\n"
        "for name in jd.__all__: getattr(jd, name)"
    )
    assert "jax" in heavy_after(code)


def test_unknown_names_are_missing():
    with pytest.raises(AttributeError, match="'jaxdissect' has no attribute 'lyers'"):
        jaxdissect.lyers  # noqa: B018
