"""The site: `python -m sphinx -W --keep-going docs build/site`. Nothing is fetched and no lesson is
run.
"""
import sys
from pathlib import Path

root = Path(__file__).parents[1]
sys.path[:0] = [str(root / "docs"), str(root), str(root / "tools"), str(root / "lessons")]

import docstrings  # noqa: E402
import formulas  # noqa: E402
import pages  # noqa: E402

from tinynnclr import __version__  # noqa: E402

project, author, version, language = "tinynnclr", "the authors of tinynnclr", __version__, "en"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
html_theme, html_title = "furo", "tinynnclr"
html_favicon = "_static/icon.svg"
html_static_path, html_css_files = ["_static"], ["site.css"]
html_copy_source = html_show_sourcelink = False
html_math_renderer = "mathml"
nb_execution_mode = "off"  # the lessons' outputs are stored, and stamped with what they come from
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_static"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
smartquotes = False  # "--flag" is no dash


def setup(app):
    """Called by Sphinx: write the pages that are made of something else, then let it read them all.
    """
    app.connect("builder-inited", lambda app: pages.write(Path(app.srcdir)))
    app.connect("autodoc-process-docstring", docstrings.process)
    app.add_html_math_renderer("mathml", (formulas.inline, None), (formulas.block, None))
