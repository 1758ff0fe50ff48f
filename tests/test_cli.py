"""The commands: train, dissect, ablate on a tiny network; stops, resumes, mistakes."""

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
from conftest import ROOT, TINY, fails

from jaxdissect import cli, weights
from jaxdissect.cli import EXPERIMENTS, main, overview, parse
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.runs import subjects

PHASES = [
    *("--network.architecture", "shapesnet", "--network.width", "0.0625"),
    *("--data.num-train", "56", "--data.num-test", "28", "--checkpoint-every", "2"),
    *("--optim.batch-size", "14", "--schedule", "32", "1", "48", "3"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training on images of two sizes."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    main(["train", *PHASES, "--out", str(out)])
    return out


@pytest.mark.slow
def test_training_leaves_weights_metrics_and_provenance(whole):
    run = json.loads((whole / "run.json").read_text())
    assert run["config"]["schedule"] == [[32, 1], [48, 3]]
    lines = (whole / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == sorted(steps) and steps[-1] == 16
    loaded = weights.load(whole / "weights.safetensors")
    assert loaded.metadata["summary"] == json.loads(
        (whole / "summary.json").read_text()
    )


def start_training(out):
    command = [sys.executable, "train.py", *PHASES, "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
def test_killed_training_resumes_to_the_same_bits(whole, tmp_path):
    out = tmp_path / "killed"
    process = start_training(out)
    deadline = time.time() + 300
    # Past the first phase, between two checkpoints or within one.
    while not (out / "checkpoints" / "6").exists():
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "weights.safetensors").exists()
    assert start_training(out).wait(300) == 0
    resumed = weights.load(out / "weights.safetensors")
    assert resumed.digest == weights.load(whole / "weights.safetensors").digest
    metrics = "metrics.jsonl"
    assert (out / metrics).read_text() == (whole / metrics).read_text()


def dissect_arguments(trained):
    return [
        *("--weights", str(trained / "weights.safetensors")),
        *("--num-images", "28", "--batch-size", "14"),
    ]


def test_dissection_writes_tables_that_agree(dissected):
    rows = list(csv.DictReader((dissected / "units.csv").open()))
    arrays = np.load(dissected / "iou.npz")
    summary = json.loads((dissected / "summary.json").read_text())
    assert len(rows) == summary["units"] == len(arrays["iou"]) == 32
    np.testing.assert_allclose([float(r["iou"]) for r in rows], arrays["iou"].max(1))
    assert sum(r["is_detector"] == "True" for r in rows) == summary["detectors"]
    assert arrays["pixels"] == 28 * 12 * 12
    intersection, union = arrays["intersection"], arrays["unit"][:, None]
    union = union + arrays["concept"] - intersection
    np.testing.assert_allclose(arrays["iou"], intersection / np.maximum(union, 1))


def test_the_report_is_one_offline_page(dissected):
    page = (dissected / "report.html").read_text()
    assert page.count('<article class="card') == 32
    assert "http" not in page.replace("http-equiv", "")


def test_presets_are_other_runs(trained, dissected, capsys):
    again = ["dissect", *dissect_arguments(trained), "--out", str(dissected)]
    before = (dissected / "units.csv").read_bytes()
    main(again)
    assert (dissected / "units.csv").read_bytes() == before
    said = capsys.readouterr().out
    assert "finished already" in said and f"report: {dissected}" in said
    error = fails(capsys, *again, "--protocol.preset", "cvpr17")
    assert "another run's results" in error and "config.protocol.preset" in error
    assert (dissected / "units.csv").read_bytes() == before


@pytest.mark.slow
def test_random_weights_are_another_run(trained, dissected, capsys):
    again = ["dissect", *dissect_arguments(trained), "--out", str(dissected)]
    before = (dissected / "units.csv").read_bytes()
    error = fails(capsys, *again, "--random-weights")
    assert "another run's results" in error and "config.random_weights" in error
    assert (dissected / "units.csv").read_bytes() == before


def test_mistakes_are_one_sentence(trained, tmp_path, capsys):
    weights_file = str(trained / "weights.safetensors")
    error = fails(capsys, "dissect", "--weights", weights_file, "--layers", "conv6_1")
    assert "`layer` is 'conv6_1'" in error and "conv5_3" in error
    error = fails(capsys, "dissect", "--weights", str(tmp_path / "no.safetensors"))
    assert "there is no weights file" in error
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(Path(weights_file).read_bytes()[:5000])
    assert "truncated" in fails(capsys, "ablate", "--weights", str(broken))
    error = fails(
        capsys, "train", "--schedule", "16", "1", "--out", str(tmp_path / "x")
    )
    assert "of 16 pixels" in error and not (tmp_path / "x").exists()
    assert "did you mean dissect" in fails(capsys, "disect")
    assert "no config file" in fails(capsys, "train", "configs/scenes_vg16.py")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("dissect --layers logits", "`layer` is 'logits'"),
        ("dissect --num-images 0", "`num_images` is 0"),
        ("dissect --batch-size -1", "`batch_size` is -1"),
        ("dissect --seed -1", "`seed` is -1"),
        (
            "dissect --protocol.stride 225",
            "`stride` is 225; it must be from 1 to the size",
        ),
        ("dissect --protocol.tail-mass 1.5", "`protocol.tail_mass` is 1.5"),
        ("dissect --num-images 1000001", "probe split has 1000000 scenes"),
    ],
)
def test_values_that_mean_nothing_are_refused(arguments, said, trained, capsys):
    command, *rest = arguments.split()
    weights_file = str(trained / "weights.safetensors")
    before = sorted(Path("runs").glob("*"))
    assert said in fails(capsys, command, "--weights", weights_file, *rest)
    assert sorted(Path("runs").glob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--schedule", "`schedule`"),
        ("--schedule -5 1", "`schedule[0][0]` is -5"),
        ("--schedule 8 1", "`schedule` has images of 8 pixels"),
        ("--network.architecture alexnet --schedule 32 1", "too small"),
        ("--network.architecture lenet --schedule 64 1", "lenet takes one size"),
        ("--network.hidden 0", "`network.hidden[0]`"),
        ("--network.width 0", "`network.width`"),
        ("--network.grid 0", "`network.grid`"),
        ("--network.dropout 2", "`network.dropout`"),
        ("--augment.shift -1", "`augment.shift` is -1"),
        ("--augment.side-light -1", "`augment.side_light` is -1"),
        ("--augment.shadow 2", "`augment.shadow` is 2"),
        ("--optim.warmup 2", "`optim.warmup` is 2.0"),
        ("--optim.batch-size 0", "`optim.batch_size` is 0"),
        ("--data.num-train 5", "`batch_size` is 32"),
        ("--data.num-test 0", "`data.num_test` is 0"),
        ("--checkpoint-every 0", "`checkpoint_every` is 0"),
    ],
)
def test_training_that_cannot_be_is_refused_before_it_writes(
    arguments, said, tmp_path, capsys
):
    out = tmp_path / "out"
    assert said in fails(capsys, "train", *arguments.split(), "--out", str(out))
    assert not out.exists()


def test_weights_that_do_not_fit_their_network_are_refused(trained, tmp_path, capsys):
    loaded = weights.load(trained / "weights.safetensors")
    file = tmp_path / "other.safetensors"
    config = loaded.metadata["config"]
    for network, said in [
        ({"width": 0.125}, "has conv1_1.bn/"),
        ({"batch_norm": False}, "its network has None"),
        ({"architecture": "vgg19"}, "of shape None"),
        ({"architecture": "vgg99"}, "architecture"),
    ]:
        changed = {**config, "network": {**config["network"], **network}}
        weights.save(file, loaded.params, {**loaded.metadata, "config": changed})
        assert said in fails(capsys, "dissect", "--weights", str(file))
    unscheduled = {**loaded.metadata, "config": {**config, "schedule": []}}
    weights.save(file, loaded.params, unscheduled)
    assert "does not say" in fails(capsys, "ablate", "--weights", str(file))


def test_activations_that_are_not_finite_are_refused(trained, tmp_path, capsys):
    loaded = weights.load(trained / "weights.safetensors")
    loaded.params["conv5_2.conv"]["params"]["bias"] = np.full(32, np.nan, np.float32)
    file = tmp_path / "nan.safetensors"
    weights.save(file, loaded.params, loaded.metadata)
    out = tmp_path / "out"
    error = fails(capsys, "dissect", "--weights", str(file), "--out", str(out))
    assert "not finite" in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nan.safetensors"]


def test_a_config_file_that_fails_is_named(tmp_path, capsys):
    file = tmp_path / "broken.py"
    file.write_text("config = (")
    assert "SyntaxError" in fails(capsys, "train", str(file))
    file.write_text("config = 3")
    assert "as int" in fails(capsys, "train", str(file))


def test_a_mistyped_setting_names_the_nearest(capsys):
    error = fails(capsys, "train", "--optim.batchsize", "8")
    assert "--optim.batch-size" in error


def test_another_run_s_checkpoints_are_not_continued(trained, capsys):
    before = sorted(trained.rglob("*"))
    error = fails(capsys, "train", *TINY, "--seed", "1", "--out", str(trained))
    assert "another run's results" in error and "config.seed" in error
    assert sorted(trained.rglob("*")) == before


def test_a_folder_of_other_files_is_left_alone(tmp_path, trained, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    error = fails(
        capsys, "dissect", *dissect_arguments(trained), "--out", str(tmp_path)
    )
    assert "not this run's" in error
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("file", sorted((ROOT / "configs").glob("*.py")))
def test_every_config_loads_and_says_what_it_is(file):
    of_ablate = ("ablate", "scale", "compare", "agreement")
    of_dissect = ("dissect", "query", "contrast", "gradients", "explain", "attack")
    commands = dict.fromkeys(of_ablate, "ablate") | dict.fromkeys(of_dissect, "dissect")
    command = commands.get(file.stem.split("_")[0], "train")
    parse(command, [str(file)])
    source = file.read_text()
    assert (
        source.lstrip("r").startswith('"""')
        and f"python {command}.py configs/{file.name}" in source
    )


def test_a_config_file_changes_defaults_and_the_command_line_both(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from jaxdissect.experiments import TrainSettings\n"
        "config = TrainSettings(seed=4)\n"
    )
    assert parse("train", [str(file)]).seed == 4
    config = parse("train", [str(file), "--seed", "5", "--optim.lr", "0.1"])
    assert (config.seed, config.optim.lr) == (5, 0.1)
    assert isinstance(config, TrainSettings)


CONFIGS = sorted((ROOT / "configs").glob("*.py"))


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_is_a_sub_command(name, capsys):
    assert parse(name, []) == EXPERIMENTS[name]()
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0 and f"usage: jaxdissect {name} " in shown
    assert f"\n  {name:<11}" in overview()


def test_scripts_take_their_own_experiments():
    assert parse("dissect", ["attack", "--num-images", "5"]).num_images == 5
    assert parse("ablate", ["scale"]) == EXPERIMENTS["scale"]()
    with pytest.raises(BadInput, match="scale is no part of dissect; run"):
        parse("dissect", ["scale"])


@pytest.mark.parametrize("file", CONFIGS, ids=lambda f: f.stem)
def test_packaged_configs_are_named(file):
    (name,) = (n for n in EXPERIMENTS if file.stem in cli._packaged(n))
    whole = parse(name, ["--config", file.stem])
    assert whole == parse(name, [str(file)]) == parse(name, [f"--config={file.stem}"])
    short = file.stem.removeprefix(f"{name}_")
    assert parse(name, ["--config", short]) == whole


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["atack"], "there is no experiment 'atack'; did you mean attack?"),
        (["attack", "--config", "scenees"], "did you mean attack_scenes?"),
        (["attack", "--config"], "`--config` is last; a name or a file must follow"),
        (["attack", "a.py", "--config", "b"], "there are two configs, a.py and b;"),
        (
            ["ablate", "--config", "attack_scenes"],
            "for this one run `jaxdissect attack --config ",
        ),
        (["dissect", "--layers", "convv5_3"], "did you mean conv5_3?"),
        (["attack", "--layer", "conv9"], "`layer` is 'conv9'; "),
        (["runs", "nowhere"], "there is no folder nowhere"),
        (["runs", "a", "b"], "`runs` takes a folder, not a b"),
    ],
)
def test_mistakes_before_anything_starts(arguments, said, capsys):
    assert said in fails(capsys, *arguments)


def test_layers_are_called_as_the_network_does():
    both = ["--layers", "features.42", "conv4_3"]
    assert parse("dissect", both).layers == ("conv5_3", "conv4_3")
    assert parse("attack", ["--layer", "features.42"]).layer == "conv5_3"
    assert parse("dissect", ["--layers", "all"]).layers == ("all",)


def test_results_are_named_after_the_run_its_seed_included():
    names = {
        "runs/alexnet/weights.safetensors": "alexnet",
        "runs/alexnet/seed-3/weights.safetensors": "alexnet-seed-3",
        "downloads/mine.safetensors": "mine",
    }
    for path, name in names.items():
        assert subjects.run_name(DissectSettings(weights=Path(path))) == name
    assert subjects.run_name(DissectSettings()) == "scenes_vgg16"
    assert subjects.run_name(DissectSettings(network="nets/own.py:build")) == "own"


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out.startswith("jaxdissect 0.")


def test_help_needs_no_heavy_import():
    code = (
        "import sys\nfrom jaxdissect.cli import main\n"
        "try: main(['dissect', '--help'])\nexcept SystemExit: pass\n"
        "print('LOADED', *{m.split('.')[0] for m in sys.modules})"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "--protocol.preset" in out
    assert not {"flax", "orbax", "matplotlib"} & set(out.split("LOADED")[1].split())
