"""What a run writes down: no repeats, no number that is none."""

import csv
import json
import sys

import numpy as np
import pytest

from jaxdissect.errors import BadInput
from jaxdissect.experiments.train import metrics_log
from jaxdissect.training import StepMetrics


def measured(**terms):
    values = {name: np.float32(value) for name, value in terms.items()}
    return StepMetrics(sum(values.values()), np.float32(0.5), values)


LINES = [
    {"step": 2, "test_top1": 0.25},
    {"step": 4, "test_top1": 0.5, "unique_labels_sum": 3},
    {"step": 5, "loss": 1.5},
    {"step": 6, "test_top1": 0.75},
]


@pytest.fixture
def path(tmp_path):
    """Metrics of a run that was killed while it wrote a line."""
    path = tmp_path / "metrics.jsonl"
    text = "".join(json.dumps(line) + "\n" for line in LINES)
    path.write_text(text + '{"step": 7, "lo')
    return path


@pytest.mark.parametrize("step", [0, 2, 5, 6, 9])
def test_a_resumed_log_keeps_the_steps_behind_it_and_no_others(path, step):
    log = metrics_log.MetricsLog(path, step)
    kept = [line for line in LINES if line["step"] <= step]
    assert metrics_log.read_metrics(path) == kept
    log.write(step=step + 1, loss=0.5)
    log.write(step=step + 2, loss=0.25)
    again = [{"step": step + 1, "loss": 0.5}, {"step": step + 2, "loss": 0.25}]
    assert metrics_log.read_metrics(path) == kept + again


def test_a_new_log_is_empty(tmp_path):
    metrics_log.MetricsLog(tmp_path / "metrics.jsonl", 0)
    assert metrics_log.read_metrics(tmp_path / "metrics.jsonl") == []


def test_what_is_not_a_metrics_file_is_refused(path, tmp_path):
    with pytest.raises(BadInput, match=r"metrics\.jsonl is damaged: line 5"):
        metrics_log.read_metrics(path)
    with pytest.raises(BadInput, match=r"cannot read .*absent\.jsonl"):
        metrics_log.read_metrics(tmp_path / "absent.jsonl")


def test_the_table_has_a_row_for_every_checkpoint(tmp_path):
    metrics_log.write_csv(tmp_path / "metrics.csv", LINES)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert rows == [
        {"step": "2", "test_top1": "0.25", "unique_labels_sum": ""},
        {"step": "4", "test_top1": "0.5", "unique_labels_sum": "3"},
        {"step": "6", "test_top1": "0.75", "unique_labels_sum": ""},
    ]


def test_finite_losses_pass():
    fine = [measured(cross_entropy=1.0, block_norm=0.0)] * 3
    metrics_log.check_finite(7, fine)
    metrics_log.check_finite(7, [])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_a_loss_that_is_not_finite_is_named_with_its_step_and_term(bad, place):
    steps = [measured(cross_entropy=1.0, input_gradient=2.0)] * 4
    steps[place] = measured(cross_entropy=1.0, input_gradient=bad)
    steps[3] = measured(cross_entropy=np.nan, input_gradient=bad)
    said = rf"term input_gradient is {bad} at step {7 + place};"
    with pytest.raises(BadInput, match=said):
        metrics_log.check_finite(7, steps)


def test_one_seed_among_others_that_is_not_finite_is_refused():
    terms = {"cross_entropy": np.array([1.0, np.nan, 2.0], np.float32)}
    each = np.zeros(3, np.float32)
    with pytest.raises(BadInput, match="term cross_entropy is nan at step 4;"):
        metrics_log.check_finite(4, [StepMetrics(each, each, terms)])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named_with_their_step(bad):
    params = {"fc": {"params": {"kernel": np.ones(3), "bias": np.zeros(2)}}}
    metrics_log.check_finite_params(4, params)
    params["fc"]["params"]["bias"] = np.array([0.0, bad])
    with pytest.raises(BadInput, match="weights are not finite after step 4"):
        metrics_log.check_finite_params(4, params)


def test_tensorboard_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(BadInput, match=r"tensorboardX; install 'jaxdissect\[tensor"):
        metrics_log.open_board(tmp_path, 0)
