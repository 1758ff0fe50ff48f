"""What a step minimises: every regulariser on every network, alone and together."""

import functools
from dataclasses import replace
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import QUICKLY, Example, every_network, make_example, random_params

from jaxdissect import experiments, networks, training
from jaxdissect.experiments.train.objectives import make_objective
from jaxdissect.regularizers.input_gradient import double_backprop, finite_difference
from jaxdissect.training import Objective, evaluate_objective, optimizers


@functools.lru_cache
def cached_example(name):
    """Networks of `conftest`, and a BatchNorm that compiles quickly."""
    if name != "shapesnet_bn":
        return make_example(name)
    plain = make_example("shapesnet")
    network = networks.shapesnet(5, width=1 / 16, batch_norm=True)
    params = random_params(network, plain.images.shape[1:])
    return Example(network, params, plain.images)


DESCRIBED = experiments.NetworkSettings()
TARGETS = jnp.array([0, 3, 1])
NORM = experiments.BlockNormSettings(weight=0.01, groups=2)
ALONE = {
    "paper": {"focused_dropout": experiments.FocusedDropoutSettings(rate=1.0)},
    "algorithm1": {
        "focused_dropout": experiments.FocusedDropoutSettings(
            rate=1.0, mode="algorithm1"
        )
    },
    "per_element": {
        "focused_dropout": experiments.FocusedDropoutSettings(
            rate=0.7, mode="per_element", layers=("every",)
        )
    },
    "dropout": {"dropout": experiments.MapDropoutSettings(rate=0.2)},
    "spatial_dropout": {"spatial_dropout": experiments.MapDropoutSettings(rate=0.2)},
    "dropblock": {"dropblock": experiments.DropBlockSettings(rate=0.2)},
    "double_backprop": {
        "input_gradient": experiments.InputGradientSettings(weight=0.1)
    },
    "forward": {
        "input_gradient": experiments.InputGradientSettings(
            weight=0.1, estimator="forward"
        )
    },
    "central": {
        "input_gradient": experiments.InputGradientSettings(
            weight=0.1, estimator="central", units="normalised", step=1.0
        )
    },
    "block_norm": {"block_norm": NORM},
    "other_block_norm": {
        "block_norm": replace(NORM, p=1.0, q=float("inf"), leftovers="free")
    },
    "fields": {
        "fields": experiments.FieldsSettings(group=0.1, spatial=0.1),
        "block_norm": replace(NORM, weight=0.0),
    },
}
TOGETHER = {
    **ALONE["paper"],
    **ALONE["dropout"],
    **ALONE["spatial_dropout"],
    **ALONE["dropblock"],
    **ALONE["forward"],
    **ALONE["block_norm"],
    "fields": experiments.FieldsSettings(group=0.1, spatial=0.1),
}
TOGETHER_TERMS = {"input_gradient", "block_norm", "group_activation", "spatial"}
TERMS = {
    "double_backprop": {"input_gradient"},
    "forward": {"input_gradient"},
    "central": {"input_gradient"},
    "block_norm": {"block_norm"},
    "other_block_norm": {"block_norm"},
    "fields": {"group_activation", "spatial"},
}


def make(name, settings, precision="float32"):
    network = cached_example(name).network
    regularize = experiments.RegularizeSettings(**settings)
    return make_objective(network, DESCRIBED, regularize, precision)


def one_step(name, objective, options=QUICKLY):
    """(state before, state after, metrics) of a step that shows its gradient."""
    _, params, images = cached_example(name)
    optimizer = optimizers.sgd(1.0, momentum=0.0, weight_decay=0.0)
    state = training.init_state(params, optimizer)
    step = partial(training.train_step, jax.random.key(3), objective, optimizer)
    step = jax.jit(step, compiler_options=options)
    return state, *step(state, images, TARGETS)


@functools.lru_cache
def plain_step(name, optimised=False):
    network = cached_example(name).network

    def apply(key, params, images, edits):
        return networks.train_run(key, network, params, images, edits=edits)

    return one_step(name, Objective(apply), None if optimised else QUICKLY)


def assert_same(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)


def check_step(before, after, measured, terms):
    assert set(measured.terms) == {"cross_entropy", *terms}
    np.testing.assert_allclose(
        measured.loss, sum(float(x) for x in measured.terms.values()), rtol=1e-6
    )
    assert all(float(x) > 0 for x in measured.terms.values())
    for old, new in zip(*map(jax.tree.leaves, (before, after)), strict=True):
        assert new.dtype == old.dtype and np.isfinite(new).all()
    first = "conv1_1.conv" if "conv1_1.conv" in before.params else "conv1.conv"
    old, new = (training.trainable(s.params)[first]["kernel"] for s in (before, after))
    assert not np.array_equal(old, new)


QUICK = ("paper", "forward", "block_norm")


@pytest.mark.parametrize(
    "alone",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in ALONE
    ],
)
def test_every_regulariser_alone_gives_finite_gradients(alone):
    found = one_step("shapesnet", make("shapesnet", ALONE[alone]))
    check_step(*found, TERMS.get(alone, set()))
    _, plain, _ = plain_step("shapesnet")
    weights = (training.trainable(s.params) for s in (found[1], plain))
    leaves = zip(*map(jax.tree.leaves, weights), strict=True)
    assert any(not np.array_equal(*pair) for pair in leaves)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param("lenet", marks=pytest.mark.slow), "shapesnet_bn"]
)
def test_all_regularisers_together_give_finite_gradients(name):
    check_step(*one_step(name, make(name, TOGETHER)), TOGETHER_TERMS)


# Of block norms and of pre-activations of whole blocks nothing is defined.
OF_BLOCKS = {
    **TOGETHER,
    "block_norm": experiments.BlockNormSettings(groups=2),
    "fields": experiments.FieldsSettings(group=0.1, spatial=0.1, layers=("conv1",)),
}


@every_network
def test_all_regularisers_together_fit_every_network(name):
    blocks = "resnet" in name
    objective = make(name, OF_BLOCKS if blocks else TOGETHER)
    _, params, images = cached_example(name)
    evaluate = partial(evaluate_objective, jax.random.key(0), objective)
    found = jax.eval_shape(evaluate, params, images, TARGETS)
    terms = TOGETHER_TERMS - {"block_norm"} if blocks else TOGETHER_TERMS
    assert set(found.terms) == {"cross_entropy", *terms}
    assert jax.tree.map(jnp.shape, found.params) == jax.tree.map(jnp.shape, params)


@pytest.mark.slow
def test_in_bfloat16_weights_gradients_and_terms_stay_float32():
    found = one_step("shapesnet_bn", make("shapesnet_bn", TOGETHER, "bfloat16"))
    check_step(*found, TOGETHER_TERMS)
    floats = [x for x in jax.tree.leaves(found) if jnp.issubdtype(x.dtype, jnp.inexact)]
    assert {x.dtype for x in floats} == {jnp.dtype("float32")}
    _, exact, _ = one_step("shapesnet_bn", make("shapesnet_bn", TOGETHER))
    for variables, want in zip(
        found[1].params.values(), exact.params.values(), strict=True
    ):
        for name, got in variables.get("batch_stats", {}).items():
            assert not np.array_equal(got, want["batch_stats"][name])


OFF = [
    {},
    {
        "input_gradient": experiments.InputGradientSettings(
            estimator="central", step=1.0
        )
    },
    {"block_norm": experiments.BlockNormSettings(p=1.0, groups=3)},
    {
        "focused_dropout": experiments.FocusedDropoutSettings(
            mode="per_element", decay_factor=3.0
        )
    },
    {"dropblock": experiments.DropBlockSettings(block_size=5)},
]


@pytest.mark.slow
@pytest.mark.parametrize("settings", OFF, ids=lambda settings: "".join(settings))
@pytest.mark.parametrize("name", ["shapesnet_bn", "shapesnet"])
def test_what_has_weight_or_rate_zero_leaves_the_step_as_it_is_to_the_bit(
    name, settings
):
    got = one_step(name, make(name, settings), None)
    assert_same(got[1:], plain_step(name, optimised=True)[1:])


FINITE = partial(finite_difference, step=0.1)
ESTIMATES = [double_backprop, FINITE, partial(FINITE, sides="central")]


@pytest.mark.slow
@pytest.mark.parametrize("estimate", ESTIMATES, ids=["exact", "forward", "central"])
def test_a_penalty_with_weight_zero_leaves_the_gradient_as_it_is(estimate):
    objective = make("shapesnet_bn", ALONE["dropout"])
    without = one_step("shapesnet_bn", objective)
    penalized = objective._replace(penalize=estimate, penalty_weight=0.0)
    with_penalty = one_step("shapesnet_bn", penalized)
    assert with_penalty[2].terms["input_gradient"] == 0
    chex.assert_trees_all_close(
        with_penalty[1].params, without[1].params, rtol=1e-5, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("estimate", ESTIMATES, ids=["exact", "forward", "central"])
def test_running_statistics_do_not_depend_on_the_penalty(estimate):
    objective = make("shapesnet_bn", ALONE["paper"])
    penalized = objective._replace(penalize=estimate, penalty_weight=100.0)
    states = [one_step("shapesnet_bn", o)[1] for o in (objective, penalized)]
    without, under = (
        [v["batch_stats"] for v in s.params.values() if "batch_stats" in v]
        for s in states
    )
    chex.assert_trees_all_close(under, without, rtol=1e-5, atol=1e-6)
    weights = (training.trainable(s.params)["conv1.conv"]["kernel"] for s in states)
    assert not np.allclose(*weights)
