"""Outputs that are no logits are made logits, exactly, or refused by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxdissect import (
    ablation,
    adapters,
    gradients,
    logits,
    model,
    networks,
)
from jaxdissect.adapters import own_networks
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate

SIZE = 8
WEIGHTS = 8 * np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)


def by_hand(z):
    odds = jnp.exp(z - z.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def with_two_lines(z):
    odds = jnp.exp(z)
    return odds * (1 / odds.sum(-1))[:, None]


@jax.custom_jvp
def with_a_rule(z):
    return jax.nn.softmax(z)


with_a_rule.defjvp(lambda p, t: jax.jvp(jax.nn.softmax, p, t))


def in_half(z):
    return jax.nn.softmax(z.astype(jnp.bfloat16)).astype(jnp.float32)


SOFTMAXES = {
    "softmax": jax.nn.softmax,
    "compiled": jax.jit(jax.nn.softmax),
    "by hand": by_hand,
    "with two lines": with_two_lines,
    "with a rule": with_a_rule,
    "over maps": lambda z: jax.nn.softmax(z[:, None, None])[:, 0, 0],
    "image by image": jax.vmap(jax.nn.softmax),
    "of its logarithm": lambda z: jnp.exp(jax.nn.log_softmax(z)),
    "saturated": lambda z: jax.nn.softmax(300 * z),
    "log-softmax": jax.nn.log_softmax,
    "less its logsumexp": lambda z: (
        z - jax.scipy.special.logsumexp(z, -1, keepdims=True)
    ),
    "logarithm of softmax": lambda z: jnp.log(jax.nn.softmax(z)),
    "logarithm of saturated softmax": lambda z: jnp.log(jax.nn.softmax(30 * z)),
}


def trunk(variables, images):
    return jnp.concatenate([images, images[..., :1] - images[..., 1:2]], -1)


def made(last, **more):
    """A network of three units and such an end."""
    functions = {"trunk": trunk, "logits": lambda v, a: last(a.mean((1, 2)) @ WEIGHTS)}
    network, params = adapters.chain(functions, {}, jnp.zeros((1, SIZE, SIZE, 3)))
    return networks.Classifier(network, params, SIZE, **more)


def answered(classifier):
    found = model.load(classifier)
    return model.with_logits(found, "own.py:f")


def outputs(trained, images):
    return networks.apply(trained.network, trained.weights.params, images)


IMAGES = own_networks.made_up_images(SIZE, 6)[::-1]
TEMPERATURES = {"saturated": 300, "logarithm of saturated softmax": 30}


@pytest.mark.parametrize("name", list(SOFTMAXES))
def test_what_ends_in_a_softmax_is_what_comes_before_it(name):
    trained = answered(made(SOFTMAXES[name]))
    plain = answered(made(lambda z: TEMPERATURES.get(name, 1) * z))
    np.testing.assert_array_equal(outputs(trained, IMAGES), outputs(plain, IMAGES))
    assert "undone: the logits before it are used" in trained.facts["outputs"]
    assert plain.facts["outputs"] == "logits" and model.about_outputs(plain) == []
    assert not trained.is_shifted and trained.weights.digest != plain.weights.digest


def test_logits_before_a_rounded_softmax_are_found():
    trained, plain = answered(made(in_half)), answered(made(lambda z: z))
    want = outputs(plain, IMAGES)
    np.testing.assert_allclose(outputs(trained, IMAGES), want, rtol=0.01, atol=0.05)


def hidden(z):
    """A softmax that the program does not show."""
    return jax.nn.softmax(z)[:, jnp.array([0, 1, 2, 3, 4])]


def test_a_softmax_that_is_not_found_is_undone_by_its_logarithm():
    small = lambda z: z / 10  # noqa: E731
    trained = answered(made(lambda z: hidden(small(z))))
    want = outputs(answered(made(small)), IMAGES)
    got = outputs(trained, IMAGES)
    np.testing.assert_allclose(jax.nn.softmax(got), jax.nn.softmax(want), rtol=1e-5)
    assert "undone by its logarithm" in trained.facts["outputs"] and trained.is_shifted
    with pytest.raises(BadInput, match="`score` is logit, but the network gives softm"):
        model.check_score(trained, "probability", "logit")
    model.check_score(trained, "probability", "log_probability")


class Ending(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3))(x))
        return nn.softmax(nn.Dense(5)(x.mean((1, 2))))


@pytest.mark.slow
def test_a_flax_model_whose_last_layer_is_the_softmax():
    images = jnp.asarray(IMAGES)
    variables = Ending().init(jax.random.key(0), images)
    network, params = adapters.linen_network(Ending(), variables, images)
    trained = answered(networks.Classifier(network, params, SIZE))
    want = networks.taps(network, ("Dense_0",))(params, images)["Dense_0"][:, 0, 0]
    np.testing.assert_array_equal(outputs(trained, images), want)
    assert networks.layer_names(trained.network) == networks.layer_names(network)


REFUSED = {
    "sigmoids": (jax.nn.sigmoid, r"all in \[0, 1\] and do not sum to 1"),
    "a hard sigmoid": (jax.nn.hard_sigmoid, "all in"),
    "log-sigmoids": (jax.nn.log_sigmoid, "ends in log_sigmoid"),
    "a hyperbolic tangent": (jnp.tanh, "ends in tanh"),
    "one output": (lambda z: z[:, :1], "single number for each image"),
    "one probability": (lambda z: jax.nn.sigmoid(z[:, :1]), "single number"),
    "two heads": (
        lambda z: jnp.concatenate([jax.nn.softmax(z), jax.nn.softmax(-z)], -1),
        "the same sum on every image",
    ),
    "heads of logarithms": (
        lambda z: jnp.concatenate([jax.nn.log_softmax(z), jax.nn.log_softmax(-z)], -1),
        "of several heads",
    ),
    "per cent": (lambda z: 100 * jax.nn.softmax(z), "the same sum on every image"),
    "hidden logarithms of zeros": (lambda z: jnp.log(hidden(100 * z)), "minus inf"),
    "no numbers": (lambda z: jnp.log(z - 1e6), "not finite on made-up images"),
    "hidden and saturated": (lambda z: hidden(100 * z), "some probabilities are 0"),
    "hidden and rounded": (
        lambda z: hidden((z / 20).astype(jnp.bfloat16)),
        "rounded to few digits",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_ambiguous_is_refused(name):
    last, message = REFUSED[name]
    with pytest.raises(BadInput, match=message) as refused:
        answered(made(last))
    said = str(refused.value)
    assert said.startswith("own.py:f ") and "\n" not in said


def test_users_can_say_what_outputs_are():
    sigmoids = answered(made(jax.nn.sigmoid, ends_in="logits"))
    np.testing.assert_array_equal(
        outputs(sigmoids, IMAGES),
        jax.nn.sigmoid(outputs(answered(made(lambda z: z)), IMAGES)),
    )
    with pytest.raises(BadInput, match="says that it ends in softmax, but its outputs"):
        answered(made(lambda z: z, ends_in="softmax"))
    with pytest.raises(BadInput, match="single number"):
        answered(made(lambda z: z[:, :1], ends_in="logits"))


def test_logits_that_look_like_probabilities_by_accident_are_logits():
    # Averages of rectified units, of a network without training, all in [0, 1].
    trained = answered(made(lambda z: jax.nn.relu(z) / 1000))
    assert trained.facts["outputs"] == "logits"
    assert (np.asarray(trained.tried.outputs) <= 1).all()
    # A linear map whose rows happen to sum to 1 on these images.
    share = lambda z: z - z.sum(-1, keepdims=True) / 5 + 0.2  # noqa: E731
    assert answered(made(lambda z: share(z / 1e4))).facts["outputs"] == "logits"


def test_a_trunk_alone_gives_no_logits():
    network, params = adapters.chain({"a": trunk}, {}, jnp.zeros((1, SIZE, SIZE, 3)))
    with pytest.raises(BadInput, match="gives no logits: its last stage is 'a'"):
        answered(networks.Classifier(network, params, SIZE))
    with pytest.raises(BadInput, match="names 2 classes, but its last stage is 'a'"):
        answered(networks.Classifier(network, params, SIZE, ("a", "b")))


ACTS = np.random.default_rng(0).random((6, 2, 2, 3)).astype(np.float32)
KERNEL = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)


def tail_of(last):
    return lambda params, acts: last(acts.mean((1, 2)) @ KERNEL)


BAD_TAILS = {
    "probabilities": jax.nn.softmax,
    "all in": jax.nn.sigmoid,
    "single number": lambda z: z[:, :1],
    "several heads": lambda z: 2 * jax.nn.softmax(z),
}


@pytest.mark.parametrize("message", list(BAD_TAILS))
def test_calls_are_checked_as_commands_are(message):
    tail, targets = tail_of(BAD_TAILS[message]), np.zeros(6, int)
    edited = ablation.by_replaying(tail)
    calls = {
        "check": lambda: logits.check_tail(tail, {}, ACTS),
        "gradient": lambda: gradients.prediction_gradient(
            tail, {}, jnp.asarray(ACTS), targets
        ),
        "gradients": lambda: gradients.prediction_gradients(tail, {}, ACTS),
        "units": lambda: ablation.unit_effects(edited, {}, 3, num_classes=4).measure(
            *ablation.Examples(ACTS, targets)
        ),
        "sets": lambda: ablation.set_effects(
            edited, {}, np.eye(3), num_classes=4
        ).measure(*ablation.Examples(ACTS, targets)),
    }
    for call in calls.values():
        with pytest.raises(
            BadInput, match=f"`tail` gives outputs that are .*{message}"
        ):
            call()


def test_effects_of_logarithms_are_those_of_logits():
    targets = np.arange(6) % 4
    drops = []
    for last in (lambda z: z, jax.nn.log_softmax):
        sweep = ablation.unit_effects(
            ablation.by_replaying(tail_of(last)), {}, 3, num_classes=4
        )
        effects = accumulate(sweep, [ablation.Examples(ACTS, targets)])
        drops.append(ablation.drops(effects).log_probability)
    np.testing.assert_allclose(drops[0], drops[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_kinds_of_outputs(rows):
    z = np.random.default_rng(rows).normal(size=(rows, 4)) * 3
    p = np.asarray(jax.nn.softmax(z))
    assert logits.kind_of(z) == "logits" and logits.kind_of(p) == "softmax"
    assert logits.kind_of(p.astype(np.float16)) in ("softmax", "rounded softmax")
    assert logits.kind_of(np.log(p)) == "log_softmax"
    assert logits.kind_of(p, z) == "logits"
    assert logits.kind_of(p, np.full((2, 4), np.nan)) == "softmax"
    assert logits.kind_of(np.full((rows, 4), np.nan)) == "not finite"
    assert logits.kind_of(z[:, :1]) == "one output"
    assert logits.kind_of(np.zeros((rows, 4))) == "logits"
    if rows > 1:
        assert logits.kind_of(100 * p) == "shares"
        assert logits.kind_of(1 / (1 + np.exp(-z))) == "bounded"
