"""Folders of results: one run at a time, whole or told, nothing else lost."""

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from jaxdissect.errors import BadInput
from jaxdissect.runs import locking, publishing, records

RUN = {"command": "made up", "config": {"seed": 1}}
OTHER = {"command": "made up", "config": {"seed": 2}}


def make(work):
    (work.results / "table.csv").write_text("1")
    (work.results / "layer").mkdir()
    (work.results / "layer" / "page.html").write_text("2")


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


WHOLE = ["layer/page.html", "run.json", "table.csv"]


def test_results_appear_with_their_record_and_nothing_else_is_left(tmp_path):
    out = tmp_path / "a" / "out"
    publishing.make_once(out, RUN, make)
    assert names(tmp_path / "a") == [f"out/{name}" for name in WHOLE]
    assert not (out / locking.HIDDEN).exists()
    found = records.read(out)
    assert found.run == RUN and sorted(found.files) == ["layer/page.html", "table.csv"]


def test_a_finished_run_is_not_made_again(tmp_path, capsys):
    publishing.make_once(tmp_path / "out", RUN, make)
    publishing.make_once(tmp_path / "out", RUN, lambda work: pytest.fail("made again"))
    assert f"finished already: {tmp_path / 'out'}" in capsys.readouterr().out


def test_what_is_missing_is_made_again_and_what_changed_is_told(tmp_path):
    out = tmp_path / "out"
    publishing.make_once(out, RUN, make)
    (out / "table.csv").unlink()
    (out / "notes.txt").write_text("mine")
    publishing.make_once(out, RUN, make)
    assert names(out) == sorted([*WHOLE, "notes.txt"])
    (out / "table.csv").write_text("my own remarks")
    with pytest.raises(BadInput, match=r"table\.csv is not as this run wrote it"):
        publishing.make_once(out, RUN, make)
    assert (out / "table.csv").read_text() == "my own remarks"


def test_another_run_is_refused(tmp_path):
    out = tmp_path / "out"
    publishing.make_once(out, RUN, make)
    with pytest.raises(BadInput, match=r"differ in config\.seed"):
        publishing.make_once(out, OTHER, make)
    assert names(out) == WHOLE


def test_files_of_others_stay_wherever_they_come_from(tmp_path):
    """Put there while the run goes on, beside or below what it writes."""
    out = tmp_path / "out"

    def make_slowly(work):
        (out / "layer").mkdir()
        (out / "layer" / "notes.txt").write_text("mine")
        (out / "notes.txt").write_text("mine, too")
        make(work)

    publishing.make_once(out, RUN, make_slowly)
    assert names(out) == sorted([*WHOLE, "layer/notes.txt", "notes.txt"])


@pytest.mark.parametrize("name", ["table.csv", "layer", "table.csv/", "run.json"])
def test_a_file_in_the_way_is_named_and_kept_and_so_are_the_results(tmp_path, name):
    out = tmp_path / "out"

    def make_slowly(work):
        target = out / name
        target.mkdir() if name.endswith("/") else target.write_text("mine")
        make(work)

    with pytest.raises(BadInput, match=rf"{name.strip('/')} is (in the way|damaged)"):
        publishing.make_once(out, RUN, make_slowly)
    (out / name).rename(tmp_path / "mine")
    publishing.make_once(out, RUN, lambda work: pytest.fail("made again"))
    assert names(out) == WHOLE


def test_a_folder_of_other_files_is_refused_and_stays(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(BadInput, match="files that are not this run's"):
        publishing.make_once(tmp_path, RUN, make)
    assert names(tmp_path) == ["thesis.tex"]


def test_a_run_that_fails_leaves_nothing(tmp_path):
    def fail(work):
        make(work)
        (work.progress.folder / "pass.npz").write_text("half")
        raise BadInput("`layer` is none")

    with pytest.raises(BadInput, match="`layer`"):
        publishing.make_once(tmp_path / "runs" / "out", RUN, fail)
    assert list(tmp_path.iterdir()) == []


def test_stopped_before_anything_is_done_nothing_is_left(tmp_path):
    def stop(work):
        raise KeyboardInterrupt

    with pytest.raises(publishing.Interrupted, match="starts anew"):
        publishing.make_once(tmp_path / "out", RUN, stop)
    assert list(tmp_path.iterdir()) == []


def test_stopped_in_the_middle_the_progress_stays_and_leftovers_go(tmp_path):
    out = tmp_path / "out"

    def stop(work):
        (work.progress.folder / "pass.npz").write_text("half")
        raise KeyboardInterrupt

    for run in (RUN, OTHER):
        with pytest.raises(publishing.Interrupted, match="goes on where"):
            publishing.make_once(out, run, stop)
    assert len(names(out)) == 2

    def go_on(work):
        assert (work.progress.folder / "pass.npz").read_text() == "half"
        make(work)

    publishing.make_once(out, RUN, go_on)
    assert names(out) == WHOLE and [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("moves", range(4))
def test_killed_while_publishing_the_same_run_ends_it(tmp_path, moves, monkeypatch):
    class Killed(BaseException):
        pass

    out, done = tmp_path / "out", []

    def replace(self, target, replace=Path.replace):
        if target.parent.name != "results" and locking.HIDDEN not in target.parts:
            if len(done) == moves:
                raise Killed
            done.append(target)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        if moves < 3:
            with pytest.raises(Killed):
                publishing.make_once(out, RUN, make)
            assert records.read(out) is None
    publishing.make_once(out, RUN, make)
    assert names(out) == WHOLE


def test_links_are_written_through(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "out"
    link.symlink_to("disk", target_is_directory=True)
    publishing.make_once(link, RUN, make)
    assert link.is_symlink() and names(tmp_path / "disk") == WHOLE


def place_of_kind(kind, folder):
    out = folder / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "below a file":
        (folder / "file").write_text("mine")
        out = folder / "file" / "out"
    elif kind == "dangling link":
        out.symlink_to(folder / "nowhere")
    elif kind == "link loop":
        out.symlink_to(out)
    elif kind == "below a loop":
        out.symlink_to(out)
        out = out / "deep" / "er"
    elif kind == "link to a file":
        (folder / "file").write_text("mine")
        out.symlink_to(folder / "file")
    elif kind == "long name":
        out = folder / ("x" * 300)
    elif kind == "null":
        out = folder / "a\0b"
    elif kind == "root":
        out = Path("/")
    elif kind == "no permission":
        out = Path("/proc/out")
    return out


KINDS = [
    *("file", "below a file", "dangling link", "link loop", "below a loop"),
    *("link to a file", "long name", "null", "root", "no permission"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_places_that_cannot_be_are_one_sentence_and_stay(tmp_path, kind):
    out = place_of_kind(kind, tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(BadInput) as refused:
        publishing.make_once(out, RUN, make)
    assert "\n" not in str(refused.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_the_current_folder_can_be_written_to_if_it_is_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    publishing.make_once(Path("."), RUN, make)
    assert names(tmp_path) == WHOLE
    with pytest.raises(BadInput, match="another run's"):
        publishing.make_once(Path(""), OTHER, make)


def test_a_second_run_is_refused_by_whatever_name_and_the_first_ends(tmp_path):
    out, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(out)

    def make_two(work):
        for again in (out, link, tmp_path / "x" / ".." / "out"):
            for run in (RUN, OTHER):
                with pytest.raises(BadInput, match="another run is writing to"):
                    publishing.make_once(again, run, make)
        publishing.make_once(tmp_path / "inner", OTHER, make)  # another folder: nested
        make(work)

    (tmp_path / "x").mkdir()
    publishing.make_once(out, RUN, make_two)
    assert names(out) == WHOLE


def test_in_turn_the_second_waits_and_uses_what_the_first_made(tmp_path, capsys):
    out, started, made = tmp_path / "out", threading.Event(), []

    def make_slowly(work):
        started.set()
        time.sleep(0.5)
        made.append(work)
        make(work)

    first = threading.Thread(target=publishing.make_once, args=(out, RUN, make_slowly))
    first.start()
    started.wait()
    with locking.in_turn():
        publishing.make_once(out, RUN, make_slowly)
    first.join()
    assert len(made) == 1 and names(out) == WHOLE
    said = capsys.readouterr().out
    assert "waiting for another run" in said and "finished already" in said


def write_from_a_process(out, run, seconds, said):
    def make_slowly(work):
        time.sleep(seconds)
        for name in ("a", "b"):
            (work.results / name).write_text(str(run["config"]["seed"]))
        time.sleep(seconds)

    try:
        publishing.make_once(out, run, make_slowly)
        said.put((run["config"]["seed"], "done"))
    except BadInput as error:
        said.put((run["config"]["seed"], str(error)))


@pytest.mark.slow
@pytest.mark.parametrize("round", range(20))
def test_two_writers_end_in_one_whole_run_and_lose_nothing(tmp_path, round):
    """At all distances in time: at once, and one as the other publishes and ends."""
    out, context = tmp_path / "out", multiprocessing.get_context("fork")
    said = context.Queue()
    processes = [
        context.Process(target=write_from_a_process, args=(out, run, 0.01, said))
        for run in (RUN, OTHER)
    ]
    processes[0].start()
    time.sleep(round * 0.002)
    processes[1].start()
    while not out.exists():
        time.sleep(0.0005)
    (out / "notes.txt").write_text("mine")
    told = dict(said.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    done = [seed for seed, words in told.items() if words == "done"]
    refused = [words for words in told.values() if words != "done"]
    assert len(done) == 1 and len(refused) == 1
    # The second may see `notes.txt` before the lock.
    assert "another run" in refused[0] or "that are not this run's" in refused[0]
    assert names(out) == ["a", "b", "notes.txt", "run.json"]
    assert (out / "a").read_text() == (out / "b").read_text() == str(done[0])
    assert records.read(out).run["config"]["seed"] == done[0]


def test_a_killed_run_frees_its_folder(tmp_path):
    out, context = tmp_path / "out", multiprocessing.get_context("fork")
    process = context.Process(
        target=write_from_a_process, args=(out, OTHER, 60, context.Queue())
    )
    process.start()
    while not list(out.glob(f"{locking.HIDDEN}/*/results")):
        time.sleep(0.01)
    with pytest.raises(BadInput, match="another run is writing"):
        publishing.make_once(out, RUN, make)
    os.kill(process.pid, 9)
    process.join()
    publishing.make_once(out, RUN, make)
    assert names(out) == WHOLE and not (out / locking.HIDDEN).exists()
