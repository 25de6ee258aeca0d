"""Measures of features: arrays in, numbers out. Nothing here trains, reads a file or draws."""
