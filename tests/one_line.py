"""An error of this package is one line that names what is wrong."""
import pytest


def fails(error, *words):
    """pytest.raises of error, whose message must be one line that holds all words (regular
    expressions).
    """
    return pytest.raises(error, match="(?s)^" + "".join(f"(?=.*{w})" for w in words) + r"[^\n]+\Z")
