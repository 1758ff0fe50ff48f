"""`jaxdissect runs`: what is in a folder of results, whatever state they are in."""

import json

import pytest

from jaxdissect.cli import main
from jaxdissect.runs import index

NASTY = '<b>x</b>&"'


@pytest.fixture
def runs(tmp_path):
    """A folder with a run of each kind of state."""

    def put(name, record, **files):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        if record is not None:
            (folder / "run.json").write_text(record)
        for file, text in files.items():
            path = folder / file.replace("__", ".")
            path.write_text(text)
        return folder

    told = {"command": "dissect", "config": {"layers": ["conv1"], "network": None}}
    summary = {"units": 4, "detectors": 3, "unique_labels": 2}
    put(
        "dissection",
        json.dumps(told),
        summary__json=json.dumps({**summary, "significant_detectors": 1}),
        report__html="<p>",
    )
    told = {"command": "train", "config": {"network": {"architecture": "lenet"}}}
    put("training", json.dumps(told), summary__json=json.dumps({"test_top1": 0.5}))
    told = {"command": "scale", "config": {"layer": NASTY}}
    put("scaled", json.dumps(told), findings__txt=f"{NASTY} found.\nMore.\n")
    put("damaged", "{")
    put("unfinished", None).joinpath(".jaxdissect").mkdir()
    return tmp_path


def test_each_is_listed_with_its_headline(runs):
    found = {run.folder: run for run in index.results_in(runs)}
    assert found["dissection"].headline == (
        "3 of 4 units are detectors by IoU (1 beyond chance), of 2 concepts"
    )
    assert found["dissection"].pages == ("dissection/report.html",)
    assert found["training"].headline == "top-1 50.0% on test images"
    assert found["training"].network == "lenet"
    assert found["scaled"].headline == f"{NASTY} found."
    assert "is damaged" in found["damaged"].headline
    assert found["unfinished"].headline == "not finished"
    assert list(found)[-2:] == ["damaged", "unfinished"]


def test_the_page_links_to_pages_and_escapes_what_is_strange(runs, capsys):
    main(["runs", str(runs)])
    assert "5 results" in capsys.readouterr().out
    page = (runs / "index.html").read_text()
    assert 'href="dissection/report.html"' in page
    assert NASTY not in page and "&lt;b&gt;x&lt;/b&gt;" in page
    main(["runs", str(runs)])  # the page itself is no result
    assert "5 results" in capsys.readouterr().out
    assert not list(runs.glob("*.partial"))
