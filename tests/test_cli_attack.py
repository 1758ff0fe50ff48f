"""The command `dissect` with an attack: numbers that agree, stops, mistakes."""

import csv
import json
import shutil
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import QUICKLY, fails

from jaxdissect import model, networks
from jaxdissect.cli import main
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.errors import BadInput
from jaxdissect.experiments import attack
from jaxdissect.experiments.ablate import command as ablate
from jaxdissect.experiments.attack import experiment, units
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.experiments.dissect import command as dissect
from jaxdissect.runs import records
from jaxdissect.runs.progress import Progress

ROOT = Path(__file__).parents[1]
CONFIG = """
from jaxdissect.experiments import AttackSettings
config = AttackSettings(num_images=3, steps=60, searches=5, batch_size=3, num_shown=2)
"""
TARGETS = ["--targets", "harbour", "bathroom"]


def weights_of(run):
    return ["--weights", str(run / "weights.safetensors")]


@pytest.fixture(scope="module")
def folders(trained, dissected, tmp_path_factory):
    """What the attack builds upon: a dissection, an ablation; and a config file."""
    folder = tmp_path_factory.mktemp("attack")
    found, removed = folder / "dissected", folder / "ablated"
    shutil.copytree(dissected, found)
    few = ["--num-rank", "28", "--num-report", "28", "--batch-size", "14"]
    few += ["--memory-mib", "64", "--random-draws", "1", "--dissection", str(found)]
    main(["ablate", *weights_of(trained), *few, "--out", str(removed)])
    (folder / "attack.py").write_text(CONFIG)
    return folder


def command(trained, folders, out, *extra):
    return [
        *("dissect", str(folders / "attack.py"), *weights_of(trained)),
        *("--ablation", str(folders / "ablated")),
        *("--dissection", str(folders / "dissected"), "--out", str(out), *extra),
    ]


@pytest.fixture(scope="module")
def attacked(trained, folders):
    out = folders / "attacked"
    main(command(trained, folders, out, *TARGETS))
    return out


def rows_of(file):
    return list(csv.DictReader(file.open()))


@pytest.mark.slow
def test_images_are_the_first_that_will_do_and_were_not_ranked_on(trained, attacked):
    network = model.load_trained(trained / "weights.safetensors")
    first = 4_000_000  # of the report split; the ranking one ends before
    drawn = scenes.render(0, range(first, first + 14), size=network.image_size)
    pixels = drawn.images / np.float32(255)
    apply = jax.jit(partial(networks.apply, network.network), compiler_options=QUICKLY)
    logits = apply(network.weights.params, pixels)
    taken = np.asarray(logits.argmax(-1))
    rows = rows_of(attacked / "attacks.csv")
    for name in ("harbour", "bathroom"):
        k = scenes.CLASSES.index(name)
        expected = np.flatnonzero((drawn.targets != k) & (taken != k))[:3]
        own = [row for row in rows if row["target"] == name]
        assert [int(row["scene"]) - first for row in own] == expected.tolist()
        sources = [scenes.CLASSES[taken[at]] for at in expected]
        assert [row["source"] for row in own] == sources


@pytest.mark.slow
def test_attacks_are_what_they_say(trained, folders, tmp_path):
    """Of the images kept: bounds, classes, distances, peaks and roles, by loops."""
    network = model.load_trained(trained / "weights.safetensors")
    config = AttackSettings(
        **{"num_images": 3, "batch_size": 3, "num_shown": 2},
        **{"steps": 60, "searches": 5},
        weights=trained / "weights.safetensors",
        ablation=folders / "ablated",
        dissection=folders / "dissected",
    )
    pairs = experiment.choose(config, network, "report", [0, 13])
    assert pairs.is_shown.tolist() == [True, False, False, False, True, False]
    found = experiment.attack(config, network, pairs, Progress(shown=False))
    assert found.success[:3].sum() >= 2 and found.success[3:].sum() >= 2
    assert (found.changes[~found.success] == 0).all()
    trunk = networks.taps(network.network, ("conv5_3", "logits"))
    trunk = jax.jit(trunk, compiler_options=QUICKLY)
    originals = experiment.rendered(config, network, pairs)
    for image, p in zip(found.images, (0, 4), strict=True):
        assert image.min() >= 0 and image.max() <= 1
        change = image - originals[p]
        if not found.success[p]:
            assert (change == 0).all() and found.distance[p] == np.inf
            continue
        np.testing.assert_allclose(np.linalg.norm(change), found.distance[p], rtol=1e-3)
        np.testing.assert_allclose(np.abs(change).max(), found.largest[p], rtol=1e-5)
        seen = trunk(network.weights.params, np.stack([originals[p], image]))
        logits = np.asarray(seen["logits"])
        assert logits[0].argmax() == found.sources[p]
        assert logits[1, found.targets[p]] >= logits[1].max() - 1e-4
        maps = np.asarray(seen["conv5_3"])
        peaks = [[maps[n, :, :, u].max() for u in range(maps.shape[3])] for n in (0, 1)]
        expected = np.subtract(peaks[1], peaks[0])
        np.testing.assert_allclose(found.changes[p], expected, atol=1e-4)
    known = units.known(network, "conv5_3", config.ablation, config.dissection)
    arrays = np.load(folders / "ablated" / "conv5_3" / "ablation.npz")
    measured = experiment.measure(config, known, found, known.orders[:, :4])
    roles = measured["activation"].roles.absolute
    for p, (source, target) in enumerate(
        zip(found.sources, found.targets, strict=True)
    ):
        sizes = np.abs(found.changes[p])
        about = [arrays["orders"][k][:4].tolist() for k in (target, source)]
        rest = [u for u in range(len(sizes)) if u not in about[0] + about[1]]
        for values, group in zip(roles, (*about, rest), strict=False):
            np.testing.assert_allclose(values[p], np.mean([sizes[u] for u in group]))


@pytest.mark.slow
def test_tables_pictures_and_page_agree(attacked):
    rows, by_role = rows_of(attacked / "attacks.csv"), rows_of(attacked / "roles.csv")
    succeeded = [row for row in rows if row["success"] == "True"]
    summary = json.loads((attacked / "summary.json").read_text())
    assert (summary["attacks"], summary["success"]) == (6, len(succeeded))
    mean = np.mean([float(row["l2"]) for row in succeeded])
    np.testing.assert_allclose(summary["l2"]["mean"], mean)
    for row in by_role:
        assert float(row["low"]) <= float(row["mean"]) <= float(row["high"])
        if row["target"] == "harbour":
            name = f"{row['role']}_{row['measure'].replace(' ', '_')}"
            own = [float(r[name]) for r in succeeded if r["target"] == "harbour"]
            np.testing.assert_allclose(float(row["mean"]), np.mean(own))
    units = rows_of(attacked / "units.csv")
    assert len(units) == 3 * 32
    assert sum(row["matters_to_target"] == "True" for row in units) == 2 * 4
    assert len(rows_of(attacked / "steps.csv")) == 2 * 4
    for name in ("roles", "units", "pictures"):
        assert (attacked / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    page = (attacked / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("difference x 100") >= 1 and " to harbour" in page


@pytest.mark.slow
def test_a_notebook_attacks_without_files_and_saves_the_command_s(
    trained, folders, attacked, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    network = model.load(trained / "weights.safetensors")
    settings = AttackSettings(
        **{"num_images": 3, "steps": 60, "searches": 5, "batch_size": 3},
        num_shown=2,
        targets=("harbour", "bathroom"),
        weights=trained / "weights.safetensors",
    )
    with pytest.raises(BadInput, match="`ablation` is None; give what `ablate` found"):
        attack.run(network, settings)
    known = {"ablation": folders / "ablated", "dissection": folders / "dissected"}
    result = attack.run(network, settings, **known, progress=False)
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir())
    assert repr(result).startswith(result.findings[0])
    assert result._repr_html_().startswith("<iframe")
    for name in ("attacks", "roles", "units", "steps"):
        rows = rows_of(attacked / f"{name}.csv")
        columns = {
            key: [str(value) for value in values]
            for key, values in result.table(name).items()
        }
        assert columns == {key: [row[key] for row in rows] for key in rows[0]}
    with pytest.raises(BadInput, match="`rows` is 'pages'"):
        result.table("pages")
    result.save("saved")
    written = [path for path in attacked.rglob("*") if path.is_file()]
    for path in written:
        saved = tmp_path / "saved" / path.relative_to(attacked)
        assert saved.read_bytes() == path.read_bytes(), path


@pytest.mark.slow
def test_a_stopped_attack_ends_identical(
    trained, folders, attacked, tmp_path, monkeypatch
):
    out, batches = tmp_path / "stopped", []

    def stop(*arguments, rendered=experiment.rendered):
        batches.append(arguments)
        if len(batches) == 2:
            raise KeyboardInterrupt
        return rendered(*arguments)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(experiment, "rendered", stop)
        main(command(trained, folders, out, *TARGETS))
    assert stopped.value.code == 130
    assert [path.name for path in out.iterdir()] == [".jaxdissect"]
    assert list(out.glob(".jaxdissect/*/progress/attacking.npz"))
    batches.clear()
    monkeypatch.setattr(
        experiment, "rendered", lambda *a: batches.append(a) or draw(*a)
    )
    main(command(trained, folders, out, *TARGETS))
    assert [path.name for path in tmp_path.iterdir()] == ["stopped"]
    # The second batch, and the images that are drawn.
    assert [len(a[2].scenes) for a in batches] == [3, 2]
    for name in ("attacks.csv", "roles.csv", "units.csv", "steps.csv", "summary.json"):
        assert (out / name).read_bytes() == (attacked / name).read_bytes(), name


draw = experiment.rendered


@pytest.mark.slow
def test_attacks_that_fail_are_told(trained, folders, tmp_path):
    few = ["--steps", "1", "--searches", "1", "--targets", "farm"]
    main(command(trained, folders, tmp_path / "out", *few))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["success"] == 0
    assert summary["findings"] == ["None of 3 attacks succeeds."]
    assert rows_of(tmp_path / "out" / "roles.csv") == []
    assert "None of 3" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_what_is_missing_is_made(trained, folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []

    def make(name, config, folder):
        made.append(config)
        shutil.copytree(folders / name, folder)

    for name, command in {"dissected": dissect, "ablated": ablate}.items():
        folder = command.default_out
        monkeypatch.setattr(
            command, "run", lambda c, n=name, out=folder: make(n, c, out(c))
        )
    config = AttackSettings(weights=trained / "weights.safetensors")
    network = model.load_trained(config.weights)
    ablated, dissected = units.expected_records(config, network)
    assert not (tmp_path / "runs").exists()
    assert ablated["command"] == "ablate"
    assert dissected["config"]["layers"] == ["conv5_3"]
    known = units.known(network, "conv5_3", *units.find_or_make(config))
    assert [type(c).__name__ for c in made] == ["DissectSettings", "AblateSettings"]
    assert known.orders.shape == (14, 32) and (known.scale > 0).any()
    assert known.ablation == records.read(folders / "ablated").run
    assert units.expected_records(config, network)[0] == known.ablation


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--targets office farn", "`targets` has 'farn', which is no class; did you"),
        ("--num-images 1", "`num_images` is 1"),
        ("--num-shown -1", "`num_shown` is -1"),
        ("--top 16", "`top` is 16; conv5_3 has 32 units"),
        ("--steps 0", "`steps` is 0"),
        ("--confidence -1", "`confidence` is -1.0"),
        ("--pixel-steps 0.1 0", "`pixel_steps[1]` is 0.0"),
        ("--layer conv9", "`layer` is 'conv9'"),
        ("--layer conv5_2", "an ablation of conv5_2 is needed"),
        ("--ablation tests", "`ablation` is tests, which holds no ablation"),
        ("--dissection tests", "`dissection` is tests, which holds no dissection"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    arguments, said, trained, folders, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(ROOT)
    few = command(trained, folders, tmp_path / "out", *arguments.split())
    assert said in fails(capsys, *few)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_runs_of_other_weights_are_refused(folders, tmp_path, capsys):
    of = ["--out", str(tmp_path / "out"), "--ablation", str(folders / "ablated")]
    error = fails(capsys, "dissect", str(folders / "attack.py"), *of)
    assert "of weights" in error and "name the right one with --ablation" in error


@pytest.mark.slow
def test_too_few_images_are_told_before_anything_is_made(
    trained, folders, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(experiment, "LOOKED_AT", 1)
    few = ["--num-images", "14", "--batch-size", "14"]
    error = fails(capsys, *command(trained, folders, tmp_path / "out", *few))
    assert "`num_images` is 14; of the first 14 scenes only" in error
    assert not list(tmp_path.iterdir())


def test_default_targets_are_spread():
    assert experiment.targets_of([], scenes.CLASSES) == [0, 3, 6, 10, 13]
    assert experiment.targets_of(["farm", "farm"], scenes.CLASSES) == [2]
    assert jax.tree.leaves(experiment.targets_of([], ("a", "b"))) == [0, 1]
