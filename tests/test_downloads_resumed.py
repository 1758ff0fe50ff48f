"""A cut download goes on where it stopped, and never joins two versions of a file."""

import hashlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_server import Answer, file, says, serving

from jaxdissect.base import BadInput
from jaxdissect.checkpoints import downloading, http_ranges

BODY = bytes(range(100))
CHANGED = bytes(reversed(range(120)))


def fetch(server, target, body=BODY, **options):
    sha256 = hashlib.sha256(body).hexdigest()
    url = f"{server.url}/w.pth"
    return downloading.fetch(url, target, sha256=sha256, pause=0.0, **options)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 40), max_size=6))
def test_wherever_it_is_cut_it_goes_on_from_there(cuts):
    answers = [file(BODY, cut=cut) for cut in cuts]
    with tempfile.TemporaryDirectory() as folder, serving(*answers, file(BODY)) as web:
        assert fetch(web, Path(folder) / "w.pth").read_bytes() == BODY
    begins = [sum(cuts[:n]) for n in range(len(cuts) + 1)]
    wanted = [f"bytes={begin}-" for begin in begins if 0 < begin < 100]
    assert web.ranges() == [None, *wanted]


def test_progress_goes_on_too(tmp_path):
    told = []
    with serving(file(BODY, cut=30), file(BODY)) as server:
        fetch(server, tmp_path / "w.pth", progress=lambda *step: told.append(step))
    assert (30, 100) in told and told == sorted(told)


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_without_a_strong_etag_it_begins_again(tmp_path, etag):
    with serving(file(BODY, etag=etag, cut=60), file(BODY, etag=etag)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    assert server.ranges() == [None, None]


def test_a_server_without_ranges_sends_all_again(tmp_path):
    with serving(file(BODY, ranges=False, cut=60), file(BODY, ranges=False)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    assert server.ranges() == [None, "bytes=60-"]


def test_a_file_that_changed_is_fetched_whole(tmp_path):
    with serving(file(BODY, cut=60), file(CHANGED, etag='"v2"')) as server:
        found = fetch(server, tmp_path / "w.pth", CHANGED).read_bytes()
    assert found == CHANGED and server.ranges() == [None, "bytes=60-"]


@pytest.mark.parametrize(
    "answer",
    [
        says(206, CHANGED[60:], ETag='"v2"', Content_Range="bytes 60-119/120"),
        says(206, BODY[50:], ETag='"v1"', Content_Range="bytes 50-99/100"),
        says(206, BODY[60:]),
        says(416),
    ],
)
def test_other_bytes_than_were_asked_for_are_not_joined(tmp_path, answer):
    with serving(file(BODY, cut=60), answer, file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    assert server.ranges() == [None, "bytes=60-", None]


def test_attempts_are_counted_from_the_last_byte_that_came(tmp_path):
    answers = [file(BODY, cut=10), says(503), says(503)] * 5
    with serving(*answers, file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth", attempts=3).read_bytes() == BODY
    with (
        serving(file(BODY, cut=10), says(503)) as server,
        pytest.raises(BadInput, match="answered 503"),
    ):
        fetch(server, tmp_path / "other.pth", attempts=3)
    assert len(server.asked) == 1 + 3


def test_a_server_out_of_reach_is_waited_for_once_bytes_have_come(tmp_path):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # reserved, but nobody listens
        dead = says(302, Location=f"http://127.0.0.1:{unheard.getsockname()[1]}/")
        with serving(file(BODY, cut=60), dead, dead, file(BODY)) as server:
            assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
        with serving(dead) as server, pytest.raises(BadInput, match="not reached"):
            fetch(server, tmp_path / "other.pth")
    assert len(server.asked) == 1


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(tmp_path):
    target = tmp_path / "w.pth"
    with serving(file(BODY, cut=60), says(503)) as server, pytest.raises(BadInput):
        fetch(server, target, attempts=1)
    assert (tmp_path / "w.pth.partial").read_bytes() == BODY[:60]
    with serving(file(BODY)) as server:
        assert fetch(server, target).read_bytes() == BODY
    assert server.ranges() == ["bytes=60-"]
    assert {f.name for f in tmp_path.iterdir()} == {"w.pth", ".w.pth.lock"}


def test_a_partial_file_without_its_version_is_not_gone_on_with(tmp_path):
    (tmp_path / "w.pth.partial").write_bytes(CHANGED[:60])
    with serving(file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    assert server.ranges() == [None]


def test_all_bytes_of_a_killed_run_are_not_asked_for_again(tmp_path):
    (tmp_path / "w.pth.partial").write_bytes(BODY)
    with serving(says(500)) as server:
        assert fetch(server, tmp_path / "w.pth", size=100).read_bytes() == BODY
    assert not server.asked


def test_a_damaged_partial_file_is_found_out_and_deleted(tmp_path):
    with serving(file(BODY, cut=60), says(503)) as server, pytest.raises(BadInput):
        fetch(server, tmp_path / "w.pth", attempts=1)
    (tmp_path / "w.pth.partial").write_bytes(CHANGED[:60])
    with serving(file(BODY)) as server:
        with pytest.raises(BadInput, match="has SHA-256"):
            fetch(server, tmp_path / "w.pth")
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    assert server.ranges() == ["bytes=60-", None]


def test_a_connection_that_says_nothing_counts_as_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(http_ranges, "TIMEOUT", 0.05)
    done = threading.Event()

    def silent(asked):
        done.wait(10)
        return Answer(200, {})

    with serving(silent, file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
        done.set()


def test_chunks_that_stop_short_are_not_taken_for_a_file(tmp_path):
    half = b"32\r\n" + BODY[:50] + b"\r\n32\r\n" + BODY[50:70]
    stopped = says(200, half, Transfer_Encoding="chunked", ETag='"v1"')
    with serving(stopped, file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    assert len(server.asked) == 2


def test_where_nothing_can_be_locked_each_process_writes_its_own(tmp_path, monkeypatch):
    import fcntl

    def refuse(file, how):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / "w.pth.partial").write_bytes(b"another process writes here")
    with serving(file(BODY)) as server:
        assert fetch(server, tmp_path / "w.pth").read_bytes() == BODY
    left = {"w.pth", "w.pth.partial", ".w.pth.lock"}
    assert {f.name for f in tmp_path.iterdir()} == left


def test_a_killed_process_leaves_what_it_got_and_no_lock(tmp_path):
    body, partial = bytes(200_000), tmp_path / "w.pth.partial"
    code = (
        "import sys; from pathlib import Path; "
        "from jaxdissect.checkpoints.downloading import fetch; "
        "fetch(sys.argv[1], Path(sys.argv[2]), pause=1000.0)"
    )
    with serving(file(body, cut=100_000), file(body)) as server:
        command = [sys.executable, "-c", code, f"{server.url}/w.pth"]
        killed = subprocess.Popen([*command, str(tmp_path / "w.pth")])
        while http_ranges.length(partial) < 100_000:
            assert killed.poll() is None
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert fetch(server, tmp_path / "w.pth", body).read_bytes() == body
    assert server.ranges() == [None, "bytes=100000-"]
