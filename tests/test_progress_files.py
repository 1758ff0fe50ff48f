"""Passes go on from what is written down, and begin anew where that is no good."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxdissect.runs import progress as resuming
from jaxdissect.streaming import total

BATCHES = [jnp.arange(3.0) * n for n in range(1, 6)]
SUM = np.arange(3.0) * 15
COUNT = total(lambda batch: (batch, len(batch)))


class Stop(BaseException):
    pass


def accumulate(file, *, statistic=COUNT, stop_after=None):
    """The result, and the batches that were measured for it."""
    seen = []

    def batches(done):
        for number, batch in enumerate(BATCHES[done:], done):
            if number == stop_after:
                raise Stop
            seen.append(number)
            yield (batch,)

    found = resuming.accumulate_resumably(statistic, batches, 5, file, seconds=0.0)
    return found, seen


@pytest.fixture
def stopped(tmp_path):
    file = tmp_path / "pass.npz"
    with pytest.raises(Stop):
        accumulate(file, stop_after=3)
    assert [p.name for p in tmp_path.iterdir()] == ["pass.npz"]
    return file


def test_what_is_done_is_not_done_again(stopped, capsys):
    found, seen = accumulate(stopped)
    np.testing.assert_array_equal(found[0], SUM)
    # Writing is spared where it would take long, so not all three need be there.
    assert found[1] == 15 and seen in ([1, 2, 3, 4], [2, 3, 4], [3, 4])
    found, seen = accumulate(stopped)  # a pass that was over
    np.testing.assert_array_equal(found[0], SUM)
    assert seen == [4] and capsys.readouterr().out == ""


@pytest.mark.parametrize("length", [0, 1, 21, 22, 53, 54, 100, -1])
def test_truncated_progress_is_told_and_done_anew(stopped, length, capsys):
    stopped.write_bytes(stopped.read_bytes()[:length])
    found, seen = accumulate(stopped)
    np.testing.assert_array_equal(found[0], SUM)
    assert seen == [0, 1, 2, 3, 4]
    assert "pass.npz is damaged or of another pass" in capsys.readouterr().out
    assert accumulate(stopped)[1] == [4]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_never_reaches_a_result(stopped, at, bit):
    whole = stopped.read_bytes()
    data = bytearray(whole)
    data[int(at * len(data))] ^= 1 << bit
    stopped.write_bytes(data)
    try:
        found, seen = accumulate(stopped)
        np.testing.assert_array_equal(found[0], SUM)
        assert seen == [0, 1, 2, 3, 4]
    finally:
        stopped.write_bytes(whole)


class Other(NamedTuple):
    total: np.ndarray


def test_progress_of_an_older_layout_is_done_anew(stopped, capsys):
    np.savez(stopped, done=3, leaf0=np.ones(3), leaf1=9)
    assert accumulate(stopped)[1] == [0, 1, 2, 3, 4]
    resuming.save_progress(stopped, 3, Other(np.ones(3)))
    found, seen = accumulate(stopped)
    np.testing.assert_array_equal(found[0], SUM)
    assert seen == [3, 0, 1, 2, 3, 4]
    resuming.save_progress(stopped, 9, (np.ones(3), 9))
    assert accumulate(stopped)[1] == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out.count("done anew") == 3


def test_progress_is_never_unpickled(stopped):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("code ran",))

    np.savez(stopped, done=3, leaf0=np.array([Bomb()], object), allow_pickle=True)
    assert accumulate(stopped)[1] == [0, 1, 2, 3, 4]
    stopped.unlink()
    stopped.mkdir()
    assert accumulate(stopped)[1] == [0, 1, 2, 3, 4]
