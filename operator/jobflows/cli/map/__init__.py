"""`jobflow map`: a Python function over many items, on all cores of this machine or pod.

It runs inside of other people's images, so it imports nothing that is not in the standard library,
and of this project only `jobflows.chunking`. `command` is the way in; it reads `items`, finds the
`function`, does the `work` and writes `results`, `progress` and the `summary`.
"""
