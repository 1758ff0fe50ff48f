"""A file is fetched once, checked, and refused in one sentence if it is not the one."""

import hashlib
import resource
import socket
import threading
import time
from types import SimpleNamespace

import pytest
import requests
from local_server import file, says, serving, trickle

from jaxdissect.checkpoints import downloads
from jaxdissect.errors import BadInput

BODY = bytes(range(100))
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Seconds waited before a server is asked again; none in these tests."""
    waited = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=waited.append))
    return waited


def fetch(server, target, **known):
    return downloads.fetch(f"{server.url}/w.pth", target, **known)


def leftovers(folder):
    """What is in a folder but for the lock."""
    return sorted(f.name for f in folder.iterdir() if f.name != ".w.pth.lock")


def refused(server, target, **known):
    """The one sentence with which a fetch ends."""
    with pytest.raises(BadInput) as error:
        fetch(server, target, **known)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_comes_whole_with_its_progress(tmp_path):
    told = []
    target = tmp_path / "deep" / "w.pth"
    with serving(file(BODY)) as server:
        found = fetch(
            server,
            target,
            size=100,
            sha256=SHA256,
            progress=lambda done, total: told.append((done, total)),
        )
    assert found == target and target.read_bytes() == BODY
    assert told[0] == (0, 100) and told[-1] == (100, 100)
    assert leftovers(target.parent) == ["w.pth"]


def test_a_file_of_unknown_length_is_told_as_such(tmp_path):
    told = []
    with serving(says(200, BODY)) as server:
        fetch(server, tmp_path / "w.pth", progress=lambda *step: told.append(step))
    assert told[-1] == (100, None)


def test_a_good_file_is_not_fetched_again(tmp_path):
    with serving(file(BODY)) as server:
        for _ in range(2):
            fetch(server, tmp_path / "w.pth", size=100, sha256=SHA256[:8])
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("there", "wrong"),
    [(BODY[:60], "has 60 bytes, not 100"), (BODY[::-1], "has SHA-256"), (b"", "empty")],
)
def test_another_file_in_its_place_is_refused_and_kept(tmp_path, there, wrong):
    target = tmp_path / "w.pth"
    target.write_bytes(there)
    with serving(file(BODY)) as server:
        message = refused(server, target, size=100, sha256=SHA256)
    assert str(target) in message and wrong in message and "delete it" in message
    assert target.read_bytes() == there and not server.asked


def test_a_wrong_checksum_names_both_and_leaves_nothing(tmp_path):
    with serving(file(BODY)) as server:
        message = refused(server, tmp_path / "w.pth", size=100, sha256="0badf00d")
    assert server.url in message and "0badf00d" in message and SHA256 in message
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("size", [99, 101])
def test_an_announced_length_that_is_wrong_is_refused_at_once(tmp_path, size):
    with serving(file(BODY)) as server:
        message = refused(server, tmp_path / "w.pth", size=size)
    assert f"has 100 bytes, not {size}" in message and len(server.asked) == 1
    assert leftovers(tmp_path) == []


def test_more_bytes_than_expected_are_refused(tmp_path):
    with serving(says(200, BODY)) as server:
        assert "has more than 60 bytes" in refused(server, tmp_path / "w.pth", size=60)
    assert leftovers(tmp_path) == []


def test_a_cut_connection_is_tried_again(tmp_path, pauses):
    told = []
    with serving(file(BODY, cut=30), file(BODY)) as server:
        found = fetch(
            server, tmp_path / "w.pth", progress=lambda done, _: told.append(done)
        )
    assert found.read_bytes() == BODY and len(pauses) == 1
    assert told == [0, 30, 0, 100]


@pytest.mark.parametrize("known", [{"size": 100}, {"sha256": SHA256}, {}])
def test_a_connection_that_is_always_cut_ends_after_three(tmp_path, known):
    with serving(file(BODY, cut=60)) as server:
        message = refused(server, tmp_path / "w.pth", **known)
    assert "was cut off after 60 bytes" in message and len(server.asked) == 3
    assert leftovers(tmp_path) == []


def test_a_server_that_sends_for_ever_is_ended_by_size(tmp_path, monkeypatch):
    endless = trickle(b"x" * 10_000, 0.0)
    with serving(endless) as server:
        message = refused(server, tmp_path / "w.pth", size=50_000)
        assert "has more than 50000 bytes" in message
        monkeypatch.setattr(downloads, "LARGEST", 10**6)
        message = refused(server, tmp_path / "w.pth")
    assert "has more than 1000000 bytes" in message and leftovers(tmp_path) == []


@pytest.mark.parametrize("known", [{"size": 100_000, "sha256": SHA256}, {}])
def test_a_server_that_trickles_for_ever_is_ended_by_time(tmp_path, known, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    begin = time.monotonic()
    with serving(trickle(b"x", 0.01)) as server:
        message = refused(server, tmp_path / "w.pth", **known)
    assert "too slow to wait for" in message and time.monotonic() - begin < 5
    assert len(server.asked) == 1 and leftovers(tmp_path) == []


def test_a_server_that_never_ends_its_headers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    ended = threading.Event()

    def headers(server):
        connection, _ = server.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not ended.wait(0.01):
            connection.sendall(b"x")
        connection.close()

    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=headers, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/w.pth"
        with pytest.raises(BadInput, match=r"gave no answer in 0\.3 s"):
            downloads.fetch(url, tmp_path / "w.pth")
        ended.set()
        thread.join()


def test_a_server_that_falls_silent_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.1)
    with serving(trickle(b"x", 1.0), file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "-5"},
        {"Content_Length": "1e3"},
        {"Content_Length": str(10**30)},
        {"Content_Encoding": "gzip"},
        {"Transfer_Encoding": "chunked"},
    ],
)
def test_headers_that_lie_leave_nothing(tmp_path, headers):
    with serving(says(200, BODY, **headers)) as server:
        try:
            found = fetch(server, tmp_path / "w.pth", size=100, sha256=SHA256)
            assert found.read_bytes() == BODY
        except BadInput as error:
            assert server.url in str(error)
            assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    "place", ["/again", "file:///etc/passwd", "http://[", "ftp://a"]
)
def test_redirects_that_lead_nowhere(tmp_path, place):
    with serving(says(302, Location=place)) as server:
        message = refused(server, tmp_path / "w.pth", sha256=SHA256)
    assert server.url in message and leftovers(tmp_path) == []


def test_what_a_killed_run_left_is_removed(tmp_path):
    left = tmp_path / ".w.pth.partial"
    left.mkdir()
    (left / "tmpx8s").write_bytes(BODY[:30])
    with serving(file(BODY)) as server:
        fetch(server, tmp_path / "w.pth", sha256=SHA256)
    assert leftovers(tmp_path) == ["w.pth"]


def test_an_empty_answer_is_no_file(tmp_path):
    with serving(says(200)) as server:
        assert "is empty" in refused(server, tmp_path / "w.pth")


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_of_the_server_is_not_asked_again(tmp_path, status):
    target = tmp_path / "w.pth"
    with serving(says(status)) as server:
        message = refused(server, target, sha256=SHA256)
    assert f"answered {status}" in message and str(target) in message
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(tmp_path, status):
    with serving(says(status), says(status), file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY


def test_a_server_that_is_gone_ends_at_once_with_what_to_do_by_hand(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # reserved, but nobody listens
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}/w.pth"
        begin = time.monotonic()
        with pytest.raises(BadInput, match="was not reached") as error:
            downloads.fetch(url, tmp_path / "w.pth", sha256=SHA256)
    assert time.monotonic() - begin < 5
    assert url in str(error.value) and str(tmp_path / "w.pth") in str(error.value)


def test_a_file_put_there_by_hand_is_used_without_a_network(tmp_path):
    (tmp_path / "w.pth").write_bytes(BODY)
    url = "https://nowhere.invalid/w.pth"
    downloads.fetch(url, tmp_path / "w.pth", size=100, sha256=SHA256)


def test_redirects_are_followed_where_they_are_safe(tmp_path):
    with serving(file(BODY)) as there:
        moved = says(302, Location=f"{there.url}/elsewhere")
        with serving(moved) as server:
            assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    assert there.asked[0][0] == "/elsewhere"


def test_redirects_to_plain_http_are_refused(tmp_path):
    with serving(says(302, Location="http://nowhere.invalid/w.pth")) as server:
        message = refused(server, tmp_path / "w.pth")
    assert "leads to http://nowhere.invalid/w.pth, which is not https" in message
    response = requests.Response()
    response.url, response.status_code = "https://example.org", 302
    response.headers["location"] = "http://localhost"
    with pytest.raises(downloads.Failure, match="not https"):
        downloads.Session().get_redirect_target(response)


def test_plain_http_is_vouched_for_by_a_full_checksum_and_takes_a_proxy(
    tmp_path, monkeypatch
):
    url = "http://nowhere.invalid/w.pth"
    with serving(file(BODY)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        downloads.fetch(url, tmp_path / "w.pth", sha256=SHA256)
    assert proxy.asked[0][0] == url
    for known in ("", SHA256[:63]):
        with pytest.raises(BadInput, match="begin with https://"):
            downloads.fetch(url, tmp_path / "other.pth", sha256=known)


@pytest.mark.parametrize(
    "options",
    [
        {"sha256": "xyz"},
        {"sha256": "0" * 65},
        {"size": 0},
    ],
)
def test_options_out_of_range_are_named(tmp_path, options):
    with pytest.raises(BadInput, match=f"`{next(iter(options))}` is "):
        downloads.fetch("https://nowhere.invalid", tmp_path / "w", **options)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://a.invalid/b", "w.pth"])
def test_only_https_is_an_address(tmp_path, url):
    with pytest.raises(BadInput, match="`url` is"):
        downloads.fetch(url, tmp_path / "w.pth")


def test_two_at_once_fetch_it_once(tmp_path):
    with serving(file(BODY)) as server:
        both = [
            threading.Thread(target=fetch, args=(server, tmp_path / "w.pth"))
            for _ in range(2)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    assert (tmp_path / "w.pth").read_bytes() == BODY and len(server.asked) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "blocked").write_text("a file, no folder")
    with serving(file(BODY)) as server:
        message = refused(server, tmp_path / "blocked" / "w.pth")
    assert "blocked/w.pth cannot be written" in message and not server.asked


def test_a_full_disk_is_named(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(file(BODY)) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))
        try:
            message = refused(server, tmp_path / "w.pth")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be written: File too large" in message and len(server.asked) == 1
