"""Training: the order of data, the step, checkpoints that notice damage."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import make_example

from jaxdissect import metrics, networks, training, weights
from jaxdissect.base import BadInput
from jaxdissect.training import checkpoints


def test_epoch_order_depends_on_seed_and_epoch_alone():
    first = training.epoch_order(0, 3, 50)
    np.testing.assert_array_equal(first, training.epoch_order(0, 3, 50))
    np.testing.assert_array_equal(np.sort(first), np.arange(50))
    assert not np.array_equal(first, training.epoch_order(0, 4, 50))
    assert not np.array_equal(first, training.epoch_order(1, 3, 50))


def test_augmentation_only_mirrors_and_moves(key):
    image = jnp.arange(8 * 8, dtype=jnp.float32).reshape(1, 8, 8, 1)
    moved = training.flip_and_shift(key, jnp.repeat(image, 64, 0), shift=2)
    candidates = {
        np.pad(side, ((2, 2), (2, 2)), mode="edge")[y : y + 8, x : x + 8].tobytes()
        for side in (image[0, ..., 0], image[0, :, ::-1, 0])
        for y in range(5)
        for x in range(5)
    }
    seen = {np.asarray(m[..., 0]).tobytes() for m in moved}
    assert seen <= candidates
    assert len(seen) > 20


def test_a_step_is_gradient_descent_on_the_mean_cross_entropy(key):
    """For a linear softmax classifier the gradient is known in closed form."""
    weights = jax.random.normal(key, (4, 3))
    params = {"fc": {"params": {"kernel": weights}}}

    def apply(key, params, x):
        return x.reshape(len(x), -1) @ params["fc"]["params"]["kernel"], params

    optimizer = optax.sgd(0.5)
    state = training.init_state(params, optimizer)
    x = jax.random.normal(jax.random.key(1), (6, 1, 1, 4))
    targets = jnp.array([0, 1, 2, 0, 1, 2])
    after, measured = training.train_step(key, apply, optimizer, state, x, targets)
    p = jax.nn.softmax(x.reshape(6, 4) @ weights)
    gradient = x.reshape(6, 4).T @ (p - jax.nn.one_hot(targets, 3)) / 6
    np.testing.assert_allclose(
        after.params["fc"]["params"]["kernel"], weights - 0.5 * gradient, atol=1e-6
    )
    expected = -jnp.log(p[jnp.arange(6), targets]).mean()
    np.testing.assert_allclose(measured.loss, expected, rtol=1e-6)
    assert after.step == 1


def counting_step(state, images, targets):
    return state._replace(step=state.step + 1), (images[:, 0, 0, 0].tolist(), targets)


def test_fit_resumed_anywhere_sees_the_same_batches():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None]
    start = training.TrainState({}, (), jnp.zeros((), jnp.int32))
    options = {"seed": 5, "batch_size": 3, "num_steps": 8}
    fit = functools.partial(
        training.fit, images=images, targets=np.arange(10), **options
    )
    whole = [seen[0] for _, seen in fit(counting_step, start)]
    assert len(whole) == 8
    # Three batches of three from each epoch, no image twice.
    assert len({i for batch in whole[:3] for i in batch}) == 9
    for stop in range(1, 8):
        resumed = start._replace(step=jnp.int32(stop))
        assert [seen[0] for _, seen in fit(counting_step, resumed)] == whole[stop:]


def test_evaluation_counts_every_image_once():
    images = np.arange(7, dtype=np.uint8)[:, None, None, None]
    counts = training.evaluate(
        lambda params, x: jnp.asarray(x[:, 0, 0, 0] % 2, jnp.int32),
        {},
        images,
        np.array([0, 1, 0, 0, 0, 1, 0]),
        batch_size=3,
        num_classes=2,
    )
    assert counts.true.tolist() == [5, 2]
    assert metrics.top1(counts) == 6 / 7


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(BadInput, match="`batch_size` is 9"):
        next(
            training.fit(
                counting_step,
                training.TrainState({}, (), jnp.zeros((), jnp.int32)),
                np.zeros((4, 1, 1, 1), np.uint8),
                np.zeros(4, int),
                seed=0,
                batch_size=9,
                num_steps=1,
            )
        )


@pytest.fixture
def state():
    network, params, _ = make_example("lenet")
    del network
    return training.init_state(params, optax.adam(1e-3))


def test_a_checkpoint_restores_to_the_bit(state, tmp_path):
    with checkpoints.manager(tmp_path) as manager:
        assert checkpoints.restore_latest(manager, state) is None
        for step in (1, 2, 3):
            state = state._replace(step=jnp.int32(step))
            checkpoints.save(manager, state, accuracy=1 / step)
        manager.wait_until_finished()
        # The two latest, and the best (the first).
        assert sorted(manager.all_steps()) == [1, 2, 3]
    with checkpoints.manager(tmp_path) as manager:
        restored = checkpoints.restore_latest(manager, state)
    assert weights.digest(restored) == weights.digest(state)


def test_the_newest_and_the_best_checkpoint_survive(state, tmp_path):
    accuracies = [0.1, 0.9, 0.3, 0.2, 0.4]
    with checkpoints.manager(tmp_path) as manager:
        for step, accuracy in enumerate(accuracies):
            checkpoints.save(manager, state._replace(step=jnp.int32(step)), accuracy)
        manager.wait_until_finished()
        assert sorted(manager.all_steps()) == [1, 3, 4]


def test_a_damaged_or_foreign_checkpoint_is_refused(state, tmp_path):
    with checkpoints.manager(tmp_path / "a") as manager:
        checkpoints.save(manager, state, accuracy=0.5)
    other = state._replace(
        params=networks.init(jax.random.key(0), networks.lenet(3), (60, 60, 1))
    )
    with (
        checkpoints.manager(tmp_path / "a") as manager,
        pytest.raises(BadInput, match="another network"),
    ):
        checkpoints.restore_latest(manager, other)


def test_a_checkpoint_whose_arrays_changed_is_refused(state, tmp_path, monkeypatch):
    """Orbax restores flipped bits without a word; the saved hash does not match."""
    with checkpoints.manager(tmp_path) as manager:
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "digest", lambda tree: "of other arrays")
            checkpoints.save(manager, state, accuracy=0.5)
        manager.wait_until_finished()
        with pytest.raises(BadInput, match="damaged"):
            checkpoints.restore_latest(manager, state)


def test_a_truncated_checkpoint_is_refused(state, tmp_path):
    with checkpoints.manager(tmp_path) as manager:
        checkpoints.save(manager, state, accuracy=0.5)
    data = [f for f in tmp_path.rglob("*") if "/d/" in str(f) and f.is_file()]
    for file in data:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with (
        checkpoints.manager(tmp_path) as manager,
        pytest.raises(BadInput, match="unreadable"),
    ):
        checkpoints.restore_latest(manager, state)
