"""Formulas as MathML, which browsers draw by themselves: no script, no font and no network."""
from docutils import nodes
from latex2mathml.converter import convert


def inline(self, node):
    """A formula in a line of text."""
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(self, node):
    """A formula on lines of its own, that scrolls by itself where a screen is narrow."""
    self.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode
