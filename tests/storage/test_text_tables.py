"""Rows as CSV and back, and Markdown tables."""
import pytest
from one_line import fails

from tinynnclr.storage.text_tables import csv_text, markdown_table, read_csv


def test_csv(tmp_path):
    text = csv_text([{"arm": "a, b", "knn": 1 / 3, "steps": 8}, {"arm": 'say "c"', "nmi": None,
                                                                 "knn": float("nan")}])
    assert text == 'arm,knn,steps,nmi\n"a, b",0.333333,8,\n"say ""c""",,,\n'
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    assert read_csv(tmp_path / "x.csv") == [
        {"arm": "a, b", "knn": "0.333333", "steps": "8", "nmi": ""},
        {"arm": 'say "c"', "knn": "", "steps": "", "nmi": ""}]


@pytest.mark.parametrize("data", [b"a,b\n1\n", b"a,b\n1,2,3\n", b'a,b\n"1,2\n', b'a\n"x"y\n',
                                  b"a\n\xff\n"])
def test_a_damaged_file(data, tmp_path):
    (tmp_path / "x.csv").write_bytes(data)
    with fails(ValueError, "x.csv is damaged"):
        read_csv(tmp_path / "x.csv")


def test_markdown():
    assert markdown_table(["a", "b"], [(1, "x"), ("", 2)]) == "\n".join([
        "| a | b |", "|---|---|", "| 1 | x |", "|  | 2 |"])
