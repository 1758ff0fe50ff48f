"""FocusedDropout keeps what the paper says, for whom it says, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jaxdissect.errors import BadInput
from jaxdissect.regularizers.focused_dropout import (
    ALGORITHM1,
    PAPER,
    PER_ELEMENT,
    FocusedDropout,
    check_focused_dropout,
    decay_factor,
    focus_mask,
    focused_dropout,
    participants,
)

RULES = {"paper": PAPER, "algorithm1": ALGORITHM1, "per_element": PER_ELEMENT}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
shared_mask = pytest.mark.parametrize("rule", [PAPER, ALGORITHM1], ids=list(RULES)[:2])
few = settings(deadline=None, max_examples=20)
seeds = st.integers(0, 2**31 - 1)
SHAPE = (4, 5, 3, 6)


def positive_acts(seed=0):
    """Small whole numbers above 0; units tie in pairs that fire in other places."""
    half = np.random.default_rng(seed).integers(1, 10, (*SHAPE[:3], SHAPE[3] // 2))
    return jnp.asarray(np.concatenate([half, half[:, ::-1]], axis=3), jnp.float32)


def fixed(gamma, draw="image"):
    return FocusedDropout(low=gamma, high=gamma, draw=draw)


def reference_mask(acts, gamma, draw):
    """By loops, from the paper's Algorithm 1; gamma the same everywhere."""
    batch, height, width, units = acts.shape
    mask = np.zeros((batch, height, width, units), bool)
    for b in range(batch):
        sums = [int(acts[b, :, :, u].sum()) for u in range(units)]
        reference = sums.index(max(sums))
        threshold = np.float32(gamma) * acts[b, :, :, reference].max()
        for i, j, u in np.ndindex(height, width, units):
            value = acts[b, i, j, u if draw == "element" else reference]
            mask[b, i, j, u] = value > threshold
    return mask


@few
@given(seeds, st.floats(0, 1), st.sampled_from(["image", "pixel", "element"]))
def test_the_mask_equals_the_reference_at_a_given_gamma(seed, gamma, draw):
    acts = positive_acts(seed)
    mask = focus_mask(jax.random.key(0), fixed(gamma, draw), acts)
    assert mask.shape == (*SHAPE[:3], SHAPE[3] if draw == "element" else 1)
    expected = reference_mask(np.asarray(acts), gamma, draw)
    np.testing.assert_array_equal(np.broadcast_to(mask, SHAPE), expected)


@shared_mask
def test_all_units_share_one_mask(rule, key):
    everyone = jnp.ones(len(positive_acts()), bool)
    kept = np.asarray(focused_dropout(key, rule, everyone, positive_acts())) > 0
    assert (kept == kept[..., :1]).all() and kept.any() and not kept.all()


@few
@given(seeds)
@pytest.mark.parametrize("name", RULES)
def test_the_peak_of_the_reference_unit_is_kept(name, seed):
    acts = np.asarray(positive_acts(seed))
    mask = focus_mask(jax.random.key(seed), RULES[name], jnp.asarray(acts))
    mask = np.broadcast_to(mask, SHAPE)
    for image, kept in zip(acts, mask, strict=True):
        reference = image.sum((0, 1)).argmax()
        place = np.unravel_index(image[..., reference].argmax(), SHAPE[1:3])
        assert kept[place][reference]


@few
@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_gamma_keeps_no_more(seed, one, other):
    acts, key = positive_acts(seed), jax.random.key(0)
    loose = focus_mask(key, fixed(min(one, other)), acts)
    tight = focus_mask(key, fixed(max(one, other)), acts)
    assert (loose | ~tight).all()


def test_gamma_1_keeps_nothing(key):
    assert not focus_mask(key, fixed(1.0), positive_acts()).any()


RAMP = np.linspace(0, 1, 200, dtype=np.float32).reshape(1, -1, 1, 1)


def test_one_gamma_for_each_image_is_uniform(key):
    mask = focus_mask(key, PAPER, jnp.tile(jnp.asarray(RAMP), (500, 1, 1, 1)))
    kept = np.asarray(mask)[:, :, 0, 0]
    assert (kept == np.sort(kept, axis=1)).all(), "a ramp is cut at one value"
    gammas = 1 - kept.mean(1)
    assert stats.kstest(gammas, stats.uniform(0.3, 0.3).cdf).pvalue > 1e-3


@pytest.mark.parametrize("rule", [ALGORITHM1, PER_ELEMENT], ids=list(RULES)[1:])
def test_one_gamma_for_each_place_is_uniform(rule, key):
    acts = jnp.tile(jnp.asarray(RAMP), (500, 1, 1, 1))
    kept = np.asarray(focus_mask(key, rule, acts))[:, :, 0, 0]
    chance = np.clip((RAMP.ravel() - 0.6) / 0.3, 0, 1)
    np.testing.assert_allclose(kept.mean(0), chance, atol=5 * 0.5 / np.sqrt(500))
    between = kept[:, (chance > 0) & (chance < 1)].astype(float)
    assert (np.diff(between, axis=1) < 0).any(1).all(), "no image is cut at one value"
    neighbours = np.corrcoef(between - between.mean(0), rowvar=False).diagonal(1)
    assert abs(np.nanmean(neighbours)) < 0.05


def test_units_draw_by_themselves_only_per_element(key):
    acts = jnp.tile(jnp.asarray(RAMP), (1, 1, 1, 8))
    mask = np.asarray(focus_mask(key, PER_ELEMENT, acts))
    assert len(np.unique(mask[0, :, 0].T, axis=0)) == 8


@every_rule
def test_equal_images_get_different_masks(rule, key):
    acts = jnp.tile(jnp.asarray(RAMP), (8, 1, 1, 1))
    mask = np.asarray(focus_mask(key, rule, acts)).reshape(8, -1)
    assert len(np.unique(mask, axis=0)) > 4


@every_rule
def test_only_participants_lose_and_what_is_kept_is_not_rescaled(rule, key):
    acts, participating = positive_acts(), jnp.array([True, False, True, False])
    out = focused_dropout(key, rule, participating, acts)
    kept = np.broadcast_to(focus_mask(key, rule, acts), SHAPE)
    expected = np.where(kept | ~participating[:, None, None, None], acts, 0)
    np.testing.assert_array_equal(out, expected)
    assert (out != acts).any((1, 2, 3)).tolist() == participating.tolist()


@every_rule
def test_the_gradient_is_the_mask(rule, key):
    acts, participating = positive_acts(), jnp.array([True, True, False, True])
    weights = jax.random.normal(key, SHAPE)

    def loss(acts):
        return (weights * focused_dropout(key, rule, participating, acts)).sum()

    kept = focus_mask(key, rule, acts) | ~participating[:, None, None, None]
    np.testing.assert_array_equal(jax.grad(loss)(acts), jnp.where(kept, weights, 0))


@every_rule
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_dead_layer_stays_zero_with_finite_gradients(rule, dtype, key):
    everyone, dead = jnp.ones(SHAPE[0], bool), jnp.zeros(SHAPE, dtype)
    assert not focus_mask(key, rule, dead).any()
    out, pull = jax.vjp(lambda acts: focused_dropout(key, rule, everyone, acts), dead)
    assert not out.any() and not pull(jnp.ones_like(out))[0].any()


@pytest.mark.slow
@every_rule
def test_jit_and_vmap_change_nothing(rule, key):
    acts, participating = positive_acts(), jnp.array([True, False, True, True])
    run = lambda key, acts: focused_dropout(key, rule, participating, acts)  # noqa: E731
    keys, batches = jax.random.split(key), jnp.stack([acts, 2 * acts[::-1]])
    looped = jnp.stack([run(k, a) for k, a in zip(keys, batches, strict=True)])
    np.testing.assert_array_equal(jax.vmap(run)(keys, batches), looped)
    np.testing.assert_array_equal(jax.jit(run)(keys[0], acts), looped[0])


@pytest.mark.slow
def test_bfloat16_activations_are_averaged_in_float32(key):
    # The second unit's mean is 1 + 1/512, which bfloat16 rounds to the first one's 1.
    acts = jnp.ones((1, 16, 16, 2), jnp.bfloat16).at[0, 3, 4, 1].set(1.5)
    out = focused_dropout(key, fixed(0.9), jnp.array([True]), acts)
    assert out.dtype == jnp.bfloat16
    assert np.argwhere(np.asarray(out[0, ..., 0] > 0)).tolist() == [[3, 4]]


def batches_of(rule, seed, num_batches=600):
    keys = jax.random.split(jax.random.key(seed), num_batches)
    return np.asarray(jax.vmap(lambda key: participants(key, rule, 3))(keys))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_number_of_participating_batches_is_binomial(rate):
    took_part = batches_of(PAPER._replace(rate=rate), seed=0)
    assert (took_part == took_part[:, :1]).all()
    assert stats.binomtest(int(took_part[:, 0].sum()), 600, rate).pvalue > 1e-3


def test_the_seed_decides_which_batches_participate():
    np.testing.assert_array_equal(batches_of(PAPER, 1), batches_of(PAPER, 1))
    assert (batches_of(PAPER, 1) != batches_of(PAPER, 2)).any()


@pytest.mark.parametrize(("rate", "expected"), [(0.0, False), (1.0, True)])
def test_a_rate_of_0_or_1_leaves_nothing_to_chance(rate, expected):
    assert (batches_of(PAPER._replace(rate=rate), 0) == expected).all()


def test_per_element_takes_the_first_12_of_128_images_of_every_batch(key):
    for k in jax.random.split(key, 3):
        expected = [True] * 12 + [False] * 116
        assert participants(k, PER_ELEMENT, 128).tolist() == expected


def test_weight_decay_grows_exactly_on_participating_batches():
    rule = PAPER._replace(rate=0.4, decay_factor=3.0)
    took_part = batches_of(rule, 0, 20)
    factors = jax.vmap(lambda batch: decay_factor(rule, batch))(jnp.asarray(took_part))
    np.testing.assert_array_equal(factors, np.where(took_part[:, 0], 3.0, 1.0))
    assert len(np.unique(factors)) == 2


def test_weight_decay_never_changes_where_part_of_every_batch_participates():
    rule = PER_ELEMENT._replace(decay_factor=5.0)
    assert decay_factor(rule, jnp.array([True, False])) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 1.1}, "`rate` is 1.1"),
        ({"rate": -0.1}, "`rate` is -0.1"),
        ({"rate": float("nan")}, "`rate` is nan"),
        ({"low": 0.7}, "`low` and `high` are 0.7 and 0.6"),
        ({"low": -0.1}, "`low` and `high` are -0.1"),
        ({"high": 1.5}, "`low` and `high` are 0.3 and 1.5"),
        ({"decay_factor": -1.0}, "`decay_factor` is -1.0"),
        ({"draw": "row"}, "`draw` is 'row'; it must be one of image, pixel, element"),
        ({"participation": "all"}, "`participation` is 'all'"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(change, message, key):
    rule = PAPER._replace(**change)
    for use in (
        check_focused_dropout,
        lambda rule: participants(key, rule, 2),
        lambda rule: decay_factor(rule, jnp.array([True])),
        lambda rule: focus_mask(key, rule, positive_acts()),
    ):
        with pytest.raises(BadInput, match=message):
            use(rule)
