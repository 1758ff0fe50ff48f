"""The results of a dissection as a table."""

import csv

import numpy as np
from made_up import CATEGORIES, CONCEPTS, DEAD, NASTY, dissection

from jaxdissect.experiments.dissect import tables as unit_tables
from jaxdissect.pages import tables


def test_csv_gives_back_the_table(tmp_path):
    columns, rows = unit_tables.units_table(
        dissection(), [(NASTY, "object"), *CONCEPTS[1:]]
    )
    tables.write_csv(tmp_path / "units.csv", columns, rows)
    with (tmp_path / "units.csv").open(newline="") as file:
        read = list(csv.reader(file))
    assert read == [columns, *[[str(cell) for cell in row] for row in rows]]
    assert [float(row[3]) for row in read[1:]] == dissection().detectors.iou.tolist()
    assert np.array_equal(
        np.array([row[5] for row in read[1:]], np.float32), dissection().thresholds
    )


def test_table_names_the_best_concept_overall_and_in_every_category():
    columns, rows = unit_tables.units_table(dissection(), CONCEPTS)
    row = dict(zip(columns, rows[1], strict=True))
    assert columns[7:] == [f"{c}_{k}" for c in CATEGORIES for k in ("label", "iou")]
    assert (row["unit"], row["label"], row["category"]) == (1, "car", "object")
    assert row["is_detector"] is True and row["tail_mass"] == 0.001
    assert (row["part_label"], row["part_iou"]) == ("roof", 0.01)


def test_dead_unit_has_empty_names_in_the_table():
    columns, rows = unit_tables.units_table(dissection(), CONCEPTS)
    row = dict(zip(columns, rows[DEAD], strict=True))
    assert {row[name] for name in columns if name.endswith("label")} == {""}
    assert row["category"] == "" and row["iou"] == 0 and row["is_detector"] is False
