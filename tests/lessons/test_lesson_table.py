"""The table in lessons/README.md is the measured one, and each badge opens an existing file."""
import re

import pytest
from needed import need
from one_line import fails

need("nbformat")
need("jupytext")

from lesson_files import ROOT, SOURCES  # noqa: E402
from support.__main__ import main  # noqa: E402
from support.table import BEGIN, END, repository_in, table, write_table  # noqa: E402

README = ROOT / "README.md"


def test_the_table_of_lessons_is_the_measured_one():
    text = README.read_text(encoding="utf-8")
    named = re.search(r"colab\.research\.google\.com/github/([^/]+/[^/]+)/blob", text)
    assert table(SOURCES, named[1] if named else "") in text, "python -m support table"


def test_every_badge_opens_the_notebook_of_its_line():
    text = table(SOURCES, "some-one/tiny.nnclr")
    addresses = re.findall(r"\]\((https://[^)]+\.ipynb)\)", text)
    starts = ("https://colab.research.google.com/github/some-one/tiny.nnclr/blob/main/",
              "https://mybinder.org/v2/gh/some-one/tiny.nnclr/main?labpath=")
    paths = [f"lessons/{source.stem}.ipynb" for source in SOURCES]
    assert addresses == [start + path for path in paths for start in starts]
    assert len(paths) == 20
    assert all((ROOT.parent / path).is_file() for path in paths)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {9}
    assert lines[1] == "|---|---|---|---|---|---|---|---|"
    assert ("!git clone --depth 1 https://github.com/some-one/tiny.nnclr\n"
            "%pip install -q ./tiny.nnclr\n%cd tiny.nnclr/lessons\n") in text


def test_no_address_no_badge():
    text = table(SOURCES)
    assert "https://" not in text
    assert "python -m support table --repository OWNER/NAME" in text


@pytest.mark.parametrize(("command", "name", "message"), [
    *(("table", name, f"table: repository: expected OWNER/NAME, as on GitHub, got {name!r}\n")
      for name in ("tinynnclr", "a/b/c", "/b", "a/", "a b/c", "a-/b", "a/b?c",
                   "https://github.com/a/b", "a/b\n")),
    ("status", "a/b", "--repository: only `table` takes it, got `status`\n")])
def test_a_wrong_repository_is_one_line_and_changes_nothing(command, name, message, capsys):
    before = README.read_bytes()
    with pytest.raises(SystemExit) as end:
        main([command, "--lessons", str(ROOT), "--repository", name])
    assert end.value.code == 2
    assert capsys.readouterr() == ("", message)
    assert README.read_bytes() == before


@pytest.mark.parametrize(("lines", "expected"), [
    ("", ""), ("url = https://example.org/a/b", ""),
    ("url = https://github.com/some-one/tiny", "some-one/tiny"),
    ("url = https://github.com/some-one/tiny.git", "some-one/tiny"),
    ("project_urls =\n    Docs = https://example.org\n    Bugs = https://github.com/one/two/issues",
     "one/two")])
def test_the_repository_of_the_metadata(lines, expected, tmp_path):
    (tmp_path / "setup.cfg").write_text(f"[metadata]\nname = x\n{lines}\n", encoding="utf-8")
    assert repository_in(tmp_path / "setup.cfg") == expected
    assert repository_in(tmp_path / "nothing.cfg") == ""


def test_only_the_table_of_a_readme_is_written(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n", encoding="utf-8")
    for text in (f"{BEGIN}\nnew ä\n{END}", f"{BEGIN}\nnewer\n{END}"):
        write_table(readme, text)
        assert readme.read_text(encoding="utf-8") == f"above\n{text}\nbelow\n"
    for broken in ("nothing", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}", BEGIN):
        readme.write_text(broken, encoding="utf-8")
        with fails(ValueError, "README.md: expected one line", "the table goes between"):
            write_table(readme, text)
        assert readme.read_text(encoding="utf-8") == broken
