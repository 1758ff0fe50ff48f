"""What attacks did to units: numbers against loops, pictures, the page."""

import jax
import numpy as np
import pytest

from jaxdissect import attacks
from jaxdissect.attacks import ALL_TARGETS as ALL
from jaxdissect.attacks import Attacks
from jaxdissect.experiments.attack import figures as attack_figures
from jaxdissect.experiments.attack import page as attack_report
from jaxdissect.experiments.attack.figures import Drawn, Picture
from jaxdissect.experiments.attack.units import Moved
from jaxdissect.pages.tables import Table

CLASSES, UNITS, TOP = 3, 30, 2
NASTY = '</script><b title="x">'
IMPORTANT = np.array([[0, 1], [2, 3], [4, 5]])


def planted(per_target=12):
    """Attacks that raise the target's units by 3 and lower the source's by 2."""
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], per_target)
    sources = np.where(rng.random(len(targets)) < 0.5, 2, 1 - targets)
    changes = 0.1 * rng.standard_normal((len(targets), UNITS))
    rows = np.arange(len(targets))[:, None]
    changes[rows, IMPORTANT[targets]] += 3
    changes[rows, IMPORTANT[sources]] -= 2
    number = len(targets)
    stepped = np.stack([sources, targets], 1)[:, :, None]
    return Attacks(
        scenes=np.tile(np.arange(per_target), 2),
        true=sources,
        sources=sources,
        targets=targets,
        is_shown=np.zeros(number, bool),
        success=np.ones(number, bool),
        distance=np.full(number, 0.5),
        largest=np.full(number, 0.02),
        rounded=np.ones(number, bool),
        changes=changes,
        stepped=stepped,
        images=np.zeros((0, 4, 4, 3), np.float32),
    )


def effects_of(found, seed=0):
    keys = jax.random.split(jax.random.key(seed))
    roles = attacks.signed_role_changes(keys[0], found, found.changes, IMPORTANT)
    effects = attacks.role_effects(keys[1], found, roles)
    return {(e.target, e.role): e for e in effects}, roles


def test_planted_units_stand_out_and_random_ones_hardly():
    effects, _ = effects_of(planted())
    for target in (0, 1, ALL):
        aimed, lost, rest, drawn = (
            effects[target, role] for role in ("target", "source", "others", "random")
        )
        assert aimed.images == 12
        assert aimed.signed == pytest.approx(3, abs=0.2) and aimed.q < 0.01
        assert lost.signed == pytest.approx(-2, abs=0.2) and lost.q < 0.01
        assert rest.mean < 0.12 and abs(rest.signed) < 0.05
        assert aimed.excess_low > 2.5 and lost.excess_low > 1.5
        assert drawn.excess < lost.excess and (rest.q, rest.excess) == (1, 0)
        for each in (aimed, lost, rest, drawn):
            assert each.low <= each.mean <= each.high


def test_units_that_move_alike_show_no_excess():
    found = planted()
    noise = np.random.default_rng(1).standard_normal(found.changes.shape)
    effects, _ = effects_of(found._replace(changes=noise))
    assert min(effect.q for effect in effects.values()) > 0.01
    for role in ("target", "source", "random"):
        each = effects[ALL, role]
        assert each.excess_low < 0 < each.excess_high


def test_means_by_role_are_those_of_loops():
    found = planted()
    failed = found.success.copy()
    failed[[0, 5]] = False
    found = found._replace(success=failed)
    effects, roles = effects_of(found)
    for target in (0, ALL):
        sizes, signed = {}, {}
        for p in np.flatnonzero(found.success):
            if target not in (ALL, found.targets[p]):
                continue
            own = found.changes[p, IMPORTANT[found.sources[p]]]
            sizes.setdefault(found.scenes[p], []).append(np.abs(own).mean())
            signed.setdefault(found.scenes[p], []).append(own.mean())
        effect = effects[target, "source"]
        assert effect.images == len(sizes)
        mean = np.mean([np.mean(of_image) for of_image in sizes.values()])
        np.testing.assert_allclose(effect.mean, mean)
        mean = np.mean([np.mean(of_image) for of_image in signed.values()])
        np.testing.assert_allclose(effect.signed, mean, atol=1e-12)
    assert (np.abs(roles.signed.random) <= roles.absolute.random + 1e-12).all()


def test_unit_changes_are_means_over_images_that_succeed():
    found = planted()
    found = found._replace(success=found.targets == 0)
    effects = attacks.unit_effects(jax.random.key(0), found, found.changes)
    assert list(effects) == [0, ALL]
    expected = found.changes[found.targets == 0].mean(0)
    np.testing.assert_allclose(effects[0].mean, expected)
    low, high = effects[0].interval
    assert (low <= expected).all() and (expected <= high).all()


def test_without_success_there_is_nothing_to_say():
    found = planted()._replace(success=np.zeros(24, bool))
    assert effects_of(found)[0] == {}
    assert attacks.unit_effects(jax.random.key(0), found, found.changes) == {}


def test_one_success_is_too_few():
    found = planted()._replace(success=np.arange(24) == 3)
    assert effects_of(found)[0] == {}


def test_steps_count_hits_and_errors():
    found = planted()
    away, towards = attacks.step_effects(found, (0.01,))
    assert (away.hits, away.errors) == (0, 0) and not away.towards_target
    assert (towards.hits, towards.errors) == (1, 1) and towards.towards_target


def test_a_unit_without_scale_counts_as_unmoved():
    shares = attacks.shares_of_scale(np.ones((1, 3)), np.array([2.0, 0.0, -1.0]))
    assert shares.tolist() == [[0.5, 0.0, 0.0]]


def test_differences_are_grey_where_nothing_is_and_clipped():
    before = np.full((1, 3, 3), 0.5)
    after = before + np.array([0.0, 0.004, -1.0])[None, :, None]
    drawn = attack_figures.difference_picture(before, after)
    assert drawn[0, :, 0].tolist() == [128, 230, 0]


def test_changes_are_coloured_from_a_tenth_on():
    image = np.full((2, 2, 3), 100, np.uint8)
    change = np.array([[0.1, 0.09], [-0.09, -0.1]])
    drawn = attack_figures.change_picture(image, change).astype(int)
    assert drawn[0, 0].argmax() == 1 and drawn[1, 1].argmax() == 0
    for still in (drawn[0, 1], drawn[1, 0]):
        assert still.tolist() == [60, 60, 60]


def test_the_page_escapes_and_needs_no_network():
    moved = Moved(NASTY, 3, -0.534, -0.6, -0.5)
    picture = Picture(np.zeros((2, 2, 3), np.uint8), NASTY, NASTY)
    page = attack_report.render(
        NASTY,
        {NASTY: NASTY},
        [NASTY],
        [attack_report.Section(NASTY, NASTY, Table(["a"], [[NASTY], [0.12345]]))],
        [attack_report.Aim(NASTY, NASTY, [], [moved])],
        [Drawn(NASTY, [moved], [picture])],
    )
    assert NASTY not in page and "http" not in page.replace("http-equiv", "")
    assert "-53 %" in page and "0.123" in page and "-60 to -50" in page


def test_an_empty_page_is_one():
    page = attack_report.render("Nothing", {}, ["None succeeds."], [], [], [])
    assert "None succeeds." in page and "Images attacked" not in page
