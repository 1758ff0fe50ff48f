"""Checkpoints: what comes back is what was saved, or is refused."""

import jax
import jax.numpy as jnp
import optax
import pytest
from conftest import make_example, random_params

from jaxdissect import networks, training, weights
from jaxdissect.errors import BadInput
from jaxdissect.training import checkpoints


@pytest.fixture(scope="module")
def start():
    return training.init_state(make_example("lenet").params, optax.adam(1e-3))


@pytest.fixture(params=["one seed", "two seeds"])
def state(request, start):
    if request.param == "one seed":
        return start
    return jax.tree.map(lambda x: jnp.stack([x, x + 1]), start)


def at(state, step):
    return state._replace(step=jnp.full_like(state.step, step))


def test_a_checkpoint_restores_to_the_bit(state, tmp_path):
    with checkpoints.manager(tmp_path) as manager:
        assert checkpoints.restore_latest(manager, state) is None
        for step in (1, 2, 3):
            checkpoints.save(manager, at(state, step), step, 1 / step)
        manager.wait_until_finished()
        # The two latest, and the best (the first).
        assert sorted(manager.all_steps()) == [1, 2, 3]
    with checkpoints.manager(tmp_path) as manager:
        restored = checkpoints.restore_latest(manager, state)
    assert weights.digest(restored) == weights.digest(at(state, 3))
    assert jax.tree.structure(restored) == jax.tree.structure(state)


def test_the_newest_and_the_best_checkpoint_survive(start, tmp_path):
    with checkpoints.manager(tmp_path) as manager:
        for step, accuracy in enumerate([0.1, 0.9, 0.3, 0.2, 0.4]):
            checkpoints.save(manager, at(start, step), step, accuracy)
        manager.wait_until_finished()
        assert sorted(manager.all_steps()) == [1, 3, 4]


def test_the_best_checkpoint_of_an_earlier_process_survives_and_the_rest_go(
    start, tmp_path
):
    for step, accuracy in enumerate([0.1, 0.9, 0.3, 0.2, 0.4]):
        with checkpoints.manager(tmp_path) as manager:
            checkpoints.save(manager, at(start, step), step, accuracy)
    with checkpoints.manager(tmp_path) as manager:
        assert sorted(manager.all_steps()) == [1, 3, 4]


def other_network(start):
    params = random_params(networks.lenet(3), (60, 60, 1))
    return start._replace(params=params)


def more_seeds(start):
    return jax.tree.map(lambda x: jnp.stack([x, x, x]), start)


@pytest.mark.parametrize("other", [other_network, more_seeds])
def test_a_foreign_checkpoint_is_refused(start, other, tmp_path):
    with checkpoints.manager(tmp_path) as manager:
        checkpoints.save(manager, start, 1, 0.5)
    with (
        checkpoints.manager(tmp_path) as manager,
        pytest.raises(BadInput, match="another network"),
    ):
        checkpoints.restore_latest(manager, other(start))


def test_a_checkpoint_whose_arrays_changed_is_set_aside(start, tmp_path, monkeypatch):
    """Orbax restores flipped bits without a word; the saved hash does not match."""
    told = []
    with checkpoints.manager(tmp_path) as manager:
        checkpoints.save(manager, at(start, 1), 1, 0.5)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "digest", lambda tree: "of other arrays")
            checkpoints.save(manager, at(start, 2), 2, 0.5)
        manager.wait_until_finished()
        restored = checkpoints.restore_latest(manager, start, tell=told.append)
    assert restored.step == 1 and len(told) == 1
    assert "do not match their SHA-256; it is set aside" in told[0]


EVERY_FILE = ["metrics/metrics", "meta/metadata", "state/_METADATA", "/d/"]


@pytest.mark.parametrize("name", EVERY_FILE)
@pytest.mark.parametrize("change", [lambda b: b[: len(b) // 2], lambda b: b"", None])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    start, name, change, tmp_path
):
    with checkpoints.manager(tmp_path) as manager:
        for step in (1, 2):
            checkpoints.save(manager, at(start, step), step, 0.5)
    files = [f for f in (tmp_path / "2").rglob("*") if name in str(f) and f.is_file()]
    assert files
    for file in files:
        data = file.read_bytes()
        file.write_bytes(
            bytes(255 - b for b in data) if change is None else change(data)
        )
    told = []
    with checkpoints.manager(tmp_path, tell=told.append) as manager:
        restored = checkpoints.restore_latest(manager, start, tell=told.append)
        assert restored.step == 1 and len(told) == 1 and "set aside" in told[0]
        checkpoints.save(manager, at(start, 2), 2, 0.5)  # the same step once more
    with checkpoints.manager(tmp_path) as manager:
        assert checkpoints.restore_latest(manager, start).step == 2
    assert [p.name for p in (tmp_path / "damaged").iterdir()] == ["2"]


def test_checkpoints_later_than_their_metrics_are_not_used(start, tmp_path):
    with checkpoints.manager(tmp_path) as manager:
        for step in (1, 2):
            checkpoints.save(manager, at(start, step), step, 0.5)
        manager.wait_until_finished()
        told = []
        options = {"last_step": 1, "tell": told.append}
        assert checkpoints.restore_latest(manager, start, **options).step == 1
        assert "metrics are lost" in told[0]
        options["last_step"] = 0
        assert checkpoints.restore_latest(manager, start, **options) is None


def test_a_checkpoint_half_written_when_the_process_died_is_passed_over(
    start, tmp_path
):
    with checkpoints.manager(tmp_path) as manager:
        checkpoints.save(manager, at(start, 1), 1, 0.5)
    half = tmp_path / "2.orbax-checkpoint-tmp"
    half.mkdir()
    with checkpoints.manager(tmp_path) as manager:
        assert checkpoints.restore_latest(manager, start).step == 1
    assert not half.exists()


@pytest.mark.parametrize("error", [ValueError("disk full\nat 3"), AssertionError()])
def test_whatever_orbax_raises_is_one_sentence(error, start, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise error

    with checkpoints.manager(tmp_path) as manager:
        checkpoints.save(manager, start, 1, 0.5)
        manager.wait_until_finished()
        monkeypatch.setattr(manager, "save", fail)
        monkeypatch.setattr(manager, "restore", fail)
        with pytest.raises(BadInput, match="could not be written") as unwritten:
            checkpoints.save(manager, start, 2, 0.5)
        told = []
        assert checkpoints.restore_latest(manager, start, tell=told.append) is None
    reason = str(error).splitlines()[0] if str(error) else "AssertionError"
    for said in (str(unwritten.value), *told):
        assert f"({reason})" in said and "\n" not in said


@pytest.mark.parametrize("error", [MemoryError("3 GB"), PermissionError("locked")])
def test_a_checkpoint_that_only_now_cannot_be_read_stays(
    error, start, tmp_path, monkeypatch
):
    def fail(*args, **options):
        raise error

    with checkpoints.manager(tmp_path) as manager:
        checkpoints.save(manager, start, 1, 0.5)
        manager.wait_until_finished()
        monkeypatch.setattr(manager, "restore", fail)
        with pytest.raises(BadInput, match="cannot be read now"):
            checkpoints.restore_latest(manager, start)
    assert (tmp_path / "1").is_dir()
