"""`agreement`: predictions against closed forms, and mistakes."""

import csv
import json

import jax
import numpy as np
import pytest
from conftest import fails
from scipy import stats

from jaxdissect import weights
from jaxdissect.ablation import Drops, UnitAttributes
from jaxdissect.cli import main
from jaxdissect.experiments.agreement import results as agreement
from jaxdissect.experiments.agreement.results import Measure, Predictor

FEW = [
    *("--num-rank", "28", "--num-report", "28", "--batch-size", "14"),
    *("--memory-mib", "64"),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("agreement") / "config.py"
    file.write_text(
        "from jaxdissect.experiments import AgreementSettings\n"
        "config = AgreementSettings()"
    )
    return str(file)


def compare(config, trained, *extra):
    run = ["--weights", str(trained / "weights.safetensors"), *FEW]
    main(["ablate", config, *run, *extra])


@pytest.fixture(scope="module")
def at_fc6(config, trained):
    """The last hidden layer, whose tail is one linear map."""
    out = trained.parent / "agreement_fc6"
    few = ["--layer", "fc6", "--scores", "probability", "logit"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "NUM_DRAWS", 100)
        compare(config, trained, *few, "--out", str(out))
    return out


def columns_of(file):
    rows = list(csv.DictReader(file.open()))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def floats(columns, name):
    return columns[name].astype(float).reshape(-1, 14)


@pytest.mark.slow
def test_before_a_linear_map_predictions_of_the_logit_are_closed_forms(trained, at_fc6):
    loaded = weights.load(trained / "weights.safetensors")
    kernel = np.asarray(loaded.params["fc7"]["params"]["kernel"], np.float64)[0, 0]
    found = columns_of(at_fc6 / "predictors.csv")
    gradient = "gradient of the logit: "
    norm = floats(found, gradient + "norm of the mean")
    assert norm.shape == kernel.shape
    np.testing.assert_allclose(norm, abs(kernel), rtol=1e-5)
    np.testing.assert_allclose(norm, floats(found, gradient + "mean of norms"))
    means = floats(found, "attribute: mean activation on the class")
    assert means.any()
    product = floats(found, gradient + "times activation")
    np.testing.assert_allclose(product, means * kernel, rtol=1e-5, atol=1e-8)
    size = floats(found, gradient + "times activation, size")
    np.testing.assert_allclose(size, abs(product), rtol=1e-5, atol=1e-8)


@pytest.mark.slow
def test_correlations_are_those_of_the_table(at_fc6):
    found = columns_of(at_fc6 / "predictors.csv")
    rows = list(csv.DictReader((at_fc6 / "agreement.csv").open()))
    predictors = 2 * 4 + 7 + 2
    assert len(rows) == predictors * 4 * (2 + 14)
    classes = list(dict.fromkeys(found["class"]))
    for row in rows:
        low, value, high = (float(row[n]) for n in ("low", "spearman", "high"))
        assert -1 <= low <= high <= 1
        if row["class"] in classes:
            at = found["class"] == row["class"]
            x = found[f"{row['kind']}: {row['predictor']}"][at].astype(float)
            y = found[f"drop of {row['drop of']}"][at].astype(float)
            x = abs(x) if "size" in row["drop of"] else x
            if np.ptp(x) and np.ptp(y):
                expected = stats.spearmanr(x, y).statistic
                assert value == pytest.approx(expected, abs=1e-9)
            else:
                assert value == 0


@pytest.mark.slow
def test_everything_is_written_and_said(at_fc6, capsys):
    summary = json.loads((at_fc6 / "summary.json").read_text())
    seconds = summary["cost"]["seconds"]
    assert set(seconds) == {"forward", "removal", "probability", "logit"}
    assert min(seconds.values()) > 0 and summary["images"] == 28
    for name in ("agreement", "scatter"):
        assert (at_fc6 / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    page = (at_fc6 / "results.md").read_text()
    assert page.count("\n| gradient of the ") == 8
    assert "28 images not used for predicting" in page
    assert (at_fc6 / "findings.txt").read_text().split("\n")[0] in page


@pytest.mark.slow
def test_convolutional_layers_and_one_score(
    config, trained, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(agreement, "NUM_DRAWS", 100)
    out = tmp_path / "out"
    compare(config, trained, "--scores", "log_probability", "--out", str(out))
    found = columns_of(out / "predictors.csv")
    gradient = "gradient of the log-probability: "
    mean, norms = (
        floats(found, gradient + name) for name in ("norm of the mean", "mean of norms")
    )
    assert (mean <= norms * (1 + 1e-5)).all() and (mean < norms).any()
    drop = floats(found, "drop of log-probability, same images")
    product = floats(found, gradient + "times activation")
    assert np.corrcoef(product.ravel(), drop.ravel())[0, 1] > 0.8
    np.testing.assert_array_equal(
        drop, floats(found, "measured by removal: log-probability drop")
    )
    assert "Layer conv5_3: 32 units" in capsys.readouterr().out
    other = ["--scores", "logit", "--out", str(out)]
    few = ["--weights", str(trained / "weights.safetensors"), *FEW]
    assert "differ in config.scores" in fails(capsys, "ablate", config, *few, *other)


def test_a_perfect_predictor_is_found_among_others():
    rng = np.random.default_rng(0)
    drops = rng.normal(size=(40, 3))
    noise = rng.normal(size=(40, 3))
    predictors = [
        Predictor("measured", name, values)
        for name, values in {"itself": drops, "turned": -drops, "noise": noise}.items()
    ]
    measures = [
        Measure("drop", drops, drops.mean(1), np.asarray),
        Measure("size", abs(drops), abs(drops.mean(1)), np.abs),
    ]
    found = agreement.agreements(jax.random.key(0), predictors, measures)
    means = [a.mean.value for a in found]
    assert means[:2] == pytest.approx([1, -1]) and means[3:5] == pytest.approx([1, 1])
    assert abs(means[2]) < 0.4 and found[2].mean.low < 0 < found[2].mean.high
    overall = [a.overall.value for a in found]
    assert overall[:2] == pytest.approx([1, -1])


def test_attributes_of_a_unit_are_those_of_all_classes():
    unit, table = np.arange(4.0), np.arange(12.0).reshape(4, 3)
    known = UnitAttributes(unit, table, unit, unit, unit, -table)
    found = agreement.known_of_units(known, {"L1 norm of weights": 10 * unit})
    by_name = {predictor.name: predictor.values for predictor in found}
    assert {values.shape for values in by_name.values()} == {(4, 3)}
    np.testing.assert_array_equal(by_name["class correlation"], -table)
    np.testing.assert_array_equal(by_name["L1 norm of weights"][:, 2], 10 * unit)
    before = agreement.measured_before(Drops(unit, table, table, 2 * table))
    np.testing.assert_array_equal(before[0].values, 2 * table)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--layer conv9", "`layer` is 'conv9'"),
        ("--layer input", "no weights lead to"),
        ("--scores logit logit", "`scores` is ('logit', 'logit')"),
        ("--scores", "`scores` is ()"),
        ("--scores loss", "--scores"),
        ("--report-split rank", "`rank_split` and `report_split` are both 'rank'"),
        ("--num-rank 27", "`num_rank` is 27; it must be at least 28"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    arguments, said, config, trained, tmp_path, capsys
):
    few = ["--weights", str(trained / "weights.safetensors"), *FEW]
    few += ["--out", str(tmp_path / "out"), *arguments.split()]
    assert said in fails(capsys, "ablate", config, *few)
    assert not list(tmp_path.iterdir())
