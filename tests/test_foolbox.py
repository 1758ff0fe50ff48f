"""The Carlini-Wagner attack beside foolbox's, where foolbox is installed.

It is no dependency of the tests: `pip install foolbox==3.3.4` to run this file.
benchmarks/attacks.py does the same on the scenes.
"""

from importlib.util import find_spec

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdissect.attacks import CarliniWagner, away_from, carlini_wagner, towards

pytestmark = pytest.mark.skipif(
    find_spec("foolbox") is None, reason="foolbox is not installed"
)
RNG = np.random.default_rng(0)
FIRST = RNG.normal(size=(12, 10)).astype(np.float32)
SECOND = RNG.normal(size=(10, 4)).astype(np.float32)
IMAGES = RNG.uniform(size=(24, 2, 2, 3)).astype(np.float32)


def curved(params, images):
    flat = (images - 0.5).reshape(len(images), -1)
    return jnp.tanh(flat @ params[0]) @ params[1]


@pytest.mark.parametrize(("goal", "confidence"), [(towards, 0.0), (away_from, 0.5)])
def test_as_many_succeed_and_as_near(goal, confidence):
    import foolbox

    own = np.asarray(curved((FIRST, SECOND), IMAGES).argmax(1))
    classes = (own + 1 + np.arange(24) % 3) % 4 if goal is towards else own
    options = CarliniWagner(1e-2, 80, 5, 1e-2, confidence)
    ours = carlini_wagner(
        curved, (FIRST, SECOND), IMAGES, classes, goal=goal, settings=options
    )
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=options.searches,
        steps=options.steps,
        stepsize=options.learning_rate,
        initial_const=options.constant,
        confidence=confidence,
        abort_early=False,
    )
    criteria = {
        towards: foolbox.criteria.TargetedMisclassification,
        away_from: foolbox.criteria.Misclassification,
    }
    model = foolbox.JAXModel(lambda x: curved((FIRST, SECOND), x), bounds=(0, 1))
    images = jnp.asarray(IMAGES)
    found = attack.run(model, images, criteria[goal](jnp.asarray(classes)))
    margin = np.asarray(goal(curved((FIRST, SECOND), found), jnp.asarray(classes)))
    # Foolbox returns black images where it fails.
    black = (np.asarray(found) == 0).all((1, 2, 3))
    success = (margin > 0) & (margin >= confidence - 1e-5) & ~black
    assert success.mean() > 0.8
    assert success.sum() == ours.success.sum()
    both = success & ours.success
    theirs = np.linalg.norm((np.asarray(found) - IMAGES).reshape(24, -1), axis=1)
    assert ours.distance[both].mean() == pytest.approx(theirs[both].mean(), rel=0.05)
