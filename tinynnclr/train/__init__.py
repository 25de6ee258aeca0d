"""Training: the loop, the state of a run, its diagnostics and its folder."""
