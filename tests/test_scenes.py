"""Laws of the generated scenes, and measurements of what they give away.

`python tests/test_scenes.py` prints the full measurements that docs/scenes.md quotes.
"""

import hashlib
import time
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data.scene_rendering import canvas, chance, colours, layout

NUM_CLASSES, NUM_CONCEPTS = len(scenes.CLASSES), len(scenes.CONCEPTS)
NUMBER = {concept: k for k, concept in enumerate(scenes.CONCEPTS, start=1)}
# Concepts outside cannot be detected at IoU > .04 by masks of the top 1 % (q): the IoU
# is at most min(q, g) / max(q, g), g the share of pixels.
WINDOW = (0.0004, 0.25)


@pytest.fixture(scope="module")
def batch():
    return scenes.render(3, range(50 * NUM_CLASSES))


def test_golden_scenes_are_byte_identical():
    got = scenes.render(2026, [0, 5, 13, 10**12], size=64)
    digest = hashlib.sha256(got.images.tobytes() + got.labels.tobytes()).hexdigest()
    assert digest == "ce382ead57bc3e3afe9e76781ca1abf8dbb0aafa5e057758f010822cd3b80ece"


@pytest.mark.slow
def test_any_subset_in_any_order_gives_the_same_scenes(batch):
    got = scenes.render(3, [41, 2, 19])
    for array, whole in zip(got, batch, strict=True):
        np.testing.assert_array_equal(array, whole[[41, 2, 19]])


def test_seeds_differ(batch):
    assert (scenes.render(4, [0]).images != batch.images[:1]).mean() > 0.5


def test_shapes_and_types(batch):
    b = 50 * NUM_CLASSES
    assert batch.images.shape == (b, 112, 112, 3) and batch.images.dtype == np.uint8
    assert batch.labels.shape == (b, 112, 112, 6) and batch.labels.dtype == np.uint8
    assert batch.targets.shape == (b,) and batch.targets.dtype == np.int32


def test_classes_are_balanced_in_any_run():
    counts = np.bincount(scenes.render(0, range(9, 9 + 42), size=32).targets)
    assert counts.tolist() == [3] * NUM_CLASSES


@pytest.mark.parametrize("size", [31, 0, -4])
def test_small_sizes_are_refused(size):
    with pytest.raises(ValueError, match="`size`"):
        scenes.render(0, [0], size=size)


@pytest.mark.parametrize("index", [-1, 2**63])
def test_indices_out_of_range_are_refused(index):
    with pytest.raises(ValueError, match="`indices`"):
        scenes.render(0, [index])


def test_concepts_are_unique_and_fit_a_byte():
    assert len(set(scenes.CONCEPTS)) == NUM_CONCEPTS <= 255


@pytest.mark.parametrize(
    ("category", "least"),
    zip(scenes.CATEGORIES, (22, 22, 6, 6, 11, 12), strict=True),
)
def test_each_category_has_its_concepts(category, least):
    assert sum(concept.category == category for concept in scenes.CONCEPTS) >= least


@pytest.mark.parametrize("layer", range(6))
def test_labels_stay_in_the_category_of_their_layer(batch, layer):
    used = np.unique(batch.labels[..., layer])
    names = {scenes.CONCEPTS[k - 1].category for k in used if k}
    assert names == {scenes.CATEGORIES[layer]}


def test_scene_layer_is_the_target(batch):
    wanted = [NUMBER[name, "scene"] for name in scenes.CLASSES]
    wanted = np.array(wanted)[batch.targets][:, None, None]
    assert (batch.labels[..., 5] == wanted).all()


def test_every_pixel_has_the_colour_of_the_rule(batch):
    assert (batch.labels[:9, ..., 4] == colours.colour_numbers(batch.images[:9])).all()
    assert batch.labels[..., 4].min() > 0


@pytest.mark.parametrize("name", colours.SAMPLES)
def test_colour_rule_names_its_samples(name):
    numbers = colours.colour_numbers(np.array([colours.SAMPLES[name]], np.uint8))
    assert scenes.CONCEPTS[numbers[0] - 1] == (name, "colour")


def test_parts_lie_on_objects(batch):
    assert (batch.labels[..., 0][batch.labels[..., 1] > 0] > 0).all()


def test_present_objects_belong_to_the_class(batch):
    cast = {name: set(own + shared) for name, (own, shared) in layout.CASTS.items()}
    told = set.union(*cast.values())
    for labels, target in zip(batch.labels[..., 0], batch.targets, strict=True):
        present = {scenes.CONCEPTS[k - 1].name for k in np.unique(labels) if k}
        assert present & told <= cast[scenes.CLASSES[target]]


def test_an_object_that_only_this_class_has_is_plainly_visible(batch):
    assert own_shares(batch).min() > 0.02


def test_own_objects_are_of_one_class_only():
    for name, cast in layout.CASTS.items():
        others = [m for k, c in layout.CASTS.items() if k != name for m in c[0] + c[1]]
        assert not set(cast.own) & set(others)


@pytest.mark.parametrize("name", layout.KINDS)
def test_kinds_state_their_size(name):
    kind, size = layout.KINDS[name], 400
    c = canvas.Canvas(size, chance.Dice(0, 0), (0.0, 0.0))
    c.add(canvas.Surface((0,) * 3, (0,) * 3, 0, 1, (1, 0), (0, 0), (1, 0, 0), (0,) * 4))
    c.stand(name, 0.5, 0.8, 0.4)
    kind.draw(c)
    drawn = np.frombuffer(c.ids, np.uint8).reshape(size, size) > 0
    rows, columns = np.nonzero(drawn)
    assert abs((np.abs(columns + 0.5 - size / 2)).max() / 160 - kind.width / 2) < 0.08
    assert abs((320 - rows.min()) / 160 - kind.height) < 0.08
    assert abs(drawn.sum() / 160**2 / kind.area - 1) < 0.3


def test_layout_does_not_depend_on_size():
    small = scenes.render(5, range(28), size=112).labels
    large = scenes.render(5, range(28), size=224).labels
    for layer in (0, 1, 2, 3, 5):
        assert (small == large[:, ::2, ::2])[..., layer].mean() > 0.95


@pytest.mark.slow
def test_concepts_occur_at_detectable_frequencies(batch):
    shares = frequencies(batch.labels)
    print_outside(shares)
    assert (shares > 0).all()
    assert np.mean((shares >= WINDOW[0]) & (shares <= WINDOW[1])) >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("feature", ["pixels", "histogram"])
def test_linear_classifier_on_colours_fails(batch, feature):
    more = scenes.render(7, range(20 * NUM_CLASSES))
    accuracy = linear_accuracy(FEATURES[feature], batch, more)
    print(f"linear accuracy on {feature}: {accuracy:.3f}")
    assert accuracy < 0.6


@pytest.mark.slow
def test_hand_made_maps_detect_no_object_or_part(batch):
    best = hand_made_ious(batch)
    print({name: f"{iou:.3f} {concept.name}" for name, (iou, concept) in best.items()})
    assert np.mean([iou < 0.05 for iou, _ in best.values()]) >= 0.9


def test_rate():
    start = time.process_time()
    scenes.render(1, range(100))
    print(f"{100 / (time.process_time() - start):.0f} scenes/s")


# Measurements.


def own_shares(batch: scenes.Scenes) -> np.ndarray:
    """Share of the image of its largest object that no other class has, [B]."""
    shares = []
    for labels, target in zip(batch.labels[..., 0], batch.targets, strict=True):
        counts = np.bincount(labels.ravel(), minlength=NUM_CONCEPTS + 1)
        own = layout.CASTS[scenes.CLASSES[target]].own
        shares.append(max(counts[NUMBER[name, "object"]] for name in own) / labels.size)
    return np.array(shares)


def frequencies(labels: np.ndarray) -> np.ndarray:
    """Share of all pixels by concept, [C]."""
    counts = np.bincount(labels.ravel(), minlength=NUM_CONCEPTS + 1)[1:]
    return counts / (labels.size / 6)


def print_outside(shares: np.ndarray):
    inside = (shares >= WINDOW[0]) & (shares <= WINDOW[1])
    print(f"inside {WINDOW}: {inside.sum()} of {NUM_CONCEPTS} concepts")
    for k in np.flatnonzero(~inside):
        print(f"  outside: {scenes.CONCEPTS[k]} {shares[k]:.6f}")


def _pixels(images: np.ndarray) -> np.ndarray:
    b = len(images)
    return images.reshape(b, 28, 4, 28, 4, 3).mean((2, 4), dtype="f4").reshape(b, -1)


def _histogram(images: np.ndarray) -> np.ndarray:
    bins = (images >> 5).astype(np.int32) @ np.array([64, 8, 1])
    return np.sqrt([np.bincount(b.ravel(), minlength=512) for b in bins])


FEATURES = {"pixels": _pixels, "histogram": _histogram}


def linear_accuracy(feature, train: scenes.Scenes, test: scenes.Scenes) -> float:
    """Test accuracy of a multinomial logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=3e-3, max_iter=40))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(feature(train.images), train.targets)
    return model.score(feature(test.images), test.targets)


def _simple_maps(images: np.ndarray) -> dict[str, np.ndarray]:
    """Maps [B 7 7] that need no learning: means and contrasts of 16 x 16 blocks."""
    x = images.astype(np.float32) / 255
    grey = x.mean(-1)
    sideways = np.abs(np.diff(grey, axis=2, append=grey[:, :, -1:]))
    upright = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    maps = {"brightness": _blocks(grey), "edges across": _blocks(sideways)}
    maps["edges down"] = _blocks(upright)
    maps["contrast"] = _blocks(grey * grey) - _blocks(grey) ** 2
    maps["saturation"] = _blocks(x.max(-1) - x.min(-1))
    maps |= {name: _blocks(x[..., k]) for k, name in enumerate("RGB")}
    for a, b in ((0, 1), (1, 2), (2, 0)):
        maps["RGB"[a] + " less " + "RGB"[b]] = _blocks(x[..., a] - x[..., b])
    return maps | {"minus " + name: -values for name, values in maps.items()}


def _blocks(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), 7, 16, 7, 16).mean((2, 4))


def _upsampled(maps: np.ndarray) -> np.ndarray:
    """Bilinear, [B 7 7] to [B 28 28], half-pixel centres."""
    where = np.clip((np.arange(28) + 0.5) / 4 - 0.5, 0, 6)
    low = np.minimum(where.astype(int), 5)
    weights = np.zeros((28, 7))
    weights[np.arange(28), low] = 1 - (where - low)
    weights[np.arange(28), low + 1] = where - low
    return np.einsum("ia,bac,jc->bij", weights, maps, weights)


def hand_made_ious(batch: scenes.Scenes) -> dict:
    """By simple map: the best IoU of its top 1 % with an object or part."""
    labels = batch.labels[:, 2::4, 2::4, :2]
    best = {}
    for name, maps in _simple_maps(batch.images).items():
        values = _upsampled(maps)
        mask = values > np.quantile(values, 0.99)
        both = np.bincount(labels[mask].ravel(), minlength=NUM_CONCEPTS + 1)[1:]
        total = np.bincount(labels.ravel(), minlength=NUM_CONCEPTS + 1)[1:]
        iou = both / (mask.sum() + total - both)
        best[name] = (float(iou.max()), scenes.CONCEPTS[int(iou.argmax())])
    return best


def main():
    start = time.process_time()
    scenes.render(1, range(1000))
    print(f"rate: {1000 / (time.process_time() - start):.0f} scenes/s")
    train, test = scenes.render(7, range(4000)), scenes.render(8, range(1000))
    for name, feature in FEATURES.items():
        print(f"linear on {name}: {linear_accuracy(feature, train, test):.3f}")
    print_outside(frequencies(train.labels))
    print(f"smallest own object: {own_shares(train).min():.4f}")
    first = scenes.Scenes(*(array[:602] for array in train))
    for name, (iou, concept) in hand_made_ious(first).items():
        print(f"{name}: {iou:.3f} {concept.name} ({concept.category})")


if __name__ == "__main__":
    main()
