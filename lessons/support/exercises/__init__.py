"""The exercises of the lessons, a file each: what tries an answer, and the package's function as
the reference.
"""
