"""`jobflow-recorder`: watches flows, Jobs and pods, and keeps what it sees in an archive.

A process of its own: flows never wait for it, and the operator knows nothing of databases. `sight`
collects what has changed, `telling` says what became of an attempt, `recorder` writes it in batches
and marks the flows whose end is kept. Steps and attempts are in the flows' statuses, so whatever a
recorder misses while it or its database is away is taken in later; only logs and measures of pods
that are gone by then are lost.
"""
