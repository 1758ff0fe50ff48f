"""Every experiment, tiny: the SHA-256 of all it writes and prints, before and after.

    python tests/tiny_runs.py FOLDER --list before.json
    python tests/tiny_runs.py FOLDER attack explain --against before.json

Without names all experiments run; with them, these and those whose results they read.
The same code on the same machine writes the same bytes in any folder (but for what
`lasting` and `LEFT_OUT` name); on another machine floats may end otherwise. Ends with
code 1 where anything differs.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import jax
from fuzzing import world
from test_faces import write_faces

import jaxdissect
from jaxdissect.cli import main

ROOT = Path(__file__).parents[1]
LEFT_OUT = (".jaxdissect", "checkpoints")
"""Folders of what is not over, and of orbax, whose files have random names and dates;
what a checkpoint holds is in the weights, too."""
TIMED = re.compile(
    rb"took .* s and a gradient .* s:"
    rb'|"(forward|removal|probability|logit|gradient)": [\d.e-]+,?$'
    rb'|"(removal_by_gradient|with_forward)": [\d.e-]+,?$'
    rb'|"(findings.txt|results.md|summary.json)": "[0-9a-f]{64}"',
)
"""Lines of `agreement`: it says how many seconds it took, and its run.json holds the
hashes of the files that say so."""
NAMES = ("bathtub", "bus", "a bedroom", "", "street", "sail", "Dial", "no such thing")
"""Names of units, as CLIP-Dissect publishes them, given out twice."""
NEEDS: dict[str, tuple[str, ...]] = {
    "train": (),
    "regimes": (),
    "groups": (),
    "faces": (),
    "dissect": ("train",),
    "query": ("train", "dissect"),
    "contrast": ("train", "dissect"),
    "explain": ("train", "dissect"),
    "gradients": ("train",),
    "ablate": ("train", "dissect"),
    "attack": ("train", "dissect", "ablate"),
    "scale": ("train",),
    "compare": ("train",),
    "agreement": ("train",),
}
"""Whose results each experiment reads; all in an order in which they can run."""

TRAIN = """--network.architecture shapesnet --network.width 0.0625
    --optim.batch-size 14 --schedule 32 6"""
SCENES = f"train {TRAIN} --data.num-train 56 --data.num-test 28"
PHOTOS = f"train {TRAIN} --data.name folder --data.path photos"
EXPERIMENT = """--base.network.width 0.0625 --base.data.num-train 90
    --base.data.num-test 45 --base.optim.batch-size 45 --base.schedule 32 2
    --num-images 45"""
OF_SCENES = "--weights train/scenes/weights.safetensors"
OF_PHOTOS = "--weights train/photos/weights.safetensors"
DISSECT = f"dissect {OF_SCENES} --batch-size 14 --num-draws 40 --num-top 2"
FOUND = "--dissection dissect/scenes/conv2"
SWEEP = "--num-rank 28 --num-report 28 --batch-size 14 --memory-mib 64"
OWN_PICTURES = "--images photos/train/cat/0.png photos/train/dog/1.png"

RUNS: dict[str, dict[str, str]] = {
    "train": {
        "scenes": SCENES,
        "watched": f"""{SCENES} --checkpoint-every 4 --watch.epochs 1
            --watch.layers conv2 --watch.num-images 28""",
        "other_seed": f"{SCENES} --seed 1",
        "no_norm": f"{SCENES} --network.no-batch-norm",
        "no_norm_other_seed": f"{SCENES} --network.no-batch-norm --seed 1",
        "photos": f"{PHOTOS} --optim.batch-size 2",
    },
    "regimes": {
        "shapes": f"""train shapes_regimes {EXPERIMENT} --seeds 0 1 --together
            --regimes none "input gradient" "focused dropout"
            --steps 0.004 0.03 --num-attacked 45""",
    },
    "groups": {
        "shapes": f"train groups_shapes {EXPERIMENT} --seeds 0",
    },
    "faces": {
        "yale": """train faces_gradients --base.data.path yale --splits 3 4
            --base.schedule 36 1 --base.optim.batch-size 62 --base.checkpoint-every 2
            --ask.layers conv3 --ask.removed 2 --ask.random-draws 1 --ask.steps 1.0
            --ask.num-pushed 15 --ask.num-shown 1""",
    },
    "dissect": {
        "scenes": f"""{DISSECT} --layers conv1 conv2 --num-images 28
            --compare-presets --rotate 0.5 1""",
        "random": f"{DISSECT} --layers conv2 --num-images 28 --random-weights",
        "folders": f"{DISSECT} --layers conv2 --images folder --path photos/train",
        "segmented": f"""dissect dissect_cvpr17 {OF_SCENES} --batch-size 4
            --num-draws 40 --num-top 2 --layers conv2 --images segmented
            --path segmented --colours""",
    },
    "query": {
        "scenes": f"""dissect query_scenes {OF_SCENES} {FOUND} {OWN_PICTURES}
            --concepts object/aeroplane scene/bedroom --outside 28 --num-shown 2
            --batch-size 14""",
    },
    "contrast": {
        "folders": """dissect contrast --first dissect/scenes/conv2
            --second dissect/random""",
        "layers": """dissect contrast --first dissect/scenes/conv1
            --second dissect/scenes/conv2 --match profile""",
        "published": """dissect contrast --first names.csv
            --second dissect/scenes/conv2""",
    },
    "explain": {
        "scenes": f"dissect explain {OF_SCENES} {FOUND} --num-units 2",
        "pictures": f"""dissect explain {OF_SCENES} {FOUND} {OWN_PICTURES}
            --classes harbour farm --score logit --num-units 2""",
    },
    "gradients": {
        "scenes": f"""dissect gradients_scenes {OF_SCENES} --data.num-train 28
            --data.num-test 28 --layers conv1 conv2 --removed 6 --random-draws 2
            --num-pushed 28 --steps 0.1 2.0 --batch-size 14 --num-shown 1""",
    },
    "ablate": {
        "scenes": f"""ablate {OF_SCENES} {SWEEP} --layers conv2 {FOUND}
            --random-draws 2""",
        "photos": f"""ablate {OF_PHOTOS} --layers conv2 --data.name pictures
            --data.path photos/train --batch-size 2 --random-draws 1 --value mean""",
    },
    "attack": {
        "scenes": f"""dissect attack_scenes {OF_SCENES} {FOUND} --layer conv2
            --ablation ablate/scenes --targets harbour bathroom --num-images 3
            --steps 20 --searches 2 --batch-size 3 --num-shown 2""",
    },
    "scale": {
        "scenes": f"""ablate scale_conv5_3 {OF_SCENES} {SWEEP} --layer conv2
            --factors 0.5 2 --random-draws 2""",
    },
    "compare": {
        "scenes": """ablate compare_alexnet --num-rank 28 --num-report 84
            --batch-size 14 --layer conv2 --rotations 1 --random-draws 2
            --trainings train/scenes/weights.safetensors
            train/other_seed/weights.safetensors train/no_norm/weights.safetensors
            train/no_norm_other_seed/weights.safetensors""",
    },
    "agreement": {
        "scenes": f"""ablate agreement_conv5_3 {OF_SCENES} {SWEEP} --layer conv2
            --scores probability logit""",
    },
}
"""Of each experiment: folder for the results -> command, name of a file of configs/
where one says which experiment it is, settings."""


def inputs() -> None:
    """Pictures in folders of classes, segmented ones, faces and published names."""
    for split in ("train", "test"):
        world.pictures(Path("photos", split))
    world.segmented(Path("segmented"))
    Path("yale").mkdir(exist_ok=True)
    write_faces(Path("yale"))
    rows = (f"conv2,{unit},{name},0.25" for unit, name in enumerate(2 * NAMES))
    Path("names.csv").write_text(
        "\n".join(["layer,unit,description,similarity", *rows])
    )


def needed(chosen: list[str]) -> list[str]:
    """The experiments chosen, and whose results they read, in order."""
    wanted = {need for name in chosen for need in (name, *NEEDS[name])}
    return [name for name in NEEDS if name in wanted]


def run(name: str) -> dict[str, str]:
    """One experiment anew; relative path -> SHA-256 of all that it wrote."""
    shutil.rmtree(name, ignore_errors=True)
    Path(name).mkdir()
    for case, line in RUNS[name].items():
        command, *rest = shlex.split(line)
        if not rest[0].startswith("-"):
            rest[0] = str(ROOT / "configs" / f"{rest[0]}.py")
        start = time.monotonic()
        with Path(name, f"{case}.printed").open("w") as out, redirect_stdout(out):
            main([command, *rest, "--out", f"{name}/{case}"])
        print(f"{name} {case}: {time.monotonic() - start:.1f} s", flush=True)
    files = (f for f in sorted(Path(name).rglob("*")) if f.is_file())
    kept = [f for f in files if not set(LEFT_OUT) & set(f.parts)]
    return {
        f.relative_to(name).as_posix(): hashlib.sha256(lasting(f)).hexdigest()
        for f in kept
    }


def lasting(file: Path) -> bytes:
    """What a file holds, without what differs from run to run."""
    content = file.read_bytes()
    if file.suffix == ".safetensors":
        # The library writes the entries of the metadata in a random order.
        size = int.from_bytes(content[:8], "little")
        header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True)
        return header.encode() + content[8 + size :]
    if file.parts[0] == "agreement" and file.suffix != ".png":
        return b"\n".join(x for x in content.split(b"\n") if not TIMED.search(x))
    return content


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """A line for each file that is missing, new or changed."""
    kinds = {
        "missing": before.keys() - after.keys(),
        "new": after.keys() - before.keys(),
        "changed": {f for f in before.keys() & after.keys() if before[f] != after[f]},
    }
    return [f"{kind}: {file}" for kind in kinds for file in sorted(kinds[kind])]


def compile_quickly() -> None:
    """Programs that run once, found in the cache the next time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    jax.config.update("jax_compilation_cache_dir", str(cache / "jaxdissect" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_disable_most_optimizations", True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="for inputs and results")
    parser.add_argument("experiments", nargs="*", metavar="experiment", help="or all")
    parser.add_argument("--list", type=Path, help="JSON file to write the list to")
    parser.add_argument("--against", type=Path, help="list to compare with")
    given = parser.parse_args()
    unknown = set(given.experiments) - NEEDS.keys()
    if unknown:
        parser.error(
            f"no experiment {', '.join(unknown)}; there are {', '.join(NEEDS)}"
        )
    return given


def everything() -> int:
    """Run, write the list, compare; 1 where anything differs."""
    given = arguments()
    if not Path(jaxdissect.__file__).is_relative_to(ROOT):
        print(f"this runs {jaxdissect.__file__}; set PYTHONPATH={ROOT}")
        return 2
    before = json.loads(given.against.read_text()) if given.against else None
    listed = given.list and given.list.absolute()
    given.folder.mkdir(parents=True, exist_ok=True)
    # Results name their inputs, which are the same in every folder if relative.
    os.chdir(given.folder)
    compile_quickly()
    inputs()
    after = {name: run(name) for name in needed(given.experiments or list(NEEDS))}
    if listed:
        listed.write_text(json.dumps(after, indent=1) + "\n")
    if before is None:
        return 0
    found = [
        f"{name}: {line}"
        for name, files in after.items()
        for line in differences(before.get(name, {}), files)
    ]
    print("\n".join(found) or f"the same: {', '.join(after)}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(everything())
