"""Damaged tables of NetDissect's are refused, with line and column."""

import pytest

from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import netdissect

HEAD = (
    "unit,category,label,score,"
    "object-label,object-truth,object-activation,object-intersect,object-iou,"
    "part-label,part-truth,part-activation,part-intersect,part-iou"
)
FIRST = "2,part,leg,0.5,tree,8,3.0,1,0.1,leg,3,3.0,2,0.5"
SECOND = "1,object,NA,0.25,NA,4,1.0,1,0.25,,9,0.0,1,0.125"
DEAD = "3,,,0.0,,0,0,0,0.0,,0,0,0,0.0"


def read(tmp_path, *lines, end="\n"):
    file = tmp_path / "table.csv"
    file.write_bytes(end.join(lines).encode())
    return netdissect.read_netdissect(file)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_whole_table_is_read(tmp_path, end):
    table = read(tmp_path, HEAD, FIRST, SECOND, DEAD, "", end=end)
    assert table.units.tolist() == [1, 0, 2]
    assert table.label == ("leg", "NA", "")
    assert table.labels == (("tree", "leg"), ("NA", ""), ("", ""))
    assert table.activation.tolist() == [[3, 3], [1, 0], [0, 0]]


def test_a_mark_at_the_beginning_and_other_columns_do_not_matter(tmp_path):
    lines = [f"{line},{k}" for k, line in enumerate((HEAD, FIRST))]
    table = read(tmp_path, "\ufeff" + lines[0], lines[1])
    assert table.categories == ("object", "part")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2,part", "0,part", "0 in column unit; units are numbered from 1"),
        ("2,part", "-2,part", "'-2' in column unit; it must be a whole number"),
        ("2,part", "1,part", "1 in column unit a second time"),
        (",8,3.0", ",x,3.0", "'x' in column object-truth; .* whole number"),
        (",8,3.0", ",8,3.5", "'3.5' in column object-activation"),
        (",8,3.0", ",8,", "'' in column object-activation"),
        (",8,3.0", ",8, 3", "' 3' in column object-activation"),
        (",8,3.0", f",8,{10**18}", f"'{10**18}' in .* at most 18 digits"),
        ("3.0,2,0.5", "3.0,2,nan", "'nan' in column part-iou; .* between 0 and 1"),
        ("3.0,2,0.5", "3.0,2,1.5", "'1.5' in column part-iou"),
        ("3.0,2,0.5", "3.0,2,0.500002", r"0.500002 in .* give 0\.5$"),
        ("3.0,2,0.5", "3.0,2,0.49", "0.49 in column part-iou"),
        ("3.0,2,0.5", "3.0,4,0.5", "4 in column part-intersect; .* at most the 3"),
        ("leg,0.5,", "leg,0.1,", "0.1 in column score; .* largest IoU, 0.5"),
        ("part,leg,0.5", "object,tree,0.5", "'object' in column category; .* 'part'"),
        ("part,leg,0.5", "leg,leg,0.5", "'leg' in column category"),
        ("part,leg,0.5", ",,0.5", "'' in column category"),
        ("part,leg,0.5", "part,tree,0.5", "'tree' in column label; .* 'leg'"),
        (",2,0.5", "", "12 cells, none in column part-intersect; .* 14 columns"),
        (",2,0.5", ",2,0.5,7", "15 cells; .* each of the 14 columns"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_refused(tmp_path, old, new, message):
    assert FIRST.count(old) == 1
    line = 3 if "second time" in message else 2
    with pytest.raises(BadInput, match=rf"table\.csv, line {line}, has {message}"):
        read(tmp_path, HEAD, FIRST.replace(old, new), SECOND)


def test_a_quotation_without_an_end_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"table\.csv is no table of NetDissect's: "):
        read(tmp_path, HEAD, FIRST.replace("tree", '"tree'))


def test_an_iou_to_the_sixth_digit_is_enough(tmp_path):
    assert read(tmp_path, HEAD, FIRST.replace("2,0.5", "2,0.5000009")).iou[0, 1] > 0.5


@pytest.mark.parametrize(
    "gone", ["unit", "category", "label", "score", "part-truth", "object-label"]
)
def test_a_missing_column_is_named(tmp_path, gone):
    head = ",".join("gone" if name == gone else name for name in HEAD.split(","))
    with pytest.raises(BadInput, match=f"has no column {gone} in line 1"):
        read(tmp_path, head, FIRST)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "no column unit"),
        (["unit,category,label,score", "1,a,b,0.5"], "no column object-label"),
        ([HEAD], "has no units"),
        ([HEAD.replace("part-label", "unit"), FIRST], "two columns unit"),
    ],
)
def test_no_table_is_refused(tmp_path, lines, message):
    with pytest.raises(BadInput, match=message):
        read(tmp_path, *lines)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"cannot read .*none\.csv: No such file"):
        netdissect.read_netdissect(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BadInput, match=r"picture\.csv is no table of NetDissect's"):
        netdissect.read_netdissect(tmp_path / "picture.csv")
