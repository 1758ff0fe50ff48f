"""The loop: order of the data, reading ahead, evaluation."""

import threading
import time

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import metrics, training
from jaxdissect.errors import BadInput
from jaxdissect.training.loop import batch_order, prefetch
from jaxdissect.training.seeds import orders_of_each, read_of_each


def read(chosen):
    """Images that are their numbers."""
    images = np.zeros((len(chosen), 2, 2, 3), np.uint8) + chosen[:, None, None, None]
    return images.astype(np.uint8), chosen % 2


def test_epoch_order_depends_on_seed_and_epoch_alone():
    first = training.epoch_order(0, 3, 50)
    np.testing.assert_array_equal(first, training.epoch_order(0, 3, 50))
    np.testing.assert_array_equal(np.sort(first), np.arange(50))
    assert not np.array_equal(first, training.epoch_order(0, 4, 50))
    assert not np.array_equal(first, training.epoch_order(1, 3, 50))


def test_an_epoch_shows_no_image_twice():
    per_epoch = [set(), set()]
    for number, chosen in enumerate(batch_order(5, 10, 3, start=0, stop=6)):
        assert len(chosen) == 3
        assert not per_epoch[number // 3] & set(chosen.tolist())
        per_epoch[number // 3] |= set(chosen.tolist())
    assert all(len(images) == 9 for images in per_epoch)
    assert per_epoch[0] | per_epoch[1] <= set(range(10))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 9), st.integers(0, 9))
def test_an_order_resumed_anywhere_goes_on_as_if_it_had_not_stopped(start, length):
    whole = list(batch_order(5, 10, 3, start=0, stop=18))
    part = list(batch_order(5, 10, 3, start=start, stop=start + length))
    np.testing.assert_array_equal(
        np.reshape(part, (-1, 3)), np.reshape(whole[start : start + length], (-1, 3))
    )


def test_each_seed_has_the_order_it_would_have_alone():
    together = list(orders_of_each([4, 9], 10, 3, start=2, stop=7))
    for number, seed in enumerate([4, 9]):
        alone = list(batch_order(seed, 10, 3, start=2, stop=7))
        np.testing.assert_array_equal([each[number] for each in together], alone)
    images, targets = read_of_each(read)(together[0])
    for number in range(2):
        want = read(together[0][number])
        np.testing.assert_array_equal(images[number], want[0])
        np.testing.assert_array_equal(targets[number], want[1])


@pytest.mark.parametrize("size", [0, -3, 9])
def test_a_batch_larger_than_the_data_is_refused(size):
    with pytest.raises(BadInput, match=f"`batch_size` is {size}"):
        next(batch_order(0, 4, size, start=0, stop=1))
    with pytest.raises(BadInput, match=f"`batch_size` is {size}"):
        next(orders_of_each([0, 1], 4, size, start=0, stop=1))


def counting_step(state, images, targets):
    seen = (images[:, 0, 0, 0].tolist(), targets.tolist())
    return state._replace(step=state.step + 1), seen


def test_fit_takes_one_step_for_each_batch_in_order():
    start = training.TrainState({}, (), jnp.int32(4))
    order = list(batch_order(5, 10, 3, start=4, stop=9))
    steps = list(training.fit(counting_step, start, iter(order), read))
    assert [int(state.step) for state, _ in steps] == [5, 6, 7, 8, 9]
    for (_, (images, targets)), chosen in zip(steps, order, strict=True):
        assert images == chosen.tolist()
        assert targets == (chosen % 2).tolist()


def numbers(length):
    return iter(np.arange(length)[:, None])


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_batches_come_in_order_and_at_most_so_many_are_read_ahead(depth):
    begun = []

    def note(chosen):
        begun.append(int(chosen[0]))
        return read(chosen)

    for number, (images, targets) in enumerate(prefetch(numbers(7), note, depth=depth)):
        assert images[0, 0, 0, 0] == number and targets.tolist() == [number % 2]
        time.sleep(0.01)  # the reader's chance to go too far
        assert number < len(begun) <= number + 1 + depth
    assert begun == list(range(7))


def test_the_next_batch_is_read_while_a_step_runs():
    ahead = threading.Event()

    def note(chosen):
        if chosen[0] == 1:
            ahead.set()
        return read(chosen)

    batches = prefetch(numbers(3), note)
    next(batches)
    assert ahead.wait(30)
    batches.close()


def test_what_the_reader_refuses_arrives_in_its_turn_and_no_thread_stays():
    def broken(chosen):
        if chosen[0] == 2:
            raise BadInput("image 2 is broken")
        return read(chosen)

    threads, seen = threading.active_count(), []
    with pytest.raises(BadInput, match="image 2 is broken"):
        for images, _ in prefetch(numbers(9), broken):
            seen.append(int(images[0, 0, 0, 0]))
    assert seen == [0, 1]
    assert threading.active_count() == threads


def test_no_thread_stays_where_the_loop_is_left_early():
    threads = threading.active_count()
    for _ in prefetch(numbers(9), read):
        break
    batches = prefetch(numbers(9), read)
    next(batches)
    batches.close()
    assert threading.active_count() == threads


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_evaluation_counts_every_image_once(batch_size):
    counts = training.evaluate(
        lambda params, x: jnp.asarray(x[:, 0, 0, 0] % 3 == 1, jnp.int32),
        {},
        read,
        num_images=7,
        batch_size=batch_size,
        num_classes=2,
    )
    # 1 and 4 are taken for class 1, of which there are 1, 3 and 5.
    assert counts.true.tolist() == [4, 3]
    assert counts.predicted.tolist() == [5, 2]
    assert counts.correct.tolist() == [3, 1]
    assert metrics.top1(counts) == 4 / 7
