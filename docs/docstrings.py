"""Docstrings are plain text with formulas; Sphinx wants reStructuredText: text is escaped, what is
set in stays.
"""
import re

MARKS = re.compile(r"([*|\\]|(?<=\w)_(?=\W|$))")


def process(app, what, name, obj, options, lines):
    """Of Sphinx's event autodoc-process-docstring: changes `lines` in place."""
    written, literal = [], False
    for line in lines:
        if line.startswith("    ") and not literal and (not written or not written[-1].strip()):
            written += ["::", ""]
            literal = True
        elif line.strip() and not line.startswith("    ") and literal:
            literal = False
            written += [""] * bool(written[-1].strip())
        written.append(line if literal else plain(line))
    lines[:] = [*written, ""]


def plain(line):
    """A line of text: `code` becomes ``code``, and what reStructuredText would take for a mark is
    escaped.
    """
    parts = re.split(r"(`[^`]+`)", line)
    return "".join(f"`{part}`" if part.startswith("`") else MARKS.sub(r"\\\1",
                                                                      part.replace("`", r"\`"))
                   for part in parts).strip()
