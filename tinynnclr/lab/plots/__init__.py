"""All pictures, in one style. Importing one of these modules imports Matplotlib, which takes a
second.
"""
