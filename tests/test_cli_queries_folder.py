"""Questions to a dissection of a folder of segmented images."""

import csv
import json

import numpy as np
import pytest
from conftest import fails
from PIL import Image

from jaxdissect.cli import main

pytestmark = pytest.mark.slow

CONFIG = """
from jaxdissect.experiments import QuerySettings
config = QuerySettings(num_shown=3)
"""


def rows_of(file):
    return list(csv.DictReader(file.open()))


@pytest.fixture
def streets(tmp_path):
    """Six images, three in each half, of a car on a road."""
    folder = tmp_path / "streets"
    for n in range(6):
        half = "train" if n < 3 else "val"
        mask = np.zeros((48, 48), np.uint8)
        mask[8 * (n % 3) : 8 * (n % 3) + 20, 10:40] = 1
        colours = np.array([[40, 90, 40], [220, 30, 30]], np.uint8)
        for kind, pixels in (("images", colours[mask]), ("masks", mask)):
            path = folder / kind / half / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (folder / "labels.csv").write_text(
        "index,name,category\n0,road,object\n1,car,object\n"
    )
    return folder


def test_of_a_folder_the_images_that_were_not_dissected_are_searched(
    trained, streets, tmp_path, capsys
):
    config, out = tmp_path / "query.py", tmp_path / "dissected"
    config.write_text(CONFIG)
    weights = ["--weights", str(trained / "weights.safetensors")]
    place = ["--path", str(streets)]
    images = ["--images", "segmented", *place, "--num-images", "2"]
    main(["dissect", *weights, *images, "--split", "train", "--out", str(out)])

    def asked(split, outside, name):
        extra = [*place, "--split", split, "--outside", outside]
        arguments = [str(config), *weights, *extra]
        arguments += ["--concepts", "car", "--dissection", str(out)]
        return ["dissect", *arguments, "--out", str(tmp_path / name)]

    main(asked("train", "1", "same"))
    assert [r["image"] for r in rows_of(tmp_path / "same" / "concepts.csv")] == ["2"]
    assert not rows_of(tmp_path / "same" / "classifiers.csv")
    main(asked("val", "3", "other"))
    assert len(rows_of(tmp_path / "other" / "concepts.csv")) == 3
    assert "has 1 images that were not" in fails(capsys, *asked("train", "2", "x"))
    without = [argument for argument in asked("val", "3", "x") if argument not in place]
    assert "`path` is missing" in fails(capsys, *without)
    run = json.loads((out / "run.json").read_text())
    run["config"]["split"] = ""
    (out / "run.json").write_text(json.dumps(run))
    error = fails(capsys, *asked("val", "3", "x"))
    assert "`split` is 'val', but 'all' was dissected" in error
