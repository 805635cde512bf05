"""The admission webhook: mistakes are told at `kubectl apply`, and defaults are written down.

Beside the operator, not in its way: it keeps no state, every replica serves it, and the operator
works without it, since it validates by itself whatever it starts. A review comes in over TLS
(`site.py`), is read (`review.py`), and answered by pure functions (`judging.py`, `validating.py`,
`defaulting.py`). Where the certificate comes from is for `certificates.py` and `selfmanaged.py`.
`life.py` is all of it. Nothing is imported here, since large flows are judged in a process that
needs little of it (`__main__.py`).
"""
