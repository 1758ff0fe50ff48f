"""Published tables of units, spoilt: refused in one sentence, or no harm done."""

import json

import pytest
from fuzzing import mutations
from fuzzing.bench import Bench

pytestmark = pytest.mark.slow

TABLES = mutations.TABLES | mutations.HARMLESS_TABLES
CASES = {**mutations.BYTES, **TABLES}
BAD_CELLS = [b"-1", b"1.5", b"nan", b"9" * 30, b"9" * 100_000, b"\x1b[31m0", b"two"]


@pytest.fixture(scope="module", params=["netdissect", "clip", "milan"])
def beside(request, world, tmp_path_factory):
    """A table beside a dissection of as many units."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "sound").mkdir()
    units = len(json.loads((world / "first" / "cards.json").read_text()))
    clip = [f"conv2,{unit},a road {unit},-0.5\n" for unit in range(units)]
    milan = [f'conv2,{unit},"cars, and {unit}"\n' for unit in range(units)]
    text = {
        "netdissect": (world / "first" / "netdissect.csv").read_text(),
        "clip": "".join(["layer,unit,description,similarity\n", *clip]),
        "milan": "".join(["layer,unit,description\n", *milan]),
    }[request.param]
    (folder / "sound" / "names.csv").write_text(text)
    command = ["dissect", world / "contrast.py", "--second", world / "first"]
    return Bench(
        folder,
        folder / "sound",
        ("names.csv",),
        lambda copy: [*command, "--first", copy / "names.csv"],
    )


@pytest.mark.parametrize("mutation", CASES)
def test_tables(beside, mutation):
    harmless = True if mutation in mutations.HARMLESS_TABLES else None
    change = CASES[mutation]
    named = "names.csv|`first`"
    assert beside.faults("names.csv", change, harmless=harmless, named=named) == []


@pytest.mark.parametrize("value", BAD_CELLS, ids=lambda value: repr(value[:8]))
def test_numbers_of_units(beside, value):
    header = (beside.origin / "names.csv").read_text().split("\n")[0].split(",")
    change = mutations.cell(1, header.index("unit"), value)
    assert beside.faults("names.csv", change, named="names.csv", harmless=False) == []
