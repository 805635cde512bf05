"""A function over many items, on all cores, in one process tree.

Workers claim ranges of items from a shared counter, so a claim costs microseconds and chunks need
no tuning. The first items run in the caller and their results are kept; the rest goes to workers
if that pays. Nothing here imports the rest of the project, or anything that is not in the standard
library.
"""
