"""Experiments around the core: protocols, comparisons, papers' tables, pictures, benchmarks. Only
cli/ imports it.
"""
