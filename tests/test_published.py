"""Published networks are named, described, fetched with their classes and kept."""

import hashlib
import re
from urllib.parse import urlsplit

import pytest
from local_server import file, says, serving

from jaxdissect.checkpoints import published, sources
from jaxdissect.checkpoints import published as fetching
from jaxdissect.errors import BadInput

WEIGHTS = bytes(range(256)) * 100
CLASSES = b"/a/abbey 0\n/b/beach 1\n/d/diner/outdoor 2\n"
NAMES = ("abbey", "beach", "diner/outdoor")


def network(server, **changed):
    """A published network whose files a local server has."""
    weights = sources.RemoteFile(
        f"{server.url}/models/model.pth.tar?download=true",
        hashlib.sha256(WEIGHTS).hexdigest(),
        len(WEIGHTS),
    )
    classes = sources.RemoteFile(f"{server.url}/classes.txt")
    known = sources.Published("tiny-places", weights, classes, 3, "made up")
    return known._replace(**changed)


@pytest.mark.parametrize("known", sources.PUBLISHED, ids=lambda known: known.name)
def test_every_entry_can_be_told_from_another_file(known):
    assert published.find(known.name) is known
    assert re.fullmatch("[0-9a-f]{8,64}", known.weights.sha256)
    parts = urlsplit(known.weights.url)
    assert parts.scheme == "https" or len(known.weights.sha256) == 64
    assert parts.path.endswith((".safetensors", ".pth", ".pth.tar"))
    in_name = re.search(r"-([0-9a-f]{8,})\.pth", known.weights.url)
    assert not in_name or known.weights.sha256.startswith(in_name[1])
    assert all(0 < value < 1 for value in known.mean + known.std)
    assert (
        known.num_classes
        == {"imagenet": 1000, "places365": 365}[known.name.split("-")[1]]
    )


def test_names_and_files_are_different():
    for values in zip(*[(k.name, k.weights) for k in sources.PUBLISHED], strict=True):
        assert len(set(values)) == len(sources.PUBLISHED)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(BadInput, match="did you mean vgg16-places365"):
        published.find("vgg16_places365")
    with pytest.raises(BadInput, match="resnet152-places365"):
        published.find("?")


def test_weights_and_classes_are_fetched_once_and_kept(tmp_path):
    with serving(file(WEIGHTS), file(CLASSES)) as server:
        for _ in range(2):
            weights, known, classes = fetching.fetched_into(tmp_path, network(server))
    assert weights == tmp_path / "tiny-places.pth.tar"
    assert weights.read_bytes() == WEIGHTS and known == network(server)
    assert classes == NAMES
    assert [path for path, _ in server.asked] == [
        "/models/model.pth.tar?download=true",
        "/classes.txt",
    ]


def test_progress_is_of_one_file_after_the_other(tmp_path):
    told = []
    with serving(file(WEIGHTS), file(CLASSES)) as server:
        published.fetch_published(
            network(server), tmp_path, lambda done, total: told.append((done, total))
        )
    totals = [total for _, total in told]
    assert totals == sorted(totals, reverse=True)
    assert {len(WEIGHTS), len(CLASSES)} == set(totals)


def test_a_network_without_a_list_of_classes_has_none(tmp_path):
    with serving(file(WEIGHTS)) as server:
        found = fetching.fetched_into(tmp_path, network(server, classes=None))
    assert found[2] is None and len(server.asked) == 1


def test_a_bar_is_shown_for_what_is_fetched_only(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    cut = file(WEIGHTS, cut=len(WEIGHTS) // 2)
    with serving(cut, file(WEIGHTS), file(CLASSES)) as server:
        fetching.fetched_into(tmp_path, network(server))
        assert "fetching tiny-places" in capsys.readouterr().err
        fetching.fetched_into(tmp_path, network(server))
    assert capsys.readouterr().err == ""


def test_a_page_instead_of_a_list_of_classes_is_refused(tmp_path):
    page = says(200, b"<html>please log in</html>")
    with (
        serving(file(WEIGHTS), page) as server,
        pytest.raises(BadInput, match="has 1 names of classes, not 3; if it"),
    ):
        fetching.fetched_into(tmp_path, network(server))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="has no names of classes"):
        published.read_classes(tmp_path / "binary.txt", 1)
    with pytest.raises(BadInput, match="No such file"):
        published.read_classes(tmp_path / "missing.txt", 1)


def test_without_a_network_a_name_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving(says(503)) as proxy:
        pass  # a proxy that is gone: nothing can be reached, whatever the machine
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(BadInput, match="was not reached") as error:
        fetching.fetched("vgg16-imagenet")
    place = tmp_path / "jaxdissect" / "weights" / "vgg16-imagenet.safetensors"
    assert str(place) in str(error.value) and "\n" not in str(error.value)
    assert published.find("vgg16-imagenet").weights.url in str(error.value)


def test_known_sources_has_a_line_for_each():
    lines = fetching.known_sources().splitlines()
    named = [known.name for known in sources.PUBLISHED]
    assert [line.split()[0] for line in lines] == named
