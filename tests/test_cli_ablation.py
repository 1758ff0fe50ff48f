"""The command `ablate` and its experiments: files that agree, stops, mistakes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import fails

import jaxdissect as jd
from jaxdissect import weights
from jaxdissect.cli import main
from jaxdissect.experiments.ablate import Settings
from jaxdissect.runs import halves, labelled

ROOT = Path(__file__).parents[1]
FEW = [
    *("--num-rank", "28", "--num-report", "28", "--batch-size", "14"),
    *("--memory-mib", "64"),
]


def weights_of(run):
    return ["--weights", str(run / "weights.safetensors")]


def ablate(trained, dissected, out, *extra):
    main(
        [
            *("ablate", *weights_of(trained), *FEW, "--random-draws", "2"),
            *("--dissection", str(dissected), "--out", str(out), *extra),
        ]
    )


@pytest.fixture(scope="module")
def ablated(trained, dissected):
    out = trained.parent / "ablated"
    ablate(trained, dissected, out)
    return out


def rows_of(file):
    return list(csv.DictReader(file.open()))


def test_tables_and_arrays_agree(ablated):
    folder = ablated / "conv5_3"
    arrays = np.load(folder / "ablation.npz")
    units, classes = arrays["lost"].shape
    assert (units, classes) == (32, 14)
    effects, by_unit = rows_of(folder / "effects.csv"), rows_of(folder / "units.csv")
    assert len(effects) == units * classes and len(by_unit) == units
    assert [int(r["answers_lost"]) for r in effects] == arrays["lost"].ravel().tolist()
    change = (arrays["lost"] - arrays["gained"]).sum(1) / 28
    np.testing.assert_allclose([float(r["top1_drop"]) for r in by_unit], change)
    for row in effects + by_unit:
        drop = next(k for k in row if k.endswith("_drop_low")).removesuffix("_low")
        low, value, high = (float(row[f"{drop}{end}"]) for end in ("_low", "", "_high"))
        assert low <= value + 1e-9 and value <= high + 1e-9
    np.testing.assert_array_equal(np.sort(arrays["orders"], 1)[0], np.arange(units))


def test_curves_begin_with_the_network_and_end_with_chance(ablated):
    arrays = np.load(ablated / "conv5_3" / "ablation.npz")
    for order in ("most", "least", "random"):
        curve = arrays[f"curve_{order}_balanced"]
        np.testing.assert_allclose(curve[:, -1], 0.5)
        base = np.broadcast_to(arrays["base_balanced"], curve[:, 0].shape)
        np.testing.assert_allclose(curve[:, 0], base)
    counts = arrays["curve_counts"]
    np.testing.assert_array_equal(counts, counts[-1] - counts[::-1])


def test_the_page_shows_what_units_look_for_and_what_they_do(ablated):
    folder = ablated / "conv5_3"
    page = (folder / "report.html").read_text()
    assert page.count('<article class="card') == 32
    assert "http" not in page.replace("http-equiv", "")
    assert "What conv5_3 looks for, and what it does" in page
    said = (folder / "findings.txt").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    assert f"{summary['units']} units, 28 images" in said
    assert 0 <= summary["pairs_skipped"] <= 1
    for name in (
        "classes",
        "correlations",
        "iou_by_classes_served",
        "removal_of_units",
    ):
        assert (folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_a_notebook_saves_what_the_command_writes(
    ablated, trained, dissected, tmp_path, capfd
):
    network = jd.load(trained / "weights.safetensors")
    few = {"num_rank": 28, "num_report": 28, "batch_size": 14, "memory_mib": 64}
    settings = Settings(weights=network.subject.weights, **few, random_draws=2)
    images = halves.open_images(settings, network)
    found = jd.ablate(
        network,
        settings.layers,
        images,
        dissection=dissected,
        random_draws=2,
        progress=False,
        **few,
    )
    found.save(tmp_path / "out")
    assert capfd.readouterr() == ("", "")
    files = {f.relative_to(ablated) for f in ablated.rglob("*") if f.is_file()}
    assert len(files) > 9
    for name in files:
        ours, theirs = tmp_path / "out" / name, ablated / name
        assert ours.read_bytes() == theirs.read_bytes(), name
    assert found["conv5_3"].dissected.cards[0].label == found.table()["label"][0]


@pytest.mark.slow
@pytest.mark.parametrize("value", ["mean", "resample"])
def test_other_layers_and_values(trained, value, tmp_path):
    layer, folder = {"mean": "conv5_2.conv", "resample": "fc6"}[value], tmp_path / "of"
    few = ["--num-images", "14", "--batch-size", "14", "--num-draws", "0"]
    few += ["--layers", layer, "--out", str(folder)]
    main(["dissect", *weights_of(trained), *few])
    out = tmp_path / "out"
    ablate(trained, folder, out, "--layers", layer, "--value", value)
    arrays = np.load(out / layer / "ablation.npz")
    assert np.isfinite(arrays["drop"]).all() and arrays["drop"].any()


@pytest.mark.slow
def test_a_missing_dissection_is_made(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(labelled, "NUM_GENERATED", 14)
    layers = ["--layers", "conv5_3", "fc6"]
    main(["ablate", *weights_of(trained), *FEW, "--random-draws", "2", *layers])
    made = {path.name for path in (tmp_path / "runs").iterdir()}
    assert made == {
        "ablate-tiny-conv5_3-fc6",
        "dissect-tiny-conv5_3-pnas20",
        "dissect-tiny-fc6-pnas20",
    }
    folders = tmp_path / "runs" / "ablate-tiny-conv5_3-fc6"
    assert (folders / "fc6" / "report.html").exists()
    assert "fc6 looks for is not known yet" in capsys.readouterr().out


@pytest.mark.slow
def test_a_killed_sweep_ends_identical(trained, dissected, ablated, tmp_path):
    out = tmp_path / "killed"
    command = [
        *(sys.executable, "ablate.py", *weights_of(trained), *FEW),
        *("--random-draws", "2", "--dissection", str(dissected), "--out", str(out)),
    ]

    def start():
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    process, deadline = start(), time.time() + 300
    # The ranking is done, the report is not.
    while not list(out.glob(".jaxdissect/*/progress/ranking_units.npz")):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert [path.name for path in out.iterdir()] == [".jaxdissect"]
    assert start().wait(300) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["killed"]
    for name in ("units.csv", "effects.csv", "ranking.csv", "curves.csv"):
        ours, whole = (d / "conv5_3" / name for d in (out, ablated))
        assert ours.read_bytes() == whole.read_bytes(), name


@pytest.mark.slow
def test_scaling_writes_what_it_says(trained, tmp_path):
    config = tmp_path / "scale.py"
    config.write_text(
        "from jaxdissect.experiments import ScaleSettings\nconfig = ScaleSettings()\n"
    )
    out = tmp_path / "out"
    few = [*FEW, "--random-draws", "3", "--factors", "0.5", "1", "--out", str(out)]
    main(["ablate", str(config), *weights_of(trained), *few])
    rows = rows_of(out / "scaling.csv")
    assert len(rows) == 3 * 2 * 6
    unchanged = [row for row in rows if float(row["factor"]) == 1]
    assert {row["change"] for row in unchanged} == {"0.0"}
    assert (out / "findings.txt").read_text().startswith("Layer conv5_3")
    assert len(list(out.glob("*.png"))) == 2


def another_training(trained, file, *, seed=1, **optim):
    """The same training as if made with other settings, and a trace of its own."""
    loaded = weights.load(trained / "weights.safetensors")
    bias = loaded.params["conv5_3.conv"]["params"]
    bias["bias"] = bias["bias"] + np.float32(1e-6 * (seed + 1))
    config = loaded.metadata["config"]
    config = {**config, "optim": {**config["optim"], **optim}, "seed": seed}
    weights.save(file, loaded.params, {**loaded.metadata, "config": config})


def compare_config(tmp_path, *files):
    config = tmp_path / "compare.py"
    config.write_text(
        "from pathlib import Path\n"
        "from jaxdissect.experiments import CompareSettings\n"
        f"files = [Path(f) for f in {[str(file) for file in files]}]\n"
        "config = CompareSettings(\n"
        "    trainings=tuple(files), layer='conv5_3', rotations=1\n)\n"
    )
    return str(config)


@pytest.mark.slow
def test_trainings_are_compared_by_regime(trained, tmp_path):
    """Two of one regime: too few to find anything within, and nothing between."""
    other = tmp_path / "other.safetensors"
    another_training(trained, other)
    config = compare_config(tmp_path, trained / "weights.safetensors", other)
    out = tmp_path / "out"
    main(["ablate", config, *FEW, "--random-draws", "2", "--out", str(out)])
    rows = rows_of(out / "trainings.csv")
    assert [(row["regime"], row["seed"]) for row in rows] == [
        ("BatchNorm", "0"),
        ("BatchNorm", "1"),
    ]
    said = rows_of(out / "claims.csv")
    verdicts = {row["verdict"] for row in said[2:]}
    assert len(said) == 7 and verdicts == {"too few trainings"}
    assert len(list(out.glob("*.png"))) == 2


@pytest.mark.slow
def test_trainings_that_do_not_compare_are_refused(trained, tmp_path, capsys):
    first, other = trained / "weights.safetensors", tmp_path / "other.safetensors"
    out = ["--out", str(tmp_path / "out"), *FEW]
    config = compare_config(tmp_path, first, first)
    assert "of one regime and seed" in fails(capsys, "ablate", config, *out)
    config = compare_config(tmp_path, first, other)
    another_training(trained, other, seed=0)
    assert "of one regime and seed" in fails(capsys, "ablate", config, *out)
    another_training(trained, other, lr=1.0)
    assert "differ in `optim.lr`" in fails(capsys, "ablate", config, *out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--rank-by accuracy", "--rank-by"),
        ("--share 1", "`share` is 1.0"),
        ("--memory-mib 0", "`memory_mib` is 0"),
        ("--layers conv9", "`layer` is 'conv9'"),
        ("--layers logits", "`layer` is 'logits'"),
        ("--report-split rank", "`rank_split` and `report_split` are both 'rank'"),
        ("--num-report 27", "`num_report` is 27; it must be at least 28"),
        ("--layers input", "no weights lead to"),
        ("--value resample --num-rank 29", "leaves one of 29 images for"),
        ("--layers conv5_3 fc6", "of one layer; `layers` are conv5_3, fc6"),
        ("--dissection configs", "configs holds no dissection"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    arguments, said, trained, dissected, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(ROOT)
    out = tmp_path / "out"
    few = [*weights_of(trained), *FEW, "--out", str(out)]
    if "--dissection" not in arguments:
        few += ["--dissection", str(dissected)]
    assert said in fails(capsys, "ablate", *few, *arguments.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_dissection_must_be_of_these_weights_and_this_layer(
    trained, dissected, tmp_path, capsys
):
    few = ["ablate", *FEW, "--dissection", str(dissected), "--out", str(tmp_path / "o")]
    error = fails(capsys, *few, *weights_of(trained), "--layers", "fc6")
    assert "not the dissection of fc6" in error
    error = fails(capsys, *few)
    assert "not the dissection of conv5_3 with weights" in error


@pytest.mark.slow
def test_activations_that_are_not_finite_leave_nothing(
    trained, dissected, tmp_path, capsys
):
    loaded = weights.load(trained / "weights.safetensors")
    loaded.params["conv5_2.conv"]["params"]["bias"] = np.full(32, np.nan, np.float32)
    file, found = tmp_path / "nan.safetensors", tmp_path / "found"
    weights.save(file, loaded.params, loaded.metadata)
    found.mkdir()
    run = json.loads((dissected / "run.json").read_text())
    run["weights"] = weights.load(file).digest
    (found / "run.json").write_text(json.dumps(run))
    for name in ("summary.json", "cards.json", "iou.npz"):
        (found / name).write_bytes((dissected / name).read_bytes())
    few = [*FEW, "--dissection", str(found), "--out", str(tmp_path / "out")]
    error = fails(capsys, "ablate", "--weights", str(file), *few)
    assert "not finite" in error
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["found", "nan.safetensors"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("ScaleSettings(factors=(0.5, 0.0))", "`factors[1]` is 0.0"),
        ("ScaleSettings(layer='input')", "no weights lead to"),
        ("CompareSettings()", "`trainings` has 0 files"),
        ("TrainSettings()", "takes AblateSettings or ScaleSettings or CompareSettings"),
    ],
)
def test_experiments_that_cannot_be_are_refused(config, said, tmp_path, capsys):
    file = tmp_path / "mine.py"
    kind = config.split("(")[0]
    file.write_text(f"from jaxdissect.experiments import {kind}\nconfig = {config}\n")
    assert said in fails(capsys, "ablate", str(file), "--out", str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
