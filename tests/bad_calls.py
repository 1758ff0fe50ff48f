"""Calls of the library that cannot be answered, and words of their one sentence each.

Run as a program, without the checks of types that pytest switches on: it prints what
came of every call.
"""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, attacks, dissection, gradients, intervals, streaming
from jaxdissect import quantiles as q
from jaxdissect import significance as s
from jaxdissect.dissection import certainty, moments
from jaxdissect.dissection import certainty as image_counts
from jaxdissect.dissection.layers import Layer
from jaxdissect.errors import BadInput
from jaxdissect.upsampling import Axis, Centres

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
ACTS = RNG.random((4, 4, 4, 3)).astype(np.float32)
LABELS = RNG.integers(0, 3, (4, 8, 8, 1))
CENTRES = {"conv": Centres.square(0.5, 2.0)}
EYE = np.eye(4, dtype=np.float32)
MASKS = ACTS > 0.5
NAN, INF = np.full_like(ACTS, np.nan), np.full_like(ACTS, np.inf)
ONE_NAN = ACTS.copy()
ONE_NAN[3, 1, 2, 1] = np.nan
TARGETS = np.array([0, 1, 2, 1])


def dissect(batches=None, categories=(0, 0), **more):
    batches = [({"conv": ACTS}, LABELS)] if batches is None else batches
    options = {"num_images": 4, "protocol": dissection.PNAS20._replace(tail_mass=0.2)}
    options |= more
    return dissection.dissect(lambda: batches, categories, CENTRES, 8, **options)


def placed(*centres):
    layers = {"conv": Centres(*centres)}
    batches = lambda: [({"conv": ACTS}, LABELS)]  # noqa: E731
    return dissection.dissect(batches, (0, 0), layers, 8, num_images=4)


def with_acts(*parts):
    return [({"conv": part}, LABELS[: len(part)]) for part in parts]


def with_labels(labels):
    return [({"conv": ACTS}, labels)]


def find(sampling=None, **more):
    layer = Layer(3, np.eye(8, 4, dtype=np.float32), np.eye(8, 4, dtype=np.float32))
    batch = ({"conv": ACTS}, LABELS, np.arange(4))
    options = {"num_images": 4, "num_top": 2, "layers": {"conv": layer}} | more
    return dissection.find(
        lambda name, statistic: streaming.accumulate(statistic, [batch]),
        options.pop("layers"),
        options.pop("categories", [0, 0]),
        sampling=sampling,
        **options,
    )


def quantile(*batches, mass=0.5, number=8):
    values = [(np.asarray(batch, np.float32),) for batch in batches]
    return streaming.accumulate(q.upper_quantile(mass, number), values)


def digits(*batches):
    bracket = q.open_bracket(0.5, 8, 2)
    values = [(np.asarray(batch, np.float32),) for batch in batches]
    return streaming.accumulate(q.next_digits(bracket, 16), values)


def effects(acts=ACTS, targets=TARGETS):
    tail = ablation.by_replaying(lambda params, acts: acts.sum((1, 2)))
    sweep = ablation.unit_effects(tail, {}, num_units=3, num_classes=3)
    batch = ablation.Examples(acts, targets)
    return streaming.accumulate(sweep, [batch])


def knocked(images=ACTS, targets=TARGETS, keeps=((1.0, 0.0, 1.0),)):
    statistic = ablation.knockout_counts(
        lambda params, images, keeps: images[:, 0, 0] * keeps["fc"],
        {},
        {"fc": np.array(keeps)},
        num_classes=3,
    )
    return streaming.accumulate(statistic, [(images, targets)])


def attributes(acts=ACTS, targets=TARGETS, logits=ACTS[:, 0, 0]):
    return streaming.accumulate(ablation.unit_attributes(3), [(acts, targets, logits)])


def gradient(acts=ACTS, targets=TARGETS, tail=lambda p, a: a.sum((1, 2))):
    return gradients.prediction_gradient(tail, {}, jnp.asarray(acts), targets)


def of_classes(acts=ACTS, targets=TARGETS):
    ask = lambda params, acts, targets: gradient(acts, targets)  # noqa: E731
    statistic = gradients.class_gradients(ask, {}, num_classes=3)
    return streaming.accumulate(statistic, [(acts, targets)])


COUNTS = certainty.LabelCounts(*[np.ones((4, 2), int)] * 3)

CALLS = {
    # name: (call, what the sentence says)
    "dissect nan": (lambda: dissect(with_acts(ONE_NAN)), "acts['conv']` holds nan"),
    "dissect inf": (lambda: dissect(with_acts(INF)), "acts['conv']` holds inf"),
    "dissect nan in a later batch": (
        lambda: dissect(with_acts(ACTS[:3], ONE_NAN[3:])),
        "acts['conv']` holds nan",
    ),
    "dissect nan, little memory": (
        lambda: dissect(with_acts(ONE_NAN), memory_bytes=1),
        "acts['conv']` holds nan",
    ),
    "dissect nan, native grid": (
        lambda: dissect(
            with_acts(ONE_NAN), protocol=dissection.CVPR17._replace(tail_mass=0.2)
        ),
        "acts['conv']` holds nan",
    ),
    "dissect nan among those chosen on": (
        lambda: dissect(protocol=dissection.GAN19, choosing=lambda: with_acts(ONE_NAN)),
        "`acts` holds nan",
    ),
    "dissect one axis for both": (
        lambda: placed(0.5, 2.0),
        "centres['conv']` is (0.5, 2.0); it must be a finite Axis",
    ),
    "dissect a step of nothing": (
        lambda: placed(Axis(0.5, 2.0), Axis(0.5, 0.0)),
        "Axis(offset=0.5, step=0.0, known=True)); it must be a finite Axis",
    ),
    "dissect cells nowhere": (
        lambda: placed(Axis(np.nan, 2.0), Axis(0.5, 2.0)),
        "it must be a finite Axis",
    ),
    "dissect no concepts": (lambda: dissect(categories=()), "`categories` is empty"),
    "dissect bad category": (
        lambda: dissect(categories=(0, -1)),
        "`categories` has -1",
    ),
    "dissect no units": (
        lambda: dissect(with_acts(ACTS[..., :0])),
        "no axis of [B H W U] may be empty",
    ),
    "dissect no images": (lambda: dissect(with_acts(ACTS[:0])), "may be empty"),
    "dissect an empty batch": (
        lambda: dissect(with_acts(ACTS, ACTS[:0])),
        "may be empty",
    ),
    "dissect zero images": (lambda: dissect(num_images=0), "`num_images` is 0"),
    "dissect too many images": (lambda: dissect(num_images=5), "`num_values` is 320"),
    "dissect other units": (
        lambda: dissect(with_acts(ACTS[:2], ACTS[2:, ..., :2])),
        "acts['conv']` has the shape (2, 4, 4, 2)",
    ),
    "dissect other maps": (
        lambda: dissect(with_acts(ACTS[:2], ACTS[2:, :3])),
        "acts['conv']` has the shape (2, 3, 4, 3)",
    ),
    "dissect labels of floats": (
        lambda: dissect(with_labels(LABELS / 1)),
        "`labels` is float64",
    ),
    "dissect boolean labels": (
        lambda: dissect(with_labels(LABELS > 0)),
        "`labels` is bool",
    ),
    "dissect labels too high": (
        lambda: dissect(with_labels(LABELS + 1)),
        "`labels` hold 3; they must be in [0, 2]",
    ),
    "dissect negative labels": (
        lambda: dissect(with_labels(LABELS - 1)),
        "`labels` hold -1",
    ),
    "dissect labels of other images": (
        lambda: dissect(with_labels(LABELS[:3])),
        "acts['conv']` has the shape",
    ),
    "dissect complex": (lambda: dissect(with_acts(ACTS + 0j)), "is complex64"),
    "dissect boolean": (lambda: dissect(with_acts(MASKS)), "is bool"),
    "dissect too small a tail": (
        lambda: dissect(protocol=dissection.PNAS20._replace(tail_mass=1e-6)),
        "`tail_mass` is 1e-06; of the 256 values",
    ),
    "find one image, with intervals": (
        lambda: find(dissection.Sampling(KEY, np.zeros(1, int)), num_images=1),
        "`num_images` is 1; intervals and chance levels need at least 2",
    ),
    "find other strata": (
        lambda: find(dissection.Sampling(KEY, np.zeros(3, int))),
        "`sampling.strata` has the shape (3,)",
    ),
    "find strata of floats": (
        lambda: find(dissection.Sampling(KEY, np.zeros(4))),
        "`sampling.strata` is float64",
    ),
    "find no layers": (lambda: find(layers={}), "`layers` is empty"),
    "find no concepts": (lambda: find(categories=[]), "`categories` is empty"),
    "find no top": (lambda: find(num_top=0), "`num_top` is 0"),
    "unit_masks nan": (
        lambda: dissection.unit_masks(ONE_NAN, np.zeros(3)),
        "`acts` holds nan",
    ),
    "unit_masks thresholds": (
        lambda: dissection.unit_masks(ACTS, np.zeros(2)),
        "`thresholds` has the shape (2,)",
    ),
    "concept_masks negative": (
        lambda: dissection.concept_masks(LABELS - 1, num_concepts=2),
        "`labels` has -1",
    ),
    "concept_masks floats": (
        lambda: dissection.concept_masks(LABELS / 1, num_concepts=2),
        "`labels` is float64",
    ),
    "concept_masks none": (
        lambda: dissection.concept_masks(LABELS, num_concepts=0),
        "`num_concepts` is 0",
    ),
    "overlap soft masks": (
        lambda: streaming.accumulate(dissection.overlap([0] * 3), [(ACTS, MASKS)]),
        "`units` is float32; masks are true or false",
    ),
    "overlap other images": (
        lambda: streaming.accumulate(dissection.overlap([0] * 3), [(MASKS, MASKS[:3])]),
        "`concepts` has the shape (3, 4, 4, 3)",
    ),
    "overlap other concepts": (
        lambda: streaming.accumulate(dissection.overlap([0] * 2), [(MASKS, MASKS)]),
        "`concepts` has the shape",
    ),
    "overlap no concepts": (lambda: dissection.overlap([]), "`categories` is empty"),
    "overlap other units between batches": (
        lambda: streaming.accumulate(
            dissection.overlap([0] * 3), [(MASKS, MASKS), (MASKS[..., :1], MASKS)]
        ),
        "do not add up",
    ),
    "count_images nan": (
        lambda: image_counts.count_images(
            ONE_NAN, EYE, EYE, np.zeros(3), LABELS[:, :4, :4], [0, 0]
        ),
        "`acts` holds nan",
    ),
    "count_images nan threshold": (
        lambda: image_counts.count_images(
            ACTS, EYE, EYE, np.full(3, np.nan), LABELS[:, :4, :4], [0, 0]
        ),
        "`thresholds` holds nan",
    ),
    "label_units nan": (
        lambda: dissection.label_units(np.full((2, 2), np.nan)),
        "`iou` holds nan",
    ),
    "label_units percent": (
        lambda: dissection.label_units(np.full((2, 2), 20.0)),
        "`iou` has values from 20 to 20",
    ),
    "label_units no concepts": (
        lambda: dissection.label_units(np.zeros((2, 0))),
        "`iou` has the shape (2, 0)",
    ),
    "label_units rule": (
        lambda: dissection.label_units(np.zeros((2, 2)), rule="<"),
        "`rule` is '<'",
    ),
    "mask_moments soft masks": (
        lambda: moments.mask_moments(ACTS, np.zeros(4, int)),
        "`masks` is float32",
    ),
    "mask_moments strata": (
        lambda: moments.mask_moments(MASKS, np.zeros(3, int)),
        "`strata` has the shape",
    ),
    "bootstrap_iou other units": (
        lambda: certainty.bootstrap_iou(
            KEY, COUNTS._replace(unit=np.ones((4, 3), int))
        ),
        "`counts.intersection` has the shape",
    ),
    "bootstrap_iou negative": (
        lambda: certainty.bootstrap_iou(
            KEY, COUNTS._replace(concept=-np.ones((4, 2), int))
        ),
        "`counts.concept` has -1",
    ),
    "quantile nan": (lambda: quantile([[1, 2]] * 7 + [[np.nan, 0]]), "holds nan"),
    "quantile inf": (lambda: quantile([[1, 2]] * 7 + [[np.inf, 0]]), "holds inf"),
    "quantile other units": (
        lambda: quantile([[1, 2]] * 4, [[1, 2, 3]] * 4),
        "`values` has the shape (4, 3)",
    ),
    "quantile no units": (lambda: quantile(np.zeros((8, 0))), "none empty"),
    "quantile no values": (lambda: quantile([[1, 2]], number=0), "`num_values` is 0"),
    "quantile numbers": (lambda: quantile([1, 2]), "`values` has the shape (2,)"),
    "quantile no mass": (lambda: quantile([[1, 2]], mass=0), "`tail_mass` is 0"),
    "digits nan": (lambda: digits([[1, 2]] * 7 + [[np.nan, 0]]), "holds nan"),
    "digits other units": (
        lambda: digits([[1, 2, 3]] * 8),
        "`values` has the shape (8, 3)",
    ),
    "digits none": (
        lambda: q.next_digits(q.open_bracket(0.5, 8, 2), 0),
        "`bits` is 0",
    ),
    "top none": (lambda: streaming.top_examples(0), "`k` is 0"),
    "top nan": (
        lambda: streaming.accumulate(
            streaming.top_examples(1), [(NAN[:, 0, 0], np.arange(4))]
        ),
        "`peaks` holds nan",
    ),
    "top other images": (
        lambda: streaming.accumulate(
            streaming.top_examples(1), [(ACTS[:, 0, 0], np.arange(3))]
        ),
        "`peaks` has the shape (4, 3)",
    ),
    "top other units": (
        lambda: streaming.accumulate(
            streaming.top_examples(1),
            [(ACTS[:, 0, 0], np.arange(4)), (ACTS[:, 0, 0, :2], np.arange(4))],
        ),
        "`peaks` has the shape (1, 2); it must be [B U] with U 3",
    ),
    "total of other units": (
        lambda: streaming.accumulate(streaming.total(), [(np.ones(3),), (np.ones(1),)]),
        "do not add up",
    ),
    "accumulate nothing": (
        lambda: streaming.accumulate(streaming.total(), []),
        "`batches` is empty",
    ),
    "effects nan": (lambda: effects(acts=ONE_NAN), "are not finite"),
    "effects no images": (
        lambda: effects(ACTS[:0], TARGETS[:0]),
        "`acts` has the shape (0, 4, 4, 3)",
    ),
    "effects targets of floats": (
        lambda: effects(targets=TARGETS / 1),
        "`targets` is float64",
    ),
    "effects other targets": (
        lambda: effects(targets=TARGETS[:3]),
        "`targets` has the",
    ),
    "effects high target": (
        lambda: effects(targets=TARGETS + 1),
        "`targets` has 3",
    ),
    "effects flat": (
        lambda: effects(acts=ACTS[:, 0, 0]),
        "`acts` has the shape (4, 3)",
    ),
    "knockouts nan": (lambda: knocked(images=ONE_NAN), "`images` holds nan"),
    "knockouts negative": (lambda: knocked(targets=TARGETS - 1), "`targets` has -1"),
    "knockouts halves": (lambda: knocked(keeps=[[1, 0.5, 1]]), "other than 0 and 1"),
    "knockouts of none": (
        lambda: knocked(keeps=np.zeros((0, 3))),
        "`keeps['fc']` has the shape (0, 3)",
    ),
    "attributes nan": (lambda: attributes(acts=ONE_NAN), "`acts` holds nan"),
    "attributes logits": (
        lambda: attributes(logits=ACTS[:, 0, 0, :2]),
        "`logits` has the shape (4, 2)",
    ),
    "attributes high target": (
        lambda: attributes(targets=TARGETS + 1),
        "`targets` has 3",
    ),
    "selectivity nan": (
        lambda: ablation.class_selectivity(NAN[0, 0]),
        "`class_means` holds nan",
    ),
    "rank_units nan": (lambda: ablation.rank_units(NAN[0, 0]), "`drops` holds nan"),
    "rank_units none": (
        lambda: ablation.rank_units(np.zeros((0, 3))),
        "`drops` has the",
    ),
    "removal_keeps none": (
        lambda: ablation.removal_keeps(np.arange(3), []),
        "`counts` is empty",
    ),
    "removal_keeps floats": (
        lambda: ablation.removal_keeps(np.arange(3.0), [1]),
        "`order` is float64",
    ),
    "resampled nan": (lambda: ablation.resampled(KEY, NAN), "`acts` holds nan"),
    "resampled one": (lambda: ablation.resampled(KEY, ACTS[:1]), "`acts` has 1 image"),
    "random_rotation": (lambda: ablation.random_rotation(KEY, 0), "`num_units` is 0"),
    "rotation_power": (
        lambda: ablation.rotation_power(np.ones((2, 2)), 0.5),
        "is not orthogonal",
    ),
    "random_orders": (lambda: ablation.random_orders(KEY, 0, 3), "`num_orders` is 0"),
    "gradient nan": (lambda: gradient(acts=ONE_NAN), "`acts` holds nan"),
    "gradient floats": (lambda: gradient(targets=TARGETS / 1), "are float64"),
    "gradient of no classes": (
        lambda: gradient(tail=lambda p, a: a.sum((1, 2, 3))),
        "has the shape (4,)",
    ),
    "gradients nan": (
        lambda: gradients.prediction_gradients(lambda p, a: a.sum((1, 2)), {}, NAN),
        "`acts` holds nan",
    ),
    "gradients none": (
        lambda: gradients.prediction_gradients(
            lambda p, a: a.sum((1, 2)), {}, ACTS, np.zeros(0, int)
        ),
        "`classes` has the shape (0,)",
    ),
    "class_gradients nan": (lambda: of_classes(acts=ONE_NAN), "`inputs` holds nan"),
    "class_gradients floats": (lambda: of_classes(targets=TARGETS / 1), "is float64"),
    "class_gradients lengths": (
        lambda: of_classes(targets=TARGETS[:2]),
        "the shape (2,)",
    ),
    "filter_scores order": (
        lambda: gradients.filter_scores(ACTS, order=0.5),
        "`order` is 0.5",
    ),
    "saliency nan": (lambda: gradients.saliency(NAN), "`gradients` holds nan"),
    "first_order_drops": (
        lambda: gradients.first_order_drops(ACTS, ACTS[:1]),
        "`acts` has the shape",
    ),
    "consistency nan": (
        lambda: gradients.consistency(NAN[:, 0, 0], TARGETS, num_classes=3),
        "`vectors` holds nan",
    ),
    "peak_changes": (lambda: attacks.peak_changes(ACTS, NAN), "`after` holds nan"),
    "mcnemar": (
        lambda: s.mcnemar(np.array([1, 2]), np.array([1])),
        "`gained` is of shape",
    ),
    "mcnemar floats": (
        lambda: s.mcnemar(np.array([1.0]), np.array([1.0])),
        "`lost` is float64",
    ),
    "false_discovery": (
        lambda: s.false_discovery(np.array([0.5, np.nan])),
        "`p_values` holds nan",
    ),
    "change_interval shapes": (
        lambda: intervals.change_interval(
            KEY, np.ones(2, int), np.ones(2, int), np.array(9), np.ones(3)
        ),
        "are of the shapes (2,), (2,) and (3,)",
    ),
    "change_interval number": (
        lambda: intervals.change_interval(
            KEY, np.ones(2, int), np.ones(2, int), np.array([9, 9, 9]), np.ones(2)
        ),
        "`number` is of the shape (3,)",
    ),
    "bootstrap_mean none": (
        lambda: intervals.bootstrap_mean(KEY, np.zeros((0, 3))),
        "`values` has the shape (0, 3)",
    ),
    "bootstrap_mean draws": (
        lambda: intervals.bootstrap_mean(KEY, np.arange(3.0), num_draws=99.5),
        "`num_draws` is 99.5",
    ),
    "rank_correlation": (
        lambda: intervals.rank_correlation(KEY, np.ones((3, 2)), np.ones(3)),
        "`x` has the shape (3, 2)",
    ),
}


def outcome(call) -> list[str]:
    try:
        call()
    except BadInput as error:
        return ["BadInput", str(error)]
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["answered", ""]


if __name__ == "__main__":
    warnings.simplefilter("error")
    print(json.dumps({name: outcome(call) for name, (call, _) in CALLS.items()}))
