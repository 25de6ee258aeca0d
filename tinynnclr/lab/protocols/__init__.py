"""Evaluation protocols: each a function from an encoder and its data to rows of numbers."""
